"""Localisation networks are found by their shapes; what they answer is compared with their authors' own code."""

from dataclasses import replace

import architectures as known
import pytest
import torch
from torch import nn

from stn_viz.foreign import ForeignError, Weights
from stn_viz.foreign.shapes.finding import find_transformers, fits, rebuild, select
from stn_viz.networks import build

SIGN = {"channels": 3, "cells": 36, "first": 100, "second": 120, "hidden": 50}

# architecture, its arguments, size of its input, and what the form must be told beside (nothing, if all is guessed)
FOUND = [
    (known.Tutorial, {}, (1, 28, 28), {}),
    (known.Tutorial, {"classes": 6}, (1, 28, 28), {}),
    (known.Tutorial, {"channels": 3, "cells": 16}, (3, 32, 32), {}),
    (known.Tutorial, {"channels": 3, "cells": 52 * 52}, (3, 224, 224), {}),
    (known.Tutorial, {"channels": 3, "cells": 4 * 60}, (3, 32, 256), {}),
    (known.Plates, {}, (3, 24, 94), {}),
    (known.SignTransformer, SIGN, (3, 48, 48), {}),
    (known.Text, {}, (1, 32, 100), {}),
    (known.Normed, {}, (1, 28, 28), {}),
    (known.Angle, {}, (1, 28, 28), {"reading": "angle-turns", "activation": "sigmoid"}),
    (known.Volume, {}, (2, 32, 32, 32), {}),
    (known.Alone, {}, (3, 32, 32), {}),
    (known.Lattice, {}, (1, 28, 28), {}),
    (known.PooledBeforeNorm, {}, (1, 30, 100), {"size": (30, 100)}),
    (known.Pooled, {}, (3, 50, 70), {"size": (50, 70)}),
]
EMPTY = [
    (known.ResNet, {}),
    (known.ResNet, {"classes": 8}),
    (known.UNet, {}),
    (known.UNet, {"dims": 3}),
    (known.TNet, {"k": 3}),
    (known.TNet, {"k": 64}),
    (known.Autoencoder, {}),
    (known.perceptron, {}),
    (known.small_classifier, {"classes": 2}),
    (known.small_classifier, {"classes": 6}),
    (known.small_classifier, {"classes": 8}),
]


def weights(net: nn.Module, *, by_name: bool = False) -> Weights:
    tensors = net.state_dict()
    return Weights(place="", prefix="", tensors=dict(sorted(tensors.items())) if by_name else tensors)


def images(*shape: int) -> torch.Tensor:
    return torch.rand(3, *shape, generator=torch.Generator().manual_seed(1))


def loaded(found, choices, net):
    model = rebuild(found, choices)
    model.load_state_dict(select(found, net.state_dict()))
    return model


@pytest.mark.parametrize("by_name", [False, True], ids=["in order", "sorted by name"])
@pytest.mark.parametrize(("make", "options", "shape", "told"), FOUND, ids=lambda v: getattr(v, "__name__", None))
def test_the_rebuilt_network_says_what_the_authors_own_says(make, options, shape, told, by_name) -> None:
    net = known.seeded(make, **options)
    (found,) = find_transformers(weights(net, by_name=by_name))
    U = images(*shape)
    choices = replace(found.choices, **told)
    assert choices.size == shape[1:]  # the size is told by the shapes, but where it is in `told`
    model = loaded(found, choices, net)
    torch.testing.assert_close(model.theta(U), net.theta(U), rtol=0, atol=1e-5)
    assert model(U).shape[2:] == U.shape[2:]


def test_nothing_is_random_and_eval_mode_is_on() -> None:
    net = known.seeded(known.Normed)
    (found,) = find_transformers(weights(net))
    before = torch.get_rng_state()
    model = loaded(found, found.choices, net)
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(module.training for module in model.modules())
    U = images(1, 28, 28)
    assert torch.equal(model(U), model(U))


def test_the_tutorials_ninety_means_26_to_29_and_its_rectangles() -> None:
    (found,) = find_transformers(weights(known.Tutorial()))
    assert found.sizes[0] == (28, 28)
    assert {size for size in found.sizes if size[0] == size[1]} == {(n, n) for n in (26, 27, 28, 29)}
    # by torch: every size that goes through and no other, up to the longest that is listed
    net, through = known.Tutorial(), set()
    with torch.inference_mode():
        for h in range(18, 34):
            for w in range(18, 60):
                cells = net.localization(torch.zeros(1, 1, h, w))
                if cells.numel() == 90:
                    through.add((h, w))
    listed = {size for size in found.sizes if size[0] < 34 and size[1] < 60}
    assert listed == through
    assert fits(found, (26, 29))
    assert not fits(found, (25, 28))
    assert (18, 50) in found.sizes


