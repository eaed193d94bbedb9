"""From a last linear layer back to the first convolution: which modules of a file are one localisation network.

The file's order is not to be trusted (safetensors sorts by name), so a module's predecessor is one whose outputs are
its inputs, and among those the one that lies nearest by name: the same Sequential first.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from .parts import CERTAIN, Part, words

IMAGE_CHANNELS = (1, 3)
# Longer than any localisation network that was met; what is longer is a backbone with skip connections.
MAX_CHAIN = 24
MAX_CANDIDATES = 200  # looked at for one predecessor, so that a file of many thousand layers is soon done
_FILLERS = frozenset({"net", "network", "module", "head", "layer"})


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The weighted modules of one localisation network, first to last.

    norms: the normalisations and PReLUs behind each module of `steps`, in their order.
    left: convolutions and linear layers beside them, under the same name, that the chain does not use.
    """

    steps: tuple[Part, ...]
    norms: tuple[tuple[Part, ...], ...]
    left: tuple[Part, ...]

    @property
    def last(self) -> Part:
        """The layer that gives the outputs."""
        return self.steps[-1]

    @property
    def convolutions(self) -> tuple[Part, ...]:
        """Its convolutions, first to last; none in a fully connected one."""
        return tuple(step for step in self.steps if step.kind == "conv")

    @property
    def linears(self) -> tuple[Part, ...]:
        """Its linear layers, first to last."""
        return tuple(step for step in self.steps if step.kind == "linear")

    @property
    def sides(self) -> int:
        """3 for volumes, 2 for images."""
        return len(self.convolutions[0].kernel) if self.convolutions else 2

    @property
    def flattened(self) -> int:
        """Inputs of its first linear layer."""
        return self.linears[0].inputs

    @property
    def name(self) -> str:
        """The dotted prefix that its modules have in common."""
        return ".".join(common(step.parent for step in self.steps))


class Chains:
    """The modules of a file by what they give, to look for chains in."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """Sort them in."""
        self.parts = parts
        self.linear: dict[int, list[Part]] = defaultdict(list)
        self.conv: dict[int, list[Part]] = defaultdict(list)
        self.norm: dict[int, list[Part]] = defaultdict(list)
        self.conv_by_inputs: dict[int, list[Part]] = defaultdict(list)
        self.linear_by_inputs: dict[int, list[Part]] = defaultdict(list)
        for part in parts:
            by = {"linear": self.linear, "conv": self.conv}.get(part.kind, self.norm)
            by[part.outputs].append(part)
            if part.kind in ("conv", "linear"):
                takers = self.conv_by_inputs if part.kind == "conv" else self.linear_by_inputs
                takers[part.inputs].append(part)

    def ending_in(self, last: Part) -> Chain | None:
        """The chain that ends in this linear layer; None where no image can come in at its front."""
        steps = [last]
        while len(steps) <= MAX_CHAIN:
            before = self._before(steps[0], steps)
            if before is None:
                break
            steps.insert(0, before)
        if len(steps) > MAX_CHAIN:
            return None
        norms = self._norms(steps)
        used = {part.key for part in steps} | {part.key for group in norms for part in group}
        return Chain(steps=tuple(steps), norms=norms, left=tuple(self._left(steps, used)))

    def goes_on(self, last: Part) -> bool:
        """True where another linear layer takes what this one gives: it is no end."""
        takers = [p for p in self.linear_by_inputs[last.outputs] if p is not last]
        if len(takers) > MAX_CANDIDATES:
            takers = nsmallest(MAX_CANDIDATES, takers, key=lambda p: abs(p.order - last.order))
        takers = nsmallest(8, takers, key=lambda p: (-split(p, last)[0], abs(p.order - last.order)))
        return any(self._before(taker, [taker]) is last for taker in takers)

    def _before(self, step: Part, steps: Sequence[Part]) -> Part | None:
        taken = {part.key for part in steps}
        if step.kind == "conv":
            candidates = [c for c in self.conv[step.inputs] if len(c.kernel) == len(step.kernel)]
            if step.inputs in IMAGE_CHANNELS:
                if step.inputs == 1:  # or it is depthwise: one input channel for each of its outputs
                    candidates += [c for c in self.conv[step.outputs] if len(c.kernel) == len(step.kernel)]
                candidates = [c for c in candidates if _before_in_sequential(c, step)]
        else:
            candidates = [*self.linear[step.inputs]]
            candidates += [c for n, convs in self.conv.items() if n > 1 and step.inputs % n == 0 for c in convs]
        if len(candidates) > MAX_CANDIDATES:
            candidates = nsmallest(MAX_CANDIDATES, candidates, key=lambda c: abs(c.order - step.order))
        candidates = [c for c in candidates if c.key not in taken and _belongs(c, step)]
        return min(candidates, key=lambda c: _distance(c, step, followed=self._followed(c, step)), default=None)

    def _followed(self, c: Part, step: Part) -> bool:
        """True where `c` is a convolution that others go on from: not the last one before the flattening."""
        if c.kind != "conv" or step.kind != "linear":
            return False
        after = (d for d in self.conv_by_inputs[c.outputs][:MAX_CANDIDATES] if d is not c)
        return any((d.parent == c.parent or _before_in_sequential(c, d)) and _belongs(c, d) for d in after)

    def _norms(self, steps: Sequence[Part]) -> tuple[tuple[Part, ...], ...]:
        taken: set[str] = set()
        groups: list[list[Part]] = [[] for _ in steps]
        # By number and place first; then what is left over, in its order ("bn4" behind "fc1").
        for strict in (True, False):
            for step, after, group in zip(steps, [*steps[1:], None], groups, strict=True):
                near = [n for n in self.norm[step.outputs] if n.key not in taken]
                near += [n for n in self.norm[1] if n.kind == "prelu" and n.key not in taken and step.outputs > 1]
                near = [n for n in near if (_behind(n, step, after) if strict else _loose(n, step))]
                for kind in ("norm", "layernorm", "prelu"):
                    if not any(n.kind == kind for n in group):
                        one = min((n for n in near if n.kind == kind), key=lambda n: _nearness(n, step), default=None)
                        if one:
                            group.append(one)
                            taken.add(one.key)
        return tuple(tuple(sorted(group, key=lambda n: n.natural) if _numbered(group) else group) for group in groups)

    def _left(self, steps: Sequence[Part], used: set[str]) -> Iterable[Part]:
        """What lies beside the chain in the same Sequentials and blocks."""
        prefix = common(step.parent for step in steps)
        parents = {step.parent for step in steps}
        for part in self.parts:
            if part.key in used or part.kind not in ("conv", "linear"):
                continue
            inside = bool(prefix) and part.path[: len(prefix)] == prefix
            beside = part.parent in parents and (bool(part.parent) or (part.localises and steps[-1].localises))
            if inside or beside:
                yield part


def common(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The components that all begin with."""
    every = list(paths)
    if not every:
        return ()
    shared = []
    for components in zip(*every, strict=False):
        if len(set(components)) > 1:
            break
        shared.append(components[0])
    return tuple(shared)


