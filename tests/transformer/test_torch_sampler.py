"""The sampler: torch's operator and the paper's sum agree, and both agree with scipy and with finite differences."""

import re
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F
from torch import Tensor

from stn_viz.transformer import ShapeError, sample, sample_area, sample_by_sum

KERNELS = ["nearest", "bilinear", "bicubic"]
PADDINGS = ["zeros", "border", "reflection"]
RULES = pytest.mark.parametrize(("kernel", "padding", "align_corners"), list(product(KERNELS, PADDINGS, [False, True])))
BOTH = pytest.mark.parametrize("door", [sample, sample_by_sum])


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@RULES
@pytest.mark.parametrize("size", [(6, 9), (2, 3), (1, 4), (1, 1)])
def test_torch_and_the_sum_agree(kernel: str, padding: str, align_corners: bool, size: tuple[int, int]) -> None:
    U, grid = draw(3, 2, *size), 8 * draw(3, 5, 4, 2, seed=1) - 4
    rules = {"kernel": kernel, "padding": padding, "align_corners": align_corners}
    V = sample(U, grid, **rules)
    torchs = F.grid_sample(U, grid, mode=kernel, padding_mode=padding, align_corners=align_corners)
    assert torch.equal(V, torchs)
    torch.testing.assert_close(sample_by_sum(U, grid, **rules), torchs, rtol=0, atol=1e-12)


@RULES
def test_whole_pixels_are_copied(kernel: str, padding: str, align_corners: bool) -> None:
    U = draw(1, 2, 5, 7)
    grid = F.affine_grid(torch.eye(2, 3, dtype=torch.float64)[None], [1, 1, 5, 7], align_corners=align_corners)
    V = sample_by_sum(U, grid, kernel=kernel, padding=padding, align_corners=align_corners)
    torch.testing.assert_close(V, U, rtol=0, atol=1e-12)


@BOTH
@pytest.mark.parametrize(
    ("padding", "align_corners", "mode"),
    [
        ("zeros", False, "grid-constant"),
        ("zeros", True, "grid-constant"),
        ("border", False, "nearest"),
        ("border", True, "nearest"),
        ("reflection", False, "reflect"),  # scipy's names: "reflect" mirrors at the edge of the image,
        ("reflection", True, "mirror"),  # "mirror" at the centre of its last pixel
    ],
)
def test_bilinear_is_scipys_first_order_spline(
    door: Callable[..., Tensor], padding: str, align_corners: bool, mode: str
) -> None:
    U = draw(1, 1, 6, 9)
    pixels = 30 * draw(5, 4, 2, seed=2) - 10  # x, y in pixels, on and around the image
    size = torch.tensor([9.0, 6.0], dtype=torch.float64)
    grid = 2 * pixels / (size - 1) - 1 if align_corners else (2 * pixels + 1) / size - 1
    V = door(U, grid[None], kernel="bilinear", padding=padding, align_corners=align_corners)
    scipys = scipy.ndimage.map_coordinates(
        U[0, 0].numpy(), pixels.flip(-1).permute(2, 0, 1).numpy(), order=1, mode=mode
    )
    np.testing.assert_allclose(V[0, 0], scipys, atol=1e-12)


@RULES
@pytest.mark.parametrize("points", [1, 2, 4])
def test_area_averaged_is_the_plain_mean_of_each_pixels_points(
    kernel: str, padding: str, align_corners: bool, points: int
) -> None:
    U, grid = draw(2, 3, 6, 9), 3 * draw(2, 3 * points, 5 * points, 2, seed=1) - 1.5
    rules = {"kernel": kernel, "padding": padding, "align_corners": align_corners}
    V = sample_area(U, grid, points=points, **rules)
    assert V.shape == (2, 3, 3, 5)
    fetched = F.grid_sample(U, grid, mode=kernel, padding_mode=padding, align_corners=align_corners).numpy()
    for i, j in product(range(3), range(5)):
        block = fetched[:, :, points * i : points * (i + 1), points * j : points * (j + 1)]
        np.testing.assert_allclose(V[:, :, i, j], block.mean((2, 3)), atol=1e-12)


def test_area_averaged_shrinking_is_the_mean_of_the_pixels() -> None:
    """A quarter of the size each way, four points a side: every pixel once. One point a side sees one in four."""
    U, one = draw(1, 1, 24, 32), torch.eye(2, 3, dtype=torch.float64)[None]
    grid = F.affine_grid(one, [1, 1, 24, 32], align_corners=False)
    V = sample_area(U, grid, points=4, kernel="bilinear", padding="zeros", align_corners=False)
    np.testing.assert_allclose(V[0, 0], U[0, 0].view(6, 4, 8, 4).mean((1, 3)), atol=1e-12)


def test_area_averaging_reaches_volumes_and_gradients() -> None:
    U, grid = draw(1, 1, 4, 6, 8).requires_grad_(), (1.6 * draw(1, 4, 2, 6, 3, seed=1) - 0.8).requires_grad_()
    rules = {"kernel": "bilinear", "padding": "zeros", "align_corners": False}
    V = sample_area(U, grid, points=2, **rules)
    mean = F.grid_sample(U, grid, align_corners=False).view(1, 1, 2, 2, 1, 2, 3, 2).mean((3, 5, 7))
    torch.testing.assert_close(V, mean, rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(lambda U, grid: sample_area(U, grid, points=2, **rules), (U, grid))


def test_a_grid_that_cannot_be_averaged_is_refused() -> None:
    U, grid = draw(1, 1, 6, 9), draw(1, 4, 6, 2)
    rules = {"kernel": "bilinear", "padding": "zeros", "align_corners": False}
    with pytest.raises(ShapeError, match=r"The grid is 4 x 6, but 4 points a side .* Make it at 4 times V's size\."):
        sample_area(U, grid, points=4, **rules)
    for points in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match=f"points is {points}, expected a whole number"):
            sample_area(U, grid, points=points, **rules)