def test_asters_head_answers_in_its_own_code_with_points_from_0_to_1() -> None:
    net = known.seeded(known.Aster)
    for by_name in (False, True):
        (found,) = find_transformers(weights(net, by_name=by_name))
        assert found.readings[0] == "rows-10-unit"
        assert found.choices.size == (32, 64)
        U = images(3, 32, 64)
        theta = loaded(found, found.choices, net).theta(U)
        torch.testing.assert_close((theta + 1) / 2, net.theta(U), rtol=0, atol=1e-5)


@pytest.mark.parametrize("by_name", [False, True])
def test_three_transformers_in_one_network_are_all_listed(by_name) -> None:
    net = known.seeded(known.Signs)
    found = find_transformers(weights(net, by_name=by_name))
    assert [each.name for each in found] == ["stn1", "stn2", "stn3"]
    assert [each.channels for each in found] == [3, 20, 30]
    assert [each.choices.size for each in found] == [(48, 48), (16, 16), (8, 8)]
    assert any("20 channels" in note for note in found[1].notes)
    for part, each, shape in zip((net.stn1, net.stn2, net.stn3), found, [(3, 48), (20, 16), (30, 8)], strict=True):
        U = images(shape[0], shape[1], shape[1])
        theta = loaded(each, each.choices, net).theta(U)
        torch.testing.assert_close(theta, part.theta(U), rtol=0, atol=1e-5)


def test_transformers_beside_each_other_at_the_top_have_names_of_their_own() -> None:
    net = nn.Module()
    for number, classes in ((1, 6), (2, 3)):
        setattr(net, f"localization{number}", known.localization())
        setattr(net, f"fc_loc{number}", nn.Sequential(nn.Linear(90, 32), nn.ReLU(), nn.Linear(32, classes)))
    net.fc = nn.Linear(1568, 10)
    found = find_transformers(weights(net, by_name=True))
    assert sorted((each.outputs, each.layers[0]["key"], each.layers[-1]["key"]) for each in found) == [
        (3, "localization2.0", "fc_loc2.2"),
        (6, "localization1.0", "fc_loc1.2"),
    ]
    assert len({each.name for each in found}) == 2


@pytest.mark.parametrize(("make", "options"), EMPTY, ids=lambda v: getattr(v, "__name__", str(v)))
def test_no_transformer_is_seen_where_there_is_none(make, options) -> None:
    assert find_transformers(weights(known.seeded(make, **options))) == []


def test_a_classifier_of_six_classes_beside_a_transformer_is_not_one() -> None:
    (found,) = find_transformers(weights(known.seeded(known.Tutorial, classes=6)))
    assert found.layers[-1]["key"] == "fc_loc.2"


def test_a_name_that_the_whole_file_has_says_nothing_of_its_classifier() -> None:
    net = nn.ModuleDict({"stn": known.seeded(known.Tutorial, classes=6)})
    found = find_transformers(weights(net))
    assert [each.layers[-1]["key"] for each in found] == ["stn.fc_loc.2"]
    assert found[0].name == "stn"


def test_a_bias_at_the_identity_tells_a_localisation_network_without_a_name() -> None:
    net = known.small_classifier(6)
    assert find_transformers(weights(net)) == []
    net[-1].bias.data.copy_(torch.tensor([0.77, -0.01, 0.02, 0.06, 0.75, 0.12]))  # trained a while, case 10
    (found,) = find_transformers(weights(net))
    assert found.readings[0] == "affine"


def test_a_bias_tells_readings_apart() -> None:
    net = known.seeded(known.Tutorial)
    for bias, reading in (
        ([1.0, 0, 0, 0, 1, 0], "affine"),
        ([1.0, 0, 0, 1, 0, 0], "affine-columns"),
    ):
        net.fc_loc[2].bias.data.copy_(torch.tensor(bias))
        (found,) = find_transformers(weights(net))
        # the registry knows the tutorial's as affine row by row, whatever its bias
        assert reading in found.readings
    lattice = known.seeded(known.Lattice)
    side = torch.linspace(-1, 1, 4)
    points = torch.cartesian_prod(side, side)  # (y, x): x runs fastest
    for bias, reading in (
        (points.flip(1).flatten(), "tps-4"),
        (points.flatten(), "tps-4-yx"),
        (points.flip(1).T.flatten(), "tps-4-split"),
        (points.T.flatten(), "tps-4-columns"),
    ):
        lattice.tps.fc2.bias.data.copy_(bias)
        (found,) = find_transformers(weights(lattice))
        assert found.readings[0] == reading


def test_skip_connections_are_said_and_not_guessed() -> None:
    (found,) = find_transformers(weights(known.Residual()))
    assert found.readings == ()
    assert "skip connections" in found.notes[0]
    with pytest.raises(ForeignError, match=r"skip connections.*--model"):
        rebuild(found, found.choices)


