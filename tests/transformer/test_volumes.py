"""Families over volumes and the trilinear sampler, against torch's own affine_grid and grid_sample on 5-D tensors."""

import copy
import re
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stn_viz.transformer import (
    FAMILIES,
    VOLUME_FAMILIES,
    Kernel,
    Padding,
    ShapeError,
    SpatialTransformer,
    drawing_basis,
    family,
    identity_start,
    sample,
    sample_area,
    sample_by_sum,
)

# torch says this of one pixel under align_corners True, which is what is asked about here.
pytestmark = pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid behavior:UserWarning")

SIZE = (4, 6, 8)  # D', H', W': no two alike, so that no two axes can be swapped unseen
ALIGN = pytest.mark.parametrize("align_corners", [False, True])


@pytest.fixture
def generator() -> Iterator[torch.Generator]:
    return torch.Generator().manual_seed(11)


def near_identity(generator: torch.Generator, n: int = 3, by: float = 0.3) -> Tensor:
    identity = family("affine3", size=SIZE).identity
    return identity + by * torch.randn(n, 12, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("size", [SIZE, (3, 2, 5), (1, 4, 2), (2, 1, 1)])
@ALIGN
def test_the_grid_is_torchs_affine_grid(
    size: tuple[int, int, int], align_corners: bool, generator: torch.Generator
) -> None:
    fam = family("affine3", size=size, align_corners=align_corners)
    theta = near_identity(generator)
    torchs = F.affine_grid(theta.view(3, 3, 4), [3, 1, *size], align_corners=align_corners)
    torch.testing.assert_close(fam.grid(theta), torchs, rtol=0, atol=1e-12)
    homogeneous = fam.homogeneous(theta)
    assert homogeneous.shape == (3, *size, 4)
    assert (homogeneous[..., 3] == 1).all()
    x, y, z = fam.target_grid()
    eye = F.affine_grid(torch.eye(3, 4, dtype=torch.float64)[None], [1, 1, *size], align_corners=align_corners)
    torch.testing.assert_close(torch.stack([x, y, z], -1)[None], eye, rtol=0, atol=1e-12)
    torch.testing.assert_close(fam.grid(fam.identity[None]), eye, rtol=0, atol=1e-12)


def test_theta_is_torchs_matrix_row_by_row() -> None:
    fam = family("affine3", size=SIZE)
    names = ["t11", "t12", "t13", "t14", "t21", "t22", "t23", "t24", "t31", "t32", "t33", "t34"]
    assert list(fam.parameter_names) == names
    assert fam.identity.view(3, 4).tolist() == torch.eye(3, 4).tolist()
    assert not fam.has_horizon


@ALIGN
def test_the_basis_is_the_jacobian_of_the_grid(align_corners: bool, generator: torch.Generator) -> None:
    fam = family("affine3", size=SIZE, align_corners=align_corners)
    theta = near_identity(generator, 1)
    jacobian = torch.autograd.functional.jacobian(lambda t: fam.grid(t[None])[0], theta[0])
    torch.testing.assert_close(jacobian, fam.basis[..., :3, :], rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(family("affine3", size=(2, 3, 4)).grid, theta.requires_grad_())


@ALIGN
def test_fit_finds_the_theta_of_a_grid_of_torchs(align_corners: bool, generator: torch.Generator) -> None:
    fam = family("affine3", size=SIZE, align_corners=align_corners)
    theta = near_identity(generator)
    found = fam.fit(F.affine_grid(theta.view(3, 3, 4), [3, 1, *SIZE], align_corners=align_corners))
    torch.testing.assert_close(found.theta, theta, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.residual, torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-12)


def test_fit_says_how_far_a_grid_is_from_affine() -> None:
    fam = family("affine3", size=SIZE)
    grid = fam.grid(fam.identity[None])
    bent = grid.clone()
    bent[..., 2] += 0.1 * (torch.arange(8) % 2 * 2.0 - 1)  # z goes up and down along x: no affine map does
    found = fam.fit(bent)
    rest = (fam.grid(found.theta) - bent).square().sum(-1).mean().sqrt()
    torch.testing.assert_close(found.residual[0], rest, rtol=0, atol=1e-12)
    assert 0.09 < found.residual[0] <= 0.1


def test_a_grid_that_cannot_be_fitted_is_named_by_its_slice() -> None:
    fam = family("affine3", size=SIZE)
    grid = torch.zeros(2, *SIZE, 3)
    grid[1, 3, 2, 5, 2] = torch.nan
    with pytest.raises(ValueError, match="grid 1, slice 3, row 2, column 5: z is nan, so no theta can be fitted"):
        fam.fit(grid)
    with pytest.raises(ShapeError, match=re.escape("a target grid of (N, 4, 6, 8, 3)")):
        fam.fit(torch.zeros(2, 4, 6, 2))


@pytest.mark.parametrize("size", [(6, 8), (4, 0, 8), (4, 6, 8, 2)])
def test_a_size_that_is_none_is_refused(size: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=re.escape(f"(D', H', W') of three positive integers, got {size}")):
        family("affine3", size=size)


def test_a_copy_is_the_same_family() -> None:
    fam = family("affine3", size=SIZE, align_corners=True)
    twin = copy.deepcopy(fam)
    assert repr(twin) == repr(fam) == "affine3(size=(4, 6, 8), align_corners=True)"
    assert torch.equal(twin.basis, fam.basis)


def test_families_over_images_and_over_volumes_are_two_lists() -> None:
    assert not set(FAMILIES) & set(VOLUME_FAMILIES)
    assert all(kind.sides == 2 for kind in FAMILIES.values())
    assert all(kind.sides == 3 for kind in VOLUME_FAMILIES.values())
    with pytest.raises(
        ValueError, match=r"There is no family 'affine4'\. Choose one of affine, .*free, affine3, or add"
    ):
        family("affine4", size=SIZE)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear"])
@ALIGN
def test_sampling_a_volume_is_torchs_and_the_sum(
    kernel: Kernel, padding: Padding, align_corners: bool, generator: torch.Generator
) -> None:
    U = torch.rand(2, 3, 5, 4, 7, dtype=torch.float64, generator=generator)
    grid = torch.rand(2, *SIZE, 3, dtype=torch.float64, generator=generator) * 3.6 - 1.8
    V = sample(U, grid, kernel=kernel, padding=padding, align_corners=align_corners)
    torchs = F.grid_sample(U, grid, mode=kernel, padding_mode=padding, align_corners=align_corners)
    torch.testing.assert_close(V, torchs, rtol=0, atol=0)
    by_sum = sample_by_sum(U, grid, kernel=kernel, padding=padding, align_corners=align_corners)
    torch.testing.assert_close(by_sum, torchs, rtol=0, atol=1e-12)


@ALIGN
def test_a_volume_has_gradients_to_it_and_to_its_grid(align_corners: bool, generator: torch.Generator) -> None:
    U = torch.rand(1, 1, 3, 2, 4, dtype=torch.float64, generator=generator).requires_grad_()
    grid = (torch.rand(1, 2, 2, 3, 3, dtype=torch.float64, generator=generator) * 1.6 - 0.8).requires_grad_()

    def sampled(U: Tensor, grid: Tensor) -> Tensor:
        return sample(U, grid, kernel="bilinear", padding="zeros", align_corners=align_corners)

    assert torch.autograd.gradcheck(sampled, (U, grid))


def test_an_averaged_volume_is_the_mean_of_its_samples(generator: torch.Generator) -> None:
    U = torch.rand(1, 1, 4, 6, 8, generator=generator)
    fine = family("affine3", size=(4, 6, 8)).grid(near_identity(generator, 1).float())
    V = sample_area(U, fine, points=2, kernel="bilinear", padding="zeros", align_corners=False)
    every = F.grid_sample(U, fine, align_corners=False)
    by_hand = sum(every[:, :, k::2, i::2, j::2] for k in (0, 1) for i in (0, 1) for j in (0, 1)) / 8
    torch.testing.assert_close(V, by_hand, rtol=0, atol=1e-6)


@ALIGN
def test_a_spatial_transformer_of_volumes_starts_as_a_resize_and_learns(
    align_corners: bool, generator: torch.Generator
) -> None:
    fam = family("affine3", size=SIZE, align_corners=align_corners)
    layer = torch.nn.Linear(5 * 4 * 7, 12)
    identity_start(layer, fam)
    model = SpatialTransformer(torch.nn.Sequential(torch.nn.Flatten(), layer), fam, kernel="bilinear", padding="border")
    U = torch.rand(2, 1, 5, 4, 7, generator=generator)
    V = model(U)
    resized = F.interpolate(U, SIZE, mode="trilinear", align_corners=align_corners)
    torch.testing.assert_close(V, resized, rtol=0, atol=1e-5)
    V.square().sum().backward()
    assert layer.bias.grad is not None
    assert (layer.bias.grad.view(3, 4).abs().sum(1) > 0).all()  # x, y and z alike


# Case 15 of the public cases.


def one_voxel() -> Tensor:
    U = torch.zeros(1, 1, 4, 6, 8)
    U[0, 0, 1, 2, 5] = 1
    return U


@pytest.mark.parametrize(
    ("entry", "place"), [("t14", (1, 2, 3)), ("t34", (0, 2, 5)), ("t24", None)], ids=["t_x", "t_z", "t_y"]
)
def test_a_shift_moves_the_voxel_along_the_axis_of_its_row(entry: str, place: tuple[int, int, int] | None) -> None:
    fam = family("affine3", size=(4, 6, 8), align_corners=False)
    theta = fam.identity.float()
    theta[fam.parameter_names.index(entry)] = 0.5
    V = sample(one_voxel(), fam.grid(theta[None]), kernel="bilinear", padding="zeros", align_corners=False)[0, 0]
    expected = torch.zeros(4, 6, 8)
    if place:
        expected[place] = 1
    else:  # half of six rows is one and a half: the voxel stands between two of them
        expected[1, 0, 5] = expected[1, 1, 5] = 0.5
    torch.testing.assert_close(V, expected, rtol=0, atol=1e-6)


def test_a_zero_displacement_under_the_other_convention_is_caught_by_the_identity_test() -> None:
    """Normalised by (size - 1), read with align_corners False: the faces are halved, a corner keeps an eighth."""
    axes = [2 * torch.arange(n) / (n - 1) - 1 for n in (4, 6, 8)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([x, y, z], -1)[None].float()
    ones = torch.ones(1, 1, 4, 6, 8)
    wrong = sample(ones, grid, kernel="bilinear", padding="zeros", align_corners=False)[0, 0]
    assert wrong[0, 0, 0].item() == pytest.approx(1 / 8, abs=1e-6)
    assert wrong[0, 0, 3].item() == pytest.approx(1 / 4, abs=1e-6)  # on an edge two axes stand half outside
    assert wrong[0, 2, 3].item() == pytest.approx(1 / 2, abs=1e-6)  # on a face one
    assert wrong[1, 2, 3].item() == pytest.approx(1, abs=1e-6)
    right = sample(ones, grid, kernel="bilinear", padding="zeros", align_corners=True)
    torch.testing.assert_close(right, ones, rtol=0, atol=1e-6)

    # The grid is not the identity's under False: the theta it is there zooms out, and the fit says by how much.
    fam = family("affine3", size=(4, 6, 8), align_corners=False)
    found = fam.fit(grid.double())
    zoom = found.theta.view(3, 4).diagonal()[:3]
    torch.testing.assert_close(zoom, torch.tensor([8 / 7, 6 / 5, 4 / 3], dtype=torch.float64), rtol=0, atol=1e-6)
    assert found.residual < 1e-6
    assert (found.theta - fam.identity).abs().max() > 0.1


@ALIGN
def test_what_travels_to_the_browser_gives_any_slice_of_the_same_grid(
    align_corners: bool, generator: torch.Generator
) -> None:
    fam = family("affine3", size=SIZE, align_corners=align_corners)
    tensors = drawing_basis(fam)
    assert sorted(tensors) == ["M", "corners_b", "identity", "m0", "size"]
    assert {t.dtype for t in tensors.values()} == {torch.float32, torch.int32}
    assert tensors["size"].tolist() == [4, 6, 8]
    torch.testing.assert_close(tensors["identity"].double(), fam.identity)
    theta = near_identity(generator, 1).float()
    coefficients = (tensors["M"] @ theta[0] + tensors["m0"]).view(-1, 4)
    corners = family("affine3", size=(2, 2, 2), align_corners=True).homogeneous(theta)[0].flatten(0, 2)
    torch.testing.assert_close(tensors["corners_b"] @ coefficients, corners, rtol=0, atol=1e-5)
