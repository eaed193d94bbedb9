"""The sampler: V_i = sum_n sum_m U_nm k(x_i - m) k(y_i - n), every channel with the same grid (eq. 3).

`sample` is torch's own operator; `sample_by_sum` is the equation as it stands in the paper, and its oracle.
`sample_area` takes the mean of several points for each pixel of V, so that shrinking does not alias.
"""

from __future__ import annotations

from itertools import product
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from stn_viz.transformer.base import ShapeError

Kernel = Literal["nearest", "bilinear", "bicubic"]
Padding = Literal["zeros", "border", "reflection"]

# Normalised; outside any image, and its pixel coordinates are still whole numbers in float32.
_FAR = 1e4


def sample(U: Tensor, grid: Tensor, *, kernel: Kernel, padding: Padding, align_corners: bool) -> Tensor:
    """Fetch U at the grid's points.

    Shapes: U (N, C, H, W), grid (N, H', W', 2) -> V (N, C, H', W'); or a volume, U (N, C, D, H, W),
            grid (N, D', H', W', 3) -> V (N, C, D', H', W'), where bilinear is trilinear and bicubic is not defined.
    Units:  grid normalised, last axis (x, y) or (x, y, z), -1..1 spanning U under align_corners. V has U's dtype; the
            arithmetic has the wider of U's and the grid's, at least float32, also under autocast.
            A point at infinity, on a horizon, is fetched as one far outside: it gets what the padding gives there.
    Raises: ShapeError for shapes that do not belong together, ValueError for an unknown kernel or padding. Never for
            the grid's values: theta is checked where grids are made, and looking for nan here costs what sampling does.
    Source: Jaderberg et al. 2015, section 3.3; torch.nn.functional.grid_sample.
    """
    _check(U, grid, kernel, padding)
    dtype = _arithmetic(U, grid)
    with torch.autocast(U.device.type, enabled=False):
        V = F.grid_sample(
            U.to(dtype), _reachable(grid.to(dtype)), mode=kernel, padding_mode=padding, align_corners=align_corners
        )
    return V.to(U.dtype)


def sample_area(
    U: Tensor, grid: Tensor, *, points: int, kernel: Kernel, padding: Padding, align_corners: bool
) -> Tensor:
    """Fetch U at a grid `points` times as fine as V each way: a pixel of V is the mean of its points x points samples.

    The cure for what the paper warns of: a kernel that reaches over a few pixels steps over the others when the grid
    shrinks U. Here every pixel of U is reached while a step of V spans no more than `points` of them. The grid is a
    family's at size (points H', points W'); points = 1 is `sample`.

    Shapes: U (N, C, H, W), grid (N, points H', points W', 2) -> V (N, C, H', W'); volumes alike, with D.
    Units, errors: as `sample`; ShapeError also where a side of the grid is no multiple of `points`, ValueError if
            points is not a whole number from 1 up.
    Source: Jaderberg et al. 2015, section 3.4 (aliasing of kernels of small support).
    """
    if isinstance(points, bool) or not isinstance(points, int) or points < 1:
        raise ValueError(f"points is {points!r}, expected a whole number of points a side from 1 up.")
    if any(side % points for side in grid.shape[1:-1]):
        raise ShapeError(
            f"The grid is {' x '.join(str(side) for side in grid.shape[1:-1])}, but {points} points a side are to be "
            f"averaged. Make it at {points} times V's size."
        )
    V = sample(U, grid, kernel=kernel, padding=padding, align_corners=align_corners)
    if points == 1:
        return V
    return F.avg_pool2d(V, points) if V.dim() == 4 else F.avg_pool3d(V, points)


def sample_by_sum(U: Tensor, grid: Tensor, *, kernel: Kernel, padding: Padding, align_corners: bool) -> Tensor:
    """Eq. 3, term by term: the slow, readable form. Beyond its edges U goes on as the padding says.

    All three kernels are 0 from a distance of 2 on, so the sum runs over the 4 x 4 pixels around each point, or over
    4 x 4 x 4 of a volume. A point just between two pixels goes to the right or lower one under "nearest" (eq. 4);
    torch takes the even one.

    Shapes, units, errors: as `sample`.
    """
    _check(U, grid, kernel, padding)
    dtype = _arithmetic(U, grid)
    sides = U.shape[2:]
    normalised = reversed(_reachable(grid.to(dtype)).unbind(-1))  # (z,) y, x: in the order of U's sides
    at = [_pixels(u, side, align_corners) for u, side in zip(normalised, sides, strict=True)]
    V = U.new_zeros(*U.shape[:2], *grid.shape[1:-1], dtype=dtype)
    for steps in product(range(-1, 3), repeat=len(sides)):
        places = [p.detach().floor() + step for p, step in zip(at, steps, strict=True)]
        weights = [_weight(p - place, kernel) for p, place in zip(at, places, strict=True)]
        V = V + _fetch(U, places, padding, align_corners) * torch.stack(weights).prod(0)[:, None]
    return V.to(U.dtype)


