"""What stood between the modules that have weights, read from the gaps in the numbering of a Sequential.

    0 Conv2d, 3 Conv2d: two modules without weights were between, a pooling and a ReLU.
    0 Conv2d, 2 Conv2d: one, a ReLU.
    0 Conv2d, 1 BatchNorm2d, 4 Conv2d: a ReLU and a pooling behind the BatchNorm.

Where names have no numbers (conv1, bn1, conv2), what usually stands there is taken to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .chains import Chain, split
from .parts import Part


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The places between two modules with weights.

    slots: how many modules without weights lie there; None where the names do not tell.
    hidden: True where more of them may lie at the end of a block whose length the names do not tell.
    """

    slots: int | None
    hidden: bool = False


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A module with weights and what comes behind it, up to the next one.

    norms: its normalisations and PReLUs; gaps: one before the first of them, one behind each.
    """

    step: Part
    norms: tuple[Part, ...]
    gaps: tuple[Gap, ...]

    @property
    def slots(self) -> int | None:
        """Modules without weights in all its gaps together, hidden ones counted as one; None where not known."""
        if any(gap.slots is None for gap in self.gaps):
            return None
        known = sum(gap.slots or 0 for gap in self.gaps)
        if any(gap.hidden for gap in self.gaps):
            return known + 1 if known else None
        return known


def segments_of(chain: Chain) -> tuple[Segment, ...]:
    """The chain, module by module, with its gaps."""
    return tuple(
        _segment(step, norms, after)
        for step, norms, after in zip(chain.steps, chain.norms, [*chain.steps[1:], None], strict=True)
    )


def leading(chain: Chain) -> int:
    """How many modules without weights stand before the first in its Sequential: 1 in "1 Conv2d, 4 Conv2d"."""
    first = chain.steps[0]
    place = first.path[-1] if first.path else ""
    # Only where the Sequential goes on: a lone "blocks.2" is no sign of a 0 and a 1.
    beside = any(step.parent == first.parent for step in chain.steps[1:])
    return int(place) if place.isdecimal() and beside and int(place) <= 3 else 0


def _segment(step: Part, norms: Sequence[Part], after: Part | None) -> Segment:
    modules = [step, *norms, *([after] if after else [])]
    gaps = [_gap(a, b) for a, b in pairwise(modules)]
    if after is None:
        gaps.append(Gap(slots=None))
    return Segment(step=step, norms=tuple(norms), gaps=tuple(gaps))


def _gap(a: Part, b: Part) -> Gap:
    shared, mine, its = split(a, b)
    if not (mine.isdecimal() and its.isdecimal()) or int(its) <= int(mine):
        return Gap(slots=None)
    before = b.path[shared + 1] if len(b.path) > shared + 1 else "0"
    inner = int(before) if before.isdecimal() and int(before) <= 3 else 0
    return Gap(slots=int(its) - int(mine) - 1 + inner, hidden=len(a.path) > shared + 1)
