"""Weights of checkpoints put into a network: one rebuilt from shapes, or a whole one that came with its code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stn_viz.runs import RunError
from stn_viz.runs.info import MAX_SITES

from .kinds import Checkpoint, Choices, ForeignError, Transformer, Weights

if TYPE_CHECKING:
    from torch import Tensor, nn

HARMLESS = ".num_batches_tracked"  # older files lack it, and in eval mode nobody reads it


IMAGE_CHANNELS = (1, 3, 4)


def beside_each_other(transformers: Sequence[Transformer]) -> tuple[Transformer, ...]:
    """Of all that were found those that one import follows: the first that reads an image, and what else reads it.

    One that stands deeper in its network reads feature maps, which only the whole network can give it.
    """
    from .shapes import finding as shapes

    rebuildable = [one for one in transformers if one.layers]
    first = next((one for one in rebuildable if one.channels in IMAGE_CHANNELS), next(iter(rebuildable), None))
    if first is None:
        return tuple(transformers[:1])
    return tuple(
        one
        for one in rebuildable
        if one is first or (one.channels == first.channels and shapes.fits(one, first.choices.size))
    )


def put_found(model: nn.Module, transformers: Sequence[Transformer], checkpoint: Checkpoint) -> None:
    """Put a checkpoint's weights into what `rebuilt` made of these transformers.

    Raises: ForeignError if it has not these transformers, or one of their weights is not finite.
    """
    if len(transformers) == 1:
        _put(model, found_weights(transformers[0], checkpoint), checkpoint)
        return
    for part, transformer in zip(model.children(), transformers, strict=True):
        _put(part, found_weights(transformer, checkpoint), checkpoint)


def put_whole(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Put a checkpoint's weights into a whole network, every key of which must be there, and no other.

    Raises: ForeignError naming the first key that is missing, left over or of another shape, or that is not finite.
    """
    _put(model, whole_weights(model, checkpoint), checkpoint)


def rebuilt(transformers: Sequence[Transformer], choices: Choices) -> nn.Module:
    """The transformers rebuilt from their shapes; several stand side by side and read the same image."""
    first, *others = transformers
    return _rebuilt([(first, choices), *((one, choices_of(one, choices)) for one in others)])


def to_network(transformers: Sequence[Transformer], choices: Choices) -> dict[str, Any]:
    """What run.json says of the network that `rebuilt` makes: one transformer, with those beside it."""
    from .shapes import finding as shapes

    first, *others = transformers
    entry = shapes.to_json(first, choices)
    if others:
        entry["beside"] = [shapes.to_json(one, choices_of(one, choices)) for one in others]
    return entry


def from_network(network: Mapping[str, Any]) -> nn.Module:
    """The network of `to_network`'s entry. Raises: RunError for one that says something else."""
    from .shapes import finding as shapes
    from .shapes.layers import MAX_NUMBERS, numbers

    beside = network.get("beside", [])
    if not isinstance(beside, list) or len(beside) >= MAX_SITES or not all(isinstance(one, dict) for one in beside):
        raise RunError(
            "run.json: 'beside' of the network is no list of transformers. Take it from the original folder."
        )
    alone = {name: value for name, value in network.items() if name != "beside"}
    told = [shapes.from_json(entry) for entry in (alone, *beside)]
    total = sum(numbers(transformer.layers) for transformer, _ in told)
    if total > MAX_NUMBERS:
        raise RunError(f"run.json: the transformers have {total:,} weights; at most {MAX_NUMBERS:,} are rebuilt.")
    return _rebuilt(told)


def choices_of(transformer: Transformer, choices: Choices) -> Choices:
    """The choices for a transformer that stands beside the one they were made for: what is its own stays its own."""
    own = transformer.choices
    return replace(choices, output_size=own.output_size, reading=own.reading, activation=own.activation)


def found_weights(transformer: Transformer, checkpoint: Checkpoint) -> Mapping[str, Tensor]:
    """The weights of one transformer, out of the part of the checkpoint that it was found in, else of any other.

    Raises: ForeignError if no part of it has them all, in these shapes.
    """
    from .shapes import finding as shapes

    fault: ForeignError | None = None
    for weights in sorted(checkpoint.weights, key=lambda weights: weights.place != transformer.place):
        own = _of_layers(transformer, weights)
        try:
            return shapes.select(transformer, weights.tensors)
        except ForeignError as error:
            bad = first_not_finite(own)
            if bad is not None:  # not the average beside it instead: that is another network
                raise ForeignError(_diverged(checkpoint, bad)) from error
            fault = fault or error
    raise ForeignError(f"{checkpoint.path.name}: {fault or 'it has no weights.'}")


