"""Grids of a run at points of our choosing: of theta through its family's own factors, or out of a raw grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.runs import Run, RunError, Site

SIDE = {2: 13, 3: 5}
"""Lattice points a side over a flat image, and over a volume."""

STRAIGHT = 7
"""The same where straight lines stay straight and nothing can fold between them."""

FAR = 1e6

MOST_POINTS = 2**19
"""Of one image's grid at its own size."""

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """A site's grids at some target points, which form a lattice.

    Shapes: target (p, d) with d = 2 (x, y) or 3 (x, y, z); lattice: its sides as an array has them, x last, of
            product p; theta (S, n, P) with the family's b (p, k), M (k (d + 1), P) and m0; or raw (S, n, *lattice, d).
    """

    target: Array
    lattice: tuple[int, ...]
    theta: Array | None
    raw: Array | None
    b: Array | None = None
    M: Array | None = None
    m0: Array | None = None

    def grids(self, records: slice) -> tuple[Array, Array]:
        """Source points (s, n, p, d) of these records, and their H_w (s, n, p) or 1 where no horizon can be."""
        if self.theta is None:
            assert self.raw is not None
            points = self.raw[records].astype(np.float32)
            return points.reshape(*points.shape[:2], -1, points.shape[-1]), np.ones((1, 1, 1), np.float32)
        assert self.b is not None
        assert self.M is not None
        assert self.m0 is not None
        theta = self.theta[records]
        d = self.target.shape[1]
        # H = b (M theta + m0), coordinate by coordinate: one matrix product each.
        coefficients = (theta @ self.M.T + self.m0).reshape(*theta.shape[:2], -1, d + 1)
        H = np.moveaxis(coefficients, -1, -2) @ self.b.T  # (s, n, d + 1, p)
        w = H[..., d, :]
        if not self.M.reshape(-1, d + 1, self.M.shape[1])[:, d].any():
            return _bounded(np.moveaxis(H[..., :d, :], -2, -1)), np.ones((1, 1, 1), np.float32)
        with np.errstate(all="ignore"):  # on a horizon; who asks looks at w
            points = np.moveaxis(H[..., :d, :] / w[..., None, :], -2, -1)
        return _bounded(points), w


def _bounded(points: Array) -> Array:
    """Points no further away than numbers can be computed with: a million half images, also for what has no place."""
    bounded: Array = np.clip(np.nan_to_num(points, copy=False, nan=FAR, posinf=FAR, neginf=-FAR), -FAR, FAR)
    return bounded


def outline(run: Run, site: int) -> Looked:
    """A site on a lattice over its whole target square, edges and corners included.

    Raises: RunError if the site's family is not one of ours, or its theta has another number of entries.
    """
    raw = run.grid(site)
    if raw is None:
        d = len(run.sites[site].output_size)
        bends = run.sites[site].family in ("tps", "free", "projective")
        sides = [np.linspace(-1, 1, SIDE[d] if d == 3 or bends else STRAIGHT)] * d
        return _of_family(run, site, sides)
    d = raw.shape[-1]
    kept = [
        np.unique(np.linspace(0, size - 1, min(size, SIDE.get(d, 5))).round().astype(int)) for size in raw.shape[2:-1]
    ]
    sides = [side[some] for side, some in zip(_sides(run, site), kept, strict=True)]
    every = (np.arange(raw.shape[0]), np.arange(raw.shape[1]))
    some = raw[np.ix_(*every, *kept)]
    return Looked(target=_mesh(sides), lattice=tuple(len(side) for side in sides), theta=None, raw=some)


def whole(run: Run, site: int, record: int, image: int) -> tuple[Array, Array]:
    """One image's grid at its own size, in float64: points (p, d), and H_w (p,). Raises: RunError, as `outline`."""
    raw = run.grid(site)
    if raw is not None:
        points = raw[record, image].astype(np.float64).reshape(-1, raw.shape[-1])
        return points, np.ones(len(points))
    looked = _of_family(run, site, _thinned(_sides(run, site)), one=(record, image))
    points, w = looked.grids(slice(0, 1))
    return points[0, 0], np.broadcast_to(w, (1, 1, points.shape[2]))[0, 0]


