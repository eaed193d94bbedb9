"""Gradient ascent on log p(class) over theta, in steps and within a bound that are told in pixels of U.

Entries of theta are of different kinds (a zoom, a shift, a perspective), so a step along the bare gradient would depend
on how the family is written down. It goes along G^-1 g instead, G = J^T J / n, with J how the grid's points move in
pixels: of all steps that move the grid equally far, root mean square, the one that gains most.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stn_viz.transformer import Family

LONGEST_STEP, SHORTEST_STEP = 0.2, 0.02
"""Of the bound, the first step and the last."""

ENOUGH = 0.9
"""Probability from which on an image is not searched any further."""

_POINTS = 16  # of the grid a side, from which G is taken


@dataclass(frozen=True, eq=False)
class Found:
    """The best that the search met, of its start as well.

    Shapes: theta (n, P) float64; p (n,) of the wanted class there; reached (n,), whether that class was the answer;
            first (n,), pixels (root mean square) from the start to the first grid at which it was, nan where none was.
    """

    theta: Tensor
    p: Tensor
    reached: Tensor
    first: Tensor


def search(
    family: Family,
    scores: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    wanted: Tensor,
    *,
    pixels: tuple[float, float],
    bound_px: float,
    steps: int,
) -> Found:
    """Look for a theta near `start` whose grid makes the network answer `wanted`.

    Shapes: start (n, P) float64; wanted (n,) int64; scores(grid (m, H', W', 2) float32, rows (m,)) -> (m, K).
    Units:  pixels: how many of U one unit of the grid spans, x and y. No point of a grid that is looked at lies farther
            than bound_px from where it lies at the start.
    """
    scale = start.new_tensor(pixels)
    home = family.grid(start)
    theta, rows = start.clone(), torch.arange(len(start))
    found = Found(
        theta=start.clone(),
        p=torch.full_like(start[:, 0], -1.0),
        reached=torch.zeros(len(start), dtype=torch.bool),
        first=torch.full_like(start[:, 0], math.nan),
    )
    for step in range(steps + 1):
        here = theta[rows].requires_grad_()
        with torch.enable_grad():
            grid = family.grid(here)
            log_p = scores(grid.float(), rows).double().log_softmax(-1)
            gained = log_p.gather(1, wanted[rows, None])[:, 0]
            (g,) = torch.autograd.grad(gained.sum(), here)
        moved = ((grid.detach() - home[rows]) * scale).square().sum(-1).flatten(1).mean(1).sqrt()
        _note(found, rows, here.detach(), log_p.detach(), wanted[rows], moved)
        going = (gained.detach().exp() < ENOUGH) & g.isfinite().all(1)
        rows, g = rows[going], g[going]
        if step == steps or not len(rows):
            break
        length = bound_px * LONGEST_STEP * (SHORTEST_STEP / LONGEST_STEP) ** (step / max(1, steps - 1))
        ahead = theta[rows] + length * uphill(family, theta[rows], g, scale)
        theta[rows] = within(family, home[rows], start[rows], ahead, scale, bound_px)
    return found


def uphill(family: Family, theta: Tensor, g: Tensor, scale: Tensor) -> Tensor:
    """Of all changes (n, P) of theta that move the grid by one pixel, root mean square, those along which g gains most.

    0 where g is 0. Shapes: theta, g (n, P); scale (2,).
    """
    H, W = family.size
    rows, columns = (torch.linspace(0, side - 1, min(side, _POINTS)).round().long() for side in (H, W))
    B = family.basis[rows][:, columns].flatten(0, 1)  # (p, 3, P)
    h = torch.einsum("pdk,nk->npd", B, theta) + family.offset[rows][:, columns].flatten(0, 1)
    w = h[..., 2:]
    # x = H_x / H_w, so dx = (dH_x - x dH_w) / H_w; where H_w is 1 that is the basis itself.
    J = (B[None, :, :2] - (h[..., :2] / w)[..., None] * B[None, :, 2:]) / w[..., None] * scale[:, None]
    J = J.nan_to_num(0.0, 0.0, 0.0).flatten(1, 2)
    G = J.mT @ J / len(B)
    P = theta.shape[1]
    level = G.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-12)
    G = G + 1e-6 * level[:, None, None] * torch.eye(P, dtype=theta.dtype)  # what moves no point is not divided by 0
    along = torch.linalg.solve(G, g)
    length = torch.einsum("np,npq,nq->n", along, G, along).sqrt()
    per_pixel: Tensor = along / torch.where(length > 0, length, torch.inf)[:, None]
    return per_pixel


def within(family: Family, home: Tensor, start: Tensor, theta: Tensor, scale: Tensor, bound_px: float) -> Tensor:
    """Theta (n, P) drawn back towards the start until no point of its grid lies farther than the bound from `home`.

    Of families without a horizon the grid is linear in theta, so the first try is exact. Where twenty do not suffice,
    as at a horizon, theta is the start.
    """
    for _ in range(20):
        far = ((family.grid(theta) - home) * scale).square().sum(-1).sqrt().flatten(1).nan_to_num(torch.inf).amax(1)
        outside = far > bound_px * (1 + 1e-9)
        if not bool(outside.any()):
            return theta
        back = torch.where(outside, (bound_px / far).clamp(min=0.5, max=1 - 1e-9), 1.0)
        if not family.has_horizon:
            back = torch.where(outside, bound_px / far, 1.0)
        theta = start + (theta - start) * back[:, None]
    return torch.where(outside[:, None], start, theta)


def _note(found: Found, rows: Tensor, theta: Tensor, log_p: Tensor, wanted: Tensor, moved: Tensor) -> None:
    """Keep of this step what is better than all before, and the first grid at which the wanted class is the answer."""
    p = log_p.gather(1, wanted[:, None])[:, 0].exp()
    there = (log_p.argmax(1) == wanted) & log_p.isfinite().all(1)
    # Never for nan; a grid at which the class is the answer beats all at which it is not.
    better = (p > found.p[rows]) & (there >= found.reached[rows]) | (there > found.reached[rows])
    found.theta[rows[better]] = theta[better]
    found.p[rows[better]] = p[better]
    found.reached[rows[better]] = there[better]
    new = there & found.first[rows].isnan()
    found.first[rows[new]] = moved[new]