def whole_weights(model: nn.Module, checkpoint: Checkpoint) -> Mapping[str, Tensor]:
    """The state_dict of a checkpoint that fits a network, by the network's own names.

    Raises: ForeignError telling how the one that fits best differs.
    """
    expected = dict(model.state_dict())
    best: tuple[int, str] | None = None
    for weights in checkpoint.weights:
        for prefix in _prefixes(weights):
            tensors = {f"{prefix}{name}": tensor for name, tensor in weights.tensors.items()}
            fault = _difference(expected, tensors)
            if fault is None:
                absent = {name: tensor for name, tensor in expected.items() if name not in tensors}
                return {**tensors, **absent}
            shared = sum(1 for name in tensors if name in expected and tensors[name].shape == expected[name].shape)
            if best is None or shared > best[0]:
                where = f" (in {weights.place})" if weights.place and len(checkpoint.weights) > 1 else ""
                best = shared, f"{checkpoint.path.name}{where} does not fit the network: {fault}"
    if best is None:
        raise ForeignError(f"{checkpoint.path.name} has no weights.")
    if best[0] == 0:
        raise ForeignError(
            f"{checkpoint.path.name} and the network have no weight in common: it is another network's file."
        )
    raise ForeignError(f"{best[1]} Name the factory that makes the network as it was trained.")


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The first key whose tensor holds nan or inf."""
    return next(
        (
            name
            for name, tensor in tensors.items()
            if tensor.is_floating_point() and tensor.device.type != "meta" and not bool(tensor.isfinite().all())
        ),
        None,
    )


def _put(model: nn.Module, tensors: Mapping[str, Tensor], checkpoint: Checkpoint) -> None:
    bad = first_not_finite(tensors)
    if bad is not None:
        raise ForeignError(_diverged(checkpoint, bad))
    try:
        model.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        line = next((line.strip() for line in str(error).splitlines()[1:] if line.strip()), str(error))
        raise ForeignError(f"{checkpoint.path.name} does not fit the network: {line[:200]}") from error


def _diverged(checkpoint: Checkpoint, name: str) -> str:
    return (
        f"{checkpoint.path.name}: {name} holds nan or inf, so there is nothing to replay. "
        "The training had diverged when it was saved."
    )


def _of_layers(transformer: Transformer, weights: Weights) -> dict[str, Tensor]:
    keys = {layer["key"] for layer in transformer.layers if "key" in layer}
    return {name: tensor for name, tensor in weights.tensors.items() if name.rpartition(".")[0] in keys}


def _difference(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> str | None:
    missing = [name for name in expected if name not in tensors and not name.endswith(HARMLESS)]
    left = [name for name in tensors if name not in expected]
    wrong = [name for name in tensors if name in expected and tensors[name].shape != expected[name].shape]
    parts = []
    if wrong:
        name = wrong[0]
        found, wanted = (" x ".join(map(str, t.shape)) or "a number" for t in (tensors[name], expected[name]))
        parts.append(f"{_counted(wrong, 'has', 'have')} another shape ({found}, the network has {wanted})")
    if missing:
        parts.append(f"{_counted(missing, 'is', 'are')} missing")
    if left:
        parts.append(f"{_counted(left, 'is', 'are')} left over")
    return "; ".join(parts) + "." if parts else None


def _counted(names: Sequence[str], one: str, many: str) -> str:
    return f"{names[0]} {one}" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more {many}"


def _prefixes(weights: Weights) -> list[str]:
    """What may have to stand before the names again: "net." was taken off as a wrapper's, but may be the network's."""
    words = weights.prefix.rstrip(".").split(".") if weights.prefix else []
    return ["".join(f"{word}." for word in words[start:]) for start in range(len(words), -1, -1)]


def _rebuilt(pairs: Sequence[tuple[Transformer, Choices]]) -> nn.Module:
    from .shapes import finding as shapes

    parts = [shapes.rebuild(transformer, choices) for transformer, choices in pairs]
    return parts[0] if len(parts) == 1 else _beside([one.name for one, _ in pairs], parts)


def _beside(names: Sequence[str], parts: Sequence[nn.Module]) -> nn.Module:
    from torch import nn

    class Beside(nn.Module):
        """Transformers that read one and the same image."""

        def forward(self, U: Tensor) -> list[Tensor]:
            """V of each. Shapes: U (N, C, h, w) -> V (N, C, H', W') of each."""
            return [part(U) for part in self.children()]

    made = Beside()
    for name, part in zip(names, parts, strict=True):
        attribute = re.sub(r"\W", "_", name) or "transformer"
        while hasattr(made, attribute):  # "forward", or a name that was there before
            attribute += "_"
        made.add_module(attribute, part)
    return made
