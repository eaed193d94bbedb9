"""The two lines at the end of a recording: what was recorded and what it cost, and the command that opens it."""

import os
import shlex
from pathlib import Path

from .writing import RunWriter


def told(writer: RunWriter, *, seconds: float, share: float) -> str:
    """What was recorded, the seconds that it took, and their part of the training's time."""
    info = writer.info
    parts = [
        f"{_several(len(writer.steps), 'record')} up to step {writer.steps[-1]:,}",
        _several(len(writer.probes.labels), "probe"),
        _several(len(info.sites), "site") + (f" ({info.families})" if info.sites else ""),
        "weights at " + _several(len(info.snapshots or {}), "step"),
        "the network itself" if info.network else "no network",
    ]
    # Of a trial of ten steps the first records are the most: a share of 9000 % would tell nothing.
    part = f", {share:.1%} of the training's time" if share < 1 else ""
    line = f"stn_viz: recorded into {writer.path}: {', '.join(parts)}. It cost {seconds:.1f} s{part}."
    return " ".join([line, *info.notes])


def command(path: Path) -> str:
    """How to open the run: the app looks into runs/ below where it is started, or where STN_VIZ_RUNS says."""
    app = Path(__file__).resolve().parents[2] / "app.py"
    name = os.path.relpath(app) if app.is_relative_to(Path.cwd()) else str(app)
    start = f"streamlit run {shlex.quote(name if app.is_file() else 'app.py')}"
    folder = path.resolve().parent
    there = folder == Path.cwd() / "runs"
    return f"See it with: {start if there else f'STN_VIZ_RUNS={shlex.quote(str(folder))} {start}'}"


def _several(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
