"""What a network's input is: how many channels, and of which size, when nobody says it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from .kinds import ForeignError
from .programs import input_shape
from .recognising import Recognised

if TYPE_CHECKING:
    from torch import nn

# Sizes that people train on, the likeliest first; tried only where the network does not say its own.
USUAL = ((28, 28), (32, 32), (40, 40), (42, 42), (48, 48), (60, 60), (64, 64), (32, 100), (96, 96), (100, 100))
LARGE = ((128, 128), (224, 224), (227, 227), (256, 256), (299, 299))
VOLUMES = ((16, 16, 16), (32, 32, 32), (64, 64, 64))


def input_of(
    recognised: Recognised, *, size: tuple[int, ...] | None = None, channels: int | None = None
) -> tuple[int, tuple[int, ...], str | None]:
    """Channels and size of the recognised network's input, and a sentence where the size was guessed.

    An exported program says both; else the first size that goes through the network is taken, beginning with those that
    its transformers' shapes allow.

    Raises: ForeignError if no network was recognised, or none of the usual sizes goes through it.
    """
    import torch

    from stn_viz.runs.untouched import untouched

    model = recognised.model
    if model is None:
        raise ForeignError("There is no whole network here whose input could be told.")
    shape = input_shape(model) or ()
    if size is None and len(shape) > 2 and all(isinstance(side, int) for side in shape[2:]):
        size = tuple(side for side in shape[2:] if side is not None)
    known = channels or (shape[1] if len(shape) > 1 else None) or _first_channels(model)
    sizes = [size] if size is not None else _candidates(recognised, model)
    batch = shape[0] if shape and isinstance(shape[0], int) else 2
    first = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    fault = ""
    for sides in sizes:
        for count in (known,) if known else (1, 3):
            if shape and shape[1:] == (count, *sides):
                return count, sides, None
            try:
                with untouched(model), torch.no_grad(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model(torch.zeros(batch, count, *sides).to(first))
            except Exception as error:  # whatever their own code raises of a size that is not its own
                fault = fault or f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
                if isinstance(error, TypeError) and "required positional argument" in str(error):
                    raise ForeignError(
                        f"The network takes more than images ({fault}). Name one whose forward takes them alone and "
                        "fills the rest in: class Alone(Net): def forward(self, x): return super().forward(x, ...)."
                    ) from error
                continue
            words = " x ".join(map(str, sides))
            guessed = f"No size was given: images of {words} go through the network." if size is None else None
            return count, sides, guessed
    tried = "images of " + " x ".join(map(str, size)) if size is not None else "images of the usual sizes"
    raise ForeignError(
        f"The network cannot read {tried} ({fault}). Give the size that it was trained on (--size), "
        "or images of its own (--probes)."
    )


def _candidates(recognised: Recognised, model: nn.Module) -> list[tuple[int, ...]]:
    own = [size for one in recognised.transformers for size in (one.choices.size, *one.sizes[:20])]
    usual = VOLUMES if _first_sides(model) == 3 else (*USUAL, *LARGE)
    return list(dict.fromkeys([*map(tuple, own), *usual]))


def _first_channels(model: nn.Module) -> int | None:
    """Of its first convolution. One that stands deeper is asked for nothing: the trial tells."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.modules.conv._ConvNd):
            return int(module.in_channels)
        if isinstance(module, torch.nn.Linear):
            return None
    weight = next((p for p in model.parameters() if p.ndim in (4, 5)), None)
    return None if weight is None else int(weight.shape[1])


def _first_sides(model: nn.Module) -> int:
    weight = next((p for p in model.parameters() if p.ndim in (4, 5)), None)
    return 2 if weight is None else weight.ndim - 2
