"""How long a run takes to open by the number of its snapshots and of its records: it must not grow with them.

python -m benchmarks.open_run [--snapshots 2 20 200] [--records 10 1000]

The records are of 256 probes. Opening is what the list of runs does with each; reading all of the trace, which the run
that is shown needs, stands beside it.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.figures import middle
from stn_viz.runs import Probes, RunInfo, RunWriter, Site, open_run
from stn_viz.transformer import drawing_basis, family

RECORDS = 300
PROBES = 64
MANY_PROBES = 256
PARAMETERS = 400_000
ROUNDS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshots", type=int, nargs="+", default=[2, 20, 200])
    parser.add_argument("--records", type=int, nargs="+", default=[10, 1000])
    options = parser.parse_args()
    by_snapshots(sorted(options.snapshots))
    by_records(sorted(options.records))


def by_records(counts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_run(Path(folder) / f"{count}-records", 2, count, MANY_PROBES) for count in counts]
        opening: list[list[float]] = [[] for _ in paths]
        reading: list[list[float]] = [[] for _ in paths]
        for _ in range(ROUNDS):
            for path, opened, read in zip(paths, opening, reading, strict=True):
                started = time.perf_counter()
                run = open_run(path)
                opened.append(1000 * (time.perf_counter() - started))
                run.load()
                read.append(1000 * (time.perf_counter() - started))
    print(f"open_run, {MANY_PROBES} probes; median of {ROUNDS}")
    for count, opened, read in zip(counts, opening, reading, strict=True):
        print(f"{count:5} records   {middle(opened):7.2f} ms; with all of the trace {middle(read):7.2f} ms")
    ratio = middle(opening[-1]) / middle(opening[0])
    print(f"ratio: open time with {counts[-1]} / with {counts[0]} records = {ratio:.2f} (goal 2)")


def by_snapshots(counts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_run(Path(folder) / f"{count}-snapshots", count) for count in counts]
        times: list[list[float]] = [[] for _ in paths]
        for _ in range(ROUNDS):
            for path, kept in zip(paths, times, strict=True):  # taking turns: a busy moment meets all of them
                started = time.perf_counter()
                run = open_run(path)
                kept.append(1000 * (time.perf_counter() - started))
                assert not run.problems, run.problems
        sizes = [sum(file.stat().st_size for file in path.iterdir()) / 2**20 for path in paths]
    print(
        f"open_run, {RECORDS} records of {PROBES} probes, {PARAMETERS:,} float16 weights a snapshot; median of {ROUNDS}"
    )
    for count, kept, size in zip(counts, times, sizes, strict=True):
        print(f"{count:5} snapshots ({size:6.1f} MB)   {middle(kept):7.2f} ms")
    first, last = middle(times[0]), middle(times[-1])
    print(f"ratio: open time with {counts[-1]} / with {counts[0]} snapshots = {last / first:.2f}")


def write_run(path: Path, snapshots: int, records: int = RECORDS, images: int = PROBES) -> Path:
    """A run of made-up numbers in the shapes of the bundled one."""
    noise = np.random.default_rng(0)
    fam = family("affine", size=(28, 28), align_corners=False)
    probes = Probes(U=noise.integers(0, 256, (images, 1, 42, 42), dtype=np.uint8), labels=np.arange(images) % 10)
    info = RunInfo(
        name=path.name,
        source="benchmarks.open_run",
        task="rts",
        classes=tuple("0123456789"),
        network=None,
        seed=0,
        training={"steps": records - 1},
    )
    writer = RunWriter(path, info, probes)
    site = Site(
        name="transformer",
        family="affine",
        options={},
        kernel="bilinear",
        padding="zeros",
        align_corners=False,
        input_size=(42, 42),
        output_size=(28, 28),
        channels=1,
    )
    writer.describe([site], [drawing_basis(fam)])
    for step in range(records):
        writer.record(
            step=step,
            images=128 * step,
            loss=1 / (1 + step),
            error=0.5,
            rate=1e-3,
            thetas={0: noise.standard_normal((images, 6))},
            probe_loss=noise.random(images),
            probabilities=noise.dirichlet(np.ones(10), images),
        )
    weights = {"weight": torch.zeros(PARAMETERS, dtype=torch.float16)}
    for step in np.linspace(0, records - 1, snapshots).round().astype(int):
        writer.snapshot(int(step), weights)
    writer.finish("finished")
    return path


if __name__ == "__main__":
    main()