def over(family: str, site: Site, theta: Array) -> Looked:
    """Other thetas (n, P) of any family over a flat site's target square, as one record.

    Raises: RunError, as `outline`.
    """
    sides = [np.linspace(-1, 1, SIDE[2])] * 2
    target = _mesh(sides)
    b, M, m0 = factors(family, site.options if family == site.family else {}, site.output_size, target)
    if M.shape[1] != theta.shape[-1]:
        raise RunError(f"theta has {theta.shape[-1]} entries, but family {family!r} has {M.shape[1]}.")
    lattice = (len(sides[0]), len(sides[1]))
    return Looked(target=target, lattice=lattice, theta=theta[None].astype(float), raw=None, b=b, M=M, m0=m0)


def _of_family(run: Run, site: int, sides: Sequence[Array], *, one: tuple[int, int] | None = None) -> Looked:
    theta, about = run.theta(site), run.sites[site]
    if theta is None:
        raise RunError(f"Site {site} has neither theta nor a grid in the trace.")
    # The lattice of all records is a survey: float32 will do, and takes half the time.
    kept = theta.astype(np.float32) if one is None else theta[one[0], one[1]][None, None].astype(np.float64)
    target = _mesh(sides)
    b, M, m0 = factors(str(about.family), about.options, about.output_size, target)
    if M.shape[1] != theta.shape[-1]:
        raise RunError(f"theta has {theta.shape[-1]} entries, but family {about.family!r} has {M.shape[1]}.")
    lattice = tuple(len(side) for side in sides)
    typed = [array.astype(kept.dtype) for array in (b, M, m0)]
    return Looked(target=target, lattice=lattice, theta=kept, raw=None, b=typed[0], M=typed[1], m0=typed[2])


def factors(name: str, options: Mapping[str, Any], size: tuple[int, ...], target: Array) -> tuple[Array, Array, Array]:
    """A family's b (p, k), M (k (d + 1), P) and m0 (k (d + 1),) at target points (p, d), in float64.

    Raises: RunError if there is no such family, or it cannot be laid over a grid of this size.
    """
    import torch

    from stn_viz.transformer import family

    try:
        made = family(name, size=size, **options)
    except (ValueError, TypeError) as error:
        raise RunError(f"Family {name!r} cannot be laid over this grid: {error}") from error
    with torch.inference_mode(False):
        b, M, m0 = made.factors(*torch.from_numpy(target).double().unbind(-1))
    return b.numpy(), M.numpy(), m0.numpy()


def _sides(run: Run, site: int) -> list[Array]:
    """Target coordinates of the site's pixel centres along each side, (H', W') or (D', H', W')."""
    about = run.sites[site]
    return [_centres(size, align_corners=about.align_corners) for size in about.output_size]


def _thinned(sides: list[Array]) -> list[Array]:
    """The same, or every second, third ... of them where the grid has more points than memory is taken for."""
    step = next(step for step in range(1, 10_000) if math.prod(-(-len(side) // step) for side in sides) <= MOST_POINTS)
    return [side[::step] for side in sides]


def _centres(n: int, *, align_corners: bool) -> Array:
    if n == 1:
        return np.zeros(1)
    return np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1


def _mesh(sides: Sequence[Array]) -> Array:
    """Points (p, d), last coordinate first: sides are (y, x) or (z, y, x), a point is (x, y) or (x, y, z)."""
    axes = np.meshgrid(*sides, indexing="ij")
    return np.stack([axis.ravel() for axis in reversed(axes)], -1)


def inside_share(points: Array) -> float:
    """Share of points (p, d) within the image: -1..1 in each coordinate."""
    return float((np.abs(points) <= 1).all(-1).mean())
