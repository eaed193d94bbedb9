"""Which family a site's grids are of, and their theta: told by the network, else fitted, else none.

Near the identity every family fits, so the family with the fewest parameters is taken, and a larger one once a grid
has left it (the recorder moves the whole site then).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stn_viz.transformer import FAMILIES, VOLUME_FAMILIES, Family, family

from .info import Site
from .passing import Found

FIT_TOLERANCE = 1e-4  # of a float32 grid from a family, normalised units: rounding is ten times smaller, a pixel larger


def first_family(one: Found) -> Family | None:
    """The family of a site that was never seen before; None if its grids are of none."""
    if one.family is not None:
        return one.family
    if one.theta is not None:
        # affine_grid itself: the network's own theta, even where a smaller family would do at the start.
        for fam in _candidates(one.grid, one.site.align_corners):
            if fam.name in ("affine", "affine3") and fitted(fam, one, given=True) is not None:
                return fam
    return smallest([one.grid], one)


def stored_family(site: Site) -> Family | None:
    """The family that run.json says of a site, laid over its target grid again."""
    if site.family is None:
        return None
    return family(site.family, size=site.output_size, align_corners=site.align_corners, **site.options)


def smallest(grids: Sequence[Tensor], one: Found) -> Family | None:
    """The family with the fewest parameters that all these grids of the site are of."""
    return next(
        (
            fam
            for fam in _candidates(grids[0], one.site.align_corners)
            if all(fit(fam, grid, one.epsilon) is not None for grid in reversed(grids) if grid.isfinite().all())
        ),
        None,
    )


def fitted(fam: Family, one: Found, *, given: bool) -> Tensor | None:
    """Theta (N, P) in float32 if the site's grid is of that family, else None.

    given: whether affine_grid's own theta is taken where it makes this very grid.
    """
    theta = one.theta
    # affine_grid's align_corners may have been another than the sampler's: a known bug, and then theta is not ours
    affine = fam.name in ("affine", "affine3") and theta is not None and theta.shape[1] == len(fam.parameter_names)
    if given and affine and theta is not None and theta.isfinite().all():
        made = fam.grid(theta)
        if made.shape == one.grid.shape and bool((made - one.grid).abs().max() <= _tolerance(one.grid, one.epsilon)):
            return theta
    return fit(fam, one.grid, one.epsilon)


def fit(fam: Family, grid: Tensor, epsilon: float) -> Tensor | None:
    """Theta by least squares if every grid is of that family to rounding, else None; epsilon is the grid's type's."""
    tolerance = _tolerance(grid, epsilon)
    if len(grid) > 1 and not _is_near(fam, grid[:1], tolerance, epsilon):
        return None  # most families fail on the first image: no need to fit all of them
    return fam.fit(grid.double()).theta.float() if _is_near(fam, grid, tolerance, epsilon) else None


def _is_near(fam: Family, grid: Tensor, tolerance: float, epsilon: float) -> bool:
    found = fam.fit(grid.double())
    if not fam.has_horizon:
        return bool((found.residual <= tolerance).all())
    # Towards a horizon the network's own rounding grows with the square of the distance, and so does what is let pass:
    # points are compared as they lie on the sphere behind the plane.
    made, points = fam.grid(found.theta), grid.double()
    length = (1 + points.square().sum(-1)) * (1 + made.square().sum(-1))
    apart = (made - points).square().sum(-1) / length
    return bool((apart.mean((1, 2)).sqrt() <= max(FIT_TOLERANCE, epsilon)).all())


def _tolerance(grid: Tensor, epsilon: float) -> float:
    # A grid that was computed in half precision cannot be nearer to its family than that.
    return max(FIT_TOLERANCE, epsilon) * max(1.0, float(grid.abs().max()))


def _candidates(grid: Tensor, align_corners: bool) -> list[Family]:
    size, sides = tuple(grid.shape[1:-1]), grid.shape[-1]
    choices: list[dict[str, Any]]
    if sides == 3:
        choices = [{"name": name} for name in VOLUME_FAMILIES]
    else:
        # Free form is no more than our own lattice of cubics: nobody else's network makes such a grid but by chance.
        choices = [{"name": name} for name in FAMILIES if name not in ("tps", "free")]
        choices += [{"name": "tps", "points": points} for points in range(2, 9)]
    families = [family(size=size, align_corners=align_corners, **choice) for choice in choices]
    # A family with as many parameters as the grid has numbers fits anything and says nothing.
    families = [fam for fam in families if sides * len(fam.parameter_names) <= torch.Size(size).numel() * (sides - 1)]
    return sorted(families, key=lambda fam: len(fam.parameter_names))
