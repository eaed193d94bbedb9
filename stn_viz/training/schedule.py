"""The learning rate as a pure function of the step, so that a resumed training needs no state for it."""

import math

WARM_UP = 0.25  # share of the training in which the rate rises
START = 0.04  # of the peak
END = 0.0004  # of the peak


def one_cycle(step: int, total: int) -> float:
    """Factor of the peak rate at `step` of `total`: half a cosine up, half a cosine down to almost nothing.

    Source: L. Smith, N. Topin: Super-convergence (2018), with cosines as in torch's OneCycleLR.
    """
    progress = step / total
    if progress < WARM_UP:
        return START + (1 - START) * _rise(progress / WARM_UP)
    return END + (1 - END) * (1 - _rise((progress - WARM_UP) / (1 - WARM_UP)))


def _rise(share: float) -> float:
    """From 0 to 1 by half a cosine."""
    return (1 - math.cos(math.pi * share)) / 2
