"""What is being looked at: one frozen value that reads and writes the URL, the session and the line's messages.

A view names a run, an image, a step, the transformation laid over it, and how somebody looks at that. None means "as
the site has it": theta None is the network's own theta at this step, family None the site's own family, and so on. So
a link holds only what somebody changed.

Two ways in, for two kinds of sender:

- `from_query` reads a link that a person may have mangled: each field that does not read falls back alone.
- `from_message` reads what our own stage sent: a field that does not read is an error with a sentence.

Neither knows a run: whether it has this image, or its family this many parameters, is decided where it is open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar, cast, get_args

Kernel = Literal["nearest", "bilinear", "bicubic"]
Padding = Literal["zeros", "border", "reflection"]

KERNELS: tuple[Kernel, ...] = get_args(Kernel)
PADDINGS: tuple[Padding, ...] = get_args(Padding)

FAMILIES: dict[str, int | None] = {
    "affine": 6,
    "attention": 3,
    "similarity": 4,
    "translation": 2,
    "projective": 8,
    "tps": None,  # 2 K^2, by the number of control points
    "free": None,  # the same
}
"""The families the app offers over images, and how many numbers theta has in each. It stands here, beside the
transformer's own registry, because that one needs torch, and the first page must not wait for torch; a test holds the
two together."""

VOLUME_FAMILIES: dict[str, int | None] = {"affine3": 12}
"""The same, of sites that sample volumes."""

POINTS = {"tps": range(2, 9), "free": range(5, 10)}
"""Control points a side that the families of control points may have."""

DEFAULT_POINTS = {"tps": 4, "free": 9}
"""How many they have where nobody says."""

LARGEST_SIDE = 1024
"""Pixels of V a side; what a browser draws at all."""

AREAS = (1, 2, 4)
"""Points a side whose mean one pixel of V may be; 1 is plain sampling."""

LARGEST = 1e6
"""No entry of theta is larger: a million image widths away is a mistake, and float32 stays finite below."""

_LONGEST_NAME = 200
_LONGEST_THETA = 2 * max(points[-1] for points in POINTS.values()) ** 2
_LARGEST_INT = 2**53  # what a browser counts exactly
_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")
_PICTURE = re.compile(r"[A-Za-z0-9:._,-]{1,120}")

T = TypeVar("T")


def families(sides: int) -> tuple[str, ...]:
    """The families that a site may have whose grid has this many sides: 2 over an image, 3 over a volume."""
    return tuple(VOLUME_FAMILIES if sides == 3 else FAMILIES)


class ViewError(ValueError):
    """A view that cannot be read; its text is one sentence for the person who sent it."""


@dataclass(frozen=True, slots=True)
class View:
    """Run, image, step, and the transformation over it.

    Units: `step` counts training steps (not recorded ones); `theta` is the family's own vector, normalised coordinates;
           `size` is V's (H', W') in pixels, and each of those the mean of `area` x `area` points.
    `picture` names an image that is not one of the run's ("mnist:1234"); `image` is then the one to come back to.
    `grid_align` is the grid's align_corners where it was set apart from the sampler's, `align_corners`.
    `lens` is the lens that is open, `way` what moves: from 0, the grid over a still U, to 1, the image under a still V.
    `slice` is the one of V that is shown where the site samples volumes; None is the middle one.
    """

    run: str
    image: int = 0
    step: int = 0
    site: int = 0
    family: str | None = None
    points: int | None = None
    theta: tuple[float, ...] | None = None
    kernel: Kernel | None = None
    padding: Padding | None = None
    align_corners: bool | None = None
    grid_align: bool | None = None
    size: tuple[int, int] | None = None
    area: int | None = None
    picture: str | None = None
    lens: str | None = None
    way: float | None = None
    slice: int | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str], default: View) -> View:
        """The view of a link; every field that is missing or does not read is taken from `default`.

        Theta belongs to its family: if that does not read, or has another number of entries, theta is the network's.
        """
        found: dict[str, Any] = {}
        unread: set[str] = set()
        for name, (key, read) in _IN_A_LINK.items():
            if key in query:
                try:
                    found[name] = read(name, query[key])
                except ViewError:
                    unread.add(name)
        if unread & {"family", "points"}:
            found["theta"] = None
        view = replace(default, **found)
        if view.family in POINTS and view.points not in POINTS[view.family]:
            theta = view.theta if view.points is None else None  # as of a number of points that does not read
            view = replace(view, points=DEFAULT_POINTS[view.family], theta=theta)
        return view if view.theta is None or _fits(view) else replace(view, theta=None)

    def to_query(self) -> dict[str, str]:
        """Short names and numbers, only what differs from the site's own: {"run": "rts", "theta": "0.5,0,0.1,..."}.

        Theta is written to six significant digits, as stage/state/view.js writes it: far below a thousandth of a pixel.
        """
        query = {"run": self.run, "image": str(self.image), "step": str(self.step)}
        if self.site:
            query["site"] = str(self.site)
        if self.family is not None:
            query["family"] = self.family
        if self.points is not None:
            query["points"] = str(self.points)
        if self.theta is not None:
            query["theta"] = ",".join(f"{value:.6g}" for value in self.theta)
        if self.kernel is not None:
            query["kernel"] = self.kernel
        if self.padding is not None:
            query["padding"] = self.padding
        if self.align_corners is not None:
            query["align"] = str(int(self.align_corners))
        if self.grid_align is not None:
            query["galign"] = str(int(self.grid_align))
        if self.size is not None:
            query["size"] = "x".join(str(side) for side in self.size)
        if self.area is not None:
            query["area"] = str(self.area)
        if self.picture is not None:
            query["picture"] = self.picture
        if self.lens is not None:
            query["lens"] = self.lens
        if self.way:
            query["way"] = f"{round(self.way, 3):g}"
        if self.slice is not None:
            query["slice"] = str(self.slice)
        return query

    @classmethod
    def from_message(cls, message: object) -> View:
        """The view of a message from the stage (parsed JSON); None and a missing field both mean the default.

        Raises: ViewError if a field is unknown, of another type, not finite or out of bounds. The sentence names it.
        """
        if not isinstance(message, Mapping):
            raise ViewError(f"A view is an object with a run, an image and a step, not {_short(message)}.")
        unknown = [key for key in message if key not in _IN_A_MESSAGE]
        if unknown:
            known = ", ".join(_IN_A_MESSAGE)
            raise ViewError(f"A view has no field {_short(unknown[0])}; it has {known}.")
        if message.get("run") is None:
            raise ViewError("A view needs the name of a run.")
        view = cls(
            **{name: _IN_A_MESSAGE[name](name, value) for name, value in message.items() if value is not None},
        )
        allowed = POINTS.get(view.family or "")
        if allowed is not None and view.points is not None and view.points not in allowed:
            sentence = f"it must be {allowed[0]} to {allowed[-1]} control points a side for family {view.family!r}."
            raise ViewError(f"points is {view.points}; {sentence}")
        return view

    def to_message(self) -> dict[str, Any]:
        """Every field by its name, as JSON has it (tuples as lists, None as null): what `from_message` reads."""
        message = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in message.items()}


def _fits(view: View) -> bool:
    """Whether theta has as many entries as its family; a family of the site's own is decided where the run is open."""
    if view.theta is None or view.family is None:
        return True
    if view.family in POINTS:
        return len(view.theta) == 2 * (view.points or DEFAULT_POINTS[view.family]) ** 2
    return len(view.theta) == (FAMILIES | VOLUME_FAMILIES)[view.family]


