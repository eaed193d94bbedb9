"""A run with more probes and more recorded steps than any that is bundled, made from a bundled one without training.

    python -m benchmarks.longer_run FOLDER [--probes 256] [--records 1000]

Probes are repeated, each time turned by a quarter so that no two pictures are the same; what was recorded between two
steps is interpolated. Snapshots are the run's own, so its network answers. The pictures are those of a real training,
the numbers are nobody's result.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.servers import BUNDLED
from stn_viz.runs import Run, open_run

Rows = NDArray[Any]

BY_PROBE = ("probe_loss", "probabilities", "theta_0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--probes", type=int, default=256)
    parser.add_argument("--records", type=int, default=1000)
    options = parser.parse_args()
    run = open_run(make_longer(options.folder, probes=options.probes, records=options.records))
    print(f"{options.folder}: {len(run.steps)} records of {len(run.probes.labels)} probes")


def make_longer(folder: Path, *, probes: int = 256, records: int = 1000, source: Path = BUNDLED) -> Path:
    """Write it into a folder that does not exist yet; returns the folder."""
    run = open_run(source)
    steps = steps_of(run, records)
    which = np.arange(probes) % len(run.probes.labels)
    folder.mkdir(parents=True)
    with np.load(source / "trace.npz") as trace:
        rows = {name: between(steps, run.steps, trace[name]) for name in trace.files}
    rows |= {name: np.ascontiguousarray(rows[name][:, which]) for name in BY_PROBE}
    np.savez(folder / "trace.npz", **rows)  # type: ignore[arg-type]  # numpy's stubs take a column's name for an option
    with np.load(source / "probes.npz") as stored:
        columns = {name: stored[name][which] for name in stored.files}
    turns = np.arange(probes) // len(run.probes.labels)
    columns["U"] = np.stack([np.rot90(U, int(turn), (-2, -1)) for U, turn in zip(columns["U"], turns, strict=True)])
    np.savez(folder / "probes.npz", **columns)
    about = json.loads((source / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(about | {"name": folder.name}), encoding="utf-8")
    for file in (*source.glob("step_*.safetensors"), *source.glob("basis_*.safetensors")):
        shutil.copy(file, folder)
    return folder


def steps_of(run: Run, records: int) -> Rows:
    """The recorded steps and others spread evenly between them; or, where fewer are wanted, some and the snapshots'."""
    if records <= len(run.steps):
        kept = np.linspace(0, len(run.steps) - 1, records).round().astype(int)
        fewer: Rows = run.steps[np.union1d(kept, np.searchsorted(run.steps, list(run.snapshots)))]
        return fewer
    spare = np.setdiff1d(np.arange(run.steps[0], run.steps[-1]), run.steps)
    more = spare[np.linspace(0, len(spare) - 1, records - len(run.steps)).round().astype(int)]
    steps: Rows = np.union1d(run.steps, more)
    return steps


def between(steps: Rows, recorded: Rows, values: Rows) -> Rows:
    """Values (S, ...) at other steps, between two of the recorded in proportion."""
    at = np.clip(np.searchsorted(recorded, steps, side="right") - 1, 0, len(recorded) - 2)
    share = (steps - recorded[at]) / (recorded[at + 1] - recorded[at])
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    mixed = (1 - share) * values[at] + share * values[at + 1]
    whole = values.dtype.kind in "iu"
    made: Rows = (mixed.round() if whole else mixed).astype(values.dtype)
    return made


if __name__ == "__main__":
    main()
