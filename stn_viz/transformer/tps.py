"""The thin plate spline: control points on a lattice, theta says where in the source each one lies.

    x_s(p) = sum_i w_i U(|p - c_i|) + a_0 + a_x x + a_y y,    U(r) = r^2 ln r

with w and a from [[K + lambda I, 1, P], [1^T, 0, 0], [P^T, 0, 0]] [w; a] = [values; 0], K_ij = U(|c_i - c_j|).
The solve is linear in the values, so it folds into the basis: b(p) = [U(|p - c_i|), 1, x, y] L^-1, a function each.
Source: Bookstein 1989; Jaderberg et al. 2015, section 3.2 (16 control points).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from stn_viz.transformer.base import Family, ShapeError

# Below this share of the points' extent, distances are rounding: two points coincide, a triangle is a line.
_DEGENERATE = 1e-9


class ThinPlateSpline(Family):
    """A smooth warp through K x K control points, the lattice over [-1, 1]^2 row by row from the top left.

    Theta: x_1, y_1, x_2, y_2, ...: the control points' source positions, normalised. The lattice spans -1..1 whatever
    align_corners is: it is a property of the plane, not of the pixels.
    """

    name = "tps"
    control: Tensor

    def __init__(self, *, size: tuple[int, int], align_corners: bool, points: int = 4) -> None:
        """Lay a spline of `points` x `points` control points over a target grid of `size`.

        Raises: ValueError if points is not an integer from 2 to 8.
        """
        if points not in range(2, 9):
            raise ValueError(f"A thin plate spline takes from 2 to 8 control points a side, got points={points!r}.")
        super().__init__(size=size, align_corners=align_corners)
        self.points = int(points)
        self.control, self.start, self.parameter_names = lattice(self.points)

    @property
    def options(self) -> dict[str, Any]:
        """The number of control points a side."""
        return {"points": self.points}

    def factors(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As Family.factors, with k = K^2 basis functions: function j is 1 at control point j and 0 at the others."""
        return tps_factors(self.control, x, y)


def lattice(points: int) -> tuple[Tensor, tuple[float, ...], tuple[str, ...]]:
    """K x K control points over [-1, 1]^2, (K^2, 2), float64, row by row; as a theta; and the names of its entries."""
    side = torch.linspace(-1, 1, points, dtype=torch.float64)
    y, x = torch.meshgrid(side, side, indexing="ij")
    control = torch.stack([x, y], -1).view(-1, 2)
    names = tuple(f"{d}_{i + 1}" for i in range(len(control)) for d in "xy")
    return control, tuple(control.flatten().tolist()), names


def carried(n: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """M (3 n, 2 n) and m0 (3 n,): basis function j carries control point j; the functions sum to 1, so H_w is 1."""
    M, m0 = like.new_zeros(n, 3, n, 2), like.new_zeros(n, 3)
    for d in range(2):
        M[range(n), d, range(n), d] = 1
    m0[:, 2] = 1
    return M.view(3 * n, 2 * n), m0.flatten()


def tps_factors(points: Tensor, x: Tensor, y: Tensor, *, regularisation: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """The factors (b, M, m0) of a thin plate spline with any control points; theta is their source positions.

    Shapes: points (n, 2), x and y alike, of any shape -> b (*x.shape, n), M (3 n, 2 n), m0 (3 n,), as Family.factors.
    Units:  normalised. The solve runs in float64; the result has x's dtype and device.
            regularisation is lambda: above 0 the spline passes near the points and not through them.
    Raises: ShapeError for points of another shape. ValueError if all points lie on one line, which no lambda cures,
            if two coincide and lambda is 0, or if lambda is negative or not finite.
    Source: Bookstein 1989.
    """
    if points.dim() != 2 or points.shape[1] != 2:
        raise ShapeError(f"Control points have shape (n, 2), got {tuple(points.shape)}.")
    if not 0 <= regularisation < float("inf"):
        raise ValueError(f"regularisation is {regularisation}, expected a finite number of at least 0.")
    c = points.detach().to("cpu", torch.float64)
    _refuse_degenerate(c, coinciding=regularisation == 0)
    n = len(c)
    affine = torch.cat([c.new_ones(n, 1), c], 1)
    K = _radial(c[:, None] - c) + regularisation * torch.eye(n).to(c)
    L = torch.cat([torch.cat([K, affine], 1), torch.cat([affine.T, c.new_zeros(3, 3)], 1)])
    weights = torch.linalg.inv(L)[:, :n]

    target = torch.stack([x, y], -1).detach().to("cpu", torch.float64)
    terms = [_radial(target[..., None, :] - c), torch.ones_like(target[..., :1]), target]
    b = torch.cat(terms, -1) @ weights
    return b.to(x), *carried(n, x)


def _radial(d: Tensor) -> Tensor:
    """U = r^2 ln r of differences (..., 2), as r^2 ln(r^2) / 2, which xlogy makes 0 at 0."""
    r2 = d.square().sum(-1)
    return torch.xlogy(r2, r2) / 2


def _refuse_degenerate(c: Tensor, *, coinciding: bool) -> None:
    """Raise for points on which the spline's system has no solution."""
    if not c.isfinite().all():
        raise ValueError(f"control point {int((~c.isfinite()).nonzero()[0, 0]) + 1} is not finite.")
    extent, width = torch.linalg.svdvals(c - c.mean(0)).tolist() if len(c) > 2 else (1.0, 0.0)
    if width <= _DEGENERATE * extent:
        raise ValueError(
            "all points lie on one line, so they say nothing about the plane beside it, whatever the regularisation. "
            "Move one control point off the line."
        )
    if coinciding:
        apart = (c[:, None] - c).square().sum(-1).sqrt()
        near = (apart <= _DEGENERATE * extent).triu(1).nonzero()
        if len(near):
            i, j = near[0].tolist()
            raise ValueError(
                f"points {i + 1} and {j + 1} coincide, and one place cannot go to two. "
                "Move or remove one, or give a regularisation above 0 (1e-3)."
            )
