"""V of many images at once, by a site's own rule: under theta, under the identity, under the true pose, as recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stn_viz.lens.learning.part import Part, grids_of, pose_grids
from stn_viz.lens.question import LensError, site_of
from stn_viz.runs import Run, Site
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_SIDE = 64
"""Pixels of V a side where V is taken from the trace: of a larger one every second or third."""


def flat_site(run: Run, view: View) -> Site:
    """The view's site. Raises: LensError if there is none, or if what it gives is no flat picture."""
    site = site_of(run, view)
    if len(site.output_size) != 2:
        raise LensError("This site samples volumes; means of a class are taken of flat pictures. Choose another run.")
    return site


def sampled(site: Site, U: Tensor, grid: Tensor, *, align_corners: bool | None = None) -> Tensor:
    """V (n, C, H', W') for grids of any kind, by the site's own rule; align_corners where the grid is told in another.

    An image whose grid is nan throughout, as of a theta that is not finite, has a V of nan: it shows what padding is
    otherwise.
    """
    from stn_viz.transformer import sample

    align = site.align_corners if align_corners is None else align_corners
    V = sample(U, grid, kernel=site.kernel, padding=site.padding, align_corners=align)
    lost = grid.isnan().flatten(1).all(1)
    return V.masked_fill(lost.view(-1, *[1] * (V.dim() - 1)), float("nan")) if bool(lost.any()) else V


def of_theta(site: Site, U: Tensor, theta: Tensor) -> Tensor:
    """V (n, C, H', W') under theta (n, P) of the site's family."""
    return sampled(site, U, grids_of(site, theta))


def of_identity(site: Site, U: Tensor) -> Tensor:
    """V where the transformer does nothing: the whole of U at V's size, under the identity of the site's family."""
    import torch

    from stn_viz.lens.laying import laid

    # Of a raw grid the identity is any family's: the target grid itself.
    identity = laid(site.family or "affine", site.output_size, site.align_corners, site.options).family.identity.float()
    known = replace(site, family=site.family or "affine")
    return of_theta(known, U, identity.expand(len(U), -1).to(torch.float32))


def of_pose(part: Part, chosen: slice) -> Tensor | None:
    """V of some images of a part under their true pose: what a perfect localiser gives; None where it is not known."""
    import torch

    grids = None if part.pose is None else pose_grids(replace(part, pose=part.pose[chosen]))
    if grids is None or part.site is None:
        return None
    return sampled(part.site, torch.from_numpy(part.U[chosen]), grids, align_corners=False)


def traced(run: Run, index: int, record: int) -> Tensor:
    """V of the run's own images at a record, by what the trace keeps; of a feature map 3 channels at most.

    Raises: LensError where the run kept neither theta nor grid, or not what the site samples.
    """
    import torch

    site = run.sites[index]
    if site.on_image:
        U = torch.from_numpy(run.probes.U)
    else:
        kept = run.features(index)
        if kept is None:
            raise LensError("This site samples a feature map inside the network, and the run kept none of it.")
        place = max(0, int(np.searchsorted(kept[0], run.steps[record], side="right")) - 1)
        U = torch.from_numpy(kept[1][place].astype(np.float32))
    theta, raw = run.theta(index), run.grid(index)
    if theta is not None:
        grids = grids_of(site, torch.tensor(theta[record]))
    elif raw is not None:
        grids = torch.from_numpy(raw[record].astype(np.float32))
    else:
        raise LensError("The run kept neither theta nor grid of this site.")
    step = max(1, -(-max(site.output_size) // LARGEST_SIDE))
    return sampled(site, U, grids[:, ::step, ::step])
