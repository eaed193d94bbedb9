"""Mean and variance of pictures, class by class, summed up a few pictures at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

MOST_CLASSES = 20
EVERYTHING = -1
"""Stands for the label of the one group that holds all images, where no labels are known."""


@dataclass(frozen=True, eq=False)
class Groups:
    """The images class by class. Shapes: labels (K,), rising; of (n,), each image's place in it, -1 for none of them.

    `more` counts the classes that are there but left out.
    """

    labels: NDArray[np.int64]
    of: NDArray[np.int64]
    more: int

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images of each group, (K,)."""
        return np.bincount(self.of[self.of >= 0], minlength=len(self.labels)).astype(np.int64)


def groups_of(labels: NDArray[np.int64]) -> Groups:
    """The classes that have most images, 20 at most; one group of all images where none has two of a label."""
    found, counts = np.unique(labels[labels >= 0], return_counts=True)
    if not (counts > 1).any():
        return Groups(np.array([EVERYTHING]), np.zeros(len(labels), np.int64), 0)
    kept = np.sort(found[np.argsort(-counts, kind="stable")[:MOST_CLASSES]])
    place = {int(label): index for index, label in enumerate(kept)}
    return Groups(kept, np.array([place.get(int(label), -1) for label in labels], np.int64), len(found) - len(kept))


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and variance over the images of each group, pixel by pixel.

    Shapes: mean, variance (K, C, H', W'), counts (K,). The variance is that of the images at hand, divided by their
    number.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    counts: NDArray[np.int64]


class Summing:
    """Adds pictures up, group by group, in float64."""

    def __init__(self, groups: Groups) -> None:
        """Nothing yet."""
        self._groups = groups
        self._sums: Tensor | None = None
        self._squares: Tensor | None = None

    def add(self, V: Tensor, chosen: slice) -> None:
        """Pictures (m, C, H', W') of the images `chosen`. One that is not finite makes its group's moments nan."""
        import torch

        of = torch.from_numpy(self._groups.of[chosen])
        V, of = V.double()[of >= 0], of[of >= 0]
        if self._sums is None or self._squares is None:
            self._sums = V.new_zeros(len(self._groups.labels), *V.shape[1:])
            self._squares = torch.zeros_like(self._sums)
        self._sums.index_add_(0, of, V)
        self._squares.index_add_(0, of, V.square())

    def moments(self) -> Moments:
        """Of all that was added."""
        assert self._sums is not None
        assert self._squares is not None
        counts = self._groups.counts
        by = np.maximum(counts, 1).reshape(-1, *[1] * (self._sums.ndim - 1))
        mean = self._sums.numpy() / by
        return Moments(mean, np.maximum(self._squares.numpy() / by - mean**2, 0), counts)


def names_of(labels: NDArray[np.int64], classes: Sequence[str]) -> list[str]:
    """What the groups are called: the run's names of the classes, else their numbers."""
    return [
        "all images" if label == EVERYTHING else classes[label] if label < len(classes) else str(label)
        for label in labels.tolist()
    ]
