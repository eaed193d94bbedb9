"""The module around any localisation network, and the public cases that concern it."""

import copy
import math
import re

import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stn_viz.transformer import ShapeError, SpatialTransformer, family, identity_start, sample


class Says(nn.Module):
    """A localisation network that says the same theta for every image."""

    def __init__(self, *theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))

    def forward(self, U: Tensor) -> Tensor:
        return self.theta.expand(len(U), -1)


def regressor(P: int = 6) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(6 * 8, P))


def transformer(localisation: nn.Module, **options: bool) -> SpatialTransformer:
    return SpatialTransformer(
        localisation, family("affine", size=(5, 7), **options), kernel="bilinear", padding="zeros"
    )


def apply(U: Tensor, theta: list[float], *, align_corners: bool = False, size: tuple[int, int] | None = None) -> Tensor:
    """V of one image under an affine theta, through the module."""
    fam = family("affine", size=size or tuple(U.shape[2:]), align_corners=align_corners)
    return SpatialTransformer(Says(*theta), fam, kernel="bilinear", padding="zeros").double()(U)


def test_theta_of_the_last_forward_is_kept_and_detached() -> None:
    model = transformer(Says(1, 0, 0.25, 0, 1, 0))
    assert model.theta is None
    model(torch.zeros(3, 1, 6, 8, dtype=torch.float64))
    assert model.theta is not None
    assert model.theta.tolist() == [[1, 0, 0.25, 0, 1, 0]] * 3
    assert not model.theta.requires_grad


def test_a_checkpoint_carries_the_localisation_network_alone() -> None:
    model = transformer(regressor())
    model(torch.zeros(1, 1, 6, 8))
    assert set(model.state_dict()) == {"localisation.1.weight", "localisation.1.bias"}
    twin = copy.deepcopy(model)
    twin.load_state_dict(model.state_dict())
    U = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(twin(U), model(U))


