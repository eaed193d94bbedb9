"""From outputs to a grid and V, the weights picked for it, what a run keeps of it, and what an absurd theta says."""

import json
import re
from dataclasses import replace
from math import cos, pi, sin

import architectures as known
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stn_viz.foreign import Choices, ForeignError, Weights
from stn_viz.foreign.shapes.finding import READINGS, find_transformers, from_json, rebuild, select, suspicion, to_json
from stn_viz.runs import RunError
from stn_viz.runs.sites import watch
from stn_viz.transformer import family


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return known.seeded(known.Tutorial)


@pytest.fixture(scope="module")
def found(net):
    (found,) = find_transformers(Weights(place="", prefix="", tensors=net.state_dict()))
    return found


U = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(3))


def outputs(reading: str, *values: float) -> torch.Tensor:
    return READINGS[reading].theta(torch.tensor([values], dtype=torch.float64))


# The grid


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("kernel", ["bilinear", "nearest", "bicubic"])
def test_what_is_sampled_is_torchs_own_on_the_authors_theta_and_the_watch_sees_that_theta(
    net, found, kernel, padding, align_corners
) -> None:
    choices = replace(found.choices, kernel=kernel, padding=padding, align_corners=align_corners, output_size=(11, 17))
    model = rebuild(found, choices)
    model.load_state_dict(select(found, net.state_dict()))
    with watch() as seen, torch.no_grad():
        V = model(U)
    theta = net.theta(U).detach()
    grid = F.affine_grid(theta.view(-1, 2, 3), [3, 1, 11, 17], align_corners=align_corners)
    expected = F.grid_sample(U, grid, mode=kernel, padding_mode=padding, align_corners=align_corners)
    torch.testing.assert_close(V, expected, rtol=0, atol=1e-5)
    (site,) = seen
    assert (site.kernel, site.padding, site.align_corners) == (kernel, padding, align_corners)
    torch.testing.assert_close(site.theta, theta, rtol=0, atol=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_the_activation_comes_before_the_reading(net, found, activation) -> None:
    model = rebuild(found, replace(found.choices, activation=activation, reading="affine-residual"))
    model.load_state_dict(select(found, net.state_dict()))
    expected = getattr(torch, activation)(net.theta(U)) + torch.tensor(known.IDENTITY)
    torch.testing.assert_close(model.theta(U), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("reading", READINGS.values(), ids=lambda reading: reading.name)
def test_the_identity_of_every_reading_samples_the_picture_itself(reading) -> None:
    size = (5, 6, 7)[-reading.sides :]
    U = torch.rand(1, 2, *size, dtype=torch.float64)
    theta = reading.theta(torch.tensor([reading.identity], dtype=torch.float64))
    # two rows of points are laid at the pixels' centres whatever the sampler does, as their authors lay them
    align_corners = reading.family is not None
    grid = reading.grid(theta, size=size, align_corners=align_corners)
    V = F.grid_sample(U, grid, align_corners=align_corners)
    torch.testing.assert_close(V, U, rtol=0, atol=1e-6)


def test_readings_are_right_by_hand() -> None:
    c, s = cos(0.3), sin(0.3)
    cases = {
        ("angle", 0.3): [c, -s, 0, s, c, 0],
        ("angle-turns", 0.3 / (2 * pi)): [c, -s, 0, s, c, 0],
        ("zoom", 0.5): [0.5, 0, 0, 0, 0.5, 0],
        ("scales", 0.5, 2): [0.5, 0, 0, 0, 2, 0],
        ("angle-shift", 0.3, 0.1, 0.2): [c, -s, 0.1, s, c, 0.2],
        ("angle-zoom-shift", 0.3, 2, 0.1, 0.2): [2 * c, -2 * s, 0.1, 2 * s, 2 * c, 0.2],
        ("scale-shift", 0.5, 0.6, 0.1, 0.2): [0.5, 0, 0.1, 0, 0.6, 0.2],
        ("scale-shift-rows", 0.5, 0.1, 0.6, 0.2): [0.5, 0, 0.1, 0, 0.6, 0.2],
        ("affine", 1, 2, 3, 4, 5, 6): [1, 2, 3, 4, 5, 6],
        ("affine-columns", 1, 2, 3, 4, 5, 6): [1, 3, 5, 2, 4, 6],
        ("affine-residual", 1, 2, 3, 4, 5, 6): [2, 2, 3, 4, 6, 6],
        ("projective-9", 2, 0, 0, 0, 2, 0, 0.2, 0, 2): [1, 0, 0, 0, 1, 0, 0.1, 0],
        ("tps-2-yx", 1, 2, 3, 4, 5, 6, 7, 8): [2, 1, 4, 3, 6, 5, 8, 7],
        ("tps-2-split", 1, 2, 3, 4, 5, 6, 7, 8): [1, 5, 2, 6, 3, 7, 4, 8],
        ("tps-2-columns", 1, 2, 3, 4, 5, 6, 7, 8): [1, 5, 3, 7, 2, 6, 4, 8],
        ("tps-2-offsets", *[0.5] * 8): [-0.5, -0.5, 1.5, -0.5, -0.5, 1.5, 1.5, 1.5],
    }
    for (name, *values), expected in cases.items():
        assert outputs(name, *values)[0].tolist() == pytest.approx(expected), name


def test_y_before_x_is_the_same_map_written_for_points_of_y_and_x() -> None:
    raw = torch.rand(2, 3, dtype=torch.float64)
    t = READINGS["affine-yx"].theta(raw.view(1, 6)).view(2, 3)
    x, y = 0.3, -0.7
    y_source, x_source = raw @ torch.tensor([y, x, 1], dtype=torch.float64)
    torch.testing.assert_close(t @ torch.tensor([x, y, 1], dtype=torch.float64), torch.stack([x_source, y_source]))


@pytest.mark.parametrize("name", ["attention", "similarity", "translation", "projective", "tps-3", "tps-5"])
def test_a_family_of_ours_lays_its_own_grid(name) -> None:
    reading = READINGS[name]
    raw = torch.tensor([reading.identity]) + 0.1 * torch.rand(2, reading.outputs)
    ours = family(reading.family, size=(5, 7), align_corners=True, **reading.options)
    theta = reading.theta(raw)
    torch.testing.assert_close(reading.grid(theta, size=(5, 7), align_corners=True), ours.grid(theta))


def test_a_volumes_theta_goes_through_torchs_affine_grid() -> None:
    theta = torch.rand(2, 12)
    expected = F.affine_grid(theta.view(2, 3, 4), [2, 1, 3, 4, 5], align_corners=False)
    torch.testing.assert_close(
        READINGS["affine3"].grid(theta, size=(3, 4, 5), align_corners=False), expected, rtol=0, atol=1e-6
    )


def test_two_rows_of_points_bend_the_grid_as_their_authors_code_does() -> None:
    n, (H, W) = 5, (6, 9)  # 2 n points; written from the paper (Shi et al. 2016, section 3.1)
    x = np.linspace(-1, 1, n)
    C = np.concatenate([np.stack([x, -np.ones(n)], 1), np.stack([x, np.ones(n)], 1)])
    r = np.linalg.norm(C[:, None] - C[None], axis=2)
    np.fill_diagonal(r, 1)
    R = r**2 * np.log(r)
    F_ = 2 * n
    delta = np.block([[np.ones((F_, 1)), C, R], [np.zeros((2, 3)), C.T], [np.zeros((1, 3)), np.ones((1, F_))]])
    columns, rows = (np.arange(-W, W, 2) + 1) / W, (np.arange(-H, H, 2) + 1) / H
    P = np.stack(np.meshgrid(columns, rows), 2).reshape(-1, 2)
    d = np.linalg.norm(P[:, None] - C[None], axis=2)
    P_hat = np.concatenate([np.ones((len(P), 1)), P, d**2 * np.log(d + 1e-6)], 1)
    moved = C + np.random.default_rng(0).normal(0, 0.1, C.shape)
    expected = P_hat @ (np.linalg.inv(delta) @ np.concatenate([moved, np.zeros((3, 2))]))
    grid = READINGS["rows-5"].grid(torch.from_numpy(moved.reshape(1, -1)), size=(H, W), align_corners=True)
    np.testing.assert_allclose(grid[0].numpy().reshape(-1, 2), expected, atol=1e-5)


# The weights


def test_half_precision_is_computed_in_float32(net, found) -> None:
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in net.state_dict().items()}
    picked = select(found, half)
    assert {tensor.dtype for tensor in picked.values()} == {torch.float32}
    model = rebuild(found, found.choices)
    model.load_state_dict(picked)
    torch.testing.assert_close(model.theta(U), net.theta(U), rtol=0, atol=1e-2)


def test_the_first_key_that_is_missing_misshapen_or_not_finite_is_named(net, found) -> None:
    state = net.state_dict()
    without = {name: tensor for name, tensor in state.items() if not name.startswith("fc_loc.0")}
    with pytest.raises(ForeignError, match=r"no 'fc_loc\.0\.weight'.*another network"):
        select(found, without)
    with pytest.raises(
        ForeignError, match=r"'localization\.3\.weight' has shape \(10, 8, 3, 3\), expected \(10, 8, 5, 5\)"
    ):
        select(found, state | {"localization.3.weight": torch.zeros(10, 8, 3, 3)})
    with pytest.raises(ForeignError, match=r"'localization\.0\.bias' holds nan.*earlier checkpoint"):
        select(found, state | {"localization.0.bias": torch.full((8,), torch.nan)})


def test_choices_that_do_not_fit_are_refused_in_words(found) -> None:
    with pytest.raises(ForeignError, match=r"32 x 32 does not go through.*takes 90 numbers, but 160 come.*28x28"):
        rebuild(found, replace(found.choices, size=(32, 32)))
    with pytest.raises(ForeignError, match=r"6 outputs, which 'angle' does not take.*affine"):
        rebuild(found, replace(found.choices, reading="angle"))
    with pytest.raises(ForeignError, match=r"nothing is left of the image"):
        rebuild(found, replace(found.choices, size=(4, 4)))


# What a run keeps


def test_what_a_run_keeps_comes_back_as_it_was() -> None:
    for make in (known.Tutorial, known.Text, known.Volume, known.Lattice, known.Aster, known.Normed):
        net = known.seeded(make)
        (found,) = find_transformers(Weights(place="ema", prefix="module.", tensors=net.state_dict()))
        content = json.loads(json.dumps(to_json(found, found.choices)))
        again, choices = from_json(content)
        assert choices == found.choices
        assert to_json(again, choices) == content
        model = rebuild(again, choices)
        model.load_state_dict(select(again, net.state_dict()))


def _changed(content, path, value):
    content = json.loads(json.dumps(content))
    at = content
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return content


NONSENSE = [
    (("name",), "st-cnn"),
    (("transformer",), None),
    (("transformer",), []),
    (("choices",), "x"),
    (("transformer", "layers"), {}),
    (("transformer", "layers", 0), 3),
    (("transformer", "layers", 0, "kind"), "exec"),
    (("transformer", "layers", 0, "kind"), ["conv"]),
    (("transformer", "layers", 0, "key"), 5),
    (("transformer", "layers", 0, "out"), 10**12),
    (("transformer", "layers", 0, "out"), -1),
    (("transformer", "layers", 0, "out"), True),
    (("transformer", "layers", 0, "in"), 1.5),
    (("transformer", "layers", 0, "kernel"), [7]),
    (("transformer", "layers", 0, "kernel"), [7, 7, 7]),
    (("transformer", "layers", 0, "kernel"), [0, 0]),
    (("transformer", "layers", 0, "stride"), [0, 1]),
    (("transformer", "layers", 0, "padding"), [10**9, 0]),
    (("transformer", "layers", 0, "groups"), 3),
    (("transformer", "layers", 2, "mode"), "sum"),
    (("transformer", "layers", 2, "kernel"), "22"),
    (("transformer", "layers"), [{"kind": "relu"}] * 1000),
    (("transformer", "layers", 9, "out"), 12),
    (("transformer", "outputs"), 12),
    (("transformer", "channels"), 0),
    (("transformer", "readings"), ["os.system"]),
    (("transformer", "name"), "x" * 10_000),
    (("transformer", "notes"), ["a"] * 1000),
    (("transformer", "sizes"), [[28]]),
    (("choices", "size"), [28]),
    (("choices", "size"), [4096, 4096]),
    (("choices", "size"), [28, -28]),
    (("choices", "size"), [28, 28, 28]),
    (("choices", "output_size"), [10**6, 10**6]),
    (("choices", "output_size"), [5, 5, 5]),
    (("choices", "reading"), "none"),
    (("choices", "reading"), "angle"),
    (("choices", "reading"), {}),
    (("choices", "activation"), "relu"),
    (("choices", "padding"), None),
    (("choices", "align_corners"), 1),
    (("choices", "mean"), [float("nan")]),
    (("choices", "std"), [0.0]),
    (("choices", "std"), [1.0] * 100),
    (("choices", "value_range"), 254),
    (("choices", "value_range"), True),
]


@pytest.mark.parametrize(
    ("path", "value"), NONSENSE, ids=lambda v: "-".join(map(str, v)) if isinstance(v, tuple) else ""
)
def test_a_strangers_run_that_holds_nonsense_is_refused_in_a_sentence(found, path, value) -> None:
    with pytest.raises(RunError, match=r"^run\.json: .*[^ ]\.$"):
        from_json(_changed(to_json(found, found.choices), path, value))


def test_a_strangers_run_does_not_ask_for_more_memory_than_there_is(found) -> None:
    content = to_json(found, found.choices)
    wide = [
        {"kind": "flatten"},
        {"kind": "linear", "key": "a", "in": 784, "out": 2**24, "bias": True},
        {"kind": "linear", "key": "b", "in": 2**24, "out": 6, "bias": True},
    ]
    with pytest.raises(RunError, match="weights; at most"):
        from_json(_changed(content, ("transformer", "layers"), wide))
    deep = [
        {"kind": "conv", "key": "a", "in": 1, "out": 2**10, "kernel": [1, 1], "stride": [1, 1], "padding": [64, 64]}
        | {"groups": 1, "bias": True},
        {"kind": "adaptive", "mode": "avg", "size": [1, 1]},
        {"kind": "flatten"},
        {"kind": "linear", "key": "b", "in": 2**10, "out": 6, "bias": True},
    ]
    large = _changed(_changed(content, ("transformer", "layers"), deep), ("choices", "size"), [2048, 2048])
    with pytest.raises(RunError, match="more numbers for one image"):
        from_json(large)


# An absurd theta

CHOICES = Choices(size=(28, 28))


def thetas(*rows) -> np.ndarray:
    return np.array(rows, np.float32)


@pytest.mark.parametrize(
    ("theta", "words"),
    [
        (
            thetas([1, 0, 40, 0, 1, 0], [1, 0, 38, 0, 1, 1]),
            r"outside the image for 2 of 2 pictures.*0\.\.255.*mean and std",
        ),
        (thetas([0.01, 0, 0, 0, 0.01, 0], [0.02, 0, 0, 0, 0.01, 0]), r"shrunk.*one colour.*0\.\.255"),
        (thetas([9, 0, 0, 0, 9, 0], [8, 0, 0, 0, 9, 0]), r"spans 7.* times the image.*0\.\.255"),
        (thetas([np.nan] * 6), "not finite"),
        (thetas([1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1, 0]), "the identity for every image"),
    ],
)
def test_an_absurd_theta_suspects_the_preprocessing(theta, words) -> None:
    assert suspicion(theta, CHOICES) is not None
    assert re.search(words, suspicion(theta, CHOICES))


def test_a_sound_theta_is_not_suspected() -> None:
    assert suspicion(thetas([0.9, 0.1, 0.1, -0.1, 1.1, 0], [1, 0, 0.2, 0, 1, 0]), CHOICES) is None
    lattice = np.array(READINGS["tps-4"].identity)[None] + np.random.default_rng(0).normal(0, 0.1, (3, 32))
    assert suspicion(lattice, replace(CHOICES, reading="tps-4")) is None
    volume = np.array(READINGS["affine3"].identity)[None] + np.random.default_rng(0).normal(0, 0.1, (3, 12))
    assert suspicion(volume, replace(CHOICES, size=(8, 8, 8), reading="affine3")) is None
    rows = np.array(READINGS["rows-10"].identity)[None] + np.random.default_rng(0).normal(0, 0.1, (3, 40))
    assert suspicion(rows, replace(CHOICES, reading="rows-10")) is None


def test_the_words_name_what_has_not_been_tried() -> None:
    far = thetas([1, 0, 40, 0, 1, 0])
    words = suspicion(far, replace(CHOICES, value_range=255, mean=(0.5,), std=(0.5,)))
    assert "values of 0..1," in words
    assert "another mean and std" in words
    assert "0..255" not in words


def test_case_9_tanh_behind_an_identity_bias_is_no_identity(found) -> None:
    net = known.Tutorial()  # zero weights, identity bias: as its authors start it
    choices = replace(found.choices, activation="tanh")
    model = rebuild(found, choices)
    model.load_state_dict(select(found, net.state_dict()))
    theta = model.theta(U)
    assert theta[0].tolist() == pytest.approx([0.7616, 0, 0, 0, 0.7616, 0], abs=1e-4)
    words = suspicion(theta.numpy(), choices)
    assert words.startswith("Not the identity at the start")
    assert "1.313x zoom" in words
    assert "scale can never reach 1" in words


def test_case_9_a_sigmoid_angle_with_a_huge_bias_is_a_whole_turn_without_a_gradient() -> None:
    net = known.seeded(known.Angle)
    net.localizer[9].bias.data.fill_(100_000)
    (found,) = find_transformers(Weights(place="", prefix="", tensors=net.state_dict()))
    model = rebuild(found, replace(found.choices, reading="angle-turns", activation="sigmoid"))
    model.load_state_dict(select(found, net.state_dict()))
    theta = model.theta(U)
    assert theta[0].tolist() == pytest.approx([1, 0, 0, 0, 1, 0], abs=1e-5)
    model.requires_grad_(True)
    model.theta(U).sum().backward()
    assert not model.localisation[-1].bias.grad.any()
    assert "identity for every image" in suspicion(theta.numpy(), model.choices)


def test_case_10_dead_hidden_units_give_the_same_crop_for_every_image(found) -> None:
    net = known.seeded(known.Tutorial)
    net.fc_loc[0].bias.data.fill_(-1000)
    net.fc_loc[2].bias.data.copy_(torch.tensor([0.7743, -0.0061, 0.0208, 0.0562, 0.7507, 0.1179]))
    model = rebuild(found, found.choices)
    model.load_state_dict(select(found, net.state_dict()))
    theta = model.theta(U)
    assert theta.std(0).max() == 0
    words = suspicion(theta.numpy(), found.choices)
    assert words.startswith("The same crop for every image: a fixed 1.3x zoom")
    assert "dead" in words
