"""Where a network's grid would lie for an image if it did there what it does elsewhere: its habit.

A localiser need not bring digits upright and to the full size: whatever it does to all of them alike, the classifier
learned from. So the grid that an image is owed is not the pose's own, but T_pose(r(G)), with r the affine map that lies
between pose and grid on the average of the images that are read rightly: r = mean of A_pose^-1 A_grid, where A is the
affine least squares fit (exact where pose and family are affine).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.laying import laid
from stn_viz.lens.learning.part import Part, grids_of, pose_grids
from stn_viz.runs import Site

if TYPE_CHECKING:
    from torch import Tensor

MOST = 1000
"""Images that the habit is taken from: its mean does not need more, and 10,000 grids take 125 MB."""


def habit_of(part: Part, correct: NDArray[np.bool_]) -> Tensor | None:
    """The map r, (3, 3) float64, target to target, under align_corners False; None where the true pose is not known.

    Shapes: correct (n,), which images are read rightly; where none is, all of them count.
    """
    import torch

    if part.site is None or part.theta is None or pose_grids(only(part, slice(0, 1))) is None:
        return None
    known = np.isfinite(part.theta).all(1)
    chosen = np.flatnonzero(correct & known)[:MOST]
    if not len(chosen):
        chosen = np.flatnonzero(known)[:MOST]
    some = only(part, chosen)
    posed = pose_grids(some)
    if not len(chosen) or posed is None or some.theta is None:
        return None
    grids = told(part.site, grids_of(part.site, torch.from_numpy(some.theta)))
    to_pose, to_grid = (_affine(part.site, each) for each in (posed, grids))
    whole = (to_pose.isfinite() & to_grid.isfinite()).flatten(1).all(1) & (torch.linalg.det(to_pose).abs() > 1e-6)
    if not bool(whole.any()):
        return None
    r: Tensor = torch.linalg.solve(to_pose[whole], to_grid[whole]).mean(0)
    return r


def habitual(part: Part, r: Tensor) -> Tensor:
    """The grids (n, H', W', 2) that the habit r owes these images; nan where one meets a horizon.

    Units: normalised under align_corners False, as the pose is told.
    """
    import torch

    assert part.site is not None
    assert part.pose is not None
    P = part.pose.shape[1]
    options = {"points": round((P / 2) ** 0.5)} if part.pose_family in ("tps", "free") else {}
    over = laid(part.pose_family, part.site.output_size, False, options).family
    x, y = over.target_grid()
    places = torch.stack([x.flatten(), y.flatten(), torch.ones_like(x.flatten())]).double()
    at = r @ places
    b, M, m0 = over.factors(at[0] / at[2], at[1] / at[2])
    coefficients = torch.from_numpy(part.pose).double() @ M.T + m0  # (n, 3 k)
    H = b @ coefficients.view(len(part.pose), b.shape[-1], 3)
    grid = torch.where(H[..., 2:] > 1e-6, H[..., :2] / H[..., 2:], torch.nan)
    return grid.view(-1, *part.site.output_size, 2)


def told(site: Site, grid: Tensor) -> Tensor:
    """A site's grid under align_corners False, in float64: the same places of U in the convention of poses."""
    grid = grid.double()
    if not site.align_corners:
        return grid
    sides = grid.new_tensor(list(reversed(site.input_size)))
    return ((grid + 1) * (sides - 1) + 1) / sides - 1


def as_sampled(site: Site, grid: Tensor) -> Tensor:
    """The way back from `told`: places under align_corners False as the site's own sampler takes them."""
    if not site.align_corners:
        return grid
    sides = grid.new_tensor(list(reversed(site.input_size)))
    return ((grid + 1) * sides - 1) / (sides - 1).clamp(min=1) - 1


def apart_px(site: Site, one: Tensor, other: Tensor) -> NDArray[np.float32]:
    """Root mean square distance (n,) of two grids' points, both under align_corners False, in pixels of U."""
    sides = one.new_tensor(list(reversed(site.input_size)))
    distance = ((one - other) * (sides / 2)).square().sum(-1).flatten(1).mean(1).sqrt()
    return distance.float().numpy()


def _affine(site: Site, grids: Tensor) -> Tensor:
    """The affine maps (n, 3, 3) nearest to grids (n, H', W', 2) over the site's target points, by least squares."""
    import torch

    x, y = laid("affine", site.output_size, False, {}).family.target_grid()
    target = torch.stack([x.flatten(), y.flatten(), torch.ones_like(x.flatten())], 1).double()
    fitted = (torch.linalg.pinv(target) @ grids.double().flatten(1, 2)).transpose(1, 2)  # (n, 2, 3)
    last = fitted.new_tensor([[0.0, 0.0, 1.0]]).expand(len(fitted), 1, 3)
    return torch.cat([fitted, last], 1)


def only(part: Part, chosen: slice | NDArray[np.intp]) -> Part:
    """Some of a part's images."""

    def of(rows: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        return None if rows is None else rows[chosen]

    return replace(
        part,
        U=part.U[chosen],
        labels=part.labels[chosen],
        pose=of(part.pose),
        theta=of(part.theta),
        probabilities=of(part.probabilities),
        ids=None,
    )
