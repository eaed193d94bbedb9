"""How each image's grid went through a training: a few numbers of every record and probe, taken at once with numpy.

Grids are looked at on a small lattice with the target square's corners in it: what leaves is seen first there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.doctor.grids import Looked, outline, over
from stn_viz.runs import Run, Site

AT_ONCE = 2**21
"""Coordinates that are computed at once: a run of many records is gone through in pieces that stay in the cache."""

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """One site's grids over a run, in normalised coordinates (x, y) or (x, y, z): d of them.

    Shapes: S records of n probes. low, high (S, n, d): least and largest coordinate of the grid; inside (S, n): share
            of the lattice within the image; centre (S, n, d): its mean point; linear (S, n, d, d): its mean Jacobian,
            [i, j] how coordinate i of the source moves with j of the target; folded (S, n): share of the cells that
            lie the other way round than most; w (S, n): least H_w, 1 where no horizon can be; moved (S, n): how far
            its points went since the record before, root mean square, 0 at the first; spread (S,): the largest
            standard deviation over the probes of any coordinate of any point; apart (S, n): root mean square distance
            from the target grid. Where a horizon crosses the grid (w <= 0) the others mean little.
    """

    index: int
    site: Site
    low: Array
    high: Array
    inside: Array
    centre: Array
    linear: Array
    folded: Array
    w: Array
    moved: Array
    spread: Array
    apart: Array

    @functools.cached_property
    def det(self) -> Array:
        """Determinant of the mean Jacobian, (S, n): how large a part of the image V shows; below 0, mirrored."""
        det: Array = np.linalg.det(self.linear)
        return det

    @functools.cached_property
    def stretches(self) -> Array:
        """Singular values of the mean Jacobian, (S, n, d), the largest first."""
        values: Array = np.linalg.svd(self.linear, compute_uv=False)
        return values

    @functools.cached_property
    def whole(self) -> Array:
        """Where no horizon crosses the grid, (S, n): there the other numbers hold."""
        whole: Array = self.w > 0
        return whole


def track(run: Run, index: int) -> Track:
    """Follow one site through the run. Raises: RunError, as `grids.outline`."""
    looked = outline(run, index)
    S, n = len(run.steps), len(run.probes.labels)
    step = max(1, AT_ONCE // (n * looked.target.size))
    parts: list[dict[str, Array]] = []
    before: Array | None = None
    for start in range(0, S, step):
        points, w = looked.grids(slice(start, start + step))
        parts.append(_numbers(looked, points, w, before))
        before = points[-1:]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Track(index=index, site=run.sites[index], **columns)


def placed(run: Run, index: int, family: str, theta: Array) -> tuple[Array, Array]:
    """Mean Jacobian (n, 2, 2) and mean point (n, 2) of other thetas (n, P), over the target square of a flat site.

    Raises: RunError if there is no such family, or its theta has another number of entries.
    """
    looked = over(family, run.sites[index], theta)
    points, _ = looked.grids(slice(0, 1))
    return _jacobian(looked, points).mean(2)[0], points.mean(2)[0]


def _numbers(looked: Looked, points: Array, w: Array, before: Array | None) -> dict[str, Array]:
    """The columns of Track for some records. Shapes: points (s, n, p, d), w broadcasts to (s, n, p)."""
    jacobian = _jacobian(looked, points)
    dets = np.linalg.det(jacobian)
    mostly = np.where(np.median(dets, axis=-1, keepdims=True) < 0, -1.0, 1.0)
    earlier = np.concatenate([points[:1] if before is None else before, points[:-1]])
    return {
        "low": points.min(2),
        "high": points.max(2),
        "inside": (np.abs(points) <= 1).all(-1).mean(-1),
        "centre": points.mean(2),
        "linear": jacobian.mean(2),
        # Float32 leaves a rounding of 1e-7 around 0 where a grid has shrunk to a line: that is no fold.
        "folded": (dets * mostly < -1e-4).mean(-1),
        "w": np.broadcast_to(w, points.shape[:3]).min(-1),
        "moved": _root_mean_square(points - earlier),
        "spread": points.std(1).max((-1, -2)),
        "apart": _root_mean_square(points - looked.target.astype(points.dtype)),
    }


def _root_mean_square(difference: Array) -> Array:
    """Of the lengths of vectors (s, n, p, d), over the points: (s, n)."""
    value: Array = np.sqrt(np.square(difference).sum(-1).mean(-1))
    return value


def _jacobian(looked: Looked, points: Array) -> Array:
    """Mean Jacobian of each cell of the lattice, (s, n, cells, d, d), from the differences along its edges."""
    d = points.shape[-1]
    shape = looked.lattice
    source = points.reshape(*points.shape[:2], *shape, d)
    target = looked.target.reshape(*shape, d)
    columns = []
    for coordinate in range(d):  # x is the last axis of the lattice
        axis = d - 1 - coordinate
        if shape[axis] < 2:  # one pixel long: nothing is known of that direction, so it counts as unmoved
            unit = np.zeros((*points.shape[:2], *(max(side - 1, 1) for side in shape), d), points.dtype)
            unit[..., coordinate] = 1
            columns.append(unit)
            continue
        rise = np.diff(source, axis=2 + axis)
        run = np.diff(target[..., coordinate], axis=axis)[..., None]
        slope = rise / run.astype(points.dtype)
        for other in range(d):
            if other != axis and shape[other] > 1:
                slope = (_head(slope, 2 + other) + _tail(slope, 2 + other)) / 2
        columns.append(slope)
    jacobian = np.stack(columns, -1)
    return jacobian.reshape(*points.shape[:2], -1, d, d)


def _head(array: Array, axis: int) -> Array:
    return array[(slice(None),) * axis + (slice(None, -1),)]


def _tail(array: Array, axis: int) -> Array:
    return array[(slice(None),) * axis + (slice(1, None),)]
