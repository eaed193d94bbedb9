"""What speaks for a chain of layers to be a localisation network and not a small classifier of six classes.

Its names; a last bias near the identity of one of its readings; last weights of zero, where training starts; another
network beside it that could read what it transforms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import TYPE_CHECKING

from .chains import Chain
from .meanings import readings_of
from .parts import OTHERWISE, Part, joined
from .readings import Reading

if TYPE_CHECKING:
    from torch import Tensor

ENOUGH = 2.0
# Root mean square distance of a bias from an identity: there since the start of training, or still near it.
_NEAR, _NEARISH = 0.12, 0.3


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """score: above ENOUGH it is a localisation network. readings: of its outputs, likeliest first."""

    score: float
    readings: tuple[str, ...]


def weigh(chain: Chain, tensors: Mapping[str, "Tensor"], parts: Sequence[Part]) -> Evidence:
    """Add up what speaks for and against the chain."""
    last = chain.last
    weight = tensors[joined(last.key, "weight")].detach().float()
    held = tensors[joined(last.key, "bias")].detach().float() if last.bias else weight.new_zeros(last.outputs)
    bias = held.tolist() if held.shape == weight.shape[:1] else [0.0] * last.outputs
    readings = readings_of(last.outputs, sides=chain.sides)
    apart = {reading.name: _apart(bias, reading.identity) for reading in readings}
    ordered = _ordered(readings, apart, deliberate=_deliberate(weight))

    score = _by_name(chain)
    telling = [reading for reading in readings if reading.outputs >= 3 and any(reading.identity)]
    nearest = min((apart[reading.name] for reading in telling), default=9.0)
    score += 3.5 if nearest < _NEAR else 2.5 if nearest < _NEARISH else 0.0
    score += 1.0 if not weight.any() else 0.5 if _deliberate(weight) else 0.0
    keys = {step.key for step in chain.steps}
    others = [p for p in parts if p.kind in ("linear", "conv") and p.key not in keys and p not in chain.left]
    score += 1.0 if any(p.kind == "linear" for p in others) else 0.0
    # What goes on from it is the middle of something: an autoencoder's code, an embedding.
    going_on = (p for p in others if p.kind == "linear" and p.localises == last.localises)
    score -= 3.0 if any(p.inputs == last.outputs for p in going_on) else 0.0
    if not readings and not last.localises:
        score = 0.0
    return Evidence(score=score, readings=tuple(reading.name for reading in ordered))


def _by_name(chain: Chain) -> float:
    last = chain.last
    if last.words & OTHERWISE:
        return -3.0
    if last.localises:
        return 3.0
    if chain.convolutions and all(step.localises for step in chain.convolutions):
        return 2.5
    return 1.0 if last.leans else 0.0


def _apart(bias: Sequence[float], identity: Sequence[float]) -> float:
    """Root mean square distance; large for a bias that is not finite."""
    mean = sum((b - i) ** 2 for b, i in zip(bias, identity, strict=True)) / len(bias)
    return 9.0 if isnan(mean) else min(sqrt(mean), 9.0)


def _deliberate(weight: "Tensor") -> bool:
    """True for weights far smaller than torch's own initialisation makes them: somebody set them so."""
    return float(weight.square().mean().sqrt()) < 0.2 / sqrt(3 * weight.shape[1])


def _ordered(readings: Sequence[Reading], apart: Mapping[str, float], *, deliberate: bool) -> list[Reading]:
    """Those whose identity the bias is near first; a bias near zero says something only where it was set on purpose."""

    def key(reading: Reading) -> float:
        near = apart[reading.name]
        if any(reading.identity):
            return near if near < _NEARISH else 1.0
        return near if deliberate and near < _NEAR else 1.0

    return sorted(readings, key=key)
