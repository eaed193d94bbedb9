"""How sharp the mean of each class is in V, one number for each recorded step.

    sharpness = B / (B + W),  B = var_p(m) - W / n,  W = n / (n - 1) mean_p(var_i V),  mean over the classes

m is the mean of a class's n pictures V_i; p runs over the pixels, i over the pictures: B is how much the mean itself
varies from pixel to pixel, W how much the pictures vary about it. So it is the share of V's variance that is the
class's own picture: 0 is fog (the mean shows no more than that of n unrelated pictures), 1 is n times the same
picture. The two corrections by n take away what the mean of few pictures shows by chance: 6 probes a class and 100
test images a class can be compared. Brightness and contrast of V do not change it, and a transformer that zooms into a
blank wall gets 0. A blurred V is a little sharper by it, since soft strokes overlap more: with MNIST's digits, 0.44 as
they are, 0.51 sampled twice. So it compares steps of one run, and V under the true pose is told beside it.

Congealing (Learned-Miller, "Data driven image models through continuous joint alignment", PAMI 2006) aligns a class by
making the sum of its pixels' entropies small; "Least squares congealing" (Cox et al., CVPR 2008) takes their variance,
which is W here. W alone falls also where everything is zoomed away; its share of the whole does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stn_viz.lens.laying import Newest
from stn_viz.lens.learning.answer import Answer
from stn_viz.lens.learning.moments import Groups, Moments, Summing, groups_of
from stn_viz.lens.learning.part import own_images
from stn_viz.lens.learning.sampling import LARGEST_SIDE, flat_site, of_identity, of_pose, traced
from stn_viz.runs import Run, Site
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor

MOST_RECORDS = 150
MOST_NUMBERS = 2**25
"""Records that are sampled, the rest interpolated; and numbers of V that are computed for all of them together."""


def sharpness_of(moments: Moments) -> float:
    """The formula above, from 0 to 1: the mean over the classes that have two finite pictures; nan if none has."""
    shares = []
    for mean, variance, n in zip(moments.mean, moments.variance, moments.counts.tolist(), strict=True):
        if n < 2 or not (np.isfinite(mean).all() and np.isfinite(variance).all()):
            continue
        within = float(variance.mean()) * n / (n - 1)
        between = max(0.0, float(mean.var((-2, -1)).mean()) - within / n)
        whole = between + within
        shares.append(between / whole if whole > 1e-12 else 0.0)
    return float(np.mean(shares)) if shares else math.nan


def answer(run: Run, view: View, options: Mapping[str, str]) -> Answer:
    """Arrays "step" (S,) and "sharpness" (S,), of the run's own images, by the trace: no network is asked.

    Facts: images, how many; raw and pose, the same number of V under the identity and under the true pose, null where
    it is not known; sampled, how many of the S records were computed (the rest lie on straight lines between them).
    nan where theta is not finite.

    Raises: LensError for a network without a transformer, a site that samples volumes, or inputs that were not kept.
    """
    site = flat_site(run, view)
    made: Answer = _MADE.get((run.path, run.version, view.site), lambda: _over_time(run, view.site, site))
    return made


def _over_time(run: Run, index: int, site: Site) -> Answer:
    S, n = len(run.steps), len(run.probes.labels)
    groups = groups_of(run.probes.labels)
    numbers = n * min(site.channels, 3 if not site.on_image else site.channels)
    numbers *= math.prod(min(side, LARGEST_SIDE) for side in site.output_size)
    records = int(np.clip(MOST_NUMBERS // numbers, 8, MOST_RECORDS))
    chosen = np.unique(np.linspace(0, S - 1, min(S, records)).round().astype(int))
    values = np.array([_of(traced(run, index, int(record)), groups) for record in chosen])
    every = _between(chosen, values, S)
    part = replace(own_images(run), site=site)
    everything = slice(0, n)
    raw, pose = None, None
    if site.on_image:
        import torch

        raw = of_identity(site, torch.from_numpy(part.U))
        pose = of_pose(part, everything)
    facts: dict[str, Any] = {
        "images": n,
        "sampled": len(chosen),
        "raw": None if raw is None else number(_of(raw, groups)),
        "pose": None if pose is None else number(_of(pose, groups)),
    }
    return Answer({"step": run.steps.astype(np.float64), "sharpness": every}, facts)


def number(value: float) -> float | None:
    """A number that JSON can hold."""
    return value if math.isfinite(value) else None


def _of(V: Tensor, groups: Groups) -> float:
    summing = Summing(groups)
    summing.add(V, slice(0, len(V)))
    return sharpness_of(summing.moments())


def _between(chosen: np.ndarray[Any, Any], values: np.ndarray[Any, Any], S: int) -> np.ndarray[Any, Any]:
    """Values of all S records: straight lines between those that were computed, nothing beside one that is nan."""
    places = np.arange(S)
    after = np.searchsorted(chosen, places)
    before = np.maximum(after - (chosen[after] > places), 0)
    t = (places - chosen[before]) / np.maximum(chosen[after] - chosen[before], 1)
    mixed = np.where(t == 0, values[before], values[before] * (1 - t) + values[after] * t)
    return mixed.astype(np.float32)


_MADE = Newest(most=64)
