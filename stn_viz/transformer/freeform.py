"""Free form: a lattice of control points, theta says where in the source each one lies, cubics run between them.

    x_s(x, y) = sum_ij phi_i(y) phi_j(x) x_ij,    phi_j: the cubic through 1 at control point j and 0 at the others

phi is Catmull and Rom's spline: between two control points the Hermite cubic whose slopes at both are the central
differences of their neighbours; at the lattice's edges one-sided differences, and beyond them the tangent goes on. So
a point moves only what lies within two cells of it: what a brush needs, and a thin plate spline does not give.
Source: Catmull and Rom 1974; Jaderberg et al. 2015, section 3.2 (any transformation that is differentiable in theta).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from stn_viz.transformer.base import Family
from stn_viz.transformer.tps import carried, lattice


class FreeForm(Family):
    """A smooth warp through K x K control points, the lattice over [-1, 1]^2 row by row from the top left.

    It goes through them, has continuous slopes, and reproduces every affine map. Theta, and what the lattice spans:
    as in ThinPlateSpline.
    """

    name = "free"
    control: Tensor

    def __init__(self, *, size: tuple[int, int], align_corners: bool, points: int = 9) -> None:
        """Lay a lattice of `points` x `points` control points over a target grid of `size`.

        Raises: ValueError if points is not an integer from 5 to 9.
        """
        if points not in range(5, 10):
            raise ValueError(f"A free form takes from 5 to 9 control points a side, got points={points!r}.")
        super().__init__(size=size, align_corners=align_corners)
        self.points = int(points)
        self.control, self.start, self.parameter_names = lattice(self.points)

    @property
    def options(self) -> dict[str, Any]:
        """The number of control points a side."""
        return {"points": self.points}

    def factors(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As Family.factors, with k = K^2 basis functions: function j is 1 at control point j and 0 at the others."""
        K = self.points
        b = (_cubics(y, K)[..., :, None] * _cubics(x, K)[..., None, :]).flatten(-2)
        return b, *carried(K * K, x)


def _cubics(x: Tensor, K: int) -> Tensor:
    """phi_0 .. phi_{K-1} at x, (*x.shape, K), over K points from -1 to 1; their sum is 1 everywhere."""
    at = (x + 1) * ((K - 1) / 2)  # in cells
    inside = at.clamp(0, K - 1)
    cell = inside.detach().floor().clamp(max=K - 2)
    t, left = (inside - cell)[..., None], cell.long()
    value, slope = torch.eye(K).to(x), _slopes(K).to(x)  # row i: at control point i, of every phi
    cubic = (
        (1 + 2 * t) * (1 - t) ** 2 * value[left]
        + t * (1 - t) ** 2 * slope[left]
        + t**2 * (3 - 2 * t) * value[left + 1]
        + t**2 * (t - 1) * slope[left + 1]
    )
    beyond = (at - inside)[..., None]
    return cubic + beyond * torch.where(beyond < 0, slope[0], slope[-1])


def _slopes(K: int) -> Tensor:
    """Differences (K, K) that take the values at K points to their slopes a cell: central, one-sided at the ends."""
    up, down = torch.ones(K - 1).diag(1), torch.ones(K - 1).diag(-1)
    slopes = (up - down) / 2
    slopes[0, :2] = slopes[-1, -2:] = torch.tensor([-1.0, 1.0])
    return slopes
