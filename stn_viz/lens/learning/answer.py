"""What a lens over a training answers with: arrays, and the few words and numbers that go with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.question import LensError


@dataclass(frozen=True)
class Answer:
    """Arrays by name (float32, float64, uint8 or int32, as the browser reads them) and facts that JSON can hold."""

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)


def whole(options: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """A whole number among the options. Raises: LensError if it is none, or out of bounds."""
    text = options.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text[:12]) <= most:
        raise LensError(f"{name} is {text[:40]!r}; it must be a whole number from {least} to {most}.")
    return int(text)


def one_of(options: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of some words among the options, the first where nothing is said. Raises: LensError for another word."""
    word = options.get(name, choices[0])
    if word not in choices:
        raise LensError(f"{name} is {word[:40]!r}; it must be one of {', '.join(choices)}.")
    return word


def bytes_of(values: NDArray[Any]) -> tuple[NDArray[np.uint8], float, float]:
    """Values as bytes with what 0 and 255 stand for: activations and filters travel so. Not finite ones become 0."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    spread = high - low or 1.0
    scaled = np.nan_to_num((np.asarray(values, np.float64) - low) * (255 / spread), nan=0.0, posinf=255, neginf=0)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8), low, high
