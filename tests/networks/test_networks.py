"""The paper's networks: their size, their start, their arguments, and the convolution that is not torch's own."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stn_viz.data import TASKS, distort, mnist
from stn_viz.networks import NAMES, arguments, build
from stn_viz.networks.classifiers import RowConvolution
from stn_viz.transformer import FAMILIES, SpatialTransformer

TRANSFORMED = [name for name in NAMES if name.startswith("st-")]


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_each_has_about_400_thousand_parameters_on_rts(name: str) -> None:
    assert 360_000 < parameters(build(name, size=TASKS["rts"].size)) < 440_000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_each_reads_every_task(name: str, task: str) -> None:
    U = distort(mnist().test[:2], task, torch.Generator().manual_seed(0)).U
    logits = build(name, size=TASKS[task].size)(U)
    assert logits.shape == (2, 10)
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", TRANSFORMED)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("align_corners", [False, True])
def test_training_starts_from_do_nothing(name: str, family: str, align_corners: bool) -> None:
    model = build(name, size=(30, 42), family=family, align_corners=align_corners, output_size=(28, 35))
    U = torch.rand(2, 1, 30, 42, generator=torch.Generator().manual_seed(0))
    V = model.transformer(U)
    # torch's own grid of the identity. TPS sums 16 splines, hence the wider bound.
    one = torch.eye(2, 3).expand(2, 2, 3)
    grid = F.affine_grid(one, (2, 1, 28, 35), align_corners=align_corners)
    torch.testing.assert_close(V, F.grid_sample(U, grid, align_corners=align_corners), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", TRANSFORMED)
def test_the_loss_reaches_the_whole_localisation_network_after_one_step(name: str) -> None:
    # At the start the regression layer's weight is 0 and hides what lies before it; one step opens the way.
    model = build(name, size=(42, 42))
    U, labels = torch.rand(8, 1, 42, 42), torch.arange(8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(model(U), labels).backward()
        optimizer.step()
    for label, parameter in model.transformer.localisation.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.abs().max() > 0, label


def test_arguments_survive_json_and_build_the_same_network() -> None:
    for name in NAMES:
        stored = json.loads(json.dumps(arguments(name, size=(42, 42))))
        assert stored == arguments(name, size=(42, 42))
        build(**stored).load_state_dict(build(name, size=(42, 42)).state_dict())
    stored = json.loads(json.dumps(arguments("st-cnn", size=(28, 28), family="tps", points=3)))
    transformer = build(**stored).transformer
    assert isinstance(transformer, SpatialTransformer)
    assert (transformer.family.name, transformer.family.options) == ("tps", {"points": 3})
    assert "family" not in arguments("cnn", size=(42, 42))


def test_an_unknown_name_and_a_small_picture_are_refused() -> None:
    with pytest.raises(ValueError, match=r"There is no network 'stn'. Choose one of: fcn, cnn, st-fcn, st-cnn\."):
        build("stn", size=(42, 42))
    with pytest.raises(ValueError, match=r"cannot read 20 x 42 pixels: give it at least 24 x 24\."):
        build("cnn", size=(20, 42))
    with pytest.raises(ValueError, match=r"cannot read 12 x 42 pixels: give it at least 14 x 14\."):
        build("st-cnn", size=(12, 42))
    build("cnn", size=(24, 24))
    build("st-cnn", size=(14, 14))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_row_convolution_is_torchs_convolution(channels: int) -> None:
    torch.manual_seed(0)
    ours = RowConvolution(channels, 4, (5, 3)).double()
    torchs = nn.Conv2d(channels, 4, (5, 3)).double()
    torchs.load_state_dict(ours.state_dict())
    U = torch.rand(2, channels, 11, 9, dtype=torch.float64)
    results = []
    for layer in (ours, torchs):
        given = U.clone().requires_grad_()
        layer(given).square().sum().backward()
        results.append((layer(given), given.grad, layer.weight.grad, layer.bias.grad))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours(U), torchs(U), rtol=0, atol=1e-12)
