"""Ways back: Escape, undo and redo, and the glide to the network's theta."""

from itertools import pairwise

import pytest
import torch
from driver import Stage

GESTURES = 101

GLIDE = """(root) => new Promise((done) => {
  const cells = () => [...root.querySelectorAll(".matrix [aria-valuenow]")];
  const theta = () => cells().map((cell) => Number(cell.getAttribute("aria-valuenow")));
  const network = root.querySelector("[role=radiogroup][aria-label=theta] button");
  const home = () => network.getAttribute("aria-checked") === "true";
  const seen = [theta()];
  root.querySelector('button[aria-label="Snap to network"]').click();
  const started = performance.now();
  const next = () => {
    seen.push(theta());
    if (home() || performance.now() - started > 20000) done(seen); else requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""


def close(a, b):
    return torch.allclose(a, b, rtol=1e-4, atol=1e-6)


def test_escape_goes_back_to_the_networks_theta(stage):
    before = stage.look()
    assert stage.drag(before.handles["top left"], (25, 10)).mode == "hand"
    look = stage.press("Escape")
    assert look.mode == "network"
    assert close(look.theta, before.theta)
    stage.until_address(lambda query: "theta" not in query, "the network's own theta")
    assert stage.press("Control+z").mode == "hand", "Escape can be undone"


def test_escape_in_mid_drag_brings_back_the_theta_of_before_the_grab(stage):
    first = stage.look()
    held = stage.drag(first.handles["centre"], (-12, 9))
    with stage.holding(held.handles["top left"]) as move:
        look = move(held.handles["top left"][0] + 40, held.handles["top left"][1] + 30)
        assert not close(look.theta, held.theta)
        look = stage.press("Escape")
        assert look.mode == "hand", "the first Escape ends the drag alone"
        assert close(look.theta, held.theta)
        look = move(held.handles["top left"][0] + 60, held.handles["top left"][1] + 50)
        assert close(look.theta, held.theta), "the pointer still holds after Escape"
    look = stage.at_rest()
    assert close(look.theta, held.theta)
    look = stage.press("Control+z")
    assert look.mode == "network", "the drag that was dropped left an entry"
    assert not look.undo


def test_a_drag_of_many_moves_is_one_entry(stage):
    before = stage.look()
    x, y = before.handles["top right"]
    with stage.holding((x, y)) as move:
        for step in range(1, 6):
            move(x - 8 * step, y + 5 * step)
    look = stage.at_rest()
    back = stage.press("Control+z")
    assert close(back.theta, before.theta)
    assert (back.mode, back.undo, back.redo) == ("network", False, True)
    again = stage.press("Control+Shift+z")
    assert close(again.theta, look.theta)
    assert (again.undo, again.redo) == (True, False)


def test_quick_repeats_of_one_key_are_one_entry(stage):
    before = stage.look()
    stage.handle("centre").focus()
    stage.handle("centre").evaluate(
        """(handle) => { for (let i = 0; i < 6; i++) {
          handle.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, composed: true }));
        } }"""
    )
    stage.frames()
    look = stage.look()
    assert float(look.theta[2] - before.theta[2]) == pytest.approx(6 * 0.02, abs=1e-4), "some of the keys were lost"
    back = stage.press("Control+z")
    assert close(back.theta, before.theta)
    assert not back.undo


def test_a_hundred_gestures_are_undone_and_redone_one_by_one(stage: Stage):
    mouse, keyboard = stage.page.mouse, stage.page.keyboard
    thetas = [stage.theta()]
    for gesture in range(GESTURES):
        x, y = stage.look().handles["centre"]  # U's view opens and closes as the grid leaves it and comes back
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + (9 if gesture % 20 < 10 else -8), y + (3 if gesture % 14 < 7 else -3))
        mouse.up()
        thetas.append(stage.theta())
    assert not any(close(before, after) for before, after in pairwise(thetas)), "some gestures moved nothing"
    for back in range(GESTURES - 1, -1, -1):
        keyboard.press("Control+z")
        assert close(stage.theta(), thetas[back]), f"undo to gesture {back}"
    look = stage.look()
    assert (look.mode, look.undo) == ("network", False)
    for on in range(1, GESTURES + 1):
        keyboard.press("Control+Shift+z" if on % 2 else "Control+y")
        assert close(stage.theta(), thetas[on]), f"redo to gesture {on}"
    assert not stage.look().redo


def test_a_new_gesture_ends_what_could_be_redone(stage):
    look = stage.look()
    stage.drag(look.handles["centre"], (15, 0))
    stage.press("Control+z")
    look = stage.drag(look.handles["centre"], (0, 15))
    assert (look.undo, look.redo) == (True, False)


def test_the_glide_travels_and_ends_on_the_networks_theta(stage, truth):
    before = stage.look()
    away = stage.drag(before.handles["top left"], (45, 60))
    seen = [torch.tensor(theta, dtype=torch.float64) for theta in stage.root.evaluate(GLIDE)]
    look = stage.look()
    home = truth.recorded_theta(look.image, look.index)
    assert look.mode == "network"
    assert close(look.theta, home)
    between = [theta for theta in seen if not close(theta, away.theta) and not close(theta, home)]
    assert len(between) >= 3, "it jumped"
    far = [float((theta - home).norm()) for theta in seen]
    assert all(b <= a + 1e-6 for a, b in pairwise(far)), "it wandered"
    assert close(stage.press("Control+z").theta, away.theta), "the glide is one entry"


def test_with_reduced_motion_the_glide_jumps(chromium, watch, open_stage):
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
    stage = open_stage(watch(context.new_page()))
    look = stage.look()
    away = stage.drag(look.handles["top left"], (45, 60))
    seen = [torch.tensor(theta, dtype=torch.float64) for theta in stage.root.evaluate(GLIDE)]
    assert all(close(theta, away.theta) or close(theta, look.theta) for theta in seen)
    assert stage.look().mode == "network"
    context.close()
