"""What the list of runs says of each: numbers and words out of run.json and the trace, read once for every state."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from stn_viz.runs import Listed, RunError, RunInfo, trust
from stn_viz.runs.files import read_npz
from stn_viz.runs.reading import read_info

QUIET_SECONDS = 300
"""A run that says it is being written, and was not touched for so long, was killed."""

BUNDLED = Path(__file__).parents[2] / "checkpoints"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run of the list. All of it is JSON.

    facts: short words, for one line ("321 records to step 16,848", "3.1 MB"). marks: "bundled", "being written" ...
    problem: what is wrong, a sentence or two. asks: the SHA-256 of a program in it that nobody has said yes to.
    """

    name: str
    title: str
    usable: bool
    facts: tuple[str, ...]
    marks: tuple[str, ...]
    problem: str | None
    notes: tuple[str, ...]
    asks: str | None


def rows(listed: Sequence[Listed]) -> list[Row]:
    """The runs in the order in which people look for them: their own, newest first, then the bundled ones."""
    found = [_row(entry) for entry in listed]
    own = sorted((each for each in found if not each[0]), key=lambda each: each[1], reverse=True)
    bundled = [each for each in found if each[0]]
    return [row for _, _, row in [*own, *bundled]]


def program_of(info: RunInfo) -> str | None:
    """The SHA-256 that run.json gives of the program in the run, where it keeps one."""
    if info.network is None or info.network.get("name") != "program":
        return None
    return str(info.network.get("sha256", ""))


def megabytes(size: float) -> str:
    """ "640 kB", "3.1 MB", "1.2 GB": sizes as file managers write them."""
    for unit, words in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {words}"
    return f"{max(1, round(size / 1e3))} kB"


def _row(entry: Listed) -> tuple[bool, float, Row]:
    """Whether it is bundled, when it was written last (seconds), and the row."""
    bundled = entry.path.parent.resolve() == BUNDLED.resolve()
    size, written = _on_disk(entry.path)
    marks = ["bundled"] if bundled else []
    try:
        about = _about(entry.path, written)
    except RunError:
        known = (megabytes(size),) if size else ()
        return bundled, written, _of(entry, facts=known, marks=tuple(marks))
    info = about.info
    if info.status == "running":
        quiet = time.time() - written > QUIET_SECONDS
        marks.append("not finished" if quiet else "being written")
    elif info.status == "stopped":
        marks.append("stopped early")
    digest = program_of(info)
    asks = digest if digest and not trust.is_trusted(digest) else None
    facts = tuple(word for word in (about.recorded, megabytes(size), _date(info.created, written), info.source) if word)
    return bundled, written, _of(entry, facts=facts, marks=tuple(marks), notes=info.notes, asks=asks)


def _of(
    entry: Listed,
    *,
    facts: tuple[str, ...],
    marks: tuple[str, ...],
    notes: tuple[str, ...] = (),
    asks: str | None = None,
) -> Row:
    return Row(
        name=entry.name,
        title="" if entry.title == entry.name else entry.title.removeprefix(f"{entry.name} · "),
        usable=entry.usable,
        facts=facts,
        marks=marks,
        problem=entry.problem,
        notes=notes,
        asks=asks,
    )


@dataclass(frozen=True)
class _About:
    info: RunInfo
    recorded: str


@lru_cache(maxsize=1000)
def _about(path: Path, written: float) -> _About:
    """run.json and how much was recorded; `written` stands for the state of the folder."""
    info = read_info(path)
    try:
        steps = read_npz(path, "trace.npz", only={"step"})["step"]
    except (RunError, KeyError):
        return _About(info, "")
    count = f"{len(steps):,} record{'' if len(steps) == 1 else 's'}"
    return _About(info, f"{count} to {info.counter} {int(steps[-1]):,}" if len(steps) > 1 else count)


def _on_disk(path: Path) -> tuple[int, float]:
    """Bytes of the folder's files, and when the newest of them was written."""
    found = list(_files(path))
    return sum(each.st_size for each in found), max((each.st_mtime for each in found), default=0.0)


def _files(path: Path) -> Iterable[os.stat_result]:
    try:
        with os.scandir(path) as entries:
            yield from (entry.stat(follow_symlinks=False) for entry in entries if not entry.is_dir())
    except OSError:
        return  # gone, or not to be read: the list says so


def _date(created: str, written: float) -> str:
    try:
        return datetime.fromisoformat(created).date().isoformat()
    except ValueError:
        try:
            return datetime.fromtimestamp(written).date().isoformat() if written else ""
        except (ValueError, OverflowError, OSError):  # a folder out of an archive may be of any year
            return ""
