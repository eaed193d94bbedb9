"""Medians and percentiles of what was timed."""

import math
from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (nearest rank); nan of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def middle(values: Sequence[float]) -> float:
    """The median; nan of none."""
    return median(values) if values else math.nan


def spread(values: Sequence[float]) -> str:
    """ "16.7 / 17.1": median and 95th percentile."""
    return f"{middle(values):.1f} / {percentile(values, 0.95):.1f}"
