"""A rule for images whose true pose is known: does theta follow it? From the trace alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.doctor.findings import Finding, found
from stn_viz.lens.doctor.rules_theta import ENOUGH_RECORDS
from stn_viz.lens.doctor.tracks import Track, placed
from stn_viz.lens.doctor.words import at_site, at_step
from stn_viz.runs import Run

ENOUGH = 16
"""Probes below which a relation means little."""

SEEN_SHIFT, SEEN_TURN = 0.05, np.deg2rad(5.0)
"""Standard deviation of the poses' shifts and turns from which on there is something to answer."""

NOTHING, UNRELATED = 0.1, 0.5
"""Slope of theta's shift or turn on the pose's, and their correlation, below both of which it does not follow."""

CROSSED, STRAIGHT = 0.7, 0.25
"""Correlations with the pose's other axis, and with its own, of a theta in (y, x) order."""


def pose(run: Run, track: Track) -> Finding | None:
    """Theta does not follow the known pose, or follows it along the other axis."""
    known = run.probes.pose
    if known is None or run.info.pose_family is None or len(track.site.input_size) != 2 or len(known) < ENOUGH:
        return None
    waiting = run.info.status == "running" and len(run.steps) < ENOUGH_RECORDS
    if int(run.steps[-1]) == 0 or waiting or not track.whole[-1].all():
        return None
    linear, centre = placed(run, track.index, run.info.pose_family, known)
    if not np.isfinite(linear).all():
        return None
    shifts, turns = track.centre[-1].astype(float), _turns(track.linear[-1])
    varied = centre.std(0) >= SEEN_SHIFT
    straight = [_relation(shifts[:, axis], centre[:, axis]) for axis in (0, 1)]
    where = f"At {at_step(run, run.steps[-1])} theta{at_site(run, track.index)}"
    image = int(np.abs(centre - shifts).sum(-1).argmax())
    if varied.all():
        crossed = [_relation(shifts[:, axis], centre[:, 1 - axis])[1] for axis in (0, 1)]
        if min(crossed) >= CROSSED and max(abs(own[1]) for own in straight) <= STRAIGHT:
            return found(
                run,
                "swapped",
                "fault",
                step=run.steps[-1],
                image=image,
                site=track.index,
                sentence=f"{where} shifts in x as the images' known pose does in y, and in y as it does in x "
                f"(correlations {crossed[0]:.2f} and {crossed[1]:.2f}; with its own axis {straight[0][1]:.2f} and "
                f"{straight[1][1]:.2f}).",
                cause="Theta is in the order (y, x), as arrays are indexed, but the sampler takes (x, y).",
                cure="Swap theta's two rows (and its first two columns) before the grid is made.",
            )
    told = [(f"shift in {'xy'[axis]}", straight[axis]) for axis in (0, 1) if varied[axis]]
    true_turns = _turns(linear)
    if true_turns.std() >= SEEN_TURN:
        told.append(("turn", _relation(turns, true_turns)))
    if len(told) < 2 or any(abs(slope) >= NOTHING or abs(related) >= UNRELATED for _, (slope, related) in told):
        return None
    slopes = ", ".join(f"{slope:.2f} of its {name}" for name, (slope, _) in told)
    return found(
        run,
        "answer",
        "warning",
        step=run.steps[-1],
        image=image,
        site=track.index,
        sentence=f"{where} does not answer to the images' known pose: over the probes it follows {slopes}, where 1 is "
        "all of it.",
        cause="The localisation network has not learned where to look.",
        cure="Train longer or with a higher rate for the localisation network, and look whether its gradient is 0.",
    )


def _turns(linear: NDArray[Any]) -> NDArray[Any]:
    """The rotation in maps (n, 2, 2), radians: of the nearest similarity."""
    turns: NDArray[Any] = np.arctan2(linear[:, 1, 0] - linear[:, 0, 1], linear[:, 0, 0] + linear[:, 1, 1])
    return turns.astype(float)


def _relation(values: NDArray[Any], true: NDArray[Any]) -> tuple[float, float]:
    """Slope of values on the true ones, and their correlation; 0 where one of them does not vary."""
    a, b = values - values.mean(), true - true.mean()
    if not (a.std() > 1e-9 and b.std() > 1e-9):
        return 0.0, 0.0
    return float((a * b).mean() / b.var()), float((a * b).mean() / (a.std() * b.std()))
