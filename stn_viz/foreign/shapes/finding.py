"""Localisation networks found in a state_dict by its shapes, and made to work again without their code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..kinds import Choices, Transformer, Weights
from . import plans, registry, telling
from .chains import Chain, Chains, common
from .evidence import ENOUGH, Evidence, weigh
from .gaps import Segment, leading, segments_of
from .layers import fits_size
from .meanings import READINGS
from .parts import Part, joined, parts_of
from .readings import Reading
from .stored import from_json, to_json
from .suspicion import suspicion

if TYPE_CHECKING:
    from torch import Tensor

    from .rebuilding import Rebuilt

__all__ = [
    "READINGS",
    "Reading",
    "find_transformers",
    "fits",
    "from_json",
    "rebuild",
    "select",
    "suspicion",
    "to_json",
]

MAX_OUTPUTS = 512
MAX_PARTS = 5000  # modules with weights; every one may be looked at for every other
MAX_DEPTH = 32  # components of a name, which are compared one by one
MOST = 64  # transformers listed of one state_dict


def rebuild(transformer: Transformer, choices: Choices) -> "Rebuilt":
    """The transformer as an nn.Module, U -> V; see `rebuilding.rebuild`."""
    from . import rebuilding

    return rebuilding.rebuild(transformer, choices)


def select(transformer: Transformer, tensors: Mapping[str, "Tensor"]) -> "dict[str, Tensor]":
    """The rebuilt module's weights out of a file's; see `rebuilding.select`."""
    from . import rebuilding

    return rebuilding.select(transformer, tensors)


def fits(transformer: Transformer, size: Sequence[int]) -> bool:
    """True where images of this size (h, w), or volumes (d, h, w), go through the transformer's layers."""
    return fits_size(transformer.layers, channels=transformer.channels, size=size)


def find_transformers(weights: Weights, *, size: Sequence[int] | None = None) -> list[Transformer]:
    """Every localisation network in it, likeliest first; none for a classifier, a registration network, a T-Net.

    Shapes: size (h, w) or (d, h, w) where the input's is known: what shapes leave open is then chosen so that it fits.
    """
    parts = [part for part in parts_of(weights.tensors) if len(part.path) <= MAX_DEPTH]
    if len(parts) > MAX_PARTS:
        return []
    parts = _trimmed(parts)
    chains = Chains(parts)
    found: list[tuple[float, Chain, Evidence]] = []
    for last in _ends(parts):
        if chains.goes_on(last):
            continue
        chain = chains.ending_in(last)
        if chain is None or not _sees_images(chain, parts) or chain.linears[-1] is not last:
            continue
        evidence = weigh(chain, weights.tensors, parts)
        if evidence.score >= ENOUGH and not any(_same(chain, other, weights.tensors) for _, other, _ in found):
            found.append((evidence.score, chain, evidence))
    found.sort(key=lambda entry: (-round(entry[0]), entry[1].last.natural))
    names = [chain.name for _, chain, _ in found]
    return [
        _transformer(chain, evidence, weights, size, name=_unique(chain, names)) for _, chain, evidence in found[:MOST]
    ]


def _ends(parts: Sequence[Part]) -> list[Part]:
    """Linear layers that may give a theta, those with telling names first, at most 2 MOST."""
    thetas = {reading.outputs for reading in READINGS.values()}
    ends = [part for part in parts if part.kind == "linear" and (part.outputs in thetas or part.localises)]
    ends = [part for part in ends if part.outputs <= MAX_OUTPUTS]
    return sorted(ends, key=lambda part: (not part.localises, not part.leans))[: 2 * MOST]


def _trimmed(parts: list[Part]) -> list[Part]:
    """Words that every module's name begins with tell none from another, where there is more than one network."""
    layers = [part for part in parts if part.kind in ("conv", "linear")]
    ends = [p for p in layers if p.kind == "linear" and not any(q.inputs == p.outputs for q in layers if q is not p)]
    shared = len(common(part.parent for part in layers)) if len(ends) > 1 else 0
    return [replace(part, shared=shared) for part in parts] if shared else parts


def _sees_images(chain: Chain, parts: Sequence[Part]) -> bool:
    """False for point clouds and sequences (Conv1d), and for perceptrons that nobody calls a localisation network."""
    if chain.convolutions:
        return len(chain.convolutions[0].kernel) in (2, 3)
    if not chain.last.localises or len(chain.steps) < 2 or registry.image_of(chain.flattened) is None:
        return False
    # Convolutions under the same name that could not be joined to it: then it reads them, and not the image.
    inside = common([step.parent for step in chain.steps])
    return not any(
        part.kind == "conv" and ((inside and part.path[: len(inside)] == inside) or (not inside and part.localises))
        for part in parts
    )


def _same(a: Chain, b: Chain, tensors: Mapping[str, "Tensor"]) -> bool:
    """True where one network lies in the file under two names."""
    import torch

    if [step.outputs for step in a.steps] != [step.outputs for step in b.steps]:
        return False
    first, second = (tensors[joined(chain.steps[0].key, "weight")] for chain in (a, b))
    lasts = [tensors[joined(chain.last.key, "weight")] for chain in (a, b)]
    biases = [tensors.get(joined(chain.last.key, "bias"), lasts[0]) for chain in (a, b)]
    return torch.equal(first, second) and torch.equal(*lasts) and torch.equal(*biases)


