"""A grid in words: where it lies, what it does to the image, whose image and which step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.runs import Run

BESIDE = {
    (0, -1): "left of",
    (0, 1): "right of",
    (1, -1): "above",
    (1, 1): "below",
    (2, -1): "before",
    (2, 1): "behind",
}
"""Where something lies beside the image: (coordinate, its sign)."""


def at_step(run: Run, step: int) -> str:
    """ "step 800" or "epoch 75", as the run counts."""
    return f"{run.info.counter} {int(step)}"


def of_images(count: int, n: int) -> str:
    """ "29 of 32 images", "all 32 images", "the only image"."""
    if n == 1:
        return "the only image"
    return f"all {n} images" if count == n else f"{count} of {n} images"


def at_site(run: Run, site: int) -> str:
    """ " at site 'stn2'" where the run has several sites, nothing where it has one."""
    return f" at site {run.sites[site].name!r}" if len(run.sites) > 1 else ""


def percent(share: float) -> str:
    """ "88 %", and never 0 or 100 for what is not quite."""
    if 0 < share < 0.005:
        return "less than 1 %"
    return "more than 99 %" if 0.995 < share < 1 else f"{100 * share:.0f} %"


def effect(linear: NDArray[Any], centre: NDArray[Any], *, digits: int = 1) -> str:
    """What an affine map (d, d) and (d,) does to the image: "1.3x zoom, turned by 12°"; "" for the identity."""
    det = float(np.linalg.det(linear))
    if abs(det) < 1e-6:
        return "no area at all"
    zoom = abs(det) ** (-1 / len(linear))
    parts = [] if abs(zoom - 1) < 0.005 else [f"{zoom:.{max(digits, 1 if zoom >= 1 else 2)}f}x zoom"]
    if det < 0:
        parts.append("mirrored")
    if len(linear) == 2 and det > 0:
        angle = math.degrees(math.atan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
        if abs(angle) >= 5:
            parts.append(f"turned by {angle:.0f}°")
    parts += [
        f"shifted by {value:.2f} in {axis}" for axis, value in zip("xyz", centre, strict=False) if abs(value) >= 0.15
    ]
    return ", ".join(parts)
