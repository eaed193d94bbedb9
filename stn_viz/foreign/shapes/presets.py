"""Input sizes that people use, most common first: they decide between readings of the same shapes."""

from collections.abc import Sequence
from math import gcd, log

_GREY = (28, 32, 42, 64, 60, 40, 224, 48, 96, 128, 256, 100, 112, 80, 84, 56, 20, 24, 50, 120, 150, 200, 160, 192)
_COLOUR = (32, 224, 48, 64, 28, 128, 256, 96, 112, 227, 299, 100, 160, 192, 60, 84, 80, 40, 200, 120, 150, 300, 384)
_RECTANGLES = (
    (24, 94), (32, 100), (256, 128), (32, 128), (64, 256), (32, 64), (64, 128), (128, 64), (32, 256), (64, 32),
    (64, 200), (50, 200), (48, 160), (48, 192), (160, 60), (24, 96), (240, 320), (480, 640), (120, 160), (128, 256),
)  # fmt: skip
_CUBES = (32, 64, 16, 96, 128, 48, 80, 24, 28)


SQUARE, ODD = 3.0, 5.0  # of sizes that nobody names


def common(sides: int, *, channels: int) -> list[tuple[int, ...]]:
    """The sizes that people use, most common first."""
    if sides == 3:
        return [(n, n, n) for n in _CUBES]
    return [*((n, n) for n in (_GREY if channels == 1 else _COLOUR)), *_RECTANGLES]


def likelihood(size: Sequence[int], *, channels: int) -> float:
    """How unlikely an input size is: 0 for the most common, below 2 for a preset, SQUARE or ODD for any other."""
    known = common(len(size), channels=channels)
    if tuple(size) in known:
        return 2 * known.index(tuple(size)) / len(known)
    return SQUARE if len(set(size)) == 1 else ODD


def order(size: Sequence[int], *, channels: int) -> tuple[float, ...]:
    """Sorts sizes, likeliest first: presets, squares, round numbers, then what is less and less square."""
    roundness = sum(gcd(side, 32) for side in size) / len(size)
    return (likelihood(size, channels=channels), log(max(size) / min(size)), -roundness, *size)
