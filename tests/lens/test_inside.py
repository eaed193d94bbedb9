"""Inside the localisation network: the oracles are a forward pass by hand, autograd itself, numpy, and the trace."""

import dataclasses
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import stn_viz
from stn_viz.asks import pack
from stn_viz.foreign.command import main as import_files
from stn_viz.foreign.network import network_of
from stn_viz.lens import LensError
from stn_viz.lens.learning import ask
from stn_viz.lens.learning.following import follow, last_linear, leading_to
from stn_viz.lens.learning.inside import _sum
from stn_viz.lens.learning.layered import centred_bytes
from stn_viz.runs import Site, open_run, sites
from stn_viz.view import View

sys.path.append(str(Path(__file__).parents[1] / "foreign"))
public_networks = import_module("public_networks")
BUNDLED = [path.parent for path in sorted((Path(__file__).parents[2] / "checkpoints").glob("*/run.json"))]
EYE = torch.tensor([1.0, 0, 0, 0, 1, 0])


def inside(run, image, step, site=0):
    answer = ask(run, View(run=run.name, image=image, step=int(step), site=site), "inside", {})
    return answer.arrays, answer.facts


def values_of(arrays, facts, index):
    entry = facts["layers"][index]
    return entry["low"] + arrays[f"layer_{index}"].astype(np.float64) / 255 * (entry["high"] - entry["low"])


def near(arrays, facts, index, values):
    entry = facts["layers"][index]
    half = 0.5 * (entry["high"] - entry["low"]) / 255 + 1e-6
    return values_of(arrays, facts, index).shape == values.shape and (
        np.abs(values_of(arrays, facts, index) - values).max() <= half
    )


