"""Everything by keys alone, in peace with Streamlit's own; and in words for those who do not see."""

import re

import pytest
import torch
from oracle import gauge_of

FOCUSED = """() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element ? `${element.tagName.toLowerCase()} ${element.getAttribute("aria-label") ?? element.textContent}` : "";
}"""


def tab_until(stage, label, most=60):
    """Press Tab until the focus is there; every stop on the way."""
    stops = []
    while not stops or label not in stops[-1]:
        stage.page.keyboard.press("Tab")
        stops.append(stage.page.evaluate(FOCUSED))
        assert len(stops) < most, f"Tab never reached {label}: {stops}"
    return stops


def test_tab_reaches_images_handles_numbers_sliders_rules_and_timeline_in_this_order(stage):
    stage.root.locator("select.run").focus()
    stops = tab_until(stage, "training step")
    wanted = [
        "images",
        "top left corner",
        "centre",
        "rotation",
        "V, the output",
        "t11",
        "t23",
        "rotation",
        "shift y",
        "affine",
    ]
    places = []
    for label in wanted:
        start = places[-1] + 1 if places else 0
        places.append(next((i for i in range(start, len(stops)) if label in stops[i]), -1))
        assert places[-1] >= 0, f"{label} is not reached after {wanted[: len(places) - 1]}: {stops}"


def test_a_drag_by_keys_alone(stage, truth):
    before = stage.look()
    stage.root.locator("select.run").focus()
    tab_until(stage, "top left corner")
    look = stage.press("ArrowRight")
    # A 50th of the image's half-width to the right, and the corner across stays.
    corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    was, now = truth.points(before.theta, corners), truth.points(look.theta, corners)
    torch.testing.assert_close(
        now - was, torch.tensor([[0.02, 0.0], [0.0, 0.0]], dtype=torch.float64), atol=1e-4, rtol=0
    )
    fine = stage.press("Shift+ArrowDown")
    moved = truth.points(fine.theta, corners) - now
    torch.testing.assert_close(moved, torch.tensor([[0.0, 0.004], [0.0, 0.0]], dtype=torch.float64), atol=1e-4, rtol=0)
    coarse = stage.press("PageDown")
    moved = truth.points(coarse.theta, corners) - truth.points(fine.theta, corners)
    torch.testing.assert_close(moved, torch.tensor([[0.0, 0.1], [0.0, 0.0]], dtype=torch.float64), atol=1e-4, rtol=0)
    assert coarse.step == before.step, "an arrow on a handle stepped the training too"
    tab_until(stage, "rotation")
    turned = stage.press("ArrowRight")
    assert gauge_of(turned.theta)["rotation"] - gauge_of(coarse.theta)["rotation"] == pytest.approx(1, abs=0.3)
    assert stage.press("Escape").mode == "network"


def test_a_slider_and_a_number_by_keys(stage):
    before = stage.look()
    stage.slider("rotation").focus()
    turned = stage.press("ArrowUp")
    assert gauge_of(turned.theta)["rotation"] - gauge_of(before.theta)["rotation"] == pytest.approx(1, abs=1e-3)
    fine = stage.press("Shift+ArrowDown")
    assert gauge_of(fine.theta)["rotation"] - gauge_of(turned.theta)["rotation"] == pytest.approx(-0.1, abs=1e-3)
    assert gauge_of(stage.press("Home").theta)["rotation"] == pytest.approx(-180, abs=1e-2)
    stage.number("t13").focus()
    look = stage.look()
    assert float(stage.press("PageUp").theta[2] - look.theta[2]) == pytest.approx(0.1, abs=1e-5)
    stage.press("Enter")
    stage.page.keyboard.type("0.5")
    assert float(stage.press("Enter").theta[2]) == pytest.approx(0.5)
    assert "t13" in stage.page.evaluate(FOCUSED), "the focus is lost after typing"


def test_the_question_mark_lists_the_keys(stage):
    stage.handle("centre").focus()
    dialog = stage.root.locator("dialog.help")
    stage.press("?")
    assert dialog.is_visible()
    words = dialog.text_content()
    assert all(word in words for word in ("Space", "Ctrl Shift Z", "Esc", "glide to the network's theta"))
    stage.press("Escape")
    assert not dialog.is_visible()
    assert stage.look().mode == "network"
    assert "centre" in stage.page.evaluate(FOCUSED)


def test_letters_inside_the_stage_are_not_streamlits_and_outside_they_are(stage):
    stage.handle("centre").focus()
    stage.until_quiet()
    sent = len(stage.sent)
    for key in ("r", "c", "x", "R"):
        stage.press(key)
    stage.root.locator(".thumbs").focus()
    stage.press("r")
    stage.until_quiet()
    assert stage.sent[sent:] == [], "a letter went through to Streamlit"
    assert stage.page.locator("[role=dialog]").count() == 0
    # The other way round: the same key on the page's body does rerun, so the silence above says something.
    stage.page.evaluate("document.activeElement.blur()")
    stage.press("r")
    stage.until(lambda _: any("/_stcore/stream" in message for message in stage.sent[sent:]), "a rerun")


def test_the_sentence_for_screen_readers_says_what_is_shown(stage, truth):
    look = stage.look()
    stage.drag(look.handles["top left"], (-25, 30))
    look = stage.until(lambda now: now.known and not now.stale and now.says.startswith("rotated"), "an answer in words")
    best = int(look.probabilities.argmax())
    stage.until(lambda now: now.says.endswith(f"reads {best} at {look.probabilities[best]:.2f}"), "the newest answer")
    words = stage.look().says
    found = re.match(r"rotated (-?\d+) degrees?, zoom ([\d.]+), .*?(\d+|under 1) % outside, reads", words)
    assert found, words
    gauge = gauge_of(look.theta)
    assert int(found[1]) == pytest.approx(gauge["rotation"], abs=0.51)
    assert float(found[2]) == pytest.approx(gauge["zoom"], rel=0.05)
    share = truth.outside(look.theta)
    assert found[3] == ("under 1" if 0 < share < 0.005 else str(round(100 * share)))
    assert f"{found[3].replace('under', '<')} % outside" in stage.root.locator("section.u .aside").text_content()


def test_the_pixels_of_v_are_read_by_keys(stage):
    look = stage.look()
    frame = stage.root.locator(".frame")
    frame.focus()
    stage.press("ArrowRight")
    stage.press("ArrowUp")
    said = stage.root.locator("section.v .title .aside").text_content()
    assert said.startswith("row 13, column 14: ")
    assert float(said.split(": ")[1]) == pytest.approx(look.V[13, 14] / 255, abs=1 / 255)
