"""Congealing on the page Learning: fog becomes a digit under the scrubber, against the lens's own numbers."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from room_driver import Room

from stn_viz.lens.learning.congealing import Congealed, congealed
from stn_viz.lens.learning.sharpness import sharpness_of
from stn_viz.runs import open_run
from stn_viz.view import View

SNAPSHOTS = [0, 124, 467, 833, 2713, 16848]


def truth(folder: Path, step: int) -> Congealed:
    return congealed(open_run(folder / "small-st-cnn"), View(run="small-st-cnn", step=step), count=1000)


def steps_asked(room: Room) -> list[int]:
    return [int(parse_qs(urlsplit(url).query)["step"][0]) for url in room.asked if "/congealing." in url]


def shows(room: Room, text: str) -> None:
    room.until(lambda: text in room.text(".told.now"), f"the means of {text} are shown")


def test_fog_becomes_a_digit(open_room: Callable[..., Room], folder: Path) -> None:
    room = open_room(run="small-st-cnn", step=0, lens="congealing")
    shows(room, "step 0")
    assert steps_asked(room)[0] == 0  # what is under the scrubber comes first
    first, last = truth(folder, 0), truth(folder, 16848)
    assert first.raw is not None
    assert last.pose is not None

    def seen(row: str, label: int) -> np.ndarray:
        return room.pixels(room.lens.locator(f".group canvas.{row}").nth(label))[..., 0].astype(float)

    assert len(room.texts(".group")) == 10
    for label in (0, 3):
        np.testing.assert_allclose(seen("now", label), 255 * first.V.mean[label, 0], atol=1.01)
        np.testing.assert_array_equal(seen("now", label), seen("raw", label))  # it does nothing yet
    assert room.text(".told.now b") == room.text(".told.raw b") == f"{sharpness_of(first.raw):.2f}"
    assert room.text(".told.pose b") == f"{sharpness_of(last.pose):.2f}"

    room.until(lambda: not room.lens.locator(".still.coming").count(), "the film is whole")
    room.until(lambda: room.text(".passage") == "", "nothing is awaited any more")
    asked = len(room.asked)
    assert sorted(steps_asked(room)) == SNAPSHOTS
    assert steps_asked(room)[1] == 124  # then its neighbour
    room.seek_to(1.0)
    shows(room, "step 16,848")
    for label in (1, 8):
        np.testing.assert_allclose(seen("now", label), 255 * last.V.mean[label, 0], atol=1.01)
        np.testing.assert_allclose(seen("pose", label), 255 * last.pose.mean[label, 0], atol=1.01)
    assert room.text(".told.now b") == f"{sharpness_of(last.V):.2f}"
    room.seek(600)  # between two snapshots: that of before is in force
    shows(room, "step 467")
    assert room.lens.locator('.still[aria-current="step"]').get_attribute("aria-label") == "step 467"
    assert len(room.asked) == asked  # the whole training is scrubbed without asking again

    room.lens.locator(".still").nth(3).click()  # a picture of the film leads to its step
    shows(room, "step 833")
    assert room.step == 833
    room.lens.get_by_role("radio", name="3, 107 images").click()
    room.until(lambda: room.text(".film .name").startswith("class 3"), "the film shows the threes")
    frame = room.pixels(room.lens.locator(".still canvas").last)[..., 0]
    np.testing.assert_allclose(frame, 255 * last.V.mean[3, 0], atol=1.01)
    room.press("ArrowRight")
    room.until(lambda: room.text(".film .name").startswith("class 4"), "the film shows the fours")
    assert room.step == 833  # arrows among the classes do not move the scrubber
    room.choose("what is shown of each class", "Variance")
    half = (first.part.U.max() / 2) ** 2
    np.testing.assert_allclose(seen("raw", 2), 255 * first.raw.variance[2, 0] / half, atol=1.01)


def test_a_network_without_a_transformer_says_that_it_sees_u(open_room: Callable[..., Room]) -> None:
    room = open_room(run="small-cnn", lens="congealing")
    room.until(lambda: "no transformer" in room.text(), "the lens says what it shows")
    assert room.lens.locator(".group canvas.now").first.is_visible()
    assert not room.lens.locator(".group canvas.raw").first.is_visible()
    assert not room.lens.locator(".film").is_visible()
