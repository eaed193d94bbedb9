"""A rule about a grid and a sampler that do not mean the same corners: seen at the identity, from the trace alone."""

from __future__ import annotations

import numpy as np

from stn_viz.lens.doctor.findings import Finding, found
from stn_viz.lens.doctor.rules_theta import SAME_PX
from stn_viz.lens.doctor.tracks import Track
from stn_viz.lens.doctor.words import at_site, at_step
from stn_viz.runs import Run

EXACT = 1e-4
"""Of the start's scale from n / (n - 1): what rounding makes, and less than a side of a thousand pixels does."""


def mixed(run: Run, track: Track) -> Finding | None:
    """The start is the identity, made with one align_corners and sampled with the other."""
    px = float(track.spread[0]) * max(track.site.input_size) / 2
    if int(run.steps[0]) != 0 or px > SAME_PX or not track.whole[0].all() or min(track.site.output_size) < 2:
        return None
    sides = np.array(track.site.output_size[::-1], float)  # in the order x, y(, z)
    scales = (sides - 1) / sides if track.site.align_corners else sides / (sides - 1)
    linear, centre = track.linear[0].mean(0), track.centre[0].mean(0)
    if max(np.abs(linear - np.diag(scales)).max(), np.abs(centre).max()) > EXACT:
        return None
    sampler, grid = track.site.align_corners, not track.site.align_corners
    n = int(sides[0])
    ratio = f"{n - 1}/{n}" if sampler else f"{n}/{n - 1}"
    return found(
        run,
        "align-corners",
        "warning",
        step=run.steps[0],
        image=0,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[0])} the grid{at_site(run, track.index)} is the identity, but "
        f"{scales[0]:.4f} = {ratio} times as large as the sampler takes it.",
        cause=f"affine_grid was called with align_corners={grid} and grid_sample with {sampler}: the two mean other "
        "corners of the image. Where nothing is given, torch takes False.",
        cure="Write the same align_corners out in both.",
    )
