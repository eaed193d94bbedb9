"""The runs that the app shows: where they lie, by which names, each opened once for every version of it.

The page and the live line both take runs from here, and only by name: a name out of the list, never a path.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

from stn_viz.runs import Listed, Run, RunError, list_runs, open_run

ROOTS_VARIABLE = "STN_VIZ_RUNS"
"""Environment variable with the folders to look in, separated as in PATH; without it: checkpoints/ and runs/."""

_FRESH_SECONDS = 1.0  # a rerun and thirty people's questions share one look at the disk
_OPEN_AT_ONCE = 16
_OPEN_BYTES = 2**30  # of their arrays: a folder of a few hundred kilobytes may unpack to half a gigabyte

_lock = threading.RLock()
_seen: dict[tuple[Path, ...], tuple[float, list[Listed]]] = {}
_open: OrderedDict[Hashable, Run] = OrderedDict()


def roots() -> tuple[Path, ...]:
    """The folders whose subfolders are runs; the bundled ones first."""
    named = os.environ.get(ROOTS_VARIABLE)
    if named:
        return tuple(Path(part) for part in named.split(os.pathsep) if part)
    return (Path(__file__).parents[1] / "checkpoints", Path.cwd() / "runs")


def listed() -> list[Listed]:
    """Every run with its name and title, broken ones with the sentence that says why; at most a second old."""
    where = roots()
    with _lock:
        at, runs = _seen.get(where, (float("-inf"), []))
        if time.monotonic() - at > _FRESH_SECONDS:
            runs = list_runs(where)
            _seen[where] = (time.monotonic(), runs)
        return runs


def opened(name: str) -> Run:
    """The run of that name, open and shared by all who look at it; opened anew when its files have changed.

    Raises: RunError if no run has this name, or if it cannot be opened; the sentence says why.
    """
    with _lock:
        entry = next((entry for entry in _seen.get(roots(), (0.0, []))[1] if entry.name == name), None)
        if entry is None:
            entry = next((entry for entry in listed() if entry.name == name), None)
        if entry is None:
            raise RunError(f"There is no run named {name[:80]!r}. Choose one from the list.")
        key = (entry.path, entry.name, *_stamp(entry.path))
        if key not in _open:
            _open[key] = open_run(entry.path, name=entry.name)
        _open.move_to_end(key)
        while len(_open) > _OPEN_AT_ONCE or (len(_open) > 1 and _bytes() > _OPEN_BYTES):
            _open.popitem(last=False)
        return _open[key]


def _bytes() -> int:
    return sum(run.nbytes for run in _open.values())


def look_again() -> None:
    """Forget the last look at the disk: a run was just written, and is asked for at once."""
    with _lock:
        _seen.clear()


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a training writes on: times of the two files that are rewritten."""
    times = []
    for name in ("run.json", "trace.npz"):
        try:
            times.append((path / name).stat().st_mtime_ns)
        except OSError:
            times.append(0)  # open_run says what is wrong with it
    return tuple(times)
