"""True pose against predicted pose: what was done to each digit, and what the transformer does to undo it.

A pose T maps the digit's frame to U, theta maps V to U, both target to source. In pixels, x_U = s R(turn) x + shift is
the similarity that a person reads: the digit was turned, scaled and moved by that. The transformer does the opposite of
its theta to the picture (theta fetches), so `undone` is minus the numbers of theta. A perfect localiser has theta =
pose and undone = -applied: all points lie on the line of slope -1, "learned to undo". One that answers with the same
theta for every image has slope 0. Where V shows the digits in another pose, the same for all (smaller, upside down),
the slopes stay -1 and the offsets tell it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.learning.answer import Answer, one_of, whole
from stn_viz.lens.learning.part import Part, part_of
from stn_viz.lens.learning.spread import (
    HALF_PX,
    Laid,
    laid_of,
    left_over,
    log2_scale_of,
    nearest_affine,
    parts_of,
    some,
    spread_of,
    turn_of,
)
from stn_viz.lens.learning.unposing import inverse_of, places_of
from stn_viz.lens.question import LensError, own_theta, record_of, site_of
from stn_viz.runs import Run, Site
from stn_viz.view import View

Array = NDArray[np.float64]

COLUMNS = ("turn", "scale", "shift x", "shift y")
UNITS = ("deg", "log2", "px", "px")
CANNOT = {"attention": ("turn",), "translation": ("turn", "scale")}
"""What a family has no entry for: it is not drawn, since it stays as it is whatever the network learns."""

VARIED = (0.5, 0.02, 0.1, 0.1)
"""Standard deviation, in each column's own unit, from which on there is something to undo."""

_MOST_TILES = 60


def answer(run: Run, view: View, options: Mapping[str, str]) -> Answer:
    """Options: source part (of the test set, as part_of) or probes; records one or all (of probes); count of part.

    Arrays: applied (n, 4), what was done to each digit, absent where no true pose is known; undone (n, 4), with records
    "all" (S, n, 4); labels (n,) int32; slope, offset, correlation of undone on applied by least squares, (4,) or
    (S, 4); spread, px of the digit's frame, (1,) or (S,), and parts, its turn (degrees), scale (log2) and shift (px),
    (1, 3) or (S, 3). Columns are COLUMNS: turn in degrees, log2 of scale, shift x and y in px of U; nan where the
    family has no such entry or nothing is known.

    Facts: known (is there a true pose), columns, units, can, varied, source, snapshot, ids (names of pictures.py).

    With an option tiles (numbers of images, commas between) instead: U (m, C, h, w) and theta (m, P) of those images.

    Raises: LensError where there is no transformer, no theta, or V is a volume.
    """
    site = site_of(run, view)
    theta = own_theta(run, view)
    laid = laid_of(run, view.site)
    if laid is None or len(site.input_size) != 2:
        raise LensError("Pose is read from flat pictures, and this transformer samples a volume or has no basis file.")
    records = one_of(options, "records", ("one", "all"))
    if one_of(options, "source", ("part", "probes")) == "probes":
        part, over = _probes(run, view, site, theta)
        over = theta if records == "all" else over
    elif records == "all":
        raise LensError("All records are told of the run's own images alone: ask with source=probes.")
    else:
        part = part_of(run, view, count=whole(options, "count", 1000, least=1, most=2000))
        if part.theta is None:
            raise LensError("The network gave no theta here.")
        over = part.theta
    if "tiles" in options:
        return _tiles(part, over, options["tiles"])
    return compared(part, laid, over)


def compared(part: Part, laid: Laid, theta: NDArray[np.floating]) -> Answer:
    """The answer for theta (n, P), or (S, n, P) of S records, of the images of a part."""
    assert part.site is not None
    undone = -numbers_of(laid.points(theta), laid.target, part.site)
    can = [name not in CANNOT.get(str(part.site.family), ()) for name in COLUMNS]
    undone[..., ~np.array(can)] = np.nan
    applied = _applied(part, laid)
    if applied is None:
        undone[..., 0] = from_the_mean(undone[..., 0])
        arrays, varied = {}, can
    else:
        undone[..., 0] = on_the_turn(undone[..., 0], applied[:, 0])
        slope, offset, correlation = relation(undone, applied)
        spread, parts = _left(part, laid, theta)
        varied = [bool(np.nanstd(applied[:, i]) >= least) for i, least in enumerate(VARIED)]
        arrays = {"applied": applied, "slope": slope, "offset": offset, "correlation": correlation}
        arrays |= {"spread": spread, "parts": parts}
    return Answer(
        {name: np.asarray(array, np.float32) for name, array in (arrays | {"undone": undone}).items()}
        | {"labels": part.labels.astype(np.int32)},
        {
            "known": applied is not None,
            "columns": list(COLUMNS),
            "units": list(UNITS),
            "can": can,
            "varied": varied,
            "family": str(part.site.family),
            "source": part.source,
            "snapshot": part.snapshot,
            "ids": None if part.ids is None else list(part.ids),
        },
    )


