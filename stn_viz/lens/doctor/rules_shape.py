"""Rules about what the grid does to the image: too large, too small, too long, mirrored, folded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.doctor.findings import Finding, Severity, found, onset
from stn_viz.lens.doctor.rules_place import SOME
from stn_viz.lens.doctor.tracks import Track
from stn_viz.lens.doctor.words import at_site, at_step, of_images
from stn_viz.runs import Run

NEARLY_ALL = 0.9
"""Share of the probes that stands for "all inputs"."""

OUT, FAR_OUT = 1.75, 3.0
"""How many image sides long the grid is on average, a warning and a fault."""

LEAST_PX = 1.5
"""Pixels of U: a grid shorter than that in any direction shows a line or a point; of a small map a tenth of a side."""

LEAST_AREA_PX = 9.0
"""Square pixels of U: a grid smaller than that (3 x 3) shows a smear; on small feature maps a fiftieth of the map."""

LONG, VERY_LONG = 4.0, 10.0
"""The grid's longest stretch over its shortest one."""

SOME_CELLS = 0.03
"""Share of the lattice's cells that are folded over, from which on it is seen in V."""


def zoom_out(run: Run, track: Track) -> Finding | None:
    """The grid is far larger than the image for all inputs, and V shows the image small in a frame of padding."""
    d = track.linear.shape[-1]
    sides = np.where(track.whole, np.abs(track.det), 0.0) ** (1 / d)  # (S, n), in image sides
    far = np.quantile(sides, 1 - NEARLY_ALL, axis=1)  # all but a few are above this
    if far[-1] < OUT:
        return None
    record = onset(far >= OUT)
    image = int(sides[-1].argmax())
    first = float(np.median(sides[0]))
    drift = f" (it was {first:.2f} at {at_step(run, run.steps[0])})" if len(sides) > 1 else ""
    return found(
        run,
        "zoom-out",
        "fault" if far[-1] >= FAR_OUT else "warning",
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"From {at_step(run, run.steps[record])} on the grid{at_site(run, track.index)} is larger than the "
        f"image for {_all(sides[-1] >= OUT)}: {np.median(sides[-1]):.2f} image sides long at the last "
        f"record{drift}, determinant {track.det[-1, image]:.3g} for image {image}.",
        cause="Zoom-out drift: V shrinks the image into a frame of padding, which is easy for a network that is still "
        "bad at finding anything.",
        cure="Start at the identity, lower the rate of the localisation network, or add a penalty on theta's distance "
        "from the identity; where V should be smaller than U, bound the scale at 1.",
    )


def collapse(run: Run, track: Track) -> Finding | None:
    """The grid has shrunk to a point or a line for all inputs."""
    short, area = _extent(track)
    small = min(LEAST_AREA_PX, 0.02 * float(np.prod(track.site.input_size)))
    gone = ((short < _least(track)) | (area < small)) & track.whole
    n = gone.shape[1]
    now = int(gone[-1].sum())
    if min(track.site.input_size) < 3 or min(track.site.output_size) < 2 or now < max(SOME * n, 1):
        return None
    record = onset(gone.sum(1) >= max(SOME * n, 1))
    image = int(np.where(gone[record], area[record], np.inf).argmin())
    return found(
        run,
        "collapse",
        "fault" if now >= NEARLY_ALL * n else "warning",
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[record])} the grid of image {image}{at_site(run, track.index)} has "
        f"shrunk to {short[record, image]:.2g} pixels across (determinant {track.det[record, image]:.3g}), and at the "
        f"last record it is so for {of_images(now, n)}: all of V comes from one spot or one line of the image.",
        cause="Collapse: theta's scale went to 0, often by a bounded activation that sticks at its end, or by a "
        "classifier that is content with one patch.",
        cure="Keep the scale away from 0 (a bound from below, or a penalty on the logarithm of the determinant), and "
        "lower the rate of the localisation network.",
    )


def stretched(run: Run, track: Track) -> Finding | None:
    """The grid is far longer in one direction than in the other."""
    ratio = _ratio(track)
    short, _ = _extent(track)
    usable = track.whole & (short >= _least(track))  # a collapsed grid has its own rule
    ratio = np.where(usable, ratio, 1.0)
    n = ratio.shape[1]
    long, very = (ratio >= LONG), (ratio >= VERY_LONG)
    if long[-1].sum() < max(n / 2, 1) and very[-1].sum() < max(SOME * n, 1):
        return None
    record = onset((long.sum(1) >= max(n / 2, 1)) | (very.sum(1) >= max(SOME * n, 1)))
    image = int(ratio[record].argmax())
    return found(
        run,
        "stretched",
        "fault" if very[-1].sum() >= max(n / 2, 1) else "warning",
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[record])} the grid of image {image}{at_site(run, track.index)} is "
        f"{ratio[record, image]:.1f} times as long as wide, and at the last record more than {LONG:.0f} times for "
        f"{of_images(int(long[-1].sum()), n)}.",
        cause="One scale or a shear of theta runs away while the other stays: V is smeared in one direction.",
        cure="Choose a family without a free aspect (similarity or attention) where the images do not need it, or "
        "lower the rate of the localisation network.",
    )


