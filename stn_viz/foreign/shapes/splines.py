"""The readings of thin plate splines: control points on a lattice, or in two rows along the edges of a line of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .readings import Reading, added, picked, same

if TYPE_CHECKING:
    from torch import Tensor


def lattices() -> Iterator[Reading]:
    """Thin plate splines through K x K control points; the lattice spans -1..1, row by row from the top left."""
    for K in range(2, 9):
        n = K * K
        side = [2 * k / (K - 1) - 1 for k in range(K)]
        points = [(x, y) for y in side for x in side]
        flat = tuple(value for point in points for value in point)
        swapped = tuple(value for x, y in points for value in (y, x))
        split = (*(x for x, _ in points), *(y for _, y in points))
        by_column = [k * K + row for row in range(K) for k in range(K)]  # where our point lies, column by column
        what = f"thin plate spline, {K} x {K} points"
        yield _lattice(f"tps-{K}", f"{what}: x, y of each", flat, same, K)
        yield _lattice(f"tps-{K}-offsets", f"{what}: offsets x, y of each", (0.0,) * (2 * n), added(flat), K)
        yield _lattice(f"tps-{K}-yx", f"{what}: y, x of each", swapped, picked(*(i ^ 1 for i in range(2 * n))), K)
        yield _lattice(
            f"tps-{K}-split",
            f"{what}: every x, then every y",
            split,
            picked(*(i for k in range(n) for i in (k, n + k))),
            K,
        )
        yield _lattice(
            f"tps-{K}-columns",
            f"{what}: every x, then every y, column by column",
            (*(x for x in side for _ in side), *(y for _ in side for y in side)),
            picked(*(i for k in by_column for i in (k, n + k))),
            K,
        )


def _lattice(
    name: str, label: str, identity: tuple[float, ...], to_theta: Callable[[Tensor], Tensor], K: int
) -> Reading:
    return Reading(
        name=name,
        label=label,
        outputs=2 * K * K,
        identity=identity,
        to_theta=to_theta,
        family="tps",
        options={"points": K},
    )


def rows() -> Iterator[Reading]:
    """Thin plate splines of the text recognisers: a row of fiducial points along the top edge, one along the bottom.

    Source: Shi et al. 2016 (RARE), 2018 (ASTER), whose points lie 0.05 of the picture inside it and count from 0 to 1.
    """
    for n in range(3, 17):
        edge = [2 * k / (n - 1) - 1 for k in range(n)]
        inner = [0.9 * x for x in edge]
        points = tuple((x, y) for y in (-1.0, 1.0) for x in edge)
        inside = tuple((x, y) for y in (-0.9, 0.9) for x in inner)
        what = f"thin plate spline, two rows of {n} points"
        yield Reading(
            name=f"rows-{n}",
            label=f"{what}: x, y of each, -1 to 1",
            outputs=4 * n,
            identity=tuple(value for point in points for value in point),
            to_theta=same,
            family=None,
            control=points,
        )
        yield Reading(
            name=f"rows-{n}-unit",
            label=f"{what}: x, y of each, 0 to 1 (ASTER)",
            outputs=4 * n,
            identity=tuple((value + 1) / 2 for point in inside for value in point),
            to_theta=lambda outputs: 2 * outputs - 1,
            family=None,
            control=inside,
        )
