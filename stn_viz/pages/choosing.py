"""The form for what shapes cannot tell of a transformer: each field begins with what was assumed for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from stn_viz.foreign import Choices, ForeignError, Transformer
from stn_viz.pages.cards import texts

TYPED = "other …"
NORMS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "none": ((), ()),
    "MNIST: 0.1307, 0.3081": ((0.1307,), (0.3081,)),
    "half: 0.5, 0.5": ((0.5,), (0.5,)),
    "ImageNet, by channel": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Pre-processing that most public recipes use: mean and std of values from 0 to 1."""

LONGEST_SIDE = 1024
MOST_SIZES = 40  # of those that fit the shapes; any other can be typed


def which(names: Sequence[str], key: str) -> int:
    """Which of several things is imported: its place in the list."""
    if len(names) == 1:
        return 0
    places = list(range(len(names)))
    picked = st.selectbox(
        "transformer", places, format_func=names.__getitem__, key=f"{key} which", persist_state="session"
    )
    return int(picked or 0)


def described(transformer: Transformer) -> str:
    """ "stn.localization in state_dict: 6 outputs, 1 channel (PyTorch tutorial)"."""
    name = transformer.name or "localisation network"
    where = f" in {transformer.place}" if transformer.place else ""
    plural = "" if transformer.channels == 1 else "s"
    known = f" ({transformer.known})" if transformer.known else ""
    return f"{name}{where}: {transformer.outputs} outputs, {transformer.channels} channel{plural}{known}"


def form(transformer: Transformer, key: str, *, whole: bool) -> Choices:
    """The fields, and what they say now. Of a `whole` network only what is done to its images is asked.

    Raises: ForeignError for a number that does not read, with the field's name.
    """
    given = transformer.choices
    ask = _Fields(key)
    left, right = st.columns(2)
    # All fields stand there before the first is read: one that does not read leaves the others in their places.
    with left:
        size = _input_size(ask, transformer)
        norm = _norm(ask, given, transformer.channels)
        value_range = ask.buttons("values before mean and std", (1, 255), given.value_range, shows="0 to {}".format)
        order = given.channel_order
        if transformer.channels == 3:
            order = ask.buttons("channel order", ("rgb", "bgr"), order, shows=str.upper)
    if whole:
        with right:
            st.html(texts(["The rest is in the network: what its outputs mean, the size of V, kernel, padding."]))
        mean, std = norm()
        return replace(given, size=size(), mean=mean, std=std, value_range=value_range, channel_order=order)
    with left:
        output = ask.text(
            f"size of V, {_order(given.size)}",
            sides(given.output_size) if given.output_size else "",
            hint="as the input",
        )
    with right:
        reading = given.reading
        if transformer.readings:
            reading = ask.choice("outputs are", transformer.readings, given.reading, shows=_reading_label)
        activation = ask.buttons("activation of the outputs", ("none", "tanh", "sigmoid"), given.activation)
        kernel = ask.buttons("kernel", ("nearest", "bilinear", "bicubic"), given.kernel)
        padding = ask.buttons("padding", ("zeros", "border", "reflection"), given.padding)
        align = ask.buttons("align corners", (False, True), given.align_corners, shows=lambda on: "on" if on else "off")
    mean, std = norm()
    return Choices(
        size=size(),
        output_size=size_of(output, "the size of V", sides(given.size)) if output.strip() else None,
        reading=reading,
        activation=activation,
        kernel=kernel,
        padding=padding,
        align_corners=align,
        mean=mean,
        std=std,
        channel_order=order,
        value_range=value_range,
    )


class _Fields:
    """Widgets that keep their values while their page is left, under one key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def choice(self, label: str, options: Sequence[Any], default: Any, *, shows: Any = str) -> Any:
        options = list(options)
        index = options.index(default) if default in options else 0
        return st.selectbox(
            label, options, index=index, format_func=shows, key=f"{self._key} {label}", persist_state="session"
        )

    def buttons(self, label: str, options: Sequence[Any], default: Any, *, shows: Any = str) -> Any:
        return st.segmented_control(
            label,
            list(options),
            default=default,
            required=True,
            format_func=shows,
            key=f"{self._key} {label}",
            persist_state="session",
        )

    def text(self, label: str, default: str, *, hint: str = "") -> str:
        return st.text_input(
            label, default, placeholder=hint, key=f"{self._key} {label}", persist_state="session", max_chars=200
        )


def _input_size(ask: _Fields, transformer: Transformer) -> Callable[[], tuple[int, ...]]:
    """The field; what it says is read by the answer, which raises ForeignError."""
    usual = sides(transformer.choices.size)
    sizes = [sides(size) for size in transformer.sizes[:MOST_SIZES]]
    if usual not in sizes and sizes:
        sizes.insert(0, usual)
    label = f"input size, {_order(transformer.choices.size)}"
    typed = ask.choice(label, [*sizes, TYPED], usual) if sizes else TYPED
    if typed == TYPED:
        typed = ask.text("size of the input" if sizes else label, usual)
    return lambda: size_of(typed, "the input's size", usual)


def _norm(ask: _Fields, given: Choices, channels: int) -> Callable[[], tuple[tuple[float, ...], tuple[float, ...]]]:
    """The fields; what they say is read by the answer, which raises ForeignError."""
    presets = {name: norm for name, norm in NORMS.items() if len(norm[0]) in (0, 1, channels)}
    known = next((name for name, norm in presets.items() if norm == (given.mean, given.std)), TYPED)
    picked = ask.choice("mean and std of the images", [*presets, TYPED], known)
    if picked != TYPED:
        return lambda: presets[picked]
    hint = "one, or one for each channel" if channels > 1 else "one number"
    mean = ask.text("mean", " ".join(map(str, given.mean)), hint=hint)
    std = ask.text("std", " ".join(map(str, given.std)), hint=hint)
    return lambda: (numbers(mean, "the mean"), numbers(std, "the std"))


def _order(size: Sequence[int]) -> str:
    """In which order sides are written, for a label."""
    return "height × width" if len(size) == 2 else "depth × height × width"


def sides(size: Sequence[int]) -> str:
    """ "24 × 94": height, width (for volumes depth before them)."""
    return " × ".join(str(side) for side in size)


def size_of(text: str, what: str, like: str) -> tuple[int, ...]:
    """A size as somebody types it: "24 x 94"; one number stands for all sides. `like` shows how many there are.

    Raises: ForeignError for anything else.
    """
    words = text.lower().replace("×", " ").replace("x", " ").replace(",", " ").split()
    count = len(like.split("×"))
    if len(words) in (1, count) and all(word.isdecimal() and 1 <= int(word[:9]) <= LONGEST_SIDE for word in words):
        read = tuple(int(word) for word in words)
        return read * count if len(read) == 1 else read
    raise ForeignError(f"{_capital(what)} does not read: type {_order([0] * count)} in pixels, such as {like}.")


def numbers(text: str, what: str) -> tuple[float, ...]:
    """Numbers with spaces or commas between them.

    Raises: ForeignError where one is none.
    """
    try:
        return tuple(float(word) for word in text.replace(",", " ").replace("(", " ").replace(")", " ").split())
    except ValueError:
        raise ForeignError(f"{_capital(what)} does not read: type numbers such as 0.485 0.456 0.406.") from None


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _reading_label(name: str) -> str:
    from stn_viz.foreign.shapes.meanings import READINGS

    return READINGS[name].label if name in READINGS else name
