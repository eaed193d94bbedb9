"""What shapes leave open in a row of convolutions, as plans to choose from: padding, stride, pooling.

A plan makes layers out of a chain's segments; what goes into its first linear layer then tells which input sizes fit
it. The plan that asks for the least unusual things and fits the most common size is taken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from math import isqrt
from typing import Any, Literal

from . import presets
from .gaps import Segment
from .layers import Layer, output_range

Pool = tuple[int, int]  # kernel, stride

MAX_SIDE = 2048
MAX_ASPECT = 12
MAX_SIZES = 400
MAX_MIXED = 4  # convolutions, up to which every mixture of poolings is tried for a size that was asked for


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One way in which a chain's convolutions may have been set up; tuples have an entry for each of them.

    leading: a pooling before the first. adaptive: side of an adaptive pooling behind the last, None for none.
    cost: how unusual it is.
    """

    paddings: tuple[tuple[int, ...], ...]
    strides: tuple[int, ...]
    pools: tuple[Pool | None, ...]
    leading: Pool | None = None
    leading_mode: Literal["max", "avg"] = "max"
    adaptive: int | None = None
    cost: float = 0.0


def plans(segments: Sequence[Segment], *, leading: int, positions: int, mixed: bool = False) -> Iterator[Plan]:
    """The plans worth a try for these convolutions; `mixed` tries poolings and strides that differ among them too.

    positions: numbers that each channel of the last convolution gives to the flattening.
    """
    count = len(segments)
    room = [_room(segment, last=index == count - 1) for index, segment in enumerate(segments)]
    sides = len(segments[0].step.kernel)
    fronts: list[tuple[Pool | None, float]] = [((2, 2), 0.0), (None, 0.7)] if leading else [(None, 0.0)]
    for (paddings, c1), (pools, c2), (strides, c3), (front, c4) in product(
        _paddings(segments), _pools(room, mixed), _strides(room, mixed), fronts
    ):
        plan = Plan(paddings=paddings, strides=strides, pools=pools, leading=front, cost=c1 + c2 + c3 + c4)
        # Nobody flattens 1 x 1 but after a global pooling.
        yield replace(plan, cost=plan.cost + 3) if positions == 1 else plan
        side = round(positions ** (1 / sides))
        if side**sides == positions and side <= 8 and room[-1] != "none":
            cost = plan.cost + (0 if side == 1 else 2.5)
            yield replace(plan, adaptive=side, pools=(*pools[:-1], None), cost=cost)


def made(segments: Sequence[Segment], plan: Plan) -> list[dict[str, Any]]:
    """The convolutions' layers under a plan, without the flattening."""
    sides = len(segments[0].step.kernel)
    layers = [_pool(plan.leading, sides, plan.leading_mode)] if plan.leading else []
    channels = segments[0].step.inputs
    for segment, padding, stride, pool in zip(segments, plan.paddings, plan.strides, plan.pools, strict=True):
        step = segment.step
        layers.append(
            {
                "kind": "conv",
                "key": step.key,
                "in": channels,
                "out": step.outputs,
                "kernel": list(step.kernel),
                "stride": [stride] * sides,
                "padding": list(padding),
                "groups": channels // step.inputs,
                "bias": step.bias,
            }
        )
        layers += between(segment, _pool(pool, sides) if pool else None, sides=sides)
        channels = step.outputs
    if plan.adaptive:
        layers.append({"kind": "adaptive", "mode": "avg", "size": [plan.adaptive] * sides})
    return layers


def between(segment: Segment, pool: dict[str, Any] | None, *, sides: int) -> list[dict[str, Any]]:
    """What follows a module with weights: its normalisations, a ReLU, a pooling, each at its place as far as known."""
    total = segment.slots
    active = total is None or total > 0
    active = active and not any(norm.kind == "prelu" for norm in segment.norms)
    gaps = len(segment.gaps)
    free = [i for i, gap in enumerate(segment.gaps) if gap.slots or gap.hidden] if total is not None else [gaps - 1]
    relu_at, pool_at = (free[-1], free[0]) if free else (gaps - 1, gaps - 1)
    layers: list[dict[str, Any]] = []
    for i, _ in enumerate(segment.gaps):
        if i > 0:
            layers.append(norm_layer(segment.norms[i - 1], sides))
        if active and relu_at == i:
            layers.append({"kind": "relu"})
        if pool and pool_at == i:
            layers.append(pool)
    return layers


def norm_layer(norm: Any, sides: int) -> dict[str, Any]:
    """A normalisation or a PReLU as a layer."""
    if norm.kind == "norm":
        return {"kind": "norm", "key": norm.key, "features": norm.outputs, "sides": sides, "affine": norm.bias}
    return {"kind": norm.kind, "key": norm.key, "features": norm.outputs}


def sizes(layers: Sequence[Layer], *, positions: int, sides: int, channels: int) -> list[tuple[int, ...]]:
    """Every input size after which each channel gives `positions` numbers, likeliest first, at most MAX_SIZES."""
    found: set[tuple[int, ...]] = set()
    for ranges in _ranges(layers, positions=positions, sides=sides):
        # The way back through many poolings makes wide ranges, the likeliest of which is by far enough.
        for size in islice(product(*(range(low, high + 1) for low, high in ranges)), 10 * MAX_SIZES):
            if max(size) <= MAX_ASPECT * min(size):
                found.add(size)
        found |= {size for size in presets.common(sides, channels=channels) if _within(size, ranges)}
        if len(found) > 20 * MAX_SIZES:
            break
    return sorted(found, key=lambda size: presets.order(size, channels=channels))[:MAX_SIZES]


