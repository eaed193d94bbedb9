"""Sliders and numbers under a real pointer and real keys."""

import pytest

MOUNT = """async () => {
  const {createSlider} = await import("/parts/slider.js");
  window.told = [];
  const note = (name) => (value) => told.push(value === undefined ? name : [name, Math.round(100 * value) / 100]);
  const hand = Object.fromEntries(["begin", "input", "commit", "cancel", "reject"].map((name) => [name, note(name)]));
  const scale = {label: "aspect", low: 0.25, high: 4, step: 0.02, log: true, format: (value) => value.toFixed(3)};
  window.slider = createSlider(scale, hand);
  const other = document.createElement("input");
  other.id = "other";
  document.querySelector("main").replaceChildren(slider.element, other);
  slider.element.querySelector("input").style.width = "400px";
}"""


@pytest.fixture
def parts(page, serve):
    serve(page)
    page.evaluate(MOUNT)
    return page


def test_after_escape_the_rest_of_a_sliders_drag_moves_nothing(parts) -> None:
    parts.evaluate("() => slider.set(1)")
    box = parts.locator("input[type=range]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    parts.mouse.move(x, y)
    parts.mouse.down()
    parts.mouse.move(x + 60, y)
    parts.keyboard.press("Escape")
    parts.mouse.move(x + 90, y)
    parts.mouse.up()
    assert [entry for entry in parts.evaluate("told") if isinstance(entry, str)] == ["begin", "cancel"]
    assert parts.locator("input[type=range]").input_value() == "500"
    parts.evaluate("() => { told.length = 0; }")
    parts.mouse.move(x, y)
    parts.mouse.down()
    parts.mouse.move(x - 60, y)
    parts.mouse.up()
    assert [entry for entry in parts.evaluate("told") if isinstance(entry, str)] == ["begin", "commit"]


def test_the_slider_of_a_mirrored_grid_keeps_the_mirror_and_a_typed_number_does_not(parts) -> None:
    parts.evaluate("() => slider.set(-1)")
    parts.locator("input[type=range]").press("End")
    parts.locator(".number").press("Enter")
    parts.keyboard.type("2")
    parts.keyboard.press("Enter")
    assert [entry for entry in parts.evaluate("told") if isinstance(entry, list)] == [["input", -4], ["input", 2]]
    assert parts.evaluate("document.activeElement.className") == "number"


def test_a_number_that_was_looked_at_and_left_is_unchanged_and_lets_the_focus_go(parts) -> None:
    parts.evaluate("() => slider.set(0.123456789)")
    parts.locator(".number").press("Enter")
    parts.locator("#other").click()
    assert parts.evaluate("told") == []
    assert parts.evaluate("document.activeElement.id") == "other"
    assert parts.locator(".number").inner_text() == "0.123"
