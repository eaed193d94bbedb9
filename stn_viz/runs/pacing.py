"""Which steps of a training are worth a record: dense early, sparse late, whether its length is known or not."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

GROWTH = 1.02  # from one record to the next: a million steps give some 550
COARSE = 1.25
FIRST = 16  # steps that are recorded whatever that takes
ENOUGH = 30  # records that a run needs to be worth looking at, whatever they take
SHARE = 0.03  # of the training's time


def schedule(total_steps: int, records: int) -> tuple[int, ...]:
    """Which steps to record: every one at first, then farther and farther apart, evenly for the last two thirds.

    Units: steps from 0 to total_steps, both among them; at most `records` of them.
    """
    if total_steps < records:
        return tuple(range(total_steps + 1))
    gaps = max(records - 1, 1)
    growing = gaps * 2 // 5

    def spacings(last: float) -> NDArray[np.float64]:
        ramp = last ** (np.arange(growing) / max(growing, 1))
        return np.concatenate([ramp, np.full(gaps - growing, last)])

    low, high = 1.0, float(total_steps)
    for _ in range(60):  # the last spacing for which they add up to the whole
        middle = (low + high) / 2
        low, high = (middle, high) if spacings(middle).sum() < total_steps else (low, middle)
    steps = np.rint(np.cumsum(spacings(low))).astype(int)
    return tuple(sorted({0, *(int(step) for step in steps if step < total_steps), total_steps}))


def spaced(steps: Sequence[int], count: int) -> tuple[int, ...]:
    """So many of the steps (two at least), evenly among them, with the first and the last."""
    places = np.linspace(0, len(steps) - 1, min(max(count, 2), len(steps)))
    return tuple(steps[round(place)] for place in places)


@dataclass
class Pace:
    """When to record a training whose length nobody knows: the spacing grows with the step, and time is bounded.

    A record is due when the step is GROWTH times that of the last one, if recording then stays within SHARE of the
    training's time. The first FIRST steps, and steps COARSE times as far up to ENOUGH records, do not ask for time.
    """

    records: int = 0
    last: int | None = None
    growth: float = GROWTH
    _broken: bool = field(default=False, repr=False)

    def due(self, step: int, *, finite: bool, spent: float, expected: float, elapsed: float) -> bool:
        """Whether to record this step.

        finite: whether the loss is; the first step at which it is not is recorded at once.
        Units:  seconds that recording took so far, that one record is expected to take, and since the first step.
        """
        broke, self._broken = not finite and not self._broken, not finite
        if self.last is None:
            return True
        if step <= self.last:
            return False
        if broke:
            return True
        if self.records < ENOUGH and (step < FIRST or step >= COARSE * self.last):
            return True
        return step >= self.growth * self.last and spent + expected <= SHARE * (elapsed - spent)

    def recorded(self, step: int) -> None:
        """Note that a step was recorded."""
        self.records += 1
        self.last = step

    def thinned(self, records: int) -> None:
        """Note that every other record was dropped, so that there is room for more, half as dense."""
        self.records = records
        self.growth = self.growth**2


@dataclass
class SnapshotPace:
    """Which records keep the weights too: every few, half as many whenever there are more than `most`."""

    most: int
    every: int = 4
    _kept: dict[int, int] = field(default_factory=dict, repr=False)

    def due(self, record: int) -> bool:
        """Whether this record, counted from 0, keeps its weights."""
        return self.most > 1 and record % self.every == 0

    def taken(self, record: int, step: int) -> list[int]:
        """Note a snapshot, and give the steps of those to forget for it; never the newest, the first at last."""
        before = list(self._kept)
        self._kept[step] = record
        if self.most <= 1:
            self._kept = {step: record}
        while len(self._kept) > self.most > 1:
            self.every *= 2
            self._kept = {s: r for s, r in self._kept.items() if r % self.every == 0 or s == step}
        return [old for old in before if old not in self._kept]