def test_gradients_reach_the_image_and_the_localisation_network() -> None:
    torch.manual_seed(0)
    model = transformer(regressor()).double()
    nn.init.normal_(model.localisation[1].weight, std=0.02)
    U = torch.rand(1, 1, 6, 8, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(model, U)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_cast_to_another_dtype_keeps_the_grids_precision(dtype: torch.dtype) -> None:
    fam = family("affine", size=(5, 200), align_corners=False)
    model = SpatialTransformer(regressor(), fam, kernel="bilinear", padding="border")
    identity_start(model.localisation[1], fam)
    U = torch.rand(1, 1, 6, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    model(U.float())  # what is kept from float32 must not be what .half() uses
    V = model.to(dtype)(U)
    exact = F.interpolate(U.double(), (5, 200), mode="bilinear")
    rounding = {torch.float16: 5e-4, torch.bfloat16: 4e-3, torch.float64: 1e-12}[dtype]  # V's own
    torch.testing.assert_close(V.double(), exact, rtol=0, atol=rounding)


def test_autocast_gives_the_grid_of_the_rounded_theta() -> None:
    model = transformer(regressor())
    U = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        V = model(U)
    assert model.theta is not None
    assert model.theta.dtype == torch.bfloat16
    grid = F.affine_grid(model.theta.double().view(2, 2, 3), [2, 1, 5, 7], align_corners=False)
    torch.testing.assert_close(V, F.grid_sample(U, grid.float(), align_corners=False), rtol=0, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_theta_that_is_not_finite_is_an_error_in_training_too(bad: float, training: bool) -> None:
    model = transformer(Says(1, 0, 0, 0, bad, 0)).train(training)
    sentence = (
        f"theta 0, family 'affine': t22 is {bad}, expected a finite number. In training, the localisation network"
    )
    with pytest.raises(ValueError, match=re.escape(sentence)):
        model(torch.zeros(2, 1, 6, 8, dtype=torch.float64))


def test_a_localisation_network_of_another_family_is_refused() -> None:
    with pytest.raises(ShapeError, match=re.escape("theta has shape (2, 4), but family 'affine' takes (N, 6)")):
        transformer(regressor(4))(torch.zeros(2, 1, 6, 8))


def test_identity_start_refuses_a_layer_that_cannot_hold_the_identity() -> None:
    fam = family("affine", size=(5, 7), align_corners=False)
    with pytest.raises(ShapeError, match=r"has 4 outputs and a bias, but family 'affine' needs 6 outputs and a bias"):
        identity_start(nn.Linear(3, 4), fam)
    with pytest.raises(ShapeError, match=r"has 6 outputs and no bias"):
        identity_start(nn.Linear(3, 6, bias=False), fam)


def test_it_prints_its_family_and_sampler() -> None:
    text = "affine(size=(5, 7), align_corners=False), kernel='bilinear', padding='zeros'"
    assert text in repr(transformer(regressor()))
    assert repr(family("tps", size=(5, 7), points=3)) == "tps(size=(5, 7), align_corners=False, points=3)"


def test_an_exported_module_samples_as_the_module_does() -> None:
    model = transformer(regressor()).eval()
    U = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    exported = torch.export.export(model, (U,)).module()
    torch.testing.assert_close(exported(U), model(U), rtol=0, atol=1e-6)


# CASES 1


def test_content_moves_against_the_shift() -> None:
    U = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    U[0, 0, 3, 4] = 1
    V = apply(U, [1, 0, 0.5, 0, 1, 0])
    expected = torch.zeros_like(U)
    expected[0, 0, 3, 2] = 1
    torch.testing.assert_close(V, expected, rtol=0, atol=1e-12)


def test_under_align_corners_the_same_shift_is_an_eighth_shorter() -> None:
    U = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    U[0, 0, 3, 4] = 1
    V = apply(U, [1, 0, 0.5, 0, 1, 0], align_corners=True)
    assert V[0, 0, 3].tolist() == pytest.approx([0, 0, 0.75, 0.25, 0, 0, 0, 0])
    assert V.sum().item() == pytest.approx(1)


# CASES 2


def pixel_axes(theta: list[float], size: tuple[int, int]) -> tuple[float, float, float]:
    """Lengths of one output step to the right and one down, in input pixels, and the angle between them in degrees."""
    H, W = size
    fam = family("affine", size=size, align_corners=False)
    pixels = fam.grid(torch.tensor([theta], dtype=torch.float64))[0] * torch.tensor([W / 2, H / 2])
    right, down = pixels[0, 1] - pixels[0, 0], pixels[1, 0] - pixels[0, 0]
    angle = math.degrees(torch.arccos(right @ down / (right.norm() * down.norm())))
    return right.norm().item(), down.norm().item(), angle


def test_a_plain_rotation_shears_an_image_that_is_not_square() -> None:
    c, s = math.cos(math.pi / 6), 0.5
    assert pixel_axes([c, -s, 0, s, c, 0], (100, 200)) == pytest.approx((0.9014, 1.3229, 123.0), abs=0.05)
    assert pixel_axes([c, -s / 2, 0, s * 2, c, 0], (100, 200)) == pytest.approx((1, 1, 90))


# CASES 4


def test_two_warps_in_a_row_are_the_first_matrix_times_the_second() -> None:
    """The image is warped by R, the result by T: one theta for both is R T, since theta maps target to source."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    smooth = torch.sin(columns / 7) * torch.cos(rows / 9) + torch.sin((columns + rows) / 11)
    U = smooth[None, None].double()
    c, s = math.cos(0.5), math.sin(0.5)
    twice = apply(apply(U, [c, -s, 0, s, c, 0]), [1, 0, 0.3, 0, 1, 0])
    one, other = apply(U, [c, -s, 0.3 * c, s, c, 0.3 * s]), apply(U, [c, -s, 0.3, s, c, 0])
    assert [round(v, 4) for v in (c, -s, 0.3 * c, s, 0.3 * s)] == [0.8776, -0.4794, 0.2633, 0.4794, 0.1438]
    inner = (slice(None), slice(None), slice(16, 48), slice(16, 48))  # away from what the padding cut off in between
    assert (twice - one)[inner].abs().mean() < 0.005
    assert (twice - other)[inner].abs().mean() > 0.1


# CASES 5


def test_ones_fade_out_over_half_a_pixel_at_the_edge() -> None:
    def at(x: float, *, align_corners: bool) -> float:
        grid = torch.tensor([[[[x, 0.0]]]], dtype=torch.float64)
        U = torch.ones(1, 1, 3, 128, dtype=torch.float64)
        return sample(U, grid, kernel="bilinear", padding="zeros", align_corners=align_corners).item()

    assert at(1.004, align_corners=True) == pytest.approx(0.7460)
    assert at(1.0, align_corners=False) == pytest.approx(0.5)
    assert at(1 + 1 / 128, align_corners=False) == pytest.approx(0, abs=1e-12)


# CASES 9


def test_an_activation_after_the_identity_bends_it() -> None:
    fam = family("affine", size=(5, 7), align_corners=False)
    net = regressor()
    identity_start(net[1], fam)
    model = SpatialTransformer(nn.Sequential(net, nn.Tanh()), fam, kernel="bilinear", padding="zeros")
    model(torch.rand(1, 1, 6, 8, generator=torch.Generator().manual_seed(0)))
    assert model.theta is not None
    assert model.theta[0].tolist() == pytest.approx([0.7616, 0, 0, 0, 0.7616, 0], abs=1e-4)


# A warp as scipy has it


def test_a_rotation_is_scipys_affine_transform() -> None:
    """theta in pixels, about the centre of the image; rows and columns change places, since scipy puts y first."""
    U = torch.rand(1, 1, 9, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    c, s = math.cos(0.4), math.sin(0.4)
    theta = torch.tensor([[c, -s, 0.2], [s, c, -0.1]], dtype=torch.float64)
    half = torch.tensor([6.0, 4.5], dtype=torch.float64)  # half the width and height, x first
    A = torch.diag(half) @ theta[:, :2] @ torch.diag(1 / half)
    centre = half - 0.5
    offset = half * theta[:, 2] + centre - A @ centre
    scipys = scipy.ndimage.affine_transform(
        U[0, 0].numpy(), A.flip(0, 1).numpy(), offset.flip(0).numpy(), order=1, mode="grid-constant"
    )
    torch.testing.assert_close(apply(U, theta.flatten().tolist())[0, 0], torch.from_numpy(scipys), rtol=0, atol=1e-12)