class Loc(nn.Module):
    def __init__(self, channels=1, out=6):
        super().__init__()
        self.conv = nn.Conv2d(channels, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.fc1 = nn.Linear(3 * 4 * 4, 7)
        self.act = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(7, out)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(F.relu(self.norm(self.conv(x))), 4)
        return self.fc2(self.act(self.fc1(x.flatten(1))))


def sampled(x, theta, size=(8, 9)):
    grid = F.affine_grid(theta.view(-1, 2, 3), [x.shape[0], x.shape[1], *size], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


class Bent(nn.Module):
    """Theta passes a tanh, and the identity is added: the last linear layer is not theta."""

    def __init__(self):
        super().__init__()
        self.loc, self.fc = Loc(), nn.Linear(72, 3)

    def forward(self, x):
        return self.fc(sampled(x, 0.5 * torch.tanh(self.loc(x)) + EYE).flatten(1))


class Two(nn.Module):
    """A site on the image, then one behind a convolution, whose image branch must not be taken for its own."""

    def __init__(self):
        super().__init__()
        self.loc1, self.conv, self.loc2, self.fc = Loc(), nn.Conv2d(1, 2, 3, padding=1), Loc(2), nn.Linear(144, 3)

    def forward(self, x):
        x = self.conv(sampled(x, 0.1 * self.loc1(x) + EYE))
        return self.fc(sampled(x, self.loc2(x)).flatten(1))


class Beside(nn.Module):
    """Two sites that read one image; what they share leads to both. Two heads make the second's theta."""

    def __init__(self):
        super().__init__()
        self.stem, self.loc1 = nn.Conv2d(1, 2, 3, padding=1), Loc(2)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(2 * 12 * 10, 5), nn.Tanh())
        self.turn, self.shift, self.fc = nn.Linear(5, 4), nn.Linear(5, 2, bias=False), nn.Linear(144, 3)

    def forward(self, x):
        shared = self.stem(x)
        one = sampled(x, self.loc1(shared))
        h = self.body(shared)
        theta = torch.cat([self.turn(h).view(-1, 2, 2), self.shift(h).view(-1, 2, 1)], 2)
        return self.fc(torch.cat([one, sampled(x, theta)], 1).flatten(1))


class Fixed(nn.Module):
    """A grid that no layer leads to."""

    def forward(self, x):
        return sampled(x, EYE.expand(x.shape[0], 6))


def made(kind, seed=0):
    torch.manual_seed(seed)
    model = kind().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return model


def pictures(n=1, seed=1):
    return torch.rand(n, 1, 12, 10, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("folder", BUNDLED, ids=lambda folder: folder.name)
def test_of_our_networks_every_layer_is_what_the_localisation_gives_by_hand_and_the_sum_is_the_traces_theta(folder):
    run = open_run(folder)
    if not run.sites or run.info.network is None or not run.snapshots:
        with pytest.raises(LensError, match=r"no transformer|without its network"):
            inside(run, 0, 0)
        return
    for snapshot in {run.snapshots[0], run.snapshots[len(run.snapshots) // 2], run.snapshots[-1]}:
        arrays, facts = inside(run, 5, snapshot)
        expected, x = [], torch.from_numpy(run.probes.U[5:6])
        with torch.no_grad():
            for number, module in enumerate(network_of(run, snapshot).transformer.localisation):
                x = module(x)
                if not isinstance(module, nn.Flatten | nn.Identity):
                    expected.append((f"transformer.localisation.{number}", x[0].numpy()))
        assert [entry["name"] for entry in facts["layers"]] == [name for name, _ in expected]
        for index, (_, values) in enumerate(expected):
            assert facts["layers"][index]["shape"] == list(values.shape)
            assert near(arrays, facts, index, values if values.ndim == 1 else values[:32])
            silent = int((np.abs(values.reshape(len(values), -1)).max(1) == 0).sum())
            assert facts["layers"][index]["silent"] == silent
        sums = arrays["weight"].astype(np.float64) @ arrays["hidden"] + arrays["bias"]
        np.testing.assert_allclose(sums, arrays["theta"], rtol=0, atol=1e-5)
        recorded = run.theta(0)[run.steps.tolist().index(snapshot), 5]
        np.testing.assert_allclose(arrays["theta"], recorded, rtol=2e-3, atol=2e-3)  # weights are kept in float16
        assert facts["sum"]["direct"]
        assert facts["sum"]["after"] == []
        assert len(facts["sum"]["names"]) == len(arrays["theta"])
        assert facts["sum"]["hidden_layer"] == len(expected) - 2
        assert len(pack(ask(run, View(run=run.name, image=5, step=snapshot), "inside", {}))) < 2**21


def test_dead_units_are_those_at_zero_for_every_image(run):
    snapshot = run.snapshots[-1]
    _, facts = inside(run, 0, snapshot)
    model = network_of(run, snapshot)
    with torch.no_grad():
        h = model.transformer.localisation[:9](torch.from_numpy(run.probes.U)).numpy()
    assert facts["images"] == len(h)
    entry = facts["layers"][facts["sum"]["hidden_layer"]]
    assert entry["shape"] == [h.shape[1]]
    assert entry["silent"] == int((h[0] == 0).sum()) > 0
    assert entry["dead"] == int((h == 0).all(0).sum())


def test_filters_are_the_weights_averaged_over_their_inputs(run):
    arrays, facts = inside(run, 1, run.snapshots[1])
    weight = network_of(run, run.snapshots[1]).transformer.localisation[4].weight.numpy()
    index = [entry["name"] for entry in facts["layers"]].index("transformer.localisation.4")
    entry = facts["layers"][index]
    low, high = entry["filter_low"], entry["filter_high"]
    assert low == -high
    assert (entry["filter_inputs"], entry["filter_count"]) == weight.shape[1::-1]
    found = low + arrays[f"filters_{index}"] / 255.0 * (high - low)
    np.testing.assert_allclose(found, weight.mean(1)[:32], rtol=0, atol=(high - low) / 510 + 1e-6)


@pytest.mark.parametrize("kind", [Bent, Two, Beside])
def test_what_leads_to_a_grid_is_what_autograd_says(kind):
    """Independently: the gradient of the grid, in a pass in which what earlier sites sampled is cut off."""
    model, U = made(kind), pictures()
    layers, calls = follow(model, U)
    for number, call in enumerate(calls):
        outputs = {}

        def keep(name, outputs=outputs):
            return lambda module, inputs, output: outputs.setdefault(name, output * 1)

        hooks = [
            module.register_forward_hook(keep(name))
            for name, module in model.named_modules()
            if not list(module.children()) and not isinstance(module, nn.Flatten)
        ]
        sampler, grids = F.grid_sample, []

        def cut(x, grid, grids=grids, sampler=sampler, **settings):
            grids.append(grid)
            return sampler(x, grid, **settings).detach().requires_grad_()

        F.grid_sample = cut
        try:
            model(U.clone().requires_grad_())
        finally:
            F.grid_sample = sampler
            for hook in hooks:
                hook.remove()
        slopes = torch.autograd.grad(grids[number].sum(), list(outputs.values()), allow_unused=True)
        expected = [name for name, slope in zip(outputs, slopes, strict=True) if slope is not None]
        modules = dict(model.named_modules())
        found = [layer.name for layer in leading_to(call.grid, layers) if layer.name in modules]
        assert found == expected
        assert len(expected) >= 4


def test_functions_between_the_modules_are_layers_too_and_work_in_place_does_not_change_what_was_seen():
    model, U = made(Bent), pictures()
    layers, calls = follow(model, U)
    way = leading_to(calls[0].grid, layers)
    assert [layer.kind for layer in way] == [
        "convolution",
        "normalisation",
        "ReLU",
        "pooling",
        "linear",
        "ReLU",
        "linear",
        "tanh",
    ]
    with torch.no_grad():
        before = model.loc.fc1(F.adaptive_avg_pool2d(F.relu(model.loc.norm(model.loc.conv(U))), 4).flatten(1))
    torch.testing.assert_close(way[4].values, before)
    assert float(before.min()) < 0
    torch.testing.assert_close(way[5].values, before.relu())


def test_after_a_tanh_the_last_linear_layers_output_is_given_and_theta_is_said_to_be_made_of_it(site):
    model, U = made(Bent), pictures()
    layers, calls = follow(model, U)
    way = leading_to(calls[0].grid, layers)
    (fact, arrays), why = _sum(way, last_linear(calls[0].grid, way), site, calls[0].grid.detach())
    assert why is None
    assert not fact["direct"]
    assert fact["layers"] == ["loc.fc2"]
    assert fact["after"] == ["tanh"]
    assert fact["names"][0] == "output 0"
    np.testing.assert_allclose(arrays["theta"], model.loc(U)[0].detach(), atol=1e-6)
    np.testing.assert_allclose(arrays["weight"] @ arrays["hidden"] + arrays["bias"], arrays["theta"], rtol=0, atol=1e-5)


def test_two_heads_are_one_sum(site):
    model, U = made(Beside), pictures()
    layers, calls = follow(model, U)
    way = leading_to(calls[1].grid, layers)
    assert [layer.name for layer in way] == ["stem", "body.1", "body.2", "turn", "shift"]
    (fact, arrays), _ = _sum(way, last_linear(calls[1].grid, way), site, calls[1].grid.detach())
    assert fact["layers"] == ["turn", "shift"]
    assert arrays["weight"].shape == (6, 5)
    assert not fact["direct"]  # the heads are woven into the matrix, so this order is not theta's
    np.testing.assert_allclose(arrays["weight"] @ arrays["hidden"] + arrays["bias"], arrays["theta"], atol=1e-5)


def test_heads_that_read_different_units_stand_beside_each_other_with_zeros_between(site):
    class Apart(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.fc = Loc(out=3), Loc(out=3), nn.Linear(72, 3)

        def forward(self, x):
            return self.fc(sampled(x, torch.cat([self.one(x), self.two(x)], 1)).flatten(1))

    model, U = made(Apart), pictures()
    layers, calls = follow(model, U)
    way = leading_to(calls[0].grid, layers)
    (fact, arrays), _ = _sum(way, last_linear(calls[0].grid, way), site, calls[0].grid.detach())
    assert fact["direct"]
    assert arrays["weight"].shape == (6, 14)
    assert not arrays["weight"][:3, 7:].any()
    assert not arrays["weight"][3:, :7].any()
    np.testing.assert_allclose(arrays["weight"] @ arrays["hidden"] + arrays["bias"], arrays["theta"], atol=1e-5)


def test_a_grid_that_no_layer_leads_to_has_none(site):
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), Fixed()).eval()
    layers, calls = follow(model, pictures())
    assert leading_to(calls[0].grid, layers) == []


def test_without_a_linear_layer_there_is_no_sum_and_a_sentence(site):
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.flow = nn.Conv2d(1, 2, 3, padding=1)

        def forward(self, x):
            return F.grid_sample(x, self.flow(x).permute(0, 2, 3, 1), align_corners=False)

    layers, calls = follow(made(Dense), pictures())
    way = leading_to(calls[0].grid, layers)
    assert [layer.name for layer in way] == ["flow"]
    found, why = _sum(way, last_linear(calls[0].grid, way), site, calls[0].grid.detach())
    assert found is None
    assert "No linear layer" in why


def test_a_recorded_network_that_was_kept_as_a_program_tells_the_same_layers(tmp_path, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    model, U = made(Two), pictures(6)
    model.load_state_dict({name: tensor.half() for name, tensor in model.state_dict().items()})  # as they are kept
    with stn_viz.record(tmp_path / "two", probes=U) as recorder:
        recorder.step(model, loss=1.0)
    run = open_run(tmp_path / "two")
    assert run.info.network["name"] == "program"
    layers, calls = follow(model, U[2:3])
    for number in range(2):
        way = leading_to(calls[number].grid, layers)
        arrays, facts = inside(run, 2, run.snapshots[-1], number)
        assert [(entry["name"], entry["kind"]) for entry in facts["layers"]] == [(one.name, one.kind) for one in way]
        for index, layer in enumerate(way):
            assert near(arrays, facts, index, layer.values[0].numpy())
        assert facts["sum"]["layers"] == [f"loc{number + 1}.fc2"]
        assert facts["sum"]["direct"] == (number == 1)
        own = run.theta(number)[-1, 2]
        theta = arrays["theta"] if number else 0.1 * arrays["theta"] + EYE.numpy()
        np.testing.assert_allclose(theta, own, rtol=0, atol=2e-3)


def test_following_leaves_the_network_as_it_was_and_works_on_frozen_ones_under_inference_mode():
    model, U = made(Two).requires_grad_(False), pictures()
    with torch.inference_mode():
        layers, calls = follow(model, U)
    assert leading_to(calls[0].grid, layers)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())
    assert not any(isinstance(value, sites.SiteCall) for module in model.modules() for value in vars(module).values())


def test_bytes_have_zero_at_the_foot_or_in_the_middle():
    values = np.array([0.0, 0.5, 2.0])
    found, low, high = centred_bytes(values)
    assert (low, high) == (0.0, 2.0)
    assert found.tolist() == [0, 64, 255]
    found, low, high = centred_bytes(np.array([-4.0, 0.0, 1.0]))
    assert (low, high) == (-4.0, 4.0)
    assert found.tolist() == [0, 128, 159]
    assert centred_bytes(np.zeros(3))[1:] == (0.0, 1.0)


def test_what_a_run_has_not_is_told_in_a_sentence(run, plain):
    with pytest.raises(LensError, match="no transformer in this network"):
        inside(plain, 0, 0)
    without = dataclasses.replace(run, info=dataclasses.replace(run.info, network=None))
    with pytest.raises(LensError, match="came without its network"):
        inside(without, 0, 0)
    with pytest.raises(LensError, match="no weights that can be read"):
        inside(dataclasses.replace(run, snapshots=()), 0, 0)
    with pytest.raises(LensError, match="has 5 images"):
        inside(run, 9, 0)


@pytest.fixture
def site():
    """A site of the networks above."""
    return a_site()


def a_site():
    return Site(
        name="stn",
        family="affine",
        options={},
        kernel="bilinear",
        padding="zeros",
        align_corners=False,
        input_size=(12, 10),
        output_size=(8, 9),
        channels=1,
    )


@pytest.mark.parametrize(
    ("kind", "direct", "hidden", "ways"),
    [
        (public_networks.TutorialNet, [True], [32], [["localization", "fc_loc"]]),
        (public_networks.Nested, [True, True], [16, 16], [["stn1"], ["conv1", "max_pool2d", "relu", "stn2"]]),
        (public_networks.Parallel, [True, True], [16, 16], [["left"], ["right"]]),
        (public_networks.TPSRectifier, [None], [32], [["conv", "fc1", "fc2", "relu"]]),
        (public_networks.Recurrent, [True] * 3, [16] * 3, [["stn"]] * 3),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_in_public_networks_each_site_has_its_own_layers_and_its_sum(kind, direct, hidden, ways):
    torch.manual_seed(0)
    model = kind().eval()
    U = torch.rand(1, *kind.U)
    layers, calls = follow(model, U)
    assert len(calls) == len(ways)
    for call, expected, known, width in zip(calls, ways, direct, hidden, strict=True):
        way = leading_to(call.grid, layers)
        assert sorted({layer.name.partition(".")[0] for layer in way}) == sorted(expected)
        assert len({layer.node for layer in way}) == len(way)
        place = dataclasses.replace(
            a_site(),
            input_size=tuple(call.U.shape[2:]),
            output_size=tuple(call.V.shape[2:]),
            align_corners=call.align_corners,
        )
        (fact, arrays), _ = _sum(way, last_linear(call.grid, way), place, call.grid.detach())
        assert len(arrays["hidden"]) == width
        np.testing.assert_allclose(arrays["weight"] @ arrays["hidden"] + arrays["bias"], arrays["theta"], atol=1e-5)
        if known is not None:
            assert fact["direct"] == known
            np.testing.assert_allclose(arrays["theta"], call.theta[0].detach(), atol=1e-6)
        else:
            np.testing.assert_allclose(arrays["theta"], model.points(U).flatten().detach(), atol=1e-5)


def test_a_network_that_was_found_in_files_tells_its_layers_too(tmp_path, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)
    model = public_networks.TutorialNet().eval()
    nn.init.normal_(model.fc_loc[2].weight, std=0.05)
    torch.save(model.state_dict(), tmp_path / "epoch_1.pt")
    import_files([str(tmp_path / "epoch_1.pt"), "--out", str(tmp_path / "run")])
    run = open_run(tmp_path / "run")
    assert run.info.network["name"] == "found"
    arrays, facts = inside(run, 0, run.snapshots[0])
    assert [entry["kind"] for entry in facts["layers"]][:3] == ["convolution", "ReLU", "pooling"]
    assert facts["sum"]["direct"]
    np.testing.assert_allclose(
        arrays["theta"], run.theta(0)[0, 0], rtol=0, atol=2e-3
    )  # the weights are kept in float16
    weights = run.weights(run.snapshots[0])
    last = next(name for name, tensor in weights.items() if tuple(tensor.shape) == (6, 32))
    np.testing.assert_array_equal(arrays["weight"], weights[last].float().numpy())
