"""The true pose the other way round: from a place of U to the place of the upright digit that is drawn there.

A pose takes the digit's frame to U as theta takes V's: affine (6 numbers), projective (8) or a thin plate spline (2 K^2
numbers). The first two are matrices; a spline is undone by splines.py. numpy alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.laying import Newest
from stn_viz.lens.learning.splines import Array, spline_factors, spline_inverse

FAR = 4.0
"""Half frames from the digit's centre, 56 px: what lies further out, on a horizon or beyond it, counts as lying there.
One image of a thousand with a horizon would else be the whole of a mean square."""

_INVERSES = Newest(most=4)  # of splines: a run that is being written asks again every few seconds

MOST = 1e3
"""Beyond such an entry a pose is no pose of anything that is seen."""

SINGULAR = 1e-6
"""Determinant from which down a pose squeezes the digit to a line: nothing undoes it."""


@dataclass(frozen=True, eq=False)
class Undo:
    """Of the images in `kept` (m,), whose pose can be undone.

    apply(coefficients, b): homogeneous coefficients (..., m, 3, k) of grids in U and basis functions b (p, k) to places
    (..., m, 2, p) in the digit's frame, none further out than FAR. affine: the same as matrices (m, 2, 3), where
    all of them are affine maps.
    """

    kept: NDArray[np.intp]
    apply: Callable[[Array, Array], Array]
    affine: Array | None = None


def inverse_of(pose: NDArray[np.floating], family: str) -> Undo | None:
    """How to undo the poses (n, P) of a family; None for a family of which this is not known."""
    told = np.asarray(pose, np.float64)
    kept = np.flatnonzero((np.abs(told) < MOST).all(1))  # not nan either
    forward = matrices(told[kept], family)
    if forward is not None:
        regular = np.abs(np.linalg.det(forward)) > SINGULAR
        inverse = np.linalg.inv(forward[regular])
        flat = bool((inverse[:, 2] == [0, 0, 1]).all())
        return Undo(kept[regular], _of_matrices(inverse), inverse[:, :2] if flat else None)
    if family == "tps" and control_points(told.shape[1]):
        return Undo(kept, _of_splines(told[kept]))
    return None


def places_of(pose: NDArray[np.floating], family: str, at: Array) -> Array | None:
    """Where poses (n, P) take points (p, 2) of the digit's frame: (n, 2, p) of U, normalised; None as inverse_of."""
    told = np.asarray(pose, np.float64)
    forward = matrices(told, family)
    if forward is not None:
        H = forward @ np.concatenate([at, np.ones((len(at), 1))], 1).T
        with np.errstate(all="ignore"):
            places: Array = H[:, :2] / H[:, 2:]
        return places
    points = control_points(told.shape[1]) if family == "tps" else None
    return None if points is None else np.moveaxis(spline_factors(points, at) @ told.reshape(len(told), -1, 2), -1, -2)


def control_points(P: int) -> int | None:
    """Control points a side of a spline with P numbers, 2 to 8, or None."""
    side = math.isqrt(P // 2)
    return side if 2 * side * side == P and 2 <= side <= 8 else None


def matrices(pose: Array, family: str) -> Array | None:
    """Poses (n, P) of a family of straight lines as homogeneous matrices (n, 3, 3); None for any other."""
    zero, one = np.zeros(len(pose)), np.ones(len(pose))
    t = list(pose.T)
    match family, len(t):
        case "affine", 6:
            rows = [*t, zero, zero, one]
        case "projective", 8:
            rows = [*t, one]
        case "similarity", 4:
            rows = [t[0], -t[1], t[2], t[1], t[0], t[3], zero, zero, one]
        case "attention", 3:
            rows = [t[0], zero, t[1], zero, t[0], t[2], zero, zero, one]
        case "translation", 2:
            rows = [one, zero, t[0], zero, one, t[1], zero, zero, one]
        case _:
            return None
    return np.stack(rows, -1).reshape(-1, 3, 3)


def _of_matrices(inverse: Array) -> Callable[[Array, Array], Array]:
    def apply(coefficients: Array, b: Array) -> Array:
        back = (inverse @ coefficients) @ b.T
        # The sign of H's own w says nothing: a place of U is the same from either side of theta's horizon. On the way
        # back w is 1 at the digit's centre, and what is not of its sign lies beyond the horizon.
        side = np.where(coefficients[..., 2:, :] @ b.T < 0, -1.0, 1.0)
        return bounded(side * back[..., :2, :] / np.maximum(side * back[..., 2:, :], 1e-12))

    return apply


def _of_splines(pose: Array) -> Callable[[Array, Array], Array]:
    inverse = _INVERSES.get((pose.shape, pose.tobytes()), lambda: spline_inverse(pose))

    def apply(coefficients: Array, b: Array) -> Array:
        H = coefficients @ b.T
        return bounded(inverse.read(H[..., :2, :] / np.where(H[..., 2:, :] == 0, 1e-12, H[..., 2:, :])))

    return apply


def bounded(places: Array) -> Array:
    """Places (..., 2, p) no further out than FAR, in their own direction. nan stays nan."""
    squared = np.square(places[..., :1, :]) + np.square(places[..., 1:, :])
    if not np.nanmax(squared, initial=0.0) > FAR * FAR:
        return places
    held: Array = places * (FAR / np.maximum(np.sqrt(squared), FAR))
    return held