def split(a: Part, b: Part) -> tuple[int, str, str]:
    """How many components two names share, and the first in which they differ ("" where one has ended)."""
    shared = 0
    for mine, its in zip(a.path, b.path, strict=False):  # asked half a million times of a file that is made for it
        if mine != its:
            break
        shared += 1
    return shared, *(part.path[shared] if len(part.path) > shared else "" for part in (a, b))  # type: ignore[return-value]


def _before_in_sequential(c: Part, step: Part) -> bool:
    """True where both lie in one Sequential (perhaps in blocks of it), `c` earlier."""
    _, mine, its = split(c, step)
    return mine.isdecimal() and its.isdecimal() and int(mine) < int(its)


def _belongs(c: Part, step: Part) -> bool:
    """False where the names say that `c` cannot come before `step`."""
    shared, mine, its = split(c, step)
    if mine.isdecimal() and its.isdecimal():
        return int(mine) < int(its)
    if c.localises != step.localises:
        return False
    if _stem(mine) == _stem(its):
        # "stn1" and "stn2" are two transformers; "loc_conv1" and "loc_conv2" are one
        if words([_stem(mine)]) <= CERTAIN | _FILLERS:
            return False
        return _number(mine) < _number(its)
    if c.kind == "conv" and step.kind == "conv":
        return (c.parent == step.parent or shared > 0 or not step.localises) and (
            c.order < step.order or c.natural < step.natural
        )
    return True


def _distance(c: Part, step: Part, *, followed: bool) -> tuple[float, ...]:
    shared, mine, its = split(c, step)
    numbered = _before_in_sequential(c, step)
    return (
        -shared,
        not numbered,
        c.kind != step.kind,
        followed,
        _number(mine) != _number(its),
        c.order > step.order,
        int(its) - int(mine) if numbered else abs(step.order - c.order),
    )


def _behind(n: Part, step: Part, after: Part | None) -> bool:
    """True where a normalisation can stand behind `step` and before the module `after`."""
    _, mine, its = split(n, step)
    if mine.isdecimal() and its.isdecimal():
        if int(mine) < int(its):
            return False
        if after is None:
            return True
        _, mine, its = split(n, after)
        return not (mine.isdecimal() and its.isdecimal() and int(mine) > int(its))
    if n.parent != step.parent or n.localises != step.localises:
        return False
    if _number(mine) >= 0 and _number(its) >= 0:  # bn1 beside conv1
        return _number(mine) == _number(its)
    return after is None or after.parent != n.parent or step.order < n.order < after.order


def _loose(n: Part, step: Part) -> bool:
    _, mine, its = split(n, step)
    return not (mine.isdecimal() and its.isdecimal()) and n.parent == step.parent and n.localises == step.localises


def _nearness(n: Part, step: Part) -> tuple[float, ...]:
    return (-len(common([n.path, step.path])), n.kind == "prelu" and n.outputs == 1, abs(n.order - step.order))


def _stem(component: str) -> str:
    return "".join(ch for ch in component if not ch.isdecimal())


def _number(component: str) -> int:
    digits = "".join(ch for ch in component if ch.isascii() and ch.isdecimal())
    return int(digits[:9]) if digits else -1


def _numbered(parts: Sequence[Part]) -> bool:
    return all(part.path and part.path[-1].isdecimal() for part in parts)
