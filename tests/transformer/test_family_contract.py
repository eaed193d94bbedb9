"""One contract for every family, those of the package and one that this file alone adds to the list."""

import copy
import pickle
import re
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from stn_viz.transformer import FAMILIES, Family, ShapeError, SpatialTransformer, drawing_basis, family, identity_start

# torch says this of one pixel under align_corners True, which is what is asked about here.
pytestmark = pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid behavior:UserWarning")

NAMES = ["affine", "attention", "similarity", "translation", "projective", "tps", "free", "shear"]
SIZES = [(5, 7), (2, 3), (4, 1)]
GRIDS = pytest.mark.parametrize("size", SIZES)
ALIGN = pytest.mark.parametrize("align_corners", [False, True])
EACH = pytest.mark.parametrize("name", NAMES)


class Shear(Family):
    """A family that the package does not know: x_s = x_t + k y_t, y_s = y_t."""

    name = "shear"
    parameter_names = ("k",)
    start = (0.0,)

    def factors(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        M, m0 = x.new_zeros(3, 3, 1), torch.eye(3, dtype=x.dtype, device=x.device)
        M[1, 0, 0] = 1  # y gives k to x
        return torch.stack([x, y, torch.ones_like(x)], -1), M.view(9, 1), m0.flatten()


@pytest.fixture(autouse=True)
def one_more_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "shear", Shear)


@pytest.fixture
def generator() -> Iterator[torch.Generator]:
    return torch.Generator().manual_seed(3)