def _weight(d: Tensor, kernel: Kernel) -> Tensor:
    """The kernel k at a distance d in pixels."""
    if kernel == "nearest":
        return ((d + 0.5).floor() == 0).to(d)  # eq. 4
    if kernel == "bilinear":
        return (1 - d.abs()).clamp(min=0)  # eq. 5
    a, r = -0.75, d.abs()  # Keys 1981, with torch's a
    near = (a + 2) * r**3 - (a + 3) * r**2 + 1
    far = a * (r**3 - 5 * r**2 + 8 * r - 4)
    return torch.where(r <= 1, near, torch.where(r < 2, far, torch.zeros_like(r)))


def _pixels(u: Tensor, size: int, align_corners: bool) -> Tensor:
    """Normalised to pixel coordinates, in which pixel m's centre is at m."""
    return (u + 1) / 2 * (size - 1) if align_corners else ((u + 1) * size - 1) / 2


def _fetch(U: Tensor, places: list[Tensor], padding: Padding, align_corners: bool) -> Tensor:
    """U_nm, (N, C, H', W'), at (slices,) rows and columns, each (N, H', W'), that may lie outside U."""
    sides = U.shape[2:]
    index = tuple(_inside(place, side, padding, align_corners) for place, side in zip(places, sides, strict=True))
    batch = torch.arange(len(U), device=U.device).view(-1, *[1] * len(sides))
    value = U.movedim(1, -1)[(batch, *index)].movedim(-1, 1)
    if padding == "zeros":
        for place, side in zip(places, sides, strict=True):
            value = value * ((place >= 0) & (place < side))[:, None]
    return value


def _inside(m: Tensor, size: int, padding: Padding, align_corners: bool) -> Tensor:
    """The index in 0..size-1 whose value stands at m: the mirrored one under reflection, else the nearest."""
    if padding == "reflection" and align_corners:  # mirrors at the centres of the outermost pixels
        m = (size - 1) - ((m % max(2 * (size - 1), 1)) - (size - 1)).abs()
    elif padding == "reflection":  # mirrors at the image's edges, half a pixel further out
        m = m % (2 * size)
        m = torch.minimum(m, 2 * size - 1 - m)
    return m.clamp(0, size - 1).long()


def _reachable(grid: Tensor) -> Tensor:
    """Infinity brought to where pixel arithmetic still holds: inf times a weight of 0 would be nan. nan stays nan."""
    return torch.nan_to_num(grid, nan=torch.nan, posinf=_FAR, neginf=-_FAR)


def _arithmetic(U: Tensor, grid: Tensor) -> torch.dtype:
    return torch.promote_types(torch.promote_types(U.dtype, grid.dtype), torch.float32)


def _check(U: Tensor, grid: Tensor, kernel: str, padding: str) -> None:
    if kernel not in get_args(Kernel):
        raise ValueError(f"There is no kernel {kernel!r}. Choose one of {', '.join(get_args(Kernel))}.")
    if padding not in get_args(Padding):
        raise ValueError(f"There is no padding {padding!r}. Choose one of {', '.join(get_args(Padding))}.")
    if not (U.is_floating_point() and grid.is_floating_point()):
        raise TypeError(f"U is {U.dtype} and grid {grid.dtype}, expected floating point. Convert with .float() first.")
    fits = U.dim() in (4, 5) and grid.dim() == U.dim() and grid.shape[-1] == U.dim() - 2
    if not fits or len(U) != len(grid):
        raise ShapeError(
            f"U has shape {tuple(U.shape)} and grid {tuple(grid.shape)}, expected (N, C, H, W) with (N, H', W', 2), "
            "or (N, C, D, H, W) with (N, D', H', W', 3), and the same N. Expand the one of fewer."
        )
    if U.dim() == 5 and kernel == "bicubic":
        raise ShapeError("A volume can be sampled nearest or bilinear (trilinear), not bicubic. Choose one of these.")
