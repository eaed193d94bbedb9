"""One image turned, scaled or shifted by known amounts: the hand that a transformer is asked to undo.

    U_x(p) = U(T_x^-1 p), p in pixels from the image's centre;  T_x turns by x degrees (the x axis towards y:
    clockwise on a screen), scales by 2^x, or shifts by x pixels

What comes in from outside is the background: the median of the image's outermost pixels, channel by channel. That is 0
for the digits and, for values that a network of somebody's was given normalised, their own black rather than a grey 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

By = Literal["turn", "scale", "shift_x", "shift_y"]
BY: tuple[By, ...] = ("turn", "scale", "shift_x", "shift_y")

COUNT = 61
ZERO = {"turn": 30, "scale": 36, "shift_x": 30, "shift_y": 30}
"""Which of the amounts is none at all."""

_TURN = 90.0
_SMALLEST, _LARGEST = 0.5, 1.6


def amounts(by: By, size: tuple[int, int]) -> NDArray[np.float64]:
    """How far an image of size (h, w) is moved, (61,), with exactly none at ZERO.

    Units: degrees from -90 to 90; log2 of the scale from 0.5 to 1.6; pixels of U, a quarter of its side each way.
    """
    if by == "scale":
        smaller = np.linspace(np.log2(_SMALLEST), 0.0, ZERO[by] + 1)
        return np.concatenate([smaller, np.linspace(0.0, np.log2(_LARGEST), COUNT - ZERO[by])[1:]])
    far = {"turn": _TURN, "shift_x": size[1] / 4, "shift_y": size[0] / 4}[by]
    return np.linspace(-far, far, COUNT)


def moved(U: Tensor, by: By, x: NDArray[np.float64]) -> Tensor:
    """The image moved by each amount, sampled bilinearly.

    Shapes: U (C, h, w), x (X,) -> (X, C, h, w), U's dtype.
    """
    import torch
    import torch.nn.functional as F

    h, w = U.shape[1:]
    back = np.zeros((len(x), 2, 3))  # T_x^-1 in pixels
    back[:, 0, 0] = back[:, 1, 1] = 1.0
    if by == "turn":
        cos, sin = np.cos(np.deg2rad(x)), np.sin(np.deg2rad(x))
        back[:, :, :2] = np.stack([cos, sin, -sin, cos], -1).reshape(-1, 2, 2)
    elif by == "scale":
        back[:, 0, 0] = back[:, 1, 1] = 2.0**-x
    else:
        back[:, 0 if by == "shift_x" else 1, 2] = -x
    half = np.array([w / 2, h / 2])  # align_corners=False: -1..1 spans the outer sides of the pixels
    theta = back.copy()
    theta[:, :, :2] *= half / half[:, None]
    theta[:, :, 2] /= half
    background = background_of(U)[:, None, None]
    grid = F.affine_grid(torch.from_numpy(theta), [len(x), len(U), h, w], align_corners=False)
    away = (U.double() - background).expand(len(x), -1, -1, -1)
    return (F.grid_sample(away, grid, align_corners=False) + background).to(U.dtype)


def background_of(U: Tensor) -> Tensor:
    """The median of the outermost pixels of each channel: (C, h, w) -> (C,), float64."""
    import torch

    rows = torch.cat([U[:, [0, -1]].flatten(1), U[:, 1:-1, [0, -1]].flatten(1)], 1)
    return rows.double().median(1).values