def near_identity(fam: Family, generator: torch.Generator, n: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    noise = torch.randn(n, len(fam.parameter_names), dtype=torch.float64, generator=generator)
    return (fam.identity + 0.1 * noise).to(dtype)


def target(size: tuple[int, int], *, align_corners: bool) -> Tensor:
    """The target grid by torch's own affine_grid."""
    eye = torch.eye(2, 3, dtype=torch.float64)[None]
    return torch.nn.functional.affine_grid(eye, [1, 1, *size], align_corners=align_corners)


@EACH
@GRIDS
@ALIGN
def test_the_identity_gives_the_target_grid(name: str, size: tuple[int, int], align_corners: bool) -> None:
    fam = family(name, size=size, align_corners=align_corners)
    assert fam.identity.dtype == torch.float64
    assert fam.identity.shape == (len(fam.parameter_names),)
    ours = fam.grid(fam.identity[None])
    torch.testing.assert_close(ours, target(size, align_corners=align_corners), rtol=0, atol=1e-12)


@EACH
@GRIDS
@ALIGN
def test_basis_and_offset_are_the_jacobian_and_the_rest(
    name: str, size: tuple[int, int], align_corners: bool, generator: torch.Generator
) -> None:
    fam = family(name, size=size, align_corners=align_corners)
    theta = near_identity(fam, generator)
    by_hand = torch.einsum("hwdp,np->nhwd", fam.basis, theta) + fam.offset
    torch.testing.assert_close(fam.homogeneous(theta), by_hand, rtol=0, atol=1e-12)
    # Central differences are exact for what is affine-linear.
    for p in range(theta.shape[1]):
        step = torch.zeros_like(theta)
        step[:, p] = 0.5
        moved = fam.homogeneous(theta + step) - fam.homogeneous(theta - step)
        torch.testing.assert_close(moved, fam.basis[..., p].expand_as(moved), rtol=0, atol=1e-12)
    H = fam.homogeneous(theta)
    torch.testing.assert_close(fam.grid(theta), H[..., :2] / H[..., 2:], rtol=0, atol=1e-12)


@EACH
@ALIGN
def test_gradients_to_theta_are_finite_differences(name: str, align_corners: bool, generator: torch.Generator) -> None:
    fam = family(name, size=(3, 4), align_corners=align_corners)
    assert torch.autograd.gradcheck(fam.grid, near_identity(fam, generator, 2).requires_grad_())


@EACH
@GRIDS
@ALIGN
def test_fit_finds_the_theta_that_made_a_grid(
    name: str, size: tuple[int, int], align_corners: bool, generator: torch.Generator
) -> None:
    fam = family(name, size=size, align_corners=align_corners)
    grid = fam.grid(near_identity(fam, generator))
    found = fam.fit(grid)
    torch.testing.assert_close(found.residual, torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(fam.grid(found.theta), grid, rtol=0, atol=1e-12)


@EACH
def test_fit_is_of_the_grids_dtype_and_finds_the_same_theta(name: str, generator: torch.Generator) -> None:
    fam = family(name, size=(9, 11), align_corners=False)
    theta = near_identity(fam, generator, dtype=torch.float32)
    found = fam.fit(fam.grid(theta))
    assert found.theta.dtype == found.residual.dtype == torch.float32
    torch.testing.assert_close(found.theta, theta, rtol=0, atol=1e-5)


@EACH
def test_what_a_grid_leaves_open_stays_at_the_identity(name: str) -> None:
    fam = family(name, size=(1, 1), align_corners=False)
    found = fam.fit(torch.zeros(2, 1, 1, 2, dtype=torch.float64))
    torch.testing.assert_close(found.theta, fam.identity.expand(2, -1), rtol=0, atol=1e-12)


@EACH
def test_theta_is_not_changed_and_dtypes_survive(name: str, generator: torch.Generator) -> None:
    fam = family(name, size=(5, 7), align_corners=False)
    for dtype, expected in [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
    ]:
        theta = near_identity(fam, generator, dtype=dtype)
        before = theta.clone()
        grid = fam.grid(theta)
        assert grid.dtype == fam.homogeneous(theta).dtype == expected
        assert torch.equal(theta, before)
        # Half precision is theta's alone: from the rounded theta on, the grid is as exact as float32 is.
        torch.testing.assert_close(grid.double(), fam.grid(theta.double()), rtol=0, atol=1e-5)


@EACH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_does_not_reach_the_grid(name: str, dtype: torch.dtype, generator: torch.Generator) -> None:
    fam = family(name, size=(5, 7), align_corners=False)
    theta = near_identity(fam, generator, dtype=torch.float32)
    with torch.autocast("cpu", dtype=dtype):
        grid, H = fam.grid(theta), fam.homogeneous(theta)  # the first call builds the basis, under autocast too
    plain = family(name, size=(5, 7), align_corners=False)
    assert torch.equal(grid, plain.grid(theta))
    assert torch.equal(H, plain.homogeneous(theta))
    found = plain.fit(grid)
    with torch.autocast("cpu", dtype=dtype):
        assert torch.equal(fam.fit(grid).theta, found.theta)


@EACH
def test_a_grid_made_in_inference_mode_first_can_be_trained_afterwards(name: str) -> None:
    fam = family(name, size=(5, 7), align_corners=False)
    with torch.inference_mode():
        fam.grid(fam.identity[None])
    theta = fam.identity[None].requires_grad_()
    (fam.grid(theta).sum() + (fam.basis @ theta[0]).sum() + (fam.offset * theta.sum()).sum()).backward()
    assert theta.grad is not None


@EACH
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_theta_that_is_not_finite_is_refused_by_entry(name: str, bad: float) -> None:
    fam = family(name, size=(5, 7), align_corners=False)
    theta = fam.identity.repeat(3, 1)
    theta[1, -1] = bad
    sentence = f"theta 1, family '{name}': {fam.parameter_names[-1]} is {bad}, expected a finite number"
    for door in (fam.grid, fam.homogeneous):
        with pytest.raises(ValueError, match=re.escape(sentence)):
            door(theta)


@EACH
def test_a_theta_of_another_length_is_refused(name: str) -> None:
    fam = family(name, size=(5, 7), align_corners=False)
    P = len(fam.parameter_names)
    with pytest.raises(
        ShapeError, match=re.escape(f"theta has shape (3, {P + 1}), but family '{name}' takes (N, {P})")
    ):
        fam.grid(torch.zeros(3, P + 1))
    with pytest.raises(ShapeError, match=re.escape(f"theta has shape ({P},)")):
        fam.grid(torch.zeros(P))
    with pytest.raises(TypeError, match=r"theta is torch\.int64, expected a floating point tensor"):
        fam.grid(torch.zeros(3, P, dtype=torch.int64))


@EACH
def test_a_grid_that_cannot_be_fitted_is_refused(name: str) -> None:
    fam = family(name, size=(5, 7), align_corners=False)
    with pytest.raises(ShapeError, match=re.escape("grid has shape (2, 7, 5, 2)")):
        fam.fit(torch.zeros(2, 7, 5, 2))
    grid = torch.zeros(2, 5, 7, 2)
    grid[1, 2, 3, 0] = torch.inf
    with pytest.raises(ValueError, match="grid 1, row 2, column 3: x is inf, so no theta can be fitted"):
        fam.fit(grid)


@EACH
def test_a_copy_is_the_same_family_without_its_kept_tensors(name: str, generator: torch.Generator) -> None:
    fam = family(name, size=(60, 70), align_corners=True)
    theta = near_identity(fam, generator)
    grid = fam.grid(theta)
    assert len(pickle.dumps(fam)) < 300
    for twin in (copy.deepcopy(fam), pickle.loads(pickle.dumps(fam))):
        assert (twin.name, twin.size, twin.align_corners, twin.options) == (name, (60, 70), True, fam.options)
        assert torch.equal(twin.grid(theta), grid)
    again = family(fam.name, size=fam.size, align_corners=fam.align_corners, **fam.options)
    assert torch.equal(again.basis, fam.basis)


@EACH
@ALIGN
def test_a_spatial_transformer_of_it_starts_as_a_plain_resize_and_learns(
    name: str, align_corners: bool, generator: torch.Generator
) -> None:
    fam = family(name, size=(5, 7), align_corners=align_corners)
    layer = torch.nn.Linear(6 * 8, len(fam.parameter_names))
    identity_start(layer, fam)
    model = SpatialTransformer(torch.nn.Sequential(torch.nn.Flatten(), layer), fam, kernel="bilinear", padding="border")
    U = torch.rand(2, 1, 6, 8, generator=generator)
    V = model(U)
    # interpolate is another piece of torch than grid_sample, and a resize is what the identity is.
    resized = torch.nn.functional.interpolate(U, (5, 7), mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(V, resized, rtol=0, atol=1e-5)
    assert model.theta is not None
    assert torch.equal(model.theta, fam.identity.float().expand(2, -1))
    V.square().sum().backward()
    assert layer.bias.grad is not None
    assert layer.bias.grad.abs().sum() > 0


@EACH
@ALIGN
def test_what_travels_to_the_browser_draws_the_same_grid(
    name: str, align_corners: bool, generator: torch.Generator
) -> None:
    fam = family(name, size=(5, 7), align_corners=align_corners)
    tensors = drawing_basis(fam)
    assert {t.dtype for t in tensors.values()} == {torch.float32, torch.int32}
    assert all(t.is_contiguous() for t in tensors.values())
    assert tensors["size"].tolist() == [5, 7]
    torch.testing.assert_close(tensors["identity"].double(), fam.identity)
    theta = near_identity(fam, generator, 1, torch.float32)
    coefficients = (tensors["M"] @ theta[0] + tensors["m0"]).view(-1, 3)

    H = tensors["b"] @ coefficients
    torch.testing.assert_close((H[:, :2] / H[:, 2:]).view(1, 5, 7, 2), fam.grid(theta), rtol=0, atol=1e-5)

    # A lattice over the frame is the target grid of align_corners True, whatever the family's own is.
    L, m = tensors["lines_shape"].tolist()
    assert (L, m) == (15, 2 if fam.straight else 33)
    down, across = (tensors["lines_b"] @ coefficients).view(2, L, m, 3)
    frame = family(name, size=(m, L), align_corners=True, **fam.options).homogeneous(theta)[0]
    torch.testing.assert_close(down, frame.transpose(0, 1), rtol=0, atol=1e-5)
    frame = family(name, size=(L, m), align_corners=True, **fam.options).homogeneous(theta)[0]
    torch.testing.assert_close(across, frame, rtol=0, atol=1e-5)
    hand = family(name, size=(9, 9), align_corners=True, **fam.options).homogeneous(theta)[0]
    torch.testing.assert_close(tensors["hand_b"] @ coefficients, hand.view(81, 3), rtol=0, atol=1e-5)

    # At a control point the source position is theta's own pair of numbers.
    assert ("control" in tensors) == (name in ("tps", "free"))
    if "control" in tensors:
        x, y = tensors["control"].double().unbind(1)
        moved = fam.factors(x, y)[0].float() @ coefficients
        torch.testing.assert_close(moved[:, :2], theta.view(-1, 2), rtol=0, atol=1e-5)


def test_a_large_basis_is_the_same_as_that_of_a_row_of_it() -> None:
    """It is computed in parts, which must not show: the pixels of one row are those of any other height's."""
    large = drawing_basis(family("tps", size=(257, 300), align_corners=True))["b"].view(257, 300, -1)
    row = drawing_basis(family("tps", size=(3, 300), align_corners=True))["b"].view(3, 300, -1)
    torch.testing.assert_close(large[[0, 128, 256]], row, rtol=0, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@EACH
def test_cuda_gives_the_cpus_grid_and_fit(name: str, generator: torch.Generator) -> None:
    fam = family(name, size=(5, 7), align_corners=False)
    theta = near_identity(fam, generator)
    grid = fam.grid(theta.cuda())
    assert grid.is_cuda
    torch.testing.assert_close(grid.cpu(), fam.grid(theta), rtol=0, atol=1e-12)
    single = theta.float().cuda()
    with torch.autocast("cuda"):
        assert torch.equal(fam.grid(single), fam.grid(single))
        torch.testing.assert_close(fam.grid(single).cpu().double(), fam.grid(single.cpu().double()), rtol=0, atol=1e-5)
    found = fam.fit(grid)
    assert found.theta.is_cuda
    torch.testing.assert_close(found.residual.cpu(), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-12)


def test_an_unknown_family_is_answered_with_the_known() -> None:
    with pytest.raises(ValueError, match=r"There is no family 'afine'\. Choose one of affine, attention, similarity"):
        family("afine", size=(5, 7), align_corners=False)


@pytest.mark.parametrize("size", [(0, 7), (5,), (5, 7.5)])
def test_a_size_that_is_none_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match=re.escape(f"two positive integers, got {size}")):
        family("affine", size=size, align_corners=False)
