"""What is found in other people's files: plain values that reading fills, importing uses and the Runs page shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stn_viz.runs import RunError

if TYPE_CHECKING:
    from torch import Tensor


class ForeignError(RunError):
    """A file that cannot be opened, or not used: one or two sentences, what was found and what to do."""


class CodeError(ForeignError):
    """The file holds code (a program of torch.export, a TorchScript archive), and nobody has said yes to it.

    `digest` is the SHA-256 of the file's content, in hex: what a yes is remembered by.
    """

    def __init__(self, message: str, digest: str) -> None:
        """Keep the digest beside the sentence."""
        super().__init__(message)
        self.digest = digest


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """One state_dict of a file.

    place: the keys that lead to it, joined by dots: "" for the file itself, "state_dict", "ema.model".
    prefix: what was taken off the front of every name ("module._orig_mod."), "" for nothing.
    tensors: by the names that remain, in the file's order; CPU, contiguous, of the file's own types.
    """

    place: str
    prefix: str
    tensors: Mapping[str, "Tensor"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A file that was read without running anything of it.

    kind: in words, for a list: "PyTorch checkpoint", "safetensors, 3 shards".
    weights: the state_dicts in it, the one most likely to be the network's first; never none.
    facts: plain numbers and words that lay beside them ({"epoch": 12, "best_acc": 0.97}).
    counter, at: where in the training it was saved, from the file or else from its name; None where neither tells.
    notes: what was taken off, stood in for or is of half precision, a sentence each.
    """

    path: Path
    kind: str
    weights: tuple[Weights, ...]
    facts: Mapping[str, int | float | str] = field(default_factory=dict)
    counter: Literal["step", "epoch"] | None = None
    at: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What shapes cannot tell of a transformer: the form that a person fills in. All of it is JSON.

    size: of the network's input, (h, w) or (d, h, w). output_size: of V; None is the input's.
    reading: how the localisation network's outputs become theta, a name in `shapes.READINGS`.
    activation: applied to the outputs before that: "none", "tanh", "sigmoid".
    mean, std: by channel (or one for all), of values from 0 to `value_range`, taken off before the network.
    channel_order: "rgb" or "bgr", which the network wants. value_range: 1 or 255, its white before mean and std.
    """

    size: tuple[int, ...]
    output_size: tuple[int, ...] | None = None
    reading: str = "affine"
    activation: Literal["none", "tanh", "sigmoid"] = "none"
    kernel: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    padding: Literal["zeros", "border", "reflection"] = "zeros"
    align_corners: bool = False
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    channel_order: Literal["rgb", "bgr"] = "rgb"
    value_range: Literal[1, 255] = 1


@dataclass(frozen=True, kw_only=True)
class Transformer:
    """A localisation network found in a state_dict by its shapes. All of it is JSON, so that a run can keep it.

    name: the dotted prefix of its modules in the file, "" where they lie at the top ("stn.2").
    place: of the Weights that it lies in.
    layers: what `rebuild` makes it of, in order; each a plain mapping: "kind", its settings, and "key", the name
            of its weights in the state_dict.
    outputs: numbers of its last layer. readings: what they may mean, names in `shapes.READINGS`, likeliest first.
    readings is empty where shapes are not enough to rebuild it: then `layers` is too, and the notes say why.
    channels: of its input. sizes: (h, w), or (d, h, w), of inputs that fit its shapes, likeliest first; empty where any
            size does.
    known: the entry of the registry that it was recognised as, None for none.
    choices: the defaults of the form for it.
    notes: what was assumed, a sentence each ("a pooling of 2 and a ReLU are taken to stand between 0 and 3").
    """

    name: str
    place: str
    layers: tuple[Mapping[str, Any], ...]
    outputs: int
    readings: tuple[str, ...]
    channels: int
    sizes: tuple[tuple[int, ...], ...]
    known: str | None
    choices: Choices
    notes: tuple[str, ...] = ()
