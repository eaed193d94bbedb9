"""The layers that a localisation network is rebuilt from, as plain mappings: their sizes, and how they are written.

    {"kind": "conv", "key", "in", "out", "kernel", "stride", "padding", "groups", "bias"}
    {"kind": "norm", "key", "features", "sides", "affine"}     BatchNorm; sides is 0 behind a linear layer
    {"kind": "layernorm", "key", "features"}, {"kind": "prelu", "key", "features"}
    {"kind": "linear", "key", "in", "out", "bias"}
    {"kind": "relu"}, {"kind": "flatten"}, {"kind": "scale", "factor"}
    {"kind": "pool", "mode", "kernel", "stride"}, {"kind": "adaptive", "mode", "size"}

Lists have one entry for each side of the image (2) or volume (3).
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

Layer = Mapping[str, Any]

MAX_LAYERS = 128
MAX_NUMBERS = 2**27  # of one network: half a gigabyte in float32
MAX_ACTIVATIONS = 2**27  # of one layer for one image


def sides(layers: Sequence[Layer]) -> int:
    """2 for images, 3 for volumes."""
    return next((len(layer["kernel"]) for layer in layers if layer["kind"] == "conv"), 2)


def shapes_through(layers: Sequence[Layer], *, channels: int, size: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The shape of one image after each layer: (C, h, w), or (features,).

    Raises: ValueError, in words, where a layer cannot take what comes.
    """
    shape: tuple[int, ...] = (channels, *size)
    for number, layer in enumerate(layers):
        shape = _after(layer, shape, number)
        yield shape


def fits_size(layers: Sequence[Layer], *, channels: int, size: Sequence[int]) -> bool:
    """True where images of this size go through all the layers."""
    try:
        for _ in shapes_through(layers, channels=channels, size=size):
            pass
    except ValueError:
        return False
    return True


def numbers(layers: Sequence[Layer]) -> int:
    """How many weights they have together."""
    total = 0
    for layer in layers:
        match layer["kind"]:
            case "conv":
                total += layer["out"] * (layer["in"] // layer["groups"]) * prod(layer["kernel"]) + layer["out"]
            case "linear":
                total += layer["out"] * (layer["in"] + 1)
            case "norm" | "layernorm" | "prelu":
                total += 4 * int(layer["features"])
    return total


def output_range(outputs: int, *, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """The least and the greatest side that a convolution or pooling turns into `outputs`."""
    least = (outputs - 1) * stride + kernel - 2 * padding
    return least, least + stride - 1


def _after(layer: Layer, shape: tuple[int, ...], number: int) -> tuple[int, ...]:
    kind = layer["kind"]
    if kind in ("conv", "pool"):
        count = shape[0] if kind == "pool" else layer["out"]
        if kind == "conv" and shape[0] != layer["in"]:
            raise ValueError(f"layer {number} takes {layer['in']} channels, but {shape[0]} come")
        if len(shape) != len(layer["kernel"]) + 1:
            raise ValueError(f"layer {number}, a {kind} of {len(layer['kernel'])} sides, stands behind a flat layer")
        padding = layer.get("padding", [0] * len(layer["kernel"]))
        after = tuple(
            (side + 2 * p - k) // s + 1
            for side, k, s, p in zip(shape[1:], layer["kernel"], layer["stride"], padding, strict=True)
        )
        if min(after) < 1:
            raise ValueError(f"nothing is left of the image behind layer {number}")
        return (count, *after)
    if kind == "adaptive":
        if len(shape) != len(layer["size"]) + 1:
            raise ValueError(f"layer {number}, an adaptive pooling, stands behind a flat layer")
        return (shape[0], *layer["size"])
    if kind == "flatten":
        return (prod(shape),)
    if kind == "linear":
        if shape != (layer["in"],):
            raise ValueError(f"layer {number} takes {layer['in']} numbers, but {prod(shape)} come")
        return (layer["out"],)
    if kind in ("norm", "layernorm") or (kind == "prelu" and layer["features"] > 1):
        if shape[0] != layer["features"]:
            raise ValueError(f"layer {number} takes {layer['features']} channels, but {shape[0]} come")
        if kind == "layernorm" and len(shape) > 1:
            raise ValueError(f"layer {number}, a LayerNorm, stands before the flattening")
    return shape
