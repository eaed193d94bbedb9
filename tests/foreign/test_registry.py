"""Architectures known by name: recognised by their shapes, with what their authors' code says beside them."""

import architectures as known
import pytest
import torch

from stn_viz.foreign import Weights
from stn_viz.foreign.shapes.finding import find_transformers
from stn_viz.foreign.shapes.layers import shapes_through
from stn_viz.foreign.shapes.registry import image_of
from stn_viz.networks import build


def entry(net):
    (found,) = find_transformers(Weights(place="", prefix="", tensors=net.state_dict()))
    return found


@pytest.mark.parametrize(
    ("make", "options", "name", "size", "reading"),
    [
        (known.Tutorial, {}, "PyTorch tutorial", (28, 28), "affine"),
        (known.Tutorial, {"channels": 3, "cells": 16}, "PyTorch tutorial, a variant", (32, 32), "affine"),
        (known.Plates, {}, "LPRNet's transformer", (24, 94), "affine"),
        (known.Text, {}, "text recognition, TPS", (32, 100), "rows-10"),
        (known.Text, {"points": 16}, "text recognition, TPS", (32, 100), "rows-8"),
        (known.Aster, {}, "ASTER's rectification head", (32, 64), "rows-10-unit"),
    ],
)
def test_an_architecture_is_known_with_its_size_and_its_reading(make, options, name, size, reading) -> None:
    found = entry(known.seeded(make, **options))
    assert (found.known, found.choices.size, found.readings[0]) == (name, size, reading)
    assert found.choices.reading == reading
    # each channel's numbers fit the first linear layer
    assert list(shapes_through(found.layers, channels=found.channels, size=size))[-1] == (found.outputs,)


def test_what_their_authors_do_before_the_network_stands_in_the_form() -> None:
    tutorial = entry(known.Tutorial())
    assert tutorial.choices.mean == (0.1307,)
    assert any("mean 0.1307" in note and "std 0.3081" in note for note in tutorial.notes)
    plates = entry(known.Plates()).choices
    assert (plates.mean, plates.std, plates.value_range, plates.channel_order) == ((127.5,), (128.0,), 255, "bgr")
    text = entry(known.seeded(known.Text)).choices
    assert (text.padding, text.align_corners) == ("border", True)


def test_a_tutorial_for_a_size_of_ones_own_takes_no_size_from_the_registry() -> None:
    found = entry(known.Tutorial(cells=64))  # 8 <- 16 <- 20 <- 40 <- 46, by hand
    assert found.known == "PyTorch tutorial, a variant"
    assert found.choices.size in found.sizes
    assert {46, 47, 48, 49} == {h for h, w in found.sizes if h == w}


def test_what_is_known_leaves_no_guesses_to_tell() -> None:
    assert not any("pooling" in note for note in entry(known.Tutorial()).notes)
    assert any("pooling" in note for note in entry(known.seeded(known.Normed)).notes)


def test_ours_are_known_and_large_ones_average_first() -> None:
    small = entry(build("st-cnn", size=(28, 28)))
    large = entry(build("st-cnn", size=(42, 42)))
    assert small.known == large.known == "STN Viz's localisation network"
    assert small.layers[0]["kind"] == "conv"
    assert (large.layers[0]["kind"], large.layers[0]["mode"]) == ("pool", "avg")
    assert small.choices.output_size == (28, 28)


def test_nearly_the_tutorials_is_not_taken_for_it() -> None:
    net = known.Tutorial()
    net.localization[3] = torch.nn.Conv2d(8, 12, 5)
    net.fc_loc[0] = torch.nn.Linear(12 * 9, 32)
    found = entry(net)
    assert found.known is None
    assert found.choices.size == (28, 28)
    assert found.choices.mean == ()


@pytest.mark.parametrize(
    ("values", "channels", "first"),
    [(784, 1, (28, 28)), (1764, 1, (42, 42)), (3 * 32 * 32, 3, (32, 32)), (24 * 94, 1, (24, 94))],
)
def test_a_fully_connected_network_tells_its_picture(values, channels, first) -> None:
    found = image_of(values)
    assert found is not None
    assert (found[0], found[1][0]) == (channels, first)


def test_no_picture_has_so_many_values() -> None:
    assert image_of(1024 + 7) is None


def test_a_known_network_is_not_rebuilt_as_another_for_a_size_it_does_not_take() -> None:
    state = known.Tutorial().state_dict()
    (found,) = find_transformers(Weights(place="", prefix="", tensors=state), size=(40, 30))
    assert found.choices.size == (28, 28)
    assert set(found.sizes) >= {(side, side) for side in range(26, 30)}
    assert (40, 30) not in found.sizes
