"""A monkey at pointer, wheel and keys for a minute: nothing breaks, and the stage still draws."""

import os
import random
import time

import numpy as np
import pytest

SECONDS = float(os.environ.get("STN_VIZ_MONKEY_SECONDS", "60"))
KEYS = (
    *("Tab", "Shift+Tab", "Enter", "Escape", "Space", "Home", "End", "PageUp", "PageDown", "Backspace"),
    *("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Shift+ArrowLeft", "Shift+ArrowUp"),
    *("Control+z", "Control+Shift+z", "Control+y", "?", "[", "]", "i", "g", "r", "c", "7", "-", ".", "e"),
)


@pytest.mark.parametrize("seed", [3])
def test_a_monkey_breaks_nothing(stage, seed):
    chance = random.Random(seed)
    page, mouse = stage.page, stage.page.mouse
    box = stage.root.bounding_box()
    # The ways to the other pages are shut: there the monkey would break nothing of the stage.
    stage.root.locator(".head .all").evaluate_all("(ways) => ways.forEach((way) => { way.disabled = true; })")

    def anywhere():
        # Half of the time where the hand is most at home: on U.
        if chance.random() < 0.5:
            left, top, side, _ = pad
            return left + chance.uniform(-0.05, 1.05) * side, top + chance.uniform(-0.05, 1.05) * side
        return box["x"] + chance.random() * box["width"], box["y"] + chance.random() * box["height"]

    def act():
        kind = chance.choices(("drag", "click", "wheel", "key", "double", "hover"), (30, 20, 10, 30, 5, 5))[0]
        if kind == "drag":
            mouse.move(*anywhere())
            mouse.down()
            for _ in range(chance.randint(1, 4)):
                mouse.move(*anywhere(), steps=2)
                if chance.random() < 0.2:
                    page.keyboard.press(chance.choice(KEYS))
            mouse.up()
        elif kind == "click":
            mouse.click(*anywhere())
        elif kind == "double":
            mouse.dblclick(*anywhere())
        elif kind == "wheel":
            mouse.move(*anywhere())
            mouse.wheel(0, chance.randint(-400, 400))
        elif kind == "hover":
            mouse.move(*anywhere(), steps=4)
        else:
            for _ in range(chance.randint(1, 5)):
                page.keyboard.press(chance.choice(KEYS))

    pad = stage.look().pad
    ends = time.monotonic() + SECONDS
    acts = 0
    while time.monotonic() < ends:
        act()
        acts += 1
        if acts % 20 == 0:
            assert not page.faults, f"after {acts} acts: {page.faults}"
            pad = stage.look().pad
    assert acts > 20
    assert page.locator("[data-testid=stException]").count() == 0

    # And now by a hand that knows what it wants.
    mouse.up()
    for _ in range(3):
        stage.press("Escape")
    if stage.root.locator(".head button[aria-pressed=true]").count():
        stage.root.locator(".head button[aria-pressed=true]").click()
    page.locator("select.run").select_option("small-cnn")
    stage.until(lambda now: not now.handles, "the plain run")
    page.locator("select.run").select_option("small-st-cnn")
    look = stage.until(lambda now: "centre" in now.handles, "the run")
    look = stage.at_rest()
    after = stage.drag(look.handles["centre"], (25, 10))
    assert np.abs(after.V - look.V).mean() > 1
    assert after.mode == "hand"
