"""An absurd theta suspects the pre-processing, in words: what the form shows beside the preview.

Taken are the thetas of a few pictures. What is looked at is where they send the target grid, so that every reading is
judged alike: in the plane by the affine map nearest to its grid, in a volume by theta itself.
"""

from collections.abc import Sequence
from math import tanh
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kinds import Choices
from .meanings import READINGS

_SAMPLES = 9  # grid points a side: enough for any of these families
_FAR = 3.0  # normalised: a picture and a half beside the picture
_TINY, _HUGE = 0.02, 25.0  # of an area or volume
_ALIKE = 1e-5


def suspicion(theta: NDArray[Any], choices: Choices) -> str | None:
    """What is strange about these thetas and what may be the cause; None where nothing is.

    Shapes: theta (n, P), of n different pictures, in stn_viz's order for the reading chosen.
    """
    theta = np.asarray(theta, np.float64)
    if theta.ndim != 2 or not len(theta):
        return None
    if not np.isfinite(theta).all():
        return (
            "theta is not finite: the training had diverged, or the picture's values are far from what the network "
            f"knows. {_cure(choices)}"
        )
    grid = _grid(theta, choices)
    if not np.isfinite(grid).all():
        return f"The grid reaches infinity: a projective horizon lies inside the view. {_cure(choices)}"
    alike = len(theta) > 1 and float(np.ptp(theta, axis=0).max()) < _ALIKE * max(1.0, float(np.abs(theta).max()))
    return (
        _far(grid, choices)
        or _size(grid, choices)
        or (_start(theta, grid, choices) if alike else None)
        or (_same_crop(grid) if alike else None)
    )


def _far(grid: NDArray[np.float64], choices: Choices) -> str | None:
    inside = (np.abs(grid) <= 1).all(-1).mean(axis=1)
    outside = int((inside == 0).sum())
    shift = float(np.abs(grid.mean(1)).max())
    if outside * 2 > len(grid):
        what = "the picture" if len(grid) == 1 else f"{outside} of {len(grid)} pictures"
        return f"The whole grid lies outside the image for {what}. {_cure(choices)}"
    if shift > _FAR:
        return f"theta shifts the grid by {shift:.3g}, where 2 is the width of the image. {_cure(choices)}"
    return None


def _size(grid: NDArray[np.float64], choices: Choices) -> str | None:
    area = np.abs(_determinants(grid))
    if np.median(area) < _TINY:
        return (
            f"The grid has shrunk to {float(np.median(area)):.2g} of the image's size: every V is nearly one colour. "
            f"{_cure(choices)}"
        )
    if np.median(area) > _HUGE:
        return f"The grid spans {float(np.median(area)):.3g} times the image: V shows it tiny. {_cure(choices)}"
    return None


def _start(theta: NDArray[np.float64], grid: NDArray[np.float64], choices: Choices) -> str | None:
    """The well-known fault of a tanh behind an identity bias."""
    reading = READINGS[choices.reading]
    if choices.activation != "tanh" or not any(reading.identity):
        return None
    import torch

    squashed = torch.tensor([[tanh(value) for value in reading.identity]], dtype=torch.float64)
    at_start = reading.theta(squashed).numpy()
    if np.abs(theta - at_start).max() > 1e-3:
        return None
    zoom = 1 / _side(grid)
    return (
        f"Not the identity at the start: tanh turns the bias of 1 into {tanh(1):.4f}, a {zoom:.4g}x zoom, and scale "
        "can never reach 1. So it was trained, if the activation is tanh."
    )


def _same_crop(grid: NDArray[np.float64]) -> str:
    side = _side(grid)
    middle = grid[0].mean(0)
    if abs(side - 1) < 0.005 and np.abs(grid[0] - _lattice(grid.shape[-1])).max() < 0.01:
        return (
            "theta is the identity for every image: this checkpoint is from before the training, or its transformer "
            "never learned."
        )
    what = f"a fixed {1 / side:.1f}x zoom" if side < 1 else f"a fixed zoom out, {side:.1f}x"
    if abs(side - 1) < 0.05:
        what = "a fixed shift or turn"
    aside = ", to the side" if np.abs(middle).max() > 0.2 else ""
    return (
        f"The same crop for every image: {what}{aside}. The hidden units are dead, or the pictures reach the network "
        "with other values than in training (0..1 or 0..255, mean and std)."
    )


def _cure(choices: Choices) -> str:
    """What to try, the likeliest first."""
    tries = ["values of 0..1" if choices.value_range == 255 else "values of 0..255"]
    tries.append("another mean and std" if choices.mean else "the mean and std of the training")
    if choices.activation == "none":
        tries.append("a tanh on theta")
    return f"The pre-processing may be another one: try {', '.join(tries[:-1])} or {tries[-1]}."


def _grid(theta: NDArray[np.float64], choices: Choices) -> NDArray[np.float64]:
    """The grid's points, (n, points, sides)."""
    import torch

    reading = READINGS[choices.reading]
    size = [_SAMPLES] * reading.sides
    grid = reading.grid(torch.from_numpy(theta), size=size, align_corners=True).numpy()
    points: NDArray[np.float64] = grid.reshape(len(theta), -1, reading.sides)
    return points


def _lattice(sides: int) -> NDArray[np.float64]:
    """The target grid, (points, sides), x first."""
    axes = np.meshgrid(*[np.linspace(-1, 1, _SAMPLES)] * sides, indexing="ij")
    return np.stack([axis.ravel() for axis in reversed(axes)], -1)


def _determinants(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the affine maps nearest to the grids, (n,)."""
    target = _lattice(grid.shape[-1])
    design = np.concatenate([target, np.ones((len(target), 1))], 1)
    matrices: Sequence[NDArray[np.float64]] = [np.linalg.lstsq(design, points, rcond=None)[0][:-1] for points in grid]
    return np.array([np.linalg.det(matrix) for matrix in matrices])


def _side(grid: NDArray[np.float64]) -> float:
    """Side of the grid, 1 for the image's: below 1 V shows the image larger."""
    return float(np.abs(_determinants(grid[:1]))[0] ** (1 / grid.shape[-1]))
