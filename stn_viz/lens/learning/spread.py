"""Pose spread of V: how differently the images still lie in V, after the transformer; one number for each record.

    R_i = pose_i^-1 o T_theta_i        spread = sqrt(mean over images i and points v of |R_i(v) - mean_i R_i(v)|^2)

T_theta takes a point v of V to U, and the inverse of the true pose takes it on into the digit's own upright frame: R_i
says which place of the upright digit stands at v. Where the network gives every digit the same pose, whichever that is,
all R_i are the same map and the spread is 0. numpy alone: it stands on the timeline of the first picture.

Units: px of the digit's own frame, 28 wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from stn_viz.lens.learning.unposing import FAR, Undo, inverse_of
from stn_viz.runs import Run, Site

Array = NDArray[np.float64]

HALF_PX = 14.0
"""Pixels of the digit's frame for a distance of 1: it is 28 wide and spans -1..1."""

EVERY = 2
ACROSS = 5
"""Of the basis file's 9 x 9 lattice over V every second point is looked at, 5 x 5 from edge to edge."""

_AT_ONCE = 2**17  # points


@dataclass(frozen=True, eq=False)
class Laid:
    """A site's family over a lattice of V's points, and what takes its U's coordinates to the pose's.

    Shapes: b (p, k) rows of basis functions at the lattice target (p, 2); M (3 k, P), m0 (3 k,);
            to_pose (2,): poses are told under align_corners False, where the outer pixels' edges are at -1 and 1.
    """

    b: Array
    M: Array
    m0: Array
    target: Array
    to_pose: Array

    def coefficients(self, theta: NDArray[np.floating]) -> Array:
        """M theta + m0 as (..., 3, k) for theta (..., P): H = coefficients b^T, under align_corners False."""
        value = np.asarray(theta, np.float64) @ self.M.T + self.m0
        value = np.ascontiguousarray(np.moveaxis(value.reshape(*value.shape[:-1], -1, 3), -1, -2))
        value[..., :2, :] *= self.to_pose[:, None]
        return value

    def points(self, theta: NDArray[np.floating]) -> Array:
        """Where V's lattice fetches from, (..., P) -> (..., 2, p) under align_corners False; inf, nan on a horizon."""
        H = self.coefficients(theta) @ self.b.T
        with np.errstate(all="ignore"):
            places: Array = H[..., :2, :] / H[..., 2:, :]
        return places


