"""Families laid over target grids, for questions by hand: a grid from a family's factors, kept small and shared.

H = b (M theta + m0): a family's own basis, which training multiplies, is b times M and up to 160 times as large. One of
these is kept for every size that somebody looks at, so it is the factors that are kept.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from stn_viz.lens.question import LensError

if TYPE_CHECKING:
    from torch import Tensor

    from stn_viz.transformer import Family

T = TypeVar("T")

MOST_NUMBERS = 2**22
"""In one b: 16 MB. Nine control points a side reach 224 x 224, four of them 512 x 512, matrices a thousand pixels."""


class Newest:
    """The newest of what was made, by key. Bounded, since every snapshot of every run may be asked for."""

    def __init__(self, most: int) -> None:
        """Nothing yet, and never more than `most`."""
        self._most = most
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for this key, now the newest; made first if it is not there."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            self._made.move_to_end(key)
            while len(self._made) > self._most:
                self._made.popitem(last=False)
            made: T = self._made[key]
            return made


@dataclass(frozen=True)
class Laid:
    """A family over one target grid. Shapes: b (H' W', k) float32, M (3 k, P), m0 (3 k,) float64; of volumes 4 k."""

    family: Family
    b: Tensor
    M: Tensor
    m0: Tensor

    def grid(self, theta: Sequence[float]) -> Tensor:
        """T_theta(G), (1, H', W', 2) or (1, D', H', W', 3), normalised, as Family.grid has it to float32's rounding.

        Raises: LensError for another number of entries, or where a point is not finite: on a projective horizon.
        """
        import torch

        expected = len(self.family.parameter_names)
        if len(theta) != expected:
            raise LensError(f"theta has {len(theta)} entries, but family {self.family.name!r} has {expected}.")
        given = torch.tensor(theta, dtype=torch.float64)
        if not bool(given.isfinite().all()):
            raise LensError("theta is not finite at this step: the training had gone astray. Choose an earlier step.")
        H = self.b @ (self.M @ given + self.m0).view(self.b.shape[1], -1).float()
        grid = (H[:, :-1] / H[:, -1:]).view(1, *self.family.size, self.family.sides)
        if not bool(grid.isfinite().all()):
            raise LensError("The grid is not finite here: it meets a horizon. Move theta away from it.")
        return grid


def laid(name: str | None, size: Sequence[int], align_corners: bool, options: Mapping[str, Any]) -> Laid:
    """A family of this name over a target grid of `size`; the same one for everybody who asks.

    Raises: LensError if there is no such family over as many sides, it does not take these options, or the grid is too
            large to be answered about while a hand moves.
    """
    from stn_viz.transformer import FAMILIES, VOLUME_FAMILIES

    if name is None:
        raise LensError("This site has a free grid and no theta of its own. Choose a family first.")
    known = VOLUME_FAMILIES if len(size) == 3 else FAMILIES
    if name not in known:
        raise LensError(f"There is no family {name!r}. Choose one of: {', '.join(known)}.")
    key = (name, *size, align_corners, *sorted(options.items()))
    return _LAID.get(key, lambda: _lay(name, tuple(size), align_corners, options))


def _lay(name: str, size: tuple[int, ...], align_corners: bool, options: Mapping[str, Any]) -> Laid:
    import torch

    from stn_viz.transformer import family

    try:
        made = family(name, size=size, align_corners=align_corners, **options)
    except (ValueError, TypeError) as error:
        raise LensError(f"The family cannot be laid over this grid: {error}") from error
    with torch.inference_mode(False):
        one, M, m0 = made.factors(*(axis[:1] for axis in torch.zeros(len(size), 1, dtype=torch.float64)))
        if math.prod(size) * one.shape[-1] > MOST_NUMBERS:
            sides = " x ".join(str(side) for side in size)
            raise LensError(
                f"A grid of {sides} points is too large to ask the network about family {name!r}. "
                "Average fewer points, or choose fewer control points."
            )
        b = made.factors(*(axis.flatten() for axis in made.target_grid()))[0].float()
    return Laid(made, b, M, m0)


_LAID = Newest(most=16)
