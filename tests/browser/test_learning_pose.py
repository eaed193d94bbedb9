"""The Learning page's Pose, against the lens that answers it and against numpy on the run's own arrays."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from room_driver import Room

from stn_viz.lens.learning import ask
from stn_viz.runs import open_run
from stn_viz.view import View

RUN = "small-st-cnn"


def drag(room: Room, place: int, box: tuple[float, float, float, float]) -> None:
    """A rectangle over a scatter, in shares of its canvas."""
    canvas = room.lens.locator("canvas.cloud").nth(place)
    canvas.scroll_into_view_if_needed()
    at = canvas.bounding_box()
    assert at is not None
    x0, y0, x1, y1 = box
    mouse = room.page.mouse
    mouse.move(at["x"] + x0 * at["width"], at["y"] + y0 * at["height"])
    mouse.down()
    mouse.move(at["x"] + x1 * at["width"], at["y"] + y1 * at["height"], steps=4)
    mouse.up()
    room.frames()


def opened(open_room: Callable[..., Room], **view: object) -> Room:
    room = open_room(run=RUN, **view)
    room.open("Pose")
    room.until(lambda: len(room.texts(".scatter:visible .told")) == 4, "four scatters stand there")
    return room


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_slopes_are_the_lenses_and_follow_the_scrubber(open_room: Callable[..., Room], folder: Path) -> None:
    run = open_run(folder / RUN)
    every = ask(run, View(run=RUN), "pose", {"source": "probes", "records": "all"}).arrays
    room = opened(open_room, step=833)
    for step in (833, 16848):
        room.seek(step)
        record = int(np.searchsorted(run.steps, step))
        for column, told in enumerate(room.texts(".scatter .told")):
            slope, related = re.findall(r"[−\d.]+(?= |$)", told.replace("slope ", "").replace("· r ", ""))
            assert abs(number(slope) - every["slope"][record, column]) <= 0.0051
            assert abs(number(related) - every["correlation"][record, column]) <= 0.0051
        assert f"pose spread of V {every['spread'][record]:.1f} px" in room.text(".left")
    assert sum("/pose." in address for address in room.asked) == 1  # scrubbing asks nothing


def test_a_press_on_the_small_curve_goes_there(open_room: Callable[..., Room]) -> None:
    room = opened(open_room, step=0)
    curve = room.lens.locator("canvas.over").nth(1)
    box = curve.bounding_box()
    assert box is not None
    curve.click(position={"x": 44 + 0.5 * (box["width"] - 52), "y": 20})  # PAD of scatterink.js
    room.until(lambda: abs(room.index - room.last / 2) <= 1, "the middle record comes")


def test_a_brush_picks_images_and_escape_lets_go(open_room: Callable[..., Room], folder: Path) -> None:
    room = opened(open_room, step=16848)
    before = room.pixels("canvas.cloud >> nth=2")
    drag(room, 0, (0.14, 0.02, 0.98, 0.9))  # all of them
    count = len(open_run(folder / RUN).probes.labels)
    tiles = room.lens.locator(".tile")
    assert tiles.count() + sum(int(n) for n in re.findall(r"and (\d+) more", room.text(".picked"))) == count
    after = room.pixels("canvas.cloud >> nth=2")
    yellow = (after[..., 0] > 200) & (after[..., 1] > 190) & (after[..., 2] < 120) & (after[..., 3] == 255)
    assert yellow.sum() > 100  # the same images light up in the other scatters
    assert not np.array_equal(before, after)
    assert room.lens.locator(".tile canvas").first.evaluate("(c) => c.width") > 0
    room.lens.locator("canvas.cloud").first.focus()
    room.press("Escape")
    assert tiles.count() == 0
    assert "Drag a box over points" in room.text(".picked")


def test_by_keyboard_to_the_workbench(open_room: Callable[..., Room], folder: Path) -> None:
    """Arrows go through the points in the order of what was applied, Enter opens the image."""
    run = open_run(folder / RUN)
    applied = ask(run, View(run=RUN), "pose", {"source": "probes"}).arrays["applied"][:, 0]
    room = opened(open_room, step=16848)
    index = room.index
    room.lens.locator("canvas.cloud").first.focus()
    room.press("ArrowRight")
    chosen = int(re.findall(r"image (\d+)", room.lens.locator(".tile").first.get_attribute("aria-label") or "")[0])
    order = np.argsort(applied, kind="stable")
    shown = 0 if chosen not in order else list(order).index(chosen)
    room.press("ArrowRight")
    label = room.lens.locator(".tile").first.get_attribute("aria-label") or ""
    assert label.startswith(f"image {order[shown + 1]},")
    assert f"image {order[shown + 1]}: applied" in room.lens.locator(".scatter .spoken").first.inner_text()
    assert room.index == index  # the arrows were the scatter's, not the scrubber's
    room.press("Enter")
    room.page.locator(".stn-stage .bench").wait_for(timeout=60_000)
    room.page.wait_for_function(
        "(image) => new URLSearchParams(location.search).get('image') === image", arg=str(order[shown + 1])
    )


def test_the_test_set_answers_and_its_pictures_open(open_room: Callable[..., Room]) -> None:
    room = opened(open_room, step=833)
    room.choose("images", "1,000 of the test set")
    room.until(lambda: "weights of step 833" in room.text(".passage"), "the network has answered")
    drag(room, 2, (0.2, 0.05, 0.6, 0.9))
    room.until(lambda: any("tiles=" in address for address in room.asked), "the pictures are asked for")
    assert room.lens.locator(".tile").count() > 3
    assert re.search(r"and \d+ more", room.text(".picked"))
    room.lens.locator(".tile").first.click()
    room.page.locator(".stn-stage .bench").wait_for(timeout=60_000)
    room.page.wait_for_function("() => new URLSearchParams(location.search).has('picture')")


def test_a_plain_network_says_why_not(open_room: Callable[..., Room]) -> None:
    room = open_room(run="small-cnn", step=0)
    room.open("Pose")
    room.until(lambda: "no transformer in this network" in room.text(), "it says why")
    assert room.lens.locator("canvas.cloud:visible").count() == 0


def test_pose_spread_stands_on_both_timelines(open_room: Callable[..., Room]) -> None:
    room = opened(open_room, step=833)
    room.until(lambda: room.root.locator(".legend .sharpness").count(), "sharpness has joined")
    assert room.root.locator(".legend .spread").inner_text() == "pose spread of V"
    room.slider.hover()
    assert "pose spread of V" in room.root.locator(".timeline .tip").inner_text()
    room.root.get_by_role("button", name="Workbench").click()
    room.page.locator(".stn-stage .legend .spread").wait_for(timeout=60_000)
