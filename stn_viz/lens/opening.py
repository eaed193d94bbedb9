"""Which image and step a run opens on: the localisation network visibly on its way, the answer not yet certain.

The first record shows the identity and the last a finished job; neither tells what training does. So every pair of
recorded step and probe image is scored from the trace alone, and the best one opens.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.runs import Run
from stn_viz.view import View

ON_ITS_WAY = 0.65
"""Share of theta's way from its first to its last value: the grid has left the identity and has not arrived."""

UNDECIDED = 0.6
"""Probability of the true class that is neither a guess nor a certainty."""


def opening(run: Run) -> View:
    """The image and step of the most instructive moment of a run; the same run always opens on the same one.

    A run without a transformer is judged by its answers alone, one without classes by its theta alone.
    """
    way, moved = _way(run)
    likely = _true_class(run)
    # A bell around each target; the images that travel far and end well are the ones worth following.
    score = _near(way, ON_ITS_WAY, width=0.2) * _near(likely, UNDECIDED, width=0.35) * moved * (0.2 + likely[-1])
    score = np.where(np.isfinite(score), score, -1.0)
    # Snapshots first: there the network itself stands behind what was recorded, and can be asked about more.
    at_snapshot = np.isin(run.steps, run.snapshots)
    if score[at_snapshot].max(initial=-1.0) > 0.5 * score.max():
        score[~at_snapshot] = -1.0
    record, image = np.unravel_index(int(score.argmax()), score.shape)
    return View(run=run.name, image=int(image), step=int(run.steps[record]))


def _way(run: Run) -> tuple[NDArray[Any], NDArray[Any]]:
    """Share of its way that each theta has gone, (S, n), and how far each went compared with the farthest, (n,)."""
    theta = run.theta(0)
    if theta is None:
        n = len(run.probes.labels)
        return np.full((len(run.steps), n), ON_ITS_WAY), np.ones(n)
    gone = theta.astype(np.float64) - theta[0]
    end = gone[-1]
    length = np.linalg.norm(end, axis=-1)
    with np.errstate(all="ignore"):  # a theta that never moved divides by nothing, and is sorted out by the score
        way = (gone * end).sum(-1) / length**2
        moved = length / np.nanmax(length, initial=0.0)
    return way, moved


def _true_class(run: Run) -> NDArray[Any]:
    """Probability of each probe's label at each record, (S, n); 0 where the label is unknown."""
    labels = run.probes.labels
    if run.probabilities is None:
        return np.full((len(run.steps), len(labels)), UNDECIDED)
    classes = run.probabilities.shape[-1]
    known = (labels >= 0) & (labels < classes)
    picked = np.take_along_axis(run.probabilities, np.where(known, labels, 0)[None, :, None], axis=-1)[..., 0]
    return np.where(known, picked.astype(np.float64), 0.0)


def _near(values: NDArray[Any], target: float, *, width: float) -> NDArray[Any]:
    near: NDArray[Any] = np.exp(-(((values - target) / width) ** 2))
    return near