def _unique(chain: Chain, names: Sequence[str]) -> str:
    return chain.name if names.count(chain.name) == 1 else chain.last.key.rpartition(".")[0] or chain.last.key


def _transformer(
    chain: Chain, evidence: Evidence, weights: Weights, size: Sequence[int] | None, *, name: str
) -> Transformer:
    segments = segments_of(chain)
    known = registry.recognise(chain, segments)
    layers, sizes, channels, notes = _layers(chain, segments, known, size)
    readings = evidence.readings
    notes = [*(known.notes if known else ()), *notes]
    why = telling.unbuildable(chain, layers, readings)
    if why:
        notes = [why]
        readings = ()
    if known and known.reading in readings:
        readings = (known.reading, *(reading for reading in readings if reading != known.reading))
    fits_told = size is not None and fits_size(layers, channels=channels, size=size)
    fallback = (
        tuple(size)
        if size and (fits_told or not sizes)
        else sizes[0]
        if sizes
        else ((32,) * 3 if chain.sides == 3 else (64, 64))
    )
    return Transformer(
        name=name,
        place=weights.place,
        layers=() if why else tuple(layers),
        outputs=chain.last.outputs,
        readings=readings,
        channels=channels,
        sizes=tuple(sizes),
        known=known.name if known else None,
        choices=Choices(
            size=known.size
            if known and known.size and not fits_told and (not sizes or known.size in sizes)
            else fallback,
            reading=readings[0] if readings else "affine",
            **(known.choices if known else {}),
        ),
        notes=tuple(notes),
    )


def _layers(
    chain: Chain, segments: Sequence[Segment], known: "registry.Known | None", size: Sequence[int] | None
) -> tuple[list[dict[str, Any]], list[tuple[int, ...]], int, list[str]]:
    """The layers, the input sizes that fit them, the input's channels, and what was assumed."""
    count = len(chain.convolutions)
    if not count:
        channels, sizes = registry.image_of(chain.flattened) or (1, [])
        return [{"kind": "flatten"}, *_linear(segments, known)], sizes, channels, [telling.FLAT]
    positions, remainder = divmod(chain.flattened, segments[count - 1].step.outputs)
    channels = chain.convolutions[0].inputs
    sides = len(chain.convolutions[0].kernel)
    if remainder:
        return [], [], channels, []
    tail = [{"kind": "flatten"}, *_linear(segments[count:], known)]
    best: tuple[float, list[dict[str, Any]], plans.Plan] | None = None
    where = {"positions": positions, "sides": sides, "channels": channels}
    if known and known.plans and size and not _any_fits(segments[:count], known.plans, tail, channels, size):
        size = None  # a network that is known is not rebuilt as another one for a size that it does not take
    for options in _options(segments[:count], known, leading(chain), positions, told=size is not None):
        for plan in options:
            layers = plans.made(segments[:count], plan)
            unlikely = 0.5 if plan.adaptive else plans.unlikelihood(layers, **where)
            if unlikely is None:
                continue
            if size and not fits_size([*layers, *tail], channels=channels, size=size):
                continue
            cost = plan.cost + (0.5 if size else unlikely)
            if best is None or cost < best[0]:
                best = (cost, layers, plan)
        if best:
            break
    if best is None:
        return [], [], channels, []
    _, layers, plan = best
    sizes = [] if plan.adaptive else plans.sizes(layers, **where)
    return [*layers, *tail], sizes, channels, telling.assumed(chain, segments[:count], plan, known)


def _any_fits(
    segments: Sequence[Segment],
    options: Iterable[plans.Plan],
    tail: Sequence[dict[str, Any]],
    channels: int,
    size: Sequence[int],
) -> bool:
    return any(fits_size([*plans.made(segments, plan), *tail], channels=channels, size=size) for plan in options)


def _options(
    segments: Sequence[Segment], known: "registry.Known | None", front: int, positions: int, *, told: bool
) -> Iterator[Iterable[plans.Plan]]:
    """Plans in groups: the first group in which any fits decides."""
    if known:
        yield known.plans
    yield plans.plans(segments, leading=front, positions=positions)
    if told:
        yield plans.plans(segments, leading=front, positions=positions, mixed=True)


def _linear(segments: Sequence[Segment], known: "registry.Known | None") -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    for index, segment in enumerate(segments):
        step = segment.step
        layer = {"kind": "linear", "key": step.key, "in": step.inputs, "out": step.outputs, "bias": step.bias}
        layers.append(layer)
        if index < len(segments) - 1:
            layers += plans.between(segment, None, sides=0)
        else:
            layers += [plans.norm_layer(norm, 0) for norm in segment.norms]
    if known and known.scale is not None:
        layers.insert(len(layers) - 1, {"kind": "scale", "factor": known.scale})
    return layers
