"""A found transformer in a run.json and back: every entry checked, since the run may be a stranger's.

Nothing here makes a tensor: what comes back is bounded in layers, in weights and in what one image makes of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import prod
from typing import Any, Literal, cast

from stn_viz.runs import RunError

from ..kinds import Choices, Transformer
from .layers import MAX_ACTIVATIONS, MAX_LAYERS, MAX_NUMBERS, numbers, shapes_through
from .meanings import READINGS

MAX_SIDE = 4096
MAX_PIXELS = 2**22  # of U and of V, a volume's too
MAX_WIDTH = 2**24
MAX_NOTES = 32
MAX_SIZES = 1000
_LONG = 512


def to_json(transformer: Transformer, choices: Choices) -> dict[str, Any]:
    """What RunInfo.network holds of it: "name" ("found"), "transformer" and "choices", in plain lists and numbers."""
    return {
        "name": "found",
        "transformer": _plain(asdict(transformer)),
        "choices": _plain(asdict(choices)),
    }


def from_json(content: object) -> tuple[Transformer, Choices]:
    """The transformer and the choices that `to_json` wrote.

    Raises: RunError naming the entry and what it holds, also where the layers do not belong together, ask for more
            than MAX_NUMBERS weights, or cannot take an image of the size chosen.
    """
    if not isinstance(content, Mapping) or content.get("name") != "found":
        raise RunError("run.json: network is no transformer that was found by its shapes. Import the checkpoint again.")
    choices = _choices(_object(content.get("choices"), "choices"))
    transformer = _transformer(_object(content.get("transformer"), "transformer"), choices)
    if transformer.layers:
        _refuse_unfit(transformer, choices)
    return transformer, choices


def _choices(entry: Mapping[str, Any]) -> Choices:
    where = "choices"
    mean, std = (_list(entry, name, where, _real, most=16) for name in ("mean", "std"))
    if any(value <= 0 for value in std):
        raise _wrong(f"{where}: std", std, "numbers above 0")
    output = entry.get("output_size")
    return Choices(
        size=_size(entry.get("size"), "choices: size"),
        output_size=None if output is None else _size(output, "choices: output_size"),
        reading=_one_of(entry, "reading", where, READINGS),
        activation=cast(Any, _one_of(entry, "activation", where, ("none", "tanh", "sigmoid"))),
        kernel=cast(Any, _one_of(entry, "kernel", where, ("nearest", "bilinear", "bicubic"))),
        padding=cast(Any, _one_of(entry, "padding", where, ("zeros", "border", "reflection"))),
        align_corners=_of(entry, "align_corners", where, _truth),
        mean=mean,
        std=std,
        channel_order=cast(Any, _one_of(entry, "channel_order", where, ("rgb", "bgr"))),
        value_range=cast(Literal[1, 255], _one_of(entry, "value_range", where, (1, 255))),
    )


def _transformer(entry: Mapping[str, Any], choices: Choices) -> Transformer:
    where = "transformer"
    layers = _list(entry, "layers", where, lambda value, place: _layer(value, place), most=MAX_LAYERS)
    readings = _list(entry, "readings", where, _text, most=64)
    if any(reading not in READINGS for reading in readings):
        raise _wrong(f"{where}: readings", list(readings), "names of readings")
    known = entry.get("known")
    return Transformer(
        name=_of(entry, "name", where, _text),
        place=_of(entry, "place", where, _text),
        layers=layers,
        outputs=_of(entry, "outputs", where, _width),
        readings=readings,
        channels=_of(entry, "channels", where, _width),
        sizes=_list(entry, "sizes", where, _size, most=MAX_SIZES),
        known=None if known is None else _text(known, f"{where}: known"),
        choices=_choices(_object(entry.get("choices"), f"{where}: choices")) if entry.get("choices") else choices,
        notes=_list(entry, "notes", where, _text, most=MAX_NOTES),
    )


def _layer(value: object, where: str) -> dict[str, Any]:
    entry = _object(value, where)
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _LAYERS:
        raise _wrong(f"{where}: kind", kind, f"one of {', '.join(_LAYERS)}; if a newer STN Viz wrote this run, update")
    layer = {"kind": kind} | {name: _of(entry, name, where, check) for name, check in _LAYERS[kind].items()}
    lists = [layer[name] for name in ("kernel", "stride", "padding", "size") if name in layer]
    if len({len(each) for each in lists}) > 1:
        raise _wrong(where, lists, "kernel, stride and padding of the same number of sides")
    if kind == "conv" and (layer["in"] % layer["groups"] or layer["out"] % layer["groups"]):
        raise _wrong(f"{where}: groups", layer["groups"], "a divisor of its channels")
    if kind == "norm" and layer["sides"] not in (0, 2, 3):
        raise _wrong(f"{where}: sides", layer["sides"], "0, 2 or 3")
    return layer


def _refuse_unfit(transformer: Transformer, choices: Choices) -> None:
    total = numbers(transformer.layers)
    if total > MAX_NUMBERS:
        raise RunError(f"run.json: the transformer has {total:,} weights; at most {MAX_NUMBERS:,} are rebuilt.")
    reading = READINGS[choices.reading]
    if reading.outputs != transformer.outputs or reading.sides != len(choices.size):
        raise RunError(
            f"run.json: the reading {choices.reading!r} takes {reading.outputs} outputs of images with {reading.sides} "
            f"sides, but the transformer has {transformer.outputs} and {len(choices.size)}. Import the file again."
        )
    if choices.output_size is not None and len(choices.output_size) != reading.sides:
        raise _wrong("choices: output_size", list(choices.output_size), f"{reading.sides} sides")
    try:
        shapes = list(shapes_through(transformer.layers, channels=transformer.channels, size=choices.size))
    except ValueError as error:
        raise RunError(
            f"run.json: an image of {' x '.join(map(str, choices.size))} does not go through the transformer: {error}. "
            "Import the checkpoint again."
        ) from None
    if shapes[-1] != (transformer.outputs,):
        raise RunError(f"run.json: the transformer's layers give {shapes[-1]}, not {transformer.outputs} outputs.")
    if max(prod(shape) for shape in shapes) > MAX_ACTIVATIONS:
        raise RunError("run.json: a layer of the transformer gives more numbers for one image than are computed here.")


def _of(entry: Mapping[str, Any], name: str, where: str, check: Callable[[object, str], Any]) -> Any:
    return check(entry.get(name), f"{where}: {name}")


def _list(
    entry: Mapping[str, Any], name: str, where: str, check: Callable[[object, str], Any], *, most: int
) -> tuple[Any, ...]:
    values = entry.get(name)
    if not isinstance(values, list | tuple):
        raise _wrong(f"{where}: {name}", values, "a list")
    if len(values) > most:
        raise RunError(f"run.json: network: {where}: {name} has {len(values)} entries; at most {most} are read.")
    return tuple(check(value, f"{where}: {name} {number}") for number, value in enumerate(values))


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(where, value, "an object")
    return value


def _one_of(entry: Mapping[str, Any], name: str, where: str, choices: Any) -> Any:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value not in choices:
        few = ", ".join(map(str, list(choices)[:6]))
        raise _wrong(f"{where}: {name}", value, f"one of {few}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or len(value) > _LONG:
        raise _wrong(where, value, f"a text of at most {_LONG} letters")
    return value


def _truth(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, value, "true or false")
    return value


def _real(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 <= value <= 1e9:
        raise _wrong(where, value, "a number")
    return float(value)


def _whole(low: int, high: int) -> Callable[[object, str], int]:
    def check(value: object, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _wrong(where, value, f"a whole number from {low} to {high}")
        return value

    return check


def _sides(low: int, high: int) -> Callable[[object, str], list[int]]:
    def check(value: object, where: str) -> list[int]:
        if not isinstance(value, list | tuple) or len(value) not in (2, 3):
            raise _wrong(where, value, "a list of two or three whole numbers")
        return [_whole(low, high)(side, where) for side in value]

    return check


def _size(value: object, where: str) -> tuple[int, ...]:
    size = tuple(_sides(1, MAX_SIDE)(value, where))
    if prod(size) > MAX_PIXELS:
        raise _wrong(where, value, f"at most {MAX_PIXELS:,} pixels")
    return size


def _mode(value: object, where: str) -> str:
    if value not in ("max", "avg"):
        raise _wrong(where, value, "max or avg")
    return str(value)


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def _wrong(where: str, value: object, expected: str) -> RunError:
    shown = "missing" if value is None else repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return RunError(f"run.json: network: {where} is {shown}, expected {expected}.")


_width = _whole(1, MAX_WIDTH)

# What each kind of layer has beside its kind, and how it is checked.
_LAYERS: Mapping[str, Mapping[str, Callable[[object, str], Any]]] = {
    "conv": {
        "key": _text,
        "in": _width,
        "out": _width,
        "kernel": _sides(1, 64),
        "stride": _sides(1, 64),
        "padding": _sides(0, 64),
        "groups": _width,
        "bias": _truth,
    },
    "norm": {"key": _text, "features": _width, "sides": _whole(0, 3), "affine": _truth},
    "layernorm": {"key": _text, "features": _width},
    "prelu": {"key": _text, "features": _width},
    "linear": {"key": _text, "in": _width, "out": _width, "bias": _truth},
    "relu": {},
    "flatten": {},
    "scale": {"factor": _real},
    "pool": {"mode": _mode, "kernel": _sides(1, 64), "stride": _sides(1, 64)},
    "adaptive": {"mode": _mode, "size": _sides(1, 64)},
}

__all__: Sequence[str] = ["from_json", "to_json"]