def unlikelihood(layers: Sequence[Layer], *, positions: int, sides: int, channels: int) -> float | None:
    """`presets.likelihood` of the likeliest of `sizes`, without listing them; None where there is none."""
    every = list(_ranges(layers, positions=positions, sides=sides))
    for size in presets.common(sides, channels=channels):
        if any(_within(size, ranges) for ranges in every):
            return presets.likelihood(size, channels=channels)
    if any(max(low for low, _ in ranges) <= min(high for _, high in ranges) for ranges in every):
        return presets.SQUARE
    return presets.ODD if every else None


def _ranges(layers: Sequence[Layer], *, positions: int, sides: int) -> Iterator[list[tuple[int, int]]]:
    """The least and the greatest input of each side, for every way to lay `positions` out in a rectangle."""
    for outputs in _factors(positions, sides):
        ranges = [_inputs(layers, n, side) for side, n in enumerate(outputs)]
        narrow = max(low for low, _ in ranges) <= MAX_ASPECT * min(high for _, high in ranges)
        if narrow and all(low <= high for low, high in ranges):
            yield ranges


def _within(size: Sequence[int], ranges: Sequence[tuple[int, int]]) -> bool:
    return all(low <= side <= high for side, (low, high) in zip(size, ranges, strict=True))


def _inputs(layers: Sequence[Layer], outputs: int, side: int) -> tuple[int, int]:
    low = high = outputs
    for layer in reversed(layers):
        if layer["kind"] in ("conv", "pool"):
            kernel, stride = layer["kernel"][side], layer["stride"][side]
            padding = layer["padding"][side] if "padding" in layer else 0
            low = output_range(low, kernel=kernel, stride=stride, padding=padding)[0]
            high = output_range(high, kernel=kernel, stride=stride, padding=padding)[1]
            low = max(low, 1)
    return (low, high) if high <= MAX_SIDE else (1, 0)


def _factors(n: int, sides: int) -> Iterator[tuple[int, ...]]:
    if sides == 1:
        yield (n,)
        return
    for low in range(1, isqrt(n) + 1):
        if n % low == 0:
            for first in {low, n // low}:
                for rest in _factors(n // first, sides - 1):
                    yield (first, *rest)


def _room(segment: Segment, *, last: bool) -> str:
    """What can stand behind a convolution: "none", "relu" alone, "pool" beside it, or not known ("open")."""
    if segment.slots is None:
        return "open"
    slots = segment.slots - (1 if last else 0)  # the flattening's own
    slots += any(norm.kind == "prelu" for norm in segment.norms)
    return "pool" if slots >= 2 else "relu" if slots == 1 else "none"


def _paddings(segments: Sequence[Segment]) -> Iterator[tuple[tuple[tuple[int, ...], ...], float]]:
    kernels = [segment.step.kernel for segment in segments]
    largest = max(max(kernel) for kernel in kernels)
    none = tuple((0,) * len(kernel) for kernel in kernels)
    same = tuple(tuple(side // 2 for side in kernel) for kernel in kernels)
    small = all(max(kernel) <= 3 for kernel in kernels)
    yield none, 0.6 if small else 0.0
    if largest > 1:
        yield same, 0.0 if small else 1.0
    some = tuple(tuple(side // 2 if side <= 3 else 0 for side in kernel) for kernel in kernels)
    if some not in (none, same):
        yield some, 1.5


def _pools(room: Sequence[str], mixed: bool) -> Iterator[tuple[tuple[Pool | None, ...], float]]:
    kinds: list[tuple[Pool, float]] = [((2, 2), 0.0), ((3, 3), 1.5), ((3, 2), 1.5), ((4, 4), 2.5)]
    known = [place for place in room if place != "open"]
    for pool, cost in kinds:
        usual = [pool if place == "pool" else None for place in room]
        if "open" not in room:
            if any(usual):
                yield tuple(usual), cost
            continue
        # Names that do not tell: pooled everywhere, or as the others are; the last one may go without.
        everywhere = [pool if place in ("pool", "open") else None for place in room]
        like_others = bool(known) and "pool" not in known
        if any(everywhere):
            yield tuple(everywhere), cost + (0.8 if like_others else 0.0)
        if room[-1] == "open" and any(everywhere[:-1]):
            yield (*everywhere[:-1], None), cost + 1.0
    quiet = 2.5 if "pool" in room else 0.0 if "open" not in known and known else 0.8
    yield (None,) * len(room), quiet
    if mixed and len(room) <= MAX_MIXED:
        choices: list[list[tuple[Pool | None, float]]] = [
            [(None, 1.0), *kinds] if place in ("pool", "open") else [(None, 0.0)] for place in room
        ]
        for chosen in product(*choices):
            yield tuple(pool for pool, _ in chosen), 3 + sum(cost for _, cost in chosen)


def _strides(room: Sequence[str], mixed: bool) -> Iterator[tuple[tuple[int, ...], float]]:
    count = len(room)
    # Where no pooling stands, it is strides that make the picture smaller.
    quiet = not any(place in ("pool", "open") for place in room[:-1] or room)
    yield (1,) * count, 0.4 if quiet else 0.0
    yield (2,) * count, 0.0 if quiet else 3.0
    if count > 1:
        yield (2, *(1,) * (count - 1)), 2.0
    if mixed:
        yield (3,) * count, 4.0
        if count > 1:
            yield (3, *(1,) * (count - 1)), 4.0
            yield (1, *(2,) * (count - 1)), 4.0


def _pool(pool: Pool, sides: int, mode: str = "max") -> dict[str, Any]:
    kernel, stride = pool
    return {"kind": "pool", "mode": mode, "kernel": [kernel] * sides, "stride": [stride] * sides}
