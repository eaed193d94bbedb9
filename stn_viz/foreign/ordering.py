"""In which order checkpoints are replayed: by step, else epoch, else the number in the name, else modification time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from .kinds import Checkpoint

LARGEST = 10**12 - 1  # a snapshot's file has twelve digits at most
STEPS = ("step", "global_step", "iteration", "iter", "n_iter", "steps")
EPOCHS = ("epoch", "epochs", "current_epoch")

Measure = Literal["step", "epoch", "number"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ordered:
    """Checkpoints in the order of the training, each with its place on the timeline.

    numbers: one for each checkpoint, growing from one to the next. counter: what they count.
    notes: what had to be assumed for that, a sentence each.
    """

    checkpoints: tuple[Checkpoint, ...]
    numbers: tuple[int, ...]
    counter: Literal["step", "epoch"]
    notes: tuple[str, ...]


def ordered(checkpoints: Sequence[Checkpoint], *, contents: Sequence[str] | None = None) -> Ordered:
    """Put checkpoints in order, and give them distinct, growing numbers.

    `contents` has one word for each, equal where their weights are: "best.pt" is often a copy of one of the epochs. It
    is left out where it tells no other number than that one.

    The measure is what most of the files tell; of equals, step before epoch before a bare number. A file that does not
    tell it ("last.pt") stands after those that do, by its modification time.
    """
    told = [_told(checkpoint) for checkpoint in checkpoints]
    measure = _measure(told)
    copies = {} if contents is None or measure is None else _copies(checkpoints, told, measure, contents)
    if copies:
        rest = [index for index in range(len(checkpoints)) if index not in copies]
        alone = ordered([checkpoints[index] for index in rest])
        some = list(copies.items())[:3]
        pairs = ", ".join(f"{checkpoints[copy].path.name} those of {checkpoints[one].path.name}" for copy, one in some)
        more = f", and {len(copies) - 3} more" if len(copies) > 3 else ""
        note = f"Some files hold the same weights as others and are left out: {pairs}{more}."
        return replace(alone, notes=(*alone.notes, note))
    by_name = sorted(range(len(checkpoints)), key=lambda index: checkpoints[index].path.as_posix())
    notes: list[str] = []
    if measure is None:
        order = sorted(by_name, key=lambda index: _modified(checkpoints[index].path))
        numbers = list(range(len(order)))
        if len(order) > 1:
            notes.append(
                "Neither the files nor their names tell a step or an epoch: they are in the order of their "
                f"modification times, numbered from 0 to {len(order) - 1}."
            )
        return Ordered(
            checkpoints=tuple(checkpoints[index] for index in order),
            numbers=tuple(numbers),
            counter="step",
            notes=tuple(notes),
        )
    knowing = sorted((index for index in by_name if measure in told[index]), key=lambda index: told[index][measure])
    others = sorted(
        (index for index in by_name if measure not in told[index]), key=lambda index: _modified(checkpoints[index].path)
    )
    order = knowing + others
    numbers = _growing([told[index][measure] for index in knowing], len(others))
    moved = [(index, number) for index, number in zip(knowing, numbers, strict=False) if told[index][measure] != number]
    if measure == "number":
        notes.append("The numbers in the files' names do not say what they count: they are shown as steps.")
    if moved:
        index, number = moved[0]
        more = f", and {len(moved) - 1} more moved likewise" if len(moved) > 1 else ""
        notes.append(
            f"Several files tell the same {measure}: {checkpoints[index].path.name} ({told[index][measure]}) stands "
            f"at {number}{more}."
        )
    if others:
        names = _names([checkpoints[index].path for index in others])
        notes.append(
            f"{names} {'tells' if len(others) == 1 else 'tell'} no {measure}: placed after the others, from "
            f"{numbers[len(knowing)]} on, by modification time."
        )
    return Ordered(
        checkpoints=tuple(checkpoints[index] for index in order),
        numbers=tuple(numbers),
        counter="epoch" if measure == "epoch" else "step",
        notes=tuple(notes),
    )


def _copies(
    checkpoints: Sequence[Checkpoint],
    told: Sequence[Mapping[Measure, int]],
    measure: Measure,
    contents: Sequence[str],
) -> dict[int, int]:
    """Files that hold what another one holds and tell no other number: each with that other one."""
    copies: dict[int, int] = {}

    def rank(index: int) -> tuple[bool, bool, str]:
        """The one to keep first: epoch_3.pt rather than best.pt, which holds the same epoch."""
        path = checkpoints[index].path
        return measure not in told[index], not any(letter.isdigit() for letter in path.stem), path.as_posix()

    order = sorted(range(len(checkpoints)), key=rank)
    for place, index in enumerate(order):
        for other in order[:place]:
            same_time = told[index].get(measure) in (None, told[other].get(measure))
            if other not in copies and contents[other] == contents[index] and same_time:
                copies[index] = other
                break
    return copies


def _told(checkpoint: Checkpoint) -> Mapping[Measure, int]:
    """What a checkpoint says of its time; numbers that cannot stand on a timeline are left out."""
    told: dict[Measure, int] = {}
    measures: tuple[tuple[Measure, tuple[str, ...]], ...] = (("step", STEPS), ("epoch", EPOCHS))
    for measure, names in measures:
        for name in names:
            value = checkpoint.facts.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
                told.setdefault(measure, int(value))
    if checkpoint.at is not None:
        told[checkpoint.counter or "number"] = checkpoint.at
    return {measure: value for measure, value in told.items() if 0 <= value <= LARGEST}


def _measure(told: Sequence[Mapping[Measure, int]]) -> Measure | None:
    """What most of the files tell; a step before an epoch before a bare number.

    A measure that is the same in all of several files orders nothing, and counts only where nothing else does.
    """
    counts: Counter[Measure] = Counter(measure for one in told for measure in one)
    different = {measure: len({one[measure] for one in told if measure in one}) for measure in counts}
    measures: tuple[Measure, ...] = ("step", "epoch", "number")
    present = [measure for measure in measures if counts[measure]]
    useful = [measure for measure in present if different[measure] > 1 or len(told) == 1] or present
    return max(useful, key=lambda measure: counts[measure], default=None)


def _growing(numbers: Sequence[int], more: int) -> list[int]:
    """The numbers, each moved up where it is not above the one before; then `more` that follow."""
    grown: list[int] = []
    for number in numbers:
        grown.append(max(number, grown[-1] + 1) if grown else number)
    for _ in range(more):
        grown.append(grown[-1] + 1 if grown else 0)
    return grown


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def _names(paths: Sequence[Path]) -> str:
    names = [path.name for path in paths]
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:3])} and {len(names) - 3} more" if len(names) > 4 else ", ".join(names)
