"""What every lens checks first: does this run have what the view asks about?"""

import bisect
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stn_viz.runs import Run, Site
from stn_viz.view import View


class LensError(ValueError):
    """A question that this run cannot answer; its text is one or two sentences for the person who asked."""


def image_of(run: Run, view: View) -> int:
    """The probe image of the view. Raises: LensError if the run has no such image."""
    count = len(run.probes.labels)
    if not 0 <= view.image < count:
        raise LensError(f"image is {view.image}, but run {run.name!r} has {count} images: 0 to {count - 1}.")
    return view.image


def site_of(run: Run, view: View) -> Site:
    """The transformer site of the view. Raises: LensError if the network has none, or not so many."""
    if not run.sites:
        raise LensError("There is no transformer in this network, so it has no theta.")
    if not 0 <= view.site < len(run.sites):
        raise LensError(f"site is {view.site}, but run {run.name!r} has sites 0 to {len(run.sites) - 1}.")
    return run.sites[view.site]


def own_theta(run: Run, view: View) -> NDArray[np.float32]:
    """The network's theta of each probe at each record, (S, n, P). Raises: LensError at a site of no family."""
    theta = run.theta(view.site)
    if theta is None:
        raise LensError("This site's grid is of no family, so it has no theta of its own.")
    return theta


def record_of(run: Run, view: View) -> int:
    """Index of the newest record at or before the view's step; a step before the first record means the first."""
    return max(0, bisect.bisect_right(run.steps.tolist(), view.step) - 1)


def within(run: Run, view: View, fallback: View) -> View:
    """The view as this run can show it: a step that was recorded, and for what the run has not, the fallback's.

    For views of a link or of another run; theta stays only where it has the entries of the site's own family, since
    another family's number of them was checked when the link was read.
    """
    image = view.image if 0 <= view.image < len(run.probes.labels) else fallback.image
    step = int(run.steps[record_of(run, view)])
    view = replace(view, run=run.name, image=image, step=step, site=view.site if view.site < len(run.sites) else 0)
    if not run.sites:
        return View(run=run.name, image=view.image, step=view.step, picture=view.picture, lens=view.lens)
    own = run.theta(view.site)
    if view.theta is not None and view.family is None and (own is None or own.shape[-1] != len(view.theta)):
        view = replace(view, theta=None)
    return view
