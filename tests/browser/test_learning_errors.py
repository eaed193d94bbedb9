"""Errors, the lens: what the matrix and the tiles say, against the network asked in plain torch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from room_driver import Room

from stn_viz.data import held_out
from stn_viz.foreign.network import network_of
from stn_viz.runs import open_run


def said(folder: Path, run: str, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, answers and the sure answer's probability for the first 1,000 held-out images."""
    truth = held_out("rts", 1000, 0)
    with torch.no_grad():
        model = network_of(open_run(folder / run), step)
        p = torch.cat([model(U).softmax(1) for U in truth.U.split(250)]).numpy()
    return truth.labels.numpy(), p.argmax(1), p.max(1)


def ready(room: Room, step: int) -> None:
    lens = room.lens.locator(".errors")
    room.until(lambda: lens.get_attribute("data-step") == str(step), f"the errors of step {step} arrive")
    room.frames()


def test_the_matrix_counts_chooses_and_the_tiles_open(open_room: Callable[..., Room], folder: Path) -> None:
    room = open_room(run="small-st-cnn", step=16848, lens="errors")
    ready(room, 16848)
    labels, answers, sure = said(folder, "small-st-cnn", 16848)
    wrong = np.flatnonzero(labels != answers)
    assert f"{len(wrong)} of 1,000 test images" in room.text(".counted")
    assert room.text(".figure") == f"{len(wrong) / 10:.1f} % wrong"
    cells = room.lens.locator("td[role=gridcell]").all_inner_texts()
    confusion = np.array([int(text.strip() or 0) for text in cells]).reshape(10, 10)
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (labels, answers), 1)
    np.testing.assert_array_equal(confusion, expected)
    tiles = room.lens.locator(".mistake")
    assert tiles.count() == len(wrong)

    # Arrows go from cell to cell without moving the scrubber, Enter chooses one.
    index = wrong[0]
    truth, told = labels[index], answers[index]
    room.lens.locator("td[role=gridcell][tabindex='0']").focus()
    room.press("ArrowDown", int(truth))
    room.press("ArrowRight", int(told))
    room.press("Enter")
    many = int(((labels == truth) & (answers == told)).sum())
    room.until(lambda: tiles.count() == many, "the tiles of one cell")
    assert room.step == 16848
    assert room.text(".those h2").startswith(f"{truth} read as {told}: {many} image")
    room.press("Escape")
    room.until(lambda: tiles.count() == len(wrong), "all that is wrong")

    # Other grids.
    room.lens.get_by_role("button", name="Can the hand save them?").click()
    room.until(lambda: "read rightly, it makes" in room.text(".summary"), "what could save them, and the comparison")
    verdicts = room.texts(".mistake .verdict")
    assert all(text.startswith(("saved by", "not saved")) for text in verdicts)
    posed = sum(text.startswith("saved by the true pose") for text in verdicts)
    assert f"the true pose saves {posed} " in room.text(".summary")

    # A tile opens its image, as the training was tested on it.
    first = tiles.first.get_attribute("title") or ""
    image = int(first.split(":")[0].removeprefix("test image "))
    assert image in wrong
    assert f"{labels[image]} read as {answers[image]}, probability {sure[image]:.2f}" in first
    tiles.first.click()
    room.page.wait_for_url(f"**picture={image}:held:rts:0**", timeout=60_000)
    room.page.get_by_text(f"label {labels[image]}").wait_for(timeout=60_000)


def test_scrubbing_keeps_what_stands_and_says_what_comes(open_room: Callable[..., Room], folder: Path) -> None:
    room = open_room(run="small-st-cnn", step=16848, lens="errors", beside="small-cnn")
    ready(room, 16848)
    room.seek(467)
    assert room.lens.locator(".mistake").count() > 0  # never blank
    ready(room, 467)
    labels, answers, _ = said(folder, "small-st-cnn", 467)
    assert f"{(labels != answers).sum()} of 1,000" in room.text(".counted")
    room.until(lambda: room.lens.locator(".besides").is_visible(), "the run beside")
    plain_labels, plain, _ = said(folder, "small-cnn", 0)
    both = int(((labels != answers) & (plain_labels != plain)).sum())
    assert f"{both} are wrong in both" in room.text(".besides")


def test_a_plain_network_has_errors_and_no_grid(open_room: Callable[..., Room], folder: Path) -> None:
    room = open_room(run="small-cnn", step=16848, lens="errors")
    ready(room, 16848)
    labels, answers, _ = said(folder, "small-cnn", 16848)
    assert room.lens.locator(".mistake").count() == min(60, (labels != answers).sum())
    assert not room.lens.get_by_role("button", name="Can the hand save them?").is_visible()
