"""One step of plain gradient descent, by a rate at which somebody sees where it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from stn_viz.lens.question import LensError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

RATES = (1e-6, 1.0)
VISIBLE = 1.0
"""Pixels of U, root mean square over the grid, that the one step should move it by: the rate is chosen for that."""

_FAR = 3.0  # times VISIBLE; a step that goes farther than that left the neighbourhood its gradient speaks of
_TRIES = 8
_FIRST = 1e-2


@dataclass(frozen=True)
class Step(Generic[T]):
    """A step that was made: its rate, how far the grid moved (root mean square, pixels of U), and the pass after it."""

    rate: float
    moved: float
    after: T


def one_step(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    forward: Callable[[], T],
    grid_of: Callable[[T], Tensor],
    grid: Tensor,
    pixel: tuple[float, float],
) -> Step[T] | None:
    """w - rate dL/dw for all weights, in place, at a rate (1, 2 or 5 times a power of ten) that moves the grid visibly.

    Args:
        forward: one pass with the weights as they then are; may raise LensError, where the step left no grid.
        grid: (H', W', 2), before the step; pixel: one of U in normalised units of x and y.

    Returns: the step; None where no rate that was tried leaves a finite grid. A grid that the gradient hardly moves is
             left at the largest rate of RATES. The weights are those of the last try, which need not be the step's.
    """
    import torch

    start = [weight.detach().clone() for weight in weights]
    scale = torch.tensor(pixel, dtype=grid.dtype)

    def at(rate: float) -> Step[T] | None:
        with torch.no_grad():
            for weight, from_, gradient in zip(weights, start, gradients, strict=True):
                weight.copy_(from_ - rate * gradient)
            try:
                after = forward()
            except LensError:
                return None
            moved = float(((grid_of(after) - grid.detach()) / scale).square().sum(-1).mean().sqrt())
        return Step(rate, moved, after) if np.isfinite(moved) else None

    rate, best = _FIRST, None
    for _ in range(_TRIES):
        tried = at(rate)
        if tried is not None and (best is None or tried.moved <= _FAR * VISIBLE):
            best = tried
        share = 0.1 if tried is None else VISIBLE / max(tried.moved, 1e-9)
        wanted = _round(min(max(rate * min(max(share, 1e-2), 1e2), RATES[0]), RATES[1]))
        if wanted == rate or (tried is not None and VISIBLE / 2 <= tried.moved <= 2 * VISIBLE):
            break
        rate = wanted
    return best


def _round(rate: float) -> float:
    """The nearest 1, 2 or 5 times a power of ten, so that the rate can be said in a word."""
    steps = [digit * 10.0**power for power in range(-7, 2) for digit in (1, 2, 5)]
    return float(f"{min(steps, key=lambda step: abs(np.log(step / rate))):.0e}")