def laid_of(run: Run, site: int) -> Laid | None:
    """The site's family as its basis file has it; None where there is none that lies flat over a picture."""
    about = run.sites[site] if 0 <= site < len(run.sites) else None
    content = run.basis(site) if about is not None and len(about.output_size) == 2 else None
    if about is None or content is None:
        return None
    tensors = safetensors.numpy.load(content)
    if not {"M", "m0", "hand_b"} <= tensors.keys():
        return None
    b, M, m0 = (tensors[name].astype(np.float64) for name in ("hand_b", "M", "m0"))
    if b.ndim != 2 or M.ndim != 2 or m0.shape != M.shape[:1] or b.shape != (81, len(m0) // 3) or len(m0) % 3:
        return None
    line = np.linspace(-1, 1, 9)[::EVERY]
    return Laid(
        b=np.ascontiguousarray(b.reshape(9, 9, -1)[::EVERY, ::EVERY].reshape(-1, b.shape[1])),
        M=M,
        m0=m0,
        target=np.stack([axis.ravel() for axis in np.meshgrid(line, line)], -1),
        to_pose=_to_pose(about),
    )


def _to_pose(site: Site) -> Array:
    """What x and y are multiplied by to be told under align_corners False."""
    height, width = site.input_size
    return np.array([(side - 1) / side if site.align_corners else 1.0 for side in (width, height)])


def site_with_pose(run: Run) -> int | None:
    """The first site whose V has a pose to be compared: it samples the image itself, through a theta."""
    if run.probes.pose is None or run.info.pose_family is None:
        return None
    sites = (i for i, site in enumerate(run.sites) if site.on_image and run.theta(i) is not None)
    return next((i for i in sites if len(run.sites[i].output_size) == 2), None)


def spread(run: Run, site: int | None = None) -> NDArray[np.float32]:
    """Pose spread of V at every record, (S,), px of the digit's frame: over the run's images, from its trace alone.

    nan where it is not known: no true pose, no theta, a pose of a family that cannot be undone here, or a theta that is
    not finite. Without a site, the first that samples the image itself.
    """
    out = np.full(len(run.steps), np.nan, np.float32)
    site = site_with_pose(run) if site is None else site
    pose, family = run.probes.pose, run.info.pose_family
    if site is None or pose is None or family is None or not run.sites[site].on_image:
        return out
    laid, theta = laid_of(run, site), run.theta(site)
    if laid is None or theta is None or theta.shape[-1] != laid.M.shape[1]:
        return out
    undo = inverse_of(pose, family)
    if undo is None or len(undo.kept) == 0:
        return out
    for records in some(len(theta), len(undo.kept) * len(laid.b)):
        quick = _of_affine(laid, undo, theta[records])
        out[records] = spread_of(left_over(laid, undo, theta[records]) if quick is None else quick)
    return out


def _of_affine(laid: Laid, undo: Undo, theta: NDArray[np.floating]) -> Array | None:
    """Three points a map (s, m, 2, 3) that have the spread of the whole lattice, where all maps are affine and near.

    R = C b with C (2, 3): the mean of |R|^2 over the lattice is |C L|^2 for b^T b / p = L L^T. A third of the time,
    which counts where a run has a thousand records. None where this is not so, or a corner is as far as FAR.
    """
    if undo.affine is None or laid.b.shape[1] != 3 or laid.M[2::3].any() or not np.allclose(laid.b @ laid.m0[2::3], 1):
        return None
    C = undo.affine @ laid.coefficients(theta[..., undo.kept, :])
    side = ACROSS - 1
    corners = C @ laid.b.reshape(side + 1, side + 1, 3)[::side, ::side].reshape(4, 3).T
    if not np.nanmax(np.square(corners).sum(-2), initial=0.0) < FAR * FAR:
        return None
    p = len(laid.b)
    points: Array = C @ (np.linalg.cholesky(laid.b.T @ laid.b / p) * math.sqrt(3))  # spread_of's mean is over three
    return points


def left_over(laid: Laid, undo: Undo, theta: NDArray[np.floating]) -> Array:
    """R_i at V's lattice, theta (..., n, P) -> (..., m, 2, p) of undo's m images; nan where theta is not finite."""
    with np.errstate(all="ignore"):
        return undo.apply(laid.coefficients(theta[..., undo.kept, :]), laid.b)


def spread_of(places: Array) -> Array:
    """Root mean square of what differs from the images' mean, px: places (s, n, 2, p) -> (s,)."""
    apart = places - places.mean(1, keepdims=True)
    value: Array = HALF_PX * np.sqrt(np.einsum("sndp,sndp->s", apart, apart) / (apart.shape[1] * apart.shape[3]))
    return value


def some(records: int, points: int) -> Iterator[slice]:
    """All records, so many at once that their points stay in a processor's cache: half the time of all at once."""
    at_once = max(1, _AT_ONCE // max(1, points))
    return (slice(first, first + at_once) for first in range(0, records, at_once))


def parts_of(places: Array, target: Array) -> Array:
    """What the spread is made of: spread of turn, scale and shift of the maps nearest to the R_i.

    Shapes: places (..., n, 2, p), R_i at the lattice target (p, 2) -> (..., 3).
    Units:  turn in degrees, circular: sqrt(-2 ln |mean e^(i turn)|), large where images lie every way round; scale in
            log2; shift in px of the digit's frame. nan where the theta of an image is not finite.
    """
    linear, centre = nearest_affine(places, target)
    turn, scale = turn_of(linear), log2_scale_of(linear)
    together = np.abs(np.exp(1j * np.deg2rad(turn)).mean(-1))
    apart = centre - centre.mean(-2, keepdims=True)
    return np.stack(
        [
            np.rad2deg(np.sqrt(-2 * np.log(np.clip(together, 1e-300, 1.0)))),
            scale.std(-1),
            HALF_PX * np.sqrt(np.square(apart).sum(-1).mean(-1)),
        ],
        -1,
    )


def nearest_affine(places: Array, target: Array) -> tuple[Array, Array]:
    """Linear part (..., 2, 2) and shift (..., 2) of the affine map nearest to places (..., 2, p) over target (p, 2)."""
    given = np.concatenate([target, np.ones((len(target), 1))], 1)
    with np.errstate(all="ignore"):
        solved = places @ np.linalg.pinv(given).T  # (..., 2, 3)
    return solved[..., :2], solved[..., 2]


def turn_of(linear: Array) -> Array:
    """Rotation of maps (..., 2, 2), degrees in (-180, 180], as gauges.py has it: of the first column."""
    turn: Array = np.rad2deg(np.arctan2(linear[..., 1, 0] + 0.0, linear[..., 0, 0]))
    return turn


def log2_scale_of(linear: Array) -> Array:
    """log2 of the scale of maps (..., 2, 2), sqrt|det|, at least 1e-12."""
    determinant = linear[..., 0, 0] * linear[..., 1, 1] - linear[..., 0, 1] * linear[..., 1, 0]
    scale: Array = np.log2(np.maximum(np.sqrt(np.abs(determinant)), 1e-12))
    return scale