def mirrored(run: Run, track: Track) -> Finding | None:
    """The determinant is negative: V shows the image in a mirror."""
    turned = (track.det < 0) & track.whole
    n = turned.shape[1]
    now = int(turned[-1].sum())
    if now == 0:
        return None
    record = onset(turned.any(axis=1))
    image = int(np.where(turned[record], track.det[record], np.inf).argmin())
    severity: Severity = "fault" if now >= n / 2 else "warning" if now >= SOME * n else "note"
    cause = "A column of theta passed through 0 and came out on the other side: the scale changed its sign."
    cure = (
        "Where images must not be mirrored, take a family that cannot (similarity, attention with a positive scale), "
        "or give the scale an exp(); a lower rate for the localisation network keeps it from leaping over 0."
    )
    if turned[0].all():
        severity = "warning"
        cause = "It was mirrored from the first record on: the first theta is a mirror, not the identity."
        cure = "If no mirror is wanted, start with weight 0 and the identity in the last layer's bias."
    elif turned[0].any():
        cause = "Some grids were mirrored from the first record on: the start is a random theta, not the identity."
        cure = "Start with weight 0 and the identity in the last layer's bias."
    return found(
        run,
        "mirrored",
        severity,
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[record])} the grid of image {image}{at_site(run, track.index)} is "
        f"mirrored (determinant {track.det[record, image]:.3g}), and at the last record it is so for "
        f"{of_images(now, n)}.",
        cause=cause,
        cure=cure,
    )


def folded(run: Run, track: Track) -> Finding | None:
    """Parts of the grid lie over other parts: of a spline, a free form or a raw grid."""
    over = (track.folded > 0) & track.whole
    n = over.shape[1]
    now = int(over[-1].sum())
    if now == 0:
        return None
    record = onset(over.any(1))
    image = int(track.folded[-1].argmax())
    record = max(record, onset(over[:, image]))
    plain = int((track.folded[-1] >= SOME_CELLS).sum())
    severity: Severity = "fault" if plain >= n / 2 else "warning" if plain >= max(SOME * n, 1) else "note"
    return found(
        run,
        "folded",
        severity,
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[record])} the grid of image {image}{at_site(run, track.index)} begins to "
        f"fold over itself; at the last record {100 * track.folded[-1, image]:.0f} % of it lies the wrong way round, "
        f"and {of_images(now, n)} {'has' if now == 1 else 'have'} such a fold.",
        cause="Neighbouring control points have passed each other, so part of the image is seen twice or mirrored.",
        cure="Penalise bending (the spline's bending energy) or bound how far a control point may leave its place "
        "(tanh times half the distance between two), take fewer control points, or lower the rate.",
    )


def _all(which: NDArray[np.bool_]) -> str:
    return of_images(int(which.sum()), len(which))


def _least(track: Track) -> float:
    return min(LEAST_PX, 0.1 * min(track.site.input_size))


def _extent(track: Track) -> tuple[NDArray[Any], NDArray[Any]]:
    """Length in pixels of U of the grid's shortest direction, (S, n), and its area (of a volume, its volume)."""
    sides = np.array(track.site.input_size[::-1], float)  # in the order x, y(, z)
    pixels = track.linear * sides[:, None]
    return np.linalg.svd(pixels, compute_uv=False)[..., -1], np.abs(track.det) * sides.prod()


def _ratio(track: Track) -> NDArray[Any]:
    """Longest over shortest stretch, (S, n): in normalised units or in pixels, whichever is less."""
    inside, outside = (np.array(size[::-1], float) for size in (track.site.input_size, track.site.output_size))
    pixels = np.linalg.svd(track.linear * (inside[:, None] / outside), compute_uv=False)
    with np.errstate(all="ignore"):
        values = np.minimum(track.stretches[..., 0] / track.stretches[..., -1], pixels[..., 0] / pixels[..., -1])
    return np.nan_to_num(values, nan=1.0, posinf=1e6)
