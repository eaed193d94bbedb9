"""Training's time: any recorded step at once, without asking anybody; playing; recorded answers and live ones."""

import numpy as np
import pytest
import torch
from oracle import BYTE

SCRUB = """(root) => new Promise(async (done) => {
  // A hand that is faster than any: one record a frame, over the whole timeline, and the picture read in the next one.
  const canvas = root.querySelector(".timeline canvas");
  const box = canvas.getBoundingClientRect();
  const V = root.querySelector(".frame canvas");
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  const send = (type, x) => canvas.dispatchEvent(new PointerEvent(type, {
    clientX: x, clientY: box.top + 20, pointerId: 1, bubbles: true, composed: true, button: 0, buttons: 1,
  }));
  canvas.setPointerCapture = () => {}; // an event that no device sent cannot be captured
  // Whatever is asked of a server meanwhile; afterwards, at rest, the stage tells Python where it stands.
  const asked = [];
  const { send: plain } = WebSocket.prototype;
  WebSocket.prototype.send = function (message) { asked.push(`${this.url} ${message}`); plain.call(this, message); };
  const watcher = new PerformanceObserver((list) => list.getEntries().forEach(({ name }) => asked.push(name)));
  watcher.observe({ type: "resource" });
  const last = Number(canvas.getAttribute("aria-valuemax"));
  const seen = [];
  for (let i = 0; i <= last; i++) {
    const x = box.left + 10 + (i / last) * (box.width - 20);
    send(i ? "pointermove" : "pointerdown", x);
    await frame(); // the stage draws in this one
    await frame();
    seen.push({
      index: Number(canvas.getAttribute("aria-valuenow")),
      theta: [...root.querySelectorAll(".matrix [aria-valuenow]")].map((c) => Number(c.getAttribute("aria-valuenow"))),
      V: Array.from(V.getContext("2d").getImageData(0, 0, V.width, V.height).data).filter((_, k) => k % 4 === 0),
      probabilities: [...root.querySelectorAll(".bar .track i")].map((b) => Number(b.style.transform.slice(7, -1))),
    });
  }
  watcher.disconnect();
  WebSocket.prototype.send = plain;
  done({ seen, asked });
})"""


def test_every_step_is_shown_in_the_next_frame_and_nothing_is_asked(stage, truth):
    look = stage.look()
    stage.press("Home")
    stage.until_address(lambda query: query.get("step") == "0", "step 0")
    stage.until_quiet()
    seen, asked = stage.root.evaluate(SCRUB).values()
    assert not asked, "scrubbing asked somebody"
    assert [record["index"] for record in seen] == list(range(len(truth.run.steps)))
    for record in seen:
        index = record["index"]
        theta = truth.recorded_theta(look.image, index)
        np.testing.assert_allclose(record["theta"], theta, rtol=1e-5, atol=1e-9)
        V = truth.picture(look.image, theta).numpy()
        np.testing.assert_allclose(np.reshape(record["V"], (28, 28)) / 255, V, atol=BYTE)
        np.testing.assert_allclose(record["probabilities"], truth.run.probabilities[index, look.image], atol=1e-6)


def test_a_click_on_the_timeline_jumps_there_and_the_address_follows(stage, truth):
    box = stage.root.locator(".timeline canvas").bounding_box()
    stage.page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 30)
    stage.frames()
    tip = stage.root.locator(".tip").text_content()
    stage.page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 30)
    look = stage.until(lambda now: abs(now.index / now.last - 0.75) < 0.02, "three quarters of the way")
    run = truth.run
    assert look.step == run.steps[look.index]
    told = f"step {look.step:,} · loss {run.loss[look.index]:.3f} · error {100 * run.error[look.index]:.1f} %"
    assert tip.startswith(f"{told} · pose spread of V ")
    stage.until_address(lambda query: query.get("step") == str(look.step), f"step {look.step}")


def test_keys_step_ten_steps_and_to_the_ends(stage):
    start = stage.look().index
    stage.root.locator(".timeline canvas").focus()
    for key, index in (("ArrowRight", start + 1), ("ArrowLeft", start), ("PageDown", start + 10), ("PageUp", start)):
        assert stage.press(key).index == index, key
    assert stage.press("End").index == stage.look().last
    assert stage.press("ArrowRight").index == stage.look().last
    assert stage.press("Home").index == 0
    assert stage.press("ArrowLeft").index == 0


def test_a_typed_step_goes_to_the_nearest_record(stage, truth):
    steps = truth.run.steps
    for typed in (str(steps[17]), f"{steps[-1] + 1000:,}", "0", str(int(steps[30] + steps[31] + 1) // 2)):
        look = stage.type_step(typed)
        wanted = float(typed.replace(",", ""))
        assert abs(look.step - wanted) == np.abs(steps - wanted).min()
    before = stage.look()
    look = stage.type_step("the end")
    assert look.index == before.index
    assert look.passing == f"“the end” is not a step. Type a number from 0 to {steps[-1]:,}."


def test_play_advances_and_stops_at_the_end_and_space_toggles(stage):
    stage.type_step(0)
    stage.page.evaluate("document.activeElement?.blur()")
    stage.press("Space")
    look = stage.until(lambda now: now.index >= 3, "three records played")
    assert look.playing
    look = stage.press("Space")
    assert not look.playing
    stage.frames(30)
    assert stage.look().index == look.index, "it played on"
    stage.root.get_by_label("speed").select_option("4")
    stage.press("End")
    stage.press("PageUp")
    stage.button("play (Space)").click()
    look = stage.until(lambda now: now.index == now.last and not now.playing, "the end, at rest")
    stage.button("play (Space)").click()
    look = stage.until(lambda now: 0 < now.index < now.last, "again from the start")
    assert look.playing
    stage.press("ArrowRight")
    assert not stage.look().playing, "a step by hand stops it"


@pytest.mark.parametrize("snapshot", [1, 3, -1])
def test_the_recorded_answer_stands_and_the_live_one_by_hand_equals_it(stage, truth, snapshot):
    run = truth.run
    step = run.snapshots[snapshot]
    look = stage.type_step(step)
    index = run.steps.tolist().index(step)
    recorded = torch.from_numpy(run.probabilities[index, look.image])
    torch.testing.assert_close(look.probabilities, recorded, atol=1e-6, rtol=0)
    torch.testing.assert_close(look.theta, truth.recorded_theta(look.image, index), rtol=1e-5, atol=1e-9)
    assert not look.stale
    asked = len([message for message in stage.sent if "predictions" in message])
    stage.choose("theta", "by hand")
    look = stage.until(lambda now: now.source == f"weights of step {step:,}" and not now.stale, "a live answer")
    assert len([message for message in stage.sent if "predictions" in message]) > asked
    torch.testing.assert_close(look.probabilities, recorded, atol=2e-3, rtol=0)


def test_another_image_brings_its_own_theta_v_and_answer(stage, truth):
    before = stage.look()
    stage.root.locator(".thumb").nth(3).click()
    look = stage.until(lambda now: now.image == 3, "image 3")
    theta = truth.recorded_theta(3, look.index)
    np.testing.assert_allclose(look.theta, theta, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(look.V / 255, truth.picture(3, theta), atol=BYTE)
    np.testing.assert_allclose(look.probabilities, truth.run.probabilities[look.index, 3], atol=1e-6)
    assert look.index == before.index
    assert stage.press("]").image == 4
    assert stage.press("[").image == 3