def test_a_normalisation_that_shapes_do_not_show_is_said() -> None:
    net = known.seeded(known.PooledBeforeNorm)
    net.stn.localization[2] = nn.GroupNorm(4, 8)
    (found,) = find_transformers(weights(net))
    assert found.readings == ()
    assert "GroupNorm" in found.notes[0]


def test_a_bias_of_another_shape_is_named_and_not_fallen_over() -> None:
    tensors = dict(known.seeded(known.Tutorial).state_dict())
    tensors["fc_loc.2.bias"] = torch.zeros(3, 2)
    (found,) = find_transformers(Weights(place="", prefix="", tensors=tensors))
    with pytest.raises(ForeignError, match=r"fc_loc\.2\.bias.*\(3, 2\), expected \(6,\)"):
        select(found, tensors)


def test_outputs_of_no_known_meaning_are_said() -> None:
    net = known.seeded(known.Tutorial)
    net.fc_loc[2] = nn.Linear(32, 7)
    (found,) = find_transformers(weights(net))
    assert found.readings == ()
    assert "7 outputs are no theta" in found.notes[0]


def test_convolutions_that_do_not_meet_the_linear_layer_are_said_and_not_read_as_a_perceptron() -> None:
    net = known.seeded(known.Tutorial)
    net.fc_loc[0] = nn.Linear(91, 32)  # something was appended to the features
    for found in find_transformers(weights(net)):
        assert found.readings == ()


def test_a_size_that_is_told_decides_what_shapes_leave_open() -> None:
    class Plate(nn.Module):  # poolings of 2 and 3, as in Plates, but widths that no registry knows
        def __init__(self) -> None:
            super().__init__()
            self.localization = nn.Sequential(
                nn.Conv2d(3, 16, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(16, 16, 5), nn.MaxPool2d(3), nn.ReLU()
            )
            self.fc_loc = nn.Sequential(nn.Linear(16 * 28, 32), nn.ReLU(), nn.Linear(32, 6))

        def theta(self, x):
            return self.fc_loc(self.localization(x).flatten(1))

    net = known.seeded(Plate)
    (found,) = find_transformers(weights(net), size=(24, 94))
    assert found.choices.size == (24, 94)
    U = images(3, 24, 94)
    torch.testing.assert_close(loaded(found, found.choices, net).theta(U), net.theta(U), rtol=0, atol=1e-5)


OURS = [
    ("st-fcn", (28, 28), "affine"),
    *(
        ("st-cnn", (n, n), family)
        for n in (28, 42)
        for family in ("affine", "attention", "similarity", "translation", "projective", "tps")
    ),
]


@pytest.mark.parametrize(("name", "size", "family"), OURS)
def test_our_own_are_found_with_every_family(name, size, family) -> None:
    net = known.seeded(build, name, size=size, family=family)
    (found,) = find_transformers(weights(net))
    assert found.known
    assert found.choices.size == size
    assert found.readings[0] == (family if family != "tps" else "tps-4")
    U = images(1, *size)
    model = loaded(found, replace(found.choices, output_size=(28, 28)), net)
    expected = net.transformer(U)
    torch.testing.assert_close(model(U), expected, rtol=0, atol=1e-5)


def test_a_network_that_lies_in_the_file_twice_is_listed_once() -> None:
    net = known.seeded(known.Tutorial)
    both = {f"{where}.{key}": tensor for where in ("student", "teacher") for key, tensor in net.state_dict().items()}
    assert len(find_transformers(Weights(place="", prefix="", tensors=both))) == 1


def test_odd_content_is_passed_over() -> None:
    tensors = {
        "weight": torch.zeros(6, 32),
        "x.weight": torch.zeros(0, 3),
        "step": torch.tensor(3),
        "y.weight": torch.zeros(2, 2, dtype=torch.int64),
        ".weight": torch.zeros(6, 6),
        "loc..weight": torch.zeros(1, 2, 3, 4, 5, 6, 7),
        "z.running_mean": torch.zeros(()),
    }
    assert find_transformers(Weights(place="", prefix="", tensors=tensors)) == []


def test_a_thousand_layers_are_looked_through() -> None:
    tensors = {f"layers.{i}.weight": torch.zeros(8, 8) for i in range(1000)}
    assert find_transformers(Weights(place="", prefix="", tensors=tensors)) == []


def test_two_that_differ_in_their_last_bias_alone_are_two() -> None:
    one = {name: torch.zeros_like(tensor) for name, tensor in known.Tutorial().state_dict().items()}
    state = {f"{stn}.{name}": tensor.clone() for stn in ("a", "b") for name, tensor in one.items() if "loc" in name}
    state["b.fc_loc.2.bias"][0] = 0.5
    assert len(find_transformers(Weights(place="", prefix="", tensors=state))) == 2
    state["b.fc_loc.2.bias"][0] = 0
    assert len(find_transformers(Weights(place="", prefix="", tensors=state))) == 1  # one network under two names
