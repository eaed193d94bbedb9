"""The wall of the Learning page, against the run's own arrays."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from foreign_folder import make_folder
from room_driver import Room
from volume_run import make_volume_run

from stn_viz.runs import Run, open_run

MAIN, PLAIN = "small-st-cnn", "small-cnn"

LIST = "[role=listbox]"


@pytest.fixture
def run(folder: Path) -> Run:
    return open_run(folder / MAIN)


@pytest.fixture
def wall(open_room: Callable[..., Room], run: Run) -> Room:
    """At step 833, where the network still gets some wrong."""
    return open_room(run=MAIN, step=833, lens="wall")


def images(room: Room) -> list[int]:
    """The images in the order of their tiles."""
    return [int(i) for i in room.lens.locator("[role=option]").evaluate_all("(all) => all.map((e) => e.dataset.image)")]


def record(run: Run, step: int) -> int:
    return int(np.flatnonzero(run.steps == step)[0])


def wrong(run: Run, step: int) -> np.ndarray:
    assert run.probabilities is not None
    return np.flatnonzero(run.probabilities[record(run, step)].argmax(-1) != run.probes.labels)


def sort(room: Room, by: str) -> None:
    room.lens.get_by_label("sort by").select_option(by)
    room.frames()


def figures(room: Room) -> str:
    return room.text(".figures")


def test_tiles_stand_in_numpys_order_and_keep_it_while_scrubbing_until_told(wall: Room, run: Run) -> None:
    assert run.probe_loss is not None
    assert images(wall) == list(range(len(run.probes.labels)))
    sort(wall, "loss")
    then = np.argsort(-run.probe_loss[record(run, 833)], kind="stable").tolist()
    assert images(wall) == then
    assert not wall.lens.get_by_role("button", name="re-sort").is_visible()
    wall.seek(124)
    assert images(wall) == then
    assert "order of step 833" in figures(wall)
    wall.lens.get_by_role("button", name="re-sort").click()
    wall.frames()
    now = np.argsort(-run.probe_loss[record(run, 124)], kind="stable").tolist()
    assert images(wall) == now != then
    assert "order" not in figures(wall)
    wall.lens.get_by_role("button", name="largest first").click()
    wall.frames()
    assert images(wall) == np.argsort(run.probe_loss[record(run, 124)], kind="stable").tolist()


def test_what_it_sorts_by_is_what_torch_says_of_the_grids(wall: Room, run: Run) -> None:
    theta = torch.from_numpy(run.theta(0))
    now, start = theta[record(run, 833)], theta[0]
    size = [len(now), 1, 28, 28]
    grids = [F.affine_grid(each.view(-1, 2, 3), size, align_corners=False) for each in (now, start)]
    outside = (grids[0].abs() > 1).any(-1).float().mean((1, 2)).numpy()
    moved = ((grids[0] - grids[1]) * 21).square().sum(-1).mean((1, 2)).sqrt().numpy()
    matrix = now.view(-1, 2, 3)[..., :2]
    rotation = torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]).numpy()
    zoom = matrix.det().abs().rsqrt().numpy()
    assert run.probabilities is not None
    p = run.probabilities[record(run, 833), range(len(now)), run.probes.labels]
    for by, values in {"outside": -outside, "moved": -moved, "rotation": rotation, "zoom": zoom, "p": p}.items():
        sort(wall, by)
        assert np.all(np.diff(values[images(wall)]) >= -1e-6), by
    wall.lens.locator(LIST).focus()
    wall.press("Home")
    assert wall.text(".preview h2") == f"image {int(np.argmin(p))}"
    shown = dict(text.split("\n") for text in wall.texts(".preview dl > div"))
    image = int(np.argmin(p))
    assert float(shown["moved"].split()[0]) == pytest.approx(moved[image], abs=0.6)
    assert shown["outside"] == ("< 1 %" if 0 < outside[image] < 0.005 else f"{round(100 * outside[image])} %")
    assert float(shown["rotation"].strip("°").replace("−", "-")) == pytest.approx(np.rad2deg(rotation[image]), abs=0.06)


def test_filters_count_what_numpy_counts_and_wrong_follows_the_step_in_the_figures_alone(wall: Room, run: Run) -> None:
    assert figures(wall) == f"10 images · {len(wrong(run, 833))} wrong"
    wall.seek(124)
    assert figures(wall) == f"10 images · {len(wrong(run, 124))} wrong"
    wall.lens.get_by_role("button", name="wrong", exact=True).click()
    wall.frames()
    assert images(wall) == wrong(run, 124).tolist()
    assert 0 < len(wrong(run, 124)) < 10
    wall.seek_to(1)  # the same images, so that one sees them come right
    assert images(wall) == wrong(run, 124).tolist()
    wall.lens.get_by_role("button", name="wrong", exact=True).click()
    label = int(run.probes.labels[4])
    wall.lens.get_by_label("class").select_option(str(label))
    wall.frames()
    assert images(wall) == np.flatnonzero(run.probes.labels == label).tolist()
    assert figures(wall).startswith(f"{(run.probes.labels == label).sum()} of 10 images")


def test_tiles_show_v_as_torch_samples_it(wall: Room, run: Run) -> None:
    wall.choose("tiles", "V")
    canvas = wall.pixels(LIST).astype(int)
    solid = canvas[5, :, 3] > 0
    side = int(np.flatnonzero(~solid[5:])[0]) + 1  # the first tile begins at 4
    theta = torch.from_numpy(run.theta(0))[record(run, 833)]
    U = torch.from_numpy(run.probes.U).float()
    V = F.grid_sample(U, F.affine_grid(theta.view(-1, 2, 3), [len(U), 1, 28, 28], False), align_corners=False)
    centres = 4 + np.floor((np.arange(28) + 0.5) * side / 28).astype(int)
    first, second = canvas[centres][:, centres, 0], canvas[centres][:, centres + side + 7, 0]
    for tile, expected in ((first, V[0, 0]), (second, V[1, 0])):
        assert np.abs(tile - 255 * expected.numpy()).max() <= 2


def test_keys_walk_over_the_tiles_and_enter_opens_one_on_the_workbench(wall: Room, run: Run) -> None:
    assert run.probe_loss is not None
    sort(wall, "loss")
    order = images(wall)
    tiles = wall.lens.locator(LIST)
    tiles.focus()
    wall.press("Home")
    wall.press("ArrowRight", 2)
    assert tiles.get_attribute("aria-activedescendant") == f"wall-{order[2]}"
    option = wall.lens.locator(f"#wall-{order[2]}")
    wall.until(lambda: option.get_attribute("aria-selected") == "true", "the tile is chosen")
    assert f"label {run.probes.labels[order[2]]}" in (option.get_attribute("aria-label") or "")
    assert wall.step == 833  # the scrubber has not heard the arrows
    wall.press("Enter")
    wall.page.wait_for_function("() => location.search.includes('image=') && !location.pathname.includes('learning')")
    assert at(wall) == (order[2], 833)


def test_a_click_on_a_tile_opens_that_image_at_that_step(wall: Room) -> None:
    sort(wall, "outside")
    order = images(wall)
    wall.seek(467)
    tiles = wall.lens.locator(LIST)
    tiles.hover(position={"x": 180, "y": 60})
    wall.until(lambda: wall.text(".preview h2") == f"image {order[1]}", "the second tile beside")
    tiles.click(position={"x": 180, "y": 60})
    wall.page.locator(".stn-stage .thumb[aria-selected=true]").wait_for()
    wall.page.wait_for_function("() => location.search.includes('image=') && !location.pathname.includes('learning')")
    assert at(wall) == (order[1], 467)


def at(room: Room) -> tuple[int, int]:
    """Image and step in the address."""
    query = dict(parse_qsl(urlsplit(room.page.url).query))
    return int(query["image"]), int(query["step"])


def test_a_plain_network_and_one_that_diverged_have_a_wall_too(open_room: Callable[..., Room]) -> None:
    room = open_room(run=PLAIN, lens="wall")
    assert "no transformer" in room.text(".note")
    assert room.lens.get_by_label("sort by").locator("option").all_inner_texts() == [
        "image",
        "class",
        "loss",
        "p of its class",
    ]
    room.choose("tiles", "V")
    assert room.pixels(LIST)[..., :3].max() > 200  # U itself
    room = open_room(run="diverged", lens="wall")
    room.seek_to(1)
    sort(room, "moved")
    assert len(images(room)) == 10


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory, server_on: type) -> Iterator[Any]:
    """A server on runs of other kinds: conftest's kind of server."""
    folder = make_folder(tmp_path_factory.mktemp("others"))
    make_volume_run(folder / "volumes")
    server = server_on(folder, tmp_path_factory.mktemp("log") / "log")
    server.start()
    yield server
    server.stop()


def test_runs_of_other_kinds_show_what_there_is_and_say_what_is_not(
    others: Any, open_room: Callable[..., Room]
) -> None:
    room = open_room(at=others, run="raw", lens="wall")
    assert "of no family" in room.text(".note")
    assert len(images(room)) == 3
    room = open_room(at=others, run="volumes", lens="wall")
    assert "middle slice" in room.text(".note")
    room.choose("tiles", "V")
    assert room.pixels(LIST)[..., 0].max() > 50
    room = open_room(at=others, run="pair", lens="wall")
    assert not room.lens.locator(".wall > .note").is_visible()
    before = room.pixels(LIST)
    room.lens.get_by_label("transformer").select_option("1")
    room.frames()
    assert (room.pixels(LIST) != before).any()
    room.lens.get_by_label("transformer").select_option("2")
    room.frames()
    assert "of no family" in room.text(".note")
    room = open_room(at=others, run="deep", lens="wall")
    room.lens.get_by_label("transformer").select_option("1")
    room.frames()
    assert "feature map" in room.text(".note")
    assert room.pixels(LIST)[..., 0].max() > 100
