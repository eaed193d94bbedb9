"""The trace of a run, read without trusting it: shapes are checked at once, large arrays unpacked when looked at.

A trace of a thousand records and 256 probes unpacks to 25 MB, which takes twenty times as long as all the rest of
opening a run. Whoever writes one says in "finite" which of its rows hold numbers only; where all do, nothing but a few
short columns is read until somebody asks.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import files
from .files import ORIGINAL
from .info import Probes, RunError, RunInfo

_SHORT = ("step", "images", "loss", "error", "rate", "finite")
_COLUMN = re.compile(r"step|images|loss|error|rate|finite|probe_loss|probabilities|(theta|grid)_\d{1,3}")


class Rows(Mapping[str, NDArray[Any]]):
    """The arrays of a trace by name, S rows each; a large one is unpacked at its first use and kept.

    Attributes: shapes of all of them, and nbytes, what they take once all are unpacked.
    """

    def __init__(self, packed: files.Packed, read: Mapping[str, NDArray[Any]], S: int) -> None:
        """`read` are the arrays that were unpacked already; every array is cut to its first S rows."""
        self._packed = packed
        self._read = {name: _typed(name, array)[:S] for name, array in read.items() if name != "finite"}
        self._S = S
        names = [name for name in packed.shapes if name != "finite"]
        self.shapes = {name: (S, *packed.shapes[name][1:]) for name in names}
        self.nbytes = packed.nbytes

    def __getitem__(self, name: str) -> NDArray[Any]:
        """One array. Raises: KeyError if there is none; RunError if it is damaged, or not as finite as was said."""
        if name not in self._read:
            if name not in self.shapes:
                raise KeyError(name)
            array = _typed(name, self._packed.read(name))[: self._S]
            if name != "probe_loss" and array.dtype.kind == "f" and not np.isfinite(array).all():
                raise RunError(f"trace.npz: {name} holds nan or inf where it says that it does not. {ORIGINAL}")
            self._read[name] = array
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self.shapes)

    def __len__(self) -> int:
        """How many arrays there are."""
        return len(self.shapes)

    def load(self) -> None:
        """Unpack all of them now. Raises: RunError."""
        for name in self.shapes:
            self[name]


def open_trace(path: Path, info: RunInfo, probes: Probes) -> tuple[Rows, list[str]]:
    """Read trace.npz of a run whose run.json and images are known, and what is to be said about it.

    Raises: RunError if it is missing, its arrays do not belong together or to the run, or nothing of it can be drawn.
    """
    packed = files.Packed(files.read_file(path, "trace.npz", files.MAX_ARRAYS), "trace.npz", only=_Columns())
    read = {name: packed.read(name) for name in _SHORT if name in packed.shapes}
    steps = _checked_steps(read.get("step"), packed.shapes)
    if len(steps) == 0:
        raise RunError("trace.npz holds no step yet. Wait for the first record, or train the run again.")
    _check_shapes(packed.shapes, info, len(probes.labels))
    said = read.get("finite")
    if said is None or said.shape != steps.shape or not said.all():
        read = {name: packed.read(name) for name in packed.shapes}
    typed = {name: _typed(name, array) for name, array in read.items() if name != "finite"}
    S, problems = _drawable(typed, probes.labels)
    return Rows(packed, read, S), problems


def finite_rows(columns: Mapping[str, NDArray[Any]], labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Which rows of a trace hold numbers only in all that is recorded of the probes, (S,): 1 or 0.

    The loss of a probe without a label is nan and no fault.
    """
    finite = np.ones(len(columns["step"]), bool)
    for name, array in columns.items():
        if name in _SHORT or array.dtype.kind != "f" or not len(array):
            continue
        values = array[:, labels >= 0] if name == "probe_loss" else array
        finite &= np.isfinite(values.reshape(len(array), -1)).all(axis=1)
    return finite.astype(np.uint8)


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """Read trace.npz: every array has one row for each recorded step.

    Raises: RunError if it is missing, or if its arrays do not belong together.
    """
    rows = files.read_npz(path, "trace.npz", only=_Columns())
    _checked_steps(rows.get("step"), {name: array.shape for name, array in rows.items()})
    return {name: array for name, array in rows.items() if name != "finite"}


