"""What was assumed of a localisation network where shapes do not tell, and why one cannot be rebuilt: in sentences."""

from collections.abc import Sequence

from . import plans, registry
from .chains import Chain
from .gaps import Segment
from .layers import MAX_NUMBERS, Layer, numbers

FLAT = "It has no convolutions: the picture's values go into its first linear layer as they are."


def assumed(chain: Chain, segments: Sequence[Segment], plan: plans.Plan, known: "registry.Known | None") -> list[str]:
    """What was taken to be so, a sentence each."""
    notes = []
    if not known:
        notes += _layout(segments, plan)
    elif known.choices.get("mean"):
        mean, std = (", ".join(map(str, known.choices[name])) for name in ("mean", "std"))
        notes.append(
            f"Its authors take off mean {mean} and divide by std {std}: correct this if your training did not."
        )
    if chain.convolutions and chain.convolutions[0].inputs > 4:
        notes.append(
            f"Its input has {chain.convolutions[0].inputs} channels: it stands behind other layers, and pictures "
            "cannot be given to it directly."
        )
    if chain.left:
        keys = ", ".join(part.key for part in chain.left[:3]) + (" ..." if len(chain.left) > 3 else "")
        notes.append(f"Beside it lie {keys}, which are not used here: if they belong to it, its theta is wrong.")
    return notes


def _layout(segments: Sequence[Segment], plan: plans.Plan) -> list[str]:
    notes = []
    pools = {pool for pool in plan.pools if pool}
    words = " and ".join(f"a max pooling of {kernel}, step {stride}," for kernel, stride in sorted(pools))
    told = all(segment.slots is not None for segment in segments[:-1])
    why = "the numbering leaves room for it" if told else "names do not tell"
    if words:
        notes.append(f"Behind its convolutions {words} and a ReLU are taken to stand ({why}).")
    else:
        notes.append(f"Behind its convolutions a ReLU and no pooling is taken to stand ({why}).")
    if plan.adaptive:
        notes.append(f"An adaptive average pooling to {plan.adaptive} x {plan.adaptive} is taken to end them.")
    padded = any(any(padding) for padding in plan.paddings)
    notes.append("They are taken to pad by half their kernel." if padded else "They are taken not to pad.")
    if set(plan.strides) != {1}:
        notes.append(f"Their strides are taken to be {', '.join(map(str, plan.strides))}.")
    if plan.leading:
        notes.append("A max pooling of 2 is taken to stand before the first, whose number is not 0.")
    return notes


def unbuildable(chain: Chain, layers: Sequence[Layer], readings: Sequence[str]) -> str | None:
    """Why shapes are not enough for it, in a sentence; None where they are."""
    if not readings:
        what = "volumes" if chain.sides == 3 else "images"
        return f"Its {chain.last.outputs} outputs are no theta of {what} that is known here: that needs its own code."
    if registry.skips(chain):
        return "It has skip connections, and shapes do not show where they go: that needs its own code."
    if any(n.kind == "layernorm" for n in sum(chain.norms[: len(chain.convolutions)], ())):
        return (
            "A convolution of it has a normalisation without statistics (GroupNorm, InstanceNorm, LayerNorm), and "
            "shapes do not show which: that needs its own code."
        )
    if not layers and chain.convolutions:
        return (
            f"Its convolutions give {chain.convolutions[-1].outputs} channels and its first linear layer takes "
            f"{chain.flattened} numbers: no input size fits. Something between them cannot be seen in shapes."
        )
    if numbers(layers) > MAX_NUMBERS:
        return f"It has {numbers(layers):,} weights, more than are rebuilt here ({MAX_NUMBERS:,})."
    return None
