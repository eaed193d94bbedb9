"""Inside the localisation network, in the room: the sum that stands there, its units, the pictures, the scrubber."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from room_driver import Room

from stn_viz.foreign.network import network_of
from stn_viz.lens.learning import ask
from stn_viz.runs import Run, open_run
from stn_viz.view import View


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return open_run(folder / "small-st-cnn")


@pytest.fixture
def inside(open_room: Callable[..., Room]) -> Room:
    room = open_room(run="small-st-cnn", image=3, step=833)
    room.open("Localisation network")
    until_weights_of(room, 833)
    return room


def until_weights_of(room: Room, step: int) -> None:
    room.until(lambda: room.text(".passage").startswith(f"weights of step {step:,}"), f"the weights of step {step}")
    room.frames()


def number(text: str) -> float:
    return float(text.strip("= ").replace("−", "-"))


def sums(room: Room) -> tuple[list[str], list[float]]:
    """Names and values of the rows of the sum, the last one being the entry itself."""
    names = room.texts(".rows .label")
    return names, [number(text) for text in room.texts(".rows .value")]


def bars_follow_on_one_another(room: Room, values: list[float]) -> None:
    """Each bar starts where the one above it ends, and the last stands at the entry's value."""
    places = room.lens.locator(".rows .pull i").evaluate_all(
        "(bars) => bars.map(({ style }) => [parseFloat(style.left), parseFloat(style.left) + parseFloat(style.width)])"
    )
    at = places[0][1] if values[0] > 0 else places[0][0]
    for (left, right), value in zip(places[1:-1], values[1:-1], strict=True):
        start, end = (left, right) if value > 0 else (right, left)
        if value:  # else it is too small for its sign to be written
            assert start == pytest.approx(at, abs=0.05)
        at = end
    assert places[-1][0] == pytest.approx(at, abs=0.05)


def truth(run: Run, image: int, step: int) -> Any:
    """W, h, b and theta from the network's own layers, called by hand."""
    import torch

    layers = network_of(run, step).transformer.localisation
    with torch.no_grad():
        hidden = layers[:-1](torch.from_numpy(run.probes.U[image : image + 1]))[0].double().numpy()
    weight, bias = layers[-1].weight.double().numpy(), layers[-1].bias.double().numpy()
    return weight, hidden, bias, weight @ hidden + bias


def test_the_waterfall_is_the_networks_own_sum_for_every_entry(inside: Room, run: Run) -> None:
    weight, hidden, bias, theta = truth(run, 3, 833)
    shown = [number(text) for text in inside.texts(".entries .value")]
    np.testing.assert_allclose(shown, theta, atol=6e-4)
    for entry, name in enumerate(("t11", "t12")):
        if entry:
            inside.lens.get_by_role("radio", name="t11").focus()
            inside.press("ArrowRight")
        names, values = sums(inside)
        pulls = weight[entry] * hidden
        order = np.argsort(-np.abs(pulls), kind="stable")[:8]
        order = order[pulls[order] != 0]
        assert names == ["bias", *(f"unit {unit}" for unit in order), f"the other {128 - len(order)}", name]
        expected = [bias[entry], *pulls[order], pulls.sum() - pulls[order].sum(), theta[entry]]
        np.testing.assert_allclose(values, expected, atol=6e-4)
        assert abs(sum(values[:-1]) - values[-1]) < 2e-3
        bars_follow_on_one_another(inside, values)


def test_a_unit_under_the_pointer_is_marked_in_the_hidden_strip_and_told(inside: Room, run: Run) -> None:
    _, hidden, _, _ = truth(run, 3, 833)
    strip = inside.lens.locator("figure.layer").nth(7).locator("canvas")
    before = inside.pixels(strip)
    first = inside.lens.locator(".rows .unit").first
    unit = int((first.locator(".label").text_content() or "").split()[1])
    first.hover()
    inside.until(lambda: inside.text(".detail").startswith(f"unit {unit}:"), "the unit is told")
    marked = (inside.pixels(strip).astype(int) != before).any(-1)
    assert marked.any()
    rows = np.nonzero(marked.any(1))[0]
    height = before.shape[0] / 64
    assert abs(rows.mean() / height - (unit % 64 + 0.5)) < 1.5
    assert f"{hidden[unit]:.3f}"[:4] in inside.text(".detail")
    # and the other way round: the unit under the pointer in the strip
    box = strip.bounding_box()
    assert box is not None
    inside.page.mouse.move(box["x"] + 4, box["y"] + box["height"] * 10.5 / 64)
    inside.until(lambda: inside.text(".detail").startswith("unit 10:"), "unit 10 is told")


def test_activations_and_filters_are_drawn_from_the_answer_and_the_image_can_be_changed(inside: Room, run: Run) -> None:
    answer = ask(run, View(run=run.name, image=3, step=833), "inside", {})
    canvas = inside.lens.locator("figure.layer").nth(1).locator("canvas")

    def shows(array: Any) -> bool:
        pixels = inside.pixels(canvas)
        gap = 2 * pixels.shape[0] / canvas.evaluate("(c) => c.clientHeight")
        step = (pixels.shape[0] + gap) / 10  # 20 maps in two columns
        for map_ in (0, 7, 13):
            left, top = (map_ // 10) * step, (map_ % 10) * step
            k = array.shape[-1]
            for row, column in ((0, 0), (k // 2, k // 2), (k - 1, 1)):
                y, x = int(top + (row + 0.5) * (step - gap) / k), int(left + (column + 0.5) * (step - gap) / k)
                if abs(int(pixels[y, x, 0]) - int(array[map_, row, column])) > 2:
                    return False
        return True

    inside.until(lambda: shows(answer.arrays["layer_1"]), "the activations of the answer")
    inside.choose("pictures", "Filters")
    inside.until(lambda: shows(answer.arrays["filters_1"]), "the filters of the answer")
    assert "5 × 5" in inside.texts("figure.layer figcaption")[1]
    inside.choose("pictures", "Activations")
    inside.slider.focus()
    inside.press("]")
    other = ask(run, View(run=run.name, image=4, step=833), "inside", {})
    inside.until(lambda: shows(other.arrays["layer_1"]), "the activations of the next image")


def test_a_step_between_snapshots_says_whose_weights_they_are_and_the_pictures_stay_until_the_next_come(
    inside: Room,
) -> None:
    assert inside.text(".passage") == "weights of step 833"
    inside.slider.focus()
    inside.press("ArrowRight")
    inside.until(lambda: "the last that were kept" in inside.text(".passage"), "older weights are called so")
    inside.page.route("**/inside.safetensors*step=16848*", lambda route: None)  # it never comes
    inside.seek(16848)
    inside.until(lambda: inside.text(".passage") == "step 16,848 is on its way", "what is awaited")
    assert len(sums(inside)[0]) > 3
    assert inside.lens.locator("figure.layer").first.is_visible()


def test_a_run_without_a_transformer_says_so_calmly(open_room: Callable[..., Room]) -> None:
    room = open_room(run="small-cnn")
    room.open("Localisation network")
    assert "no transformer in this network" in room.text(".refused")
    assert not room.lens.locator(".band").is_visible()