# Readers: (name of the field, what was sent) -> value, or ViewError. First those of a message, which is typed already.


def _run(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > _LONGEST_NAME:
        raise ViewError(f"{name} is {_short(value)}; it must be a name of 1 to {_LONGEST_NAME} letters.")
    return value


def _count(name: str, value: object) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= cast(float, value) <= _LARGEST_INT or value != int(cast(float, value)):
        raise ViewError(f"{name} is {_short(value)}; it must be a whole number from 0 up.")
    return int(cast(float, value))


def _points(name: str, value: object) -> int:
    """Of any family: what one of them allows is decided when the family is known too."""
    count = _count(name, value)
    if not any(count in allowed for allowed in POINTS.values()):
        least, most = min(allowed[0] for allowed in POINTS.values()), max(allowed[-1] for allowed in POINTS.values())
        raise ViewError(f"{name} is {_short(value)}; it must be {least} to {most} control points a side.")
    return count


def _family(name: str, value: object) -> str:
    """Any word: which families there are is the transformer's business, and it answers for those it has not."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ViewError(f"{name} is {_short(value)}; it must be the name of a family, such as affine.")
    return value


def _lens(name: str, value: object) -> str:
    """Any word: the stage knows which lenses it has, and opens its first one for those it has not."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ViewError(f"{name} is {_short(value)}; it must be the name of a lens, such as rules.")
    return value


def _picture(name: str, value: object) -> str:
    if not isinstance(value, str) or not _PICTURE.fullmatch(value):
        raise ViewError(f"{name} is {_short(value)}; it must be up to 120 letters, digits and : . _ , -")
    return value


def _size(name: str, value: object) -> tuple[int, int]:
    try:
        H, W = (_count(name, side) for side in value) if isinstance(value, list | tuple) else (0, 0)
    except ValueError:  # of another length, or a side that is no number
        H, W = 0, 0
    if not (1 <= H <= LARGEST_SIDE and 1 <= W <= LARGEST_SIDE):
        found = f"{H}x{W}" if (H, W) != (0, 0) else _short(value)
        raise ViewError(f"{name} is {found}; it must be V's height and width, each from 1 to {LARGEST_SIDE} pixels.")
    return H, W


def _way(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ViewError(f"{name} is {_short(value)}; it must be a number from 0 to 1.")
    return float(value)


def _theta(name: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= _LONGEST_THETA:
        raise ViewError(f"{name} is {_short(value)}; it must be a list of 1 to {_LONGEST_THETA} numbers.")
    for place, entry in enumerate(value):
        # abs() and not isfinite(): an int too long for a float compares well but does not convert.
        if not isinstance(entry, int | float) or isinstance(entry, bool) or not abs(entry) <= LARGEST:
            raise ViewError(f"{name}[{place}] is {_short(entry)}; it must be a finite number up to {LARGEST:,.0f}.")
    return tuple(float(entry) for entry in value)


def _one_of(choices: tuple[T, ...]) -> Callable[[str, object], T]:
    def read(name: str, value: object) -> T:
        for choice in choices:
            if value == choice and type(value) is type(choice):
                return choice
        raise ViewError(f"{name} is {_short(value)}; it must be one of {', '.join(str(choice) for choice in choices)}.")

    return read


_IN_A_MESSAGE: dict[str, Callable[[str, object], Any]] = {
    "run": _run,
    "image": _count,
    "step": _count,
    "site": _count,
    "family": _family,
    "points": _points,
    "theta": _theta,
    "kernel": _one_of(KERNELS),
    "padding": _one_of(PADDINGS),
    "align_corners": _one_of((True, False)),
    "grid_align": _one_of((True, False)),
    "size": _size,
    "area": _one_of(AREAS),
    "picture": _picture,
    "lens": _lens,
    "way": _way,
    "slice": _count,
}


# A link holds text: turn it into what a message would hold, then read that.


def _whole(text: str) -> object:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else text


def _numbers(text: str) -> object:
    entries = text.split(",", _LONGEST_THETA + 1)
    try:
        return [float(entry) for entry in entries]
    except ValueError:
        return text


def _number(text: str) -> object:
    return float(text) if re.fullmatch(r"[0-9]{0,3}\.?[0-9]{1,9}", text) else text


def _sides(text: str) -> object:
    return [int(side) for side in text.split("x")] if re.fullmatch(r"[0-9]{1,5}x[0-9]{1,5}", text) else text


def _text(text: str) -> object:
    return text


def _flag(text: str) -> object:
    return {"1": True, "0": False}.get(text, text)


def _from_text(convert: Callable[[str], object], read: Callable[[str, object], T]) -> Callable[[str, str], T]:
    return lambda name, text: read(name, convert(text))


_IN_A_LINK: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    # field: (its short name in a link, its reader)
    "run": ("run", _from_text(_text, _run)),
    "image": ("image", _from_text(_whole, _count)),
    "step": ("step", _from_text(_whole, _count)),
    "site": ("site", _from_text(_whole, _count)),
    # Only a family that the page offers: a link to another one falls back, where the line would answer with a sentence.
    "family": ("family", _from_text(_text, _one_of((*FAMILIES, *VOLUME_FAMILIES)))),
    "points": ("points", _from_text(_whole, _points)),
    "theta": ("theta", _from_text(_numbers, _theta)),
    "kernel": ("kernel", _from_text(_text, _one_of(KERNELS))),
    "padding": ("padding", _from_text(_text, _one_of(PADDINGS))),
    "align_corners": ("align", _from_text(_flag, _one_of((True, False)))),
    "grid_align": ("galign", _from_text(_flag, _one_of((True, False)))),
    "size": ("size", _from_text(_sides, _size)),
    "area": ("area", _from_text(_whole, _one_of(AREAS))),
    "picture": ("picture", _from_text(_text, _picture)),
    "lens": ("lens", _from_text(_text, _lens)),
    "way": ("way", _from_text(_number, _way)),
    "slice": ("slice", _from_text(_whole, _count)),
}


def _short(value: object) -> str:
    """A value as a sentence can show it: whoever sent 60,000 letters gets 40 of them back."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_INT:
        return "a very long number"  # repr() of one with thousands of digits is an error
    text = repr(value[:40]) if isinstance(value, str) else repr(value) if _is_plain(value) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float)