def numbers_of(places: Array, target: Array, site: Site) -> Array:
    """Turn, log2 scale, shift x and y of maps given by places (..., 2, p) of U over target (p, 2): (..., 4).

    The nearest affine map in pixels of U by pixels of the digit's frame, 28 wide; its scale is sqrt|det|.
    """
    linear, centre = nearest_affine(places, target)
    half = np.array([site.input_size[1], site.input_size[0]]) / 2
    linear = linear * (half / HALF_PX)[:, None]
    with np.errstate(all="ignore"):
        columns = [turn_of(linear)[..., None], log2_scale_of(linear)[..., None], centre * half]
    return np.concatenate(columns, -1)


def relation(undone: Array, applied: Array) -> tuple[Array, Array, Array]:
    """Least squares undone = slope applied + offset over the images, and the correlation: (..., n, 4) -> (..., 4) each.

    nan where applied does not vary; correlation 0 where undone does not. Images without a finite number are left out.
    """
    known = np.isfinite(undone) & np.isfinite(applied)
    x, y = np.where(known, applied, 0.0), np.where(known, undone, 0.0)
    n = known.sum(-2)
    with np.errstate(all="ignore"):
        x_mean, y_mean = x.sum(-2) / n, y.sum(-2) / n
        x, y = np.where(known, x - x_mean[..., None, :], 0.0), np.where(known, y - y_mean[..., None, :], 0.0)
        xx, yy, xy = (x * x).sum(-2), (y * y).sum(-2), (x * y).sum(-2)
        varies = np.sqrt(xx / n) >= np.array(VARIED)
        slope = np.where(varies, xy / xx, np.nan)
        flat = yy <= 1e-12 * n
        correlation = np.where(varies, np.where(flat, 0.0, xy / np.sqrt(xx * yy)), np.nan)
        return slope, y_mean - slope * x_mean, correlation


def from_the_mean(turn: Array) -> Array:
    """Angles (..., n), each on the turn that is nearest to their mean direction: a cloud at 180 degrees stays one."""
    mean = np.rad2deg(np.angle(np.nansum(np.exp(1j * np.deg2rad(turn)), -1)))[..., None]
    value: Array = turn - 360 * np.round((turn - mean) / 360)
    return value


def on_the_turn(undone: Array, applied: Array) -> Array:
    """Angles that undo others, on the turn nearest to their mean; of digits that lie every way round, to the line."""
    known = applied[np.isfinite(applied)]
    every_way = len(known) > 0 and np.ptp(known) > 185
    return from_the_mean(undone + applied) - applied if every_way else from_the_mean(undone)


def _applied(part: Part, laid: Laid) -> Array | None:
    """What was done to each digit, (n, 4); None where no true pose is known, or it tells nothing of this site's U."""
    if part.pose is None or part.pose_family is None or part.site is None or not part.site.on_image:
        return None
    places = places_of(part.pose, part.pose_family, laid.target)
    return None if places is None else numbers_of(places, laid.target, part.site)


def _left(part: Part, laid: Laid, theta: NDArray[np.floating]) -> tuple[Array, Array]:
    """Pose spread of V and its parts; nan where the pose cannot be undone."""
    assert part.pose is not None
    undo = inverse_of(part.pose, str(part.pose_family))
    several = theta[None] if theta.ndim == 2 else theta
    spread, parts = np.full(len(several), np.nan), np.full((len(several), 3), np.nan)
    if undo is not None and len(undo.kept):
        for records in some(len(several), len(undo.kept) * len(laid.b)):
            places = left_over(laid, undo, several[records])
            spread[records], parts[records] = spread_of(places), parts_of(places, laid.target)
    return spread, parts


def _probes(run: Run, view: View, site: Site, theta: NDArray[np.float32]) -> tuple[Part, NDArray[np.float32]]:
    """The run's own images with what the trace has of them at the view's step: no network is asked."""
    record = record_of(run, view)
    part = Part(
        U=run.probes.U,
        labels=run.probes.labels,
        pose=run.probes.pose,
        pose_family=run.info.pose_family if run.probes.pose is not None else None,
        theta=theta[record],
        probabilities=None,
        snapshot=int(run.steps[record]),
        source="images of the run",
        ids=None,
        site=site,
    )
    return part, theta[record]


def _tiles(part: Part, theta: NDArray[Any], asked: str) -> Answer:
    numbers = asked.split(",")
    if not all(number.isascii() and number.isdigit() and int(number[:9]) < len(part.U) for number in numbers):
        raise LensError(f"tiles must be numbers of images from 0 to {len(part.U) - 1}, with commas between.")
    chosen = [int(number) for number in numbers[:_MOST_TILES]]
    return Answer({"U": part.U[chosen], "theta": np.asarray(theta[chosen], np.float32)}, {"source": part.source})