@pytest.mark.parametrize(("kernel", "padding"), list(product(["bilinear", "bicubic"], PADDINGS)))
@BOTH
def test_gradients_are_finite_differences(door: Callable[..., Tensor], kernel: str, padding: str) -> None:
    U, grid = draw(1, 2, 3, 4).requires_grad_(), (2.6 * draw(1, 3, 2, 2, seed=4) - 1.3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda U, grid: door(U, grid, kernel=kernel, padding=padding, align_corners=False), (U, grid)
    )


def test_the_bilinear_gradient_is_equation_7() -> None:
    """dV/dx_s in pixels: between two columns it is the difference of the two, in normalised units times W / 2."""
    U = torch.tensor([[[[1.0, 4.0, 2.0]]]], dtype=torch.float64)
    x = (2 * torch.tensor(0.3) + 1) / 3 - 1  # 0.3 of the way from the first pixel to the second
    grid = torch.tensor([[[[x, 0.0]]]], dtype=torch.float64).requires_grad_()
    sample(U, grid, kernel="bilinear", padding="border", align_corners=False).sum().backward()
    assert grid.grad is not None
    assert grid.grad[0, 0, 0].tolist() == pytest.approx([3 * 3 / 2, 0])


def test_the_nearest_kernel_gives_theta_no_gradient() -> None:
    grid = draw(1, 3, 2, 2).requires_grad_()
    sample(draw(1, 1, 3, 4), grid, kernel="nearest", padding="zeros", align_corners=False).sum().backward()
    assert grid.grad is not None
    assert grid.grad.abs().sum() == 0


@RULES
@BOTH
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_v_has_us_dtype_and_the_grid_keeps_its_precision(
    door: Callable[..., Tensor], dtype: torch.dtype, kernel: str, padding: str, align_corners: bool
) -> None:
    """On 200 columns, a grid in half precision would be off by a tenth of a pixel."""
    U, grid = draw(1, 1, 3, 200).to(dtype), 2 * draw(1, 4, 50, 2, seed=1) - 1
    rules = {"kernel": kernel, "padding": padding, "align_corners": align_corners}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        V = door(U, grid.float(), **rules)
    assert V.dtype == dtype
    exact = F.grid_sample(U.double(), grid, mode=kernel, padding_mode=padding, align_corners=align_corners)
    rounding = {torch.float16: 1e-3, torch.bfloat16: 8e-3, torch.float32: 2e-4}[dtype]  # V's own, or 200 px in float32
    if kernel == "nearest":  # a point at a tie may fall to either side
        assert ((V.double() - exact).abs() > 1e-9).sum() <= 1
    else:
        torch.testing.assert_close(V.double(), exact, rtol=0, atol=rounding)


@RULES
@BOTH
def test_a_point_at_infinity_gets_the_padding(
    door: Callable[..., Tensor], kernel: str, padding: str, align_corners: bool
) -> None:
    U = torch.ones(1, 1, 4, 5)
    grid = torch.tensor([[[[torch.inf, 0.0], [-torch.inf, torch.inf], [0.1, torch.inf]]]])
    V = door(U, grid, kernel=kernel, padding=padding, align_corners=align_corners)
    torch.testing.assert_close(V.flatten(), torch.full((3,), 0.0 if padding == "zeros" else 1.0))


def test_a_volume_is_sampled_trilinearly() -> None:
    U = torch.zeros(1, 1, 4, 6, 8)
    U[0, 0, 1, 2, 5] = 1
    theta = torch.eye(3, 4)[None].clone()
    theta[0, 0, 3] = 0.5  # CASES 15: 0.5 of 8 columns is 2 voxels
    grid = F.affine_grid(theta, [1, 1, 4, 6, 8], align_corners=False)
    V = sample(U, grid, kernel="bilinear", padding="zeros", align_corners=False)
    assert V.shape == U.shape
    assert V[0, 0, 1, 2, 3].item() == pytest.approx(1)


@BOTH
def test_unknown_rules_and_shapes_that_do_not_fit_are_refused(door: Callable[..., Tensor]) -> None:
    U, grid = torch.zeros(2, 1, 4, 5), torch.zeros(2, 3, 3, 2)
    rules = {"kernel": "bilinear", "padding": "zeros", "align_corners": False}
    with pytest.raises(ValueError, match=r"There is no kernel 'cubic'\. Choose one of nearest, bilinear, bicubic"):
        door(U, grid, **(rules | {"kernel": "cubic"}))
    with pytest.raises(ValueError, match=r"There is no padding 'wrap'\. Choose one of zeros, border, reflection"):
        door(U, grid, **(rules | {"padding": "wrap"}))
    with pytest.raises(ShapeError, match=re.escape("U has shape (2, 1, 4, 5) and grid (1, 3, 3, 2)")):
        door(U, grid[:1], **rules)
    with pytest.raises(ShapeError, match=re.escape("grid (2, 3, 3, 3)")):
        door(U, torch.zeros(2, 3, 3, 3), **rules)
    with pytest.raises(TypeError, match=r"U is torch\.uint8 and grid torch\.float32, expected floating point"):
        door(U.byte(), grid, **rules)


def test_a_volume_has_no_bicubic() -> None:
    U, grid = torch.zeros(2, 1, 4, 5, 6), torch.zeros(2, 3, 3, 3, 3)
    for way in (sample, sample_by_sum):
        with pytest.raises(ShapeError, match="not bicubic"):
            way(U, grid, kernel="bicubic", padding="zeros", align_corners=False)