def _checked_steps(steps: NDArray[Any] | None, shapes: Mapping[str, tuple[int, ...]]) -> NDArray[Any]:
    if steps is None or steps.ndim != 1 or steps.dtype.kind not in "iu":
        raise RunError(f"trace.npz has no list of steps ('step', whole numbers). {ORIGINAL}")
    if len(steps) and (int(steps.max()) >= 2**62 or steps[0] < 0 or (np.diff(steps.astype(np.int64)) <= 0).any()):
        raise RunError(f"trace.npz: the steps do not grow from record to record. {ORIGINAL}")
    for name, shape in shapes.items():
        if not shape or shape[0] != len(steps):
            raise RunError(f"trace.npz: {name} has shape {shape}, but there are {len(steps)} steps. {ORIGINAL}")
    return steps


class _Columns:
    """The arrays of a trace that mean something here: others are not even unpacked."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _COLUMN.fullmatch(name) is not None


def _typed(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if name in ("step", "images"):
        return array.astype(np.int64)
    return array if name.startswith("grid_") else array.astype(np.float32)


def _check_shapes(shapes: Mapping[str, tuple[int, ...]], info: RunInfo, n: int) -> None:
    expected: dict[str, tuple[int | None, ...]] = dict.fromkeys(("images", "loss", "error", "rate"), ())
    expected |= {"probe_loss": (n,), "probabilities": (n, len(info.classes) or None)}
    for index, site in enumerate(info.sites):
        name, kind = f"grid_{index}", "no family, so its grid"
        expected[name] = (n, *site.output_size, len(site.output_size))
        if site.family is not None:
            name, kind = f"theta_{index}", f"family {site.family!r}, so its theta"
            expected[name] = (n, None)
        if name not in shapes:
            raise RunError(
                f"trace.npz has no {name}, but run.json says that site {index} has {kind} is recorded. {ORIGINAL}"
            )
    for name, shape in expected.items():
        found = shapes[name][1:] if name in shapes else shape
        if len(found) != len(shape) or any(want not in (None, side) for want, side in zip(shape, found, strict=True)):
            words = ", ".join("any" if want is None else str(want) for want in shape)
            raise RunError(
                f"trace.npz: {name} has shape {found} at each step, expected ({words}) as run.json and probes.npz "
                f"have it. {ORIGINAL}"
            )


def _drawable(rows: Mapping[str, NDArray[Any]], labels: NDArray[Any]) -> tuple[int, list[str]]:
    """How many steps come before the first one that cannot be drawn, and what to say of that."""
    S = len(rows["step"])
    first, culprit = S, ""
    gaps: list[str] = []
    for name, array in rows.items():
        if array.dtype.kind != "f" or name == "rate":
            continue
        values = array[:, labels >= 0] if name == "probe_loss" else array
        finite = np.isfinite(values.reshape(S, -1)).all(axis=1)
        if name in ("loss", "error"):
            # One overflow in mixed precision leaves a gap in the curve; a loss that never comes back has diverged.
            bad = S - int(np.argmax(finite[::-1])) if finite.any() else S
            # A loss that was never told, or not before some step, is nan until then: nothing diverged.
            untold = int(np.argmin(np.isnan(values))) if finite.any() else S
            if bad == S and not finite[untold:].all():
                step = int(rows["step"][untold + np.argmin(finite[untold:])])
                gaps.append(
                    f"trace.npz: {name} holds nan or inf at step {step} and comes back later, so its curve has a gap. "
                    "The rest of the run can be used; if it happens often, train with a lower rate."
                )
        else:
            bad = S if finite.all() else int(np.argmin(finite))
        if bad < first:
            first, culprit = bad, name
    if first == S:
        return S, gaps
    step = int(rows["step"][first])
    if first == 0:
        raise RunError(
            f"trace.npz: {culprit} holds nan or inf from its first step on ({step}), so there is nothing to draw. "
            "Train the run again with a lower rate."
        )
    fault = (
        f"trace.npz: {culprit} holds nan or inf from step {step} on, so the run is shown up to step "
        f"{int(rows['step'][first - 1])}. The training diverged there: train it again with a lower rate."
    )
    return first, [fault]
