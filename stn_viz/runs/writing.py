"""Write a run so that it can be read at any moment: every file is written beside its place, then renamed into it.

A training that is killed between two lines of this file leaves a run that opens. The order keeps it whole: a
snapshot's weights first, then the trace that holds its step, then run.json, which is what makes the snapshot count.
"""

import io
import os
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .info import Probes, RunError, RunInfo, Site, Status
from .reading import read_info, read_probes
from .trace import finite_rows, read_columns

if TYPE_CHECKING:
    from torch import Tensor

SECONDS_BETWEEN_WRITES = 3.0
WRITE_SHARE = 0.005  # of the time may go into rewriting the trace while the training runs

_TYPES = {
    "step": np.int64,
    "images": np.int64,
    "loss": np.float32,
    "error": np.float32,
    "rate": np.float32,
    "probe_loss": np.float32,
    "probabilities": np.float16,
    "theta": np.float32,
    "grid": np.float16,
}


class RunWriter:
    """The one hand that writes a run's folder.

    `info` and `columns` (one list of rows for each array of the trace) are what is written; a reader sees them after
    the next flush, which comes of itself every few seconds, with each snapshot and at the end.
    """

    def __init__(self, path: Path | str, info: RunInfo, probes: Probes) -> None:
        """Start a run in a folder that holds none yet.

        Raises: RunError if there is a run already, or if the folder cannot be written.
        """
        self.path = Path(path)
        if (self.path / "run.json").exists():
            raise RunError(
                f"{self.path} already holds a run. Choose another folder, or go on with that run (--resume)."
            )
        self.info = info
        self.probes = probes
        self.columns: dict[str, list[NDArray[Any]]] = {}
        self._prepare()
        arrays = {"U": probes.compact, "labels": probes.labels}
        if probes.pose is not None:
            arrays["pose"] = probes.pose
        write_whole(self.path / "probes.npz", lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
        self._write_info()

    @classmethod
    def reopen(cls, path: Path | str, step: int) -> "RunWriter":
        """Go on with a run at `step`: what was recorded after it is dropped, the training will record it again.

        Raises: RunError if the folder holds no run that can be read.
        """
        writer = cls.__new__(cls)
        writer.path = Path(path)
        writer.info = read_info(writer.path)
        writer.probes = read_probes(writer.path)
        stored = read_columns(writer.path) if (writer.path / "trace.npz").exists() else {"step": np.zeros(0)}
        kept = int(np.searchsorted(stored["step"], step, side="right"))
        writer.columns = {name: list(rows[:kept]) for name, rows in stored.items()} if kept else {}
        writer._prepare()
        snapshots = dict(writer.info.snapshots or {})
        dropped = [later for later in snapshots if later > step]
        writer.info = replace(
            writer.info,
            status="running",
            snapshots={earlier: size for earlier, size in snapshots.items() if earlier <= step},
        )
        writer._write_info()  # first the list without them, then the files
        for later in dropped:
            (writer.path / snapshot_name(later)).unlink(missing_ok=True)
        writer._changed = True
        writer.flush()
        return writer

    @property
    def steps(self) -> list[int]:
        """The steps recorded so far."""
        return [int(step) for step in self.columns.get("step", [])]

    def describe(self, sites: Sequence[Site], bases: Sequence[Mapping[str, "Tensor"] | None]) -> None:
        """Say what the sites are, and lay each family's basis beside the run, for a page that has no torch yet."""
        for index, basis in enumerate(bases):
            if basis is not None:
                self._write_tensors(f"basis_{index}.safetensors", basis)
        self.info = replace(self.info, sites=tuple(sites))
        self._write_info()
        self._changed = bool(self.steps)  # a site that moved to another family takes its column along
        self.flush()

    def record(
        self,
        *,
        step: int,
        images: int | None = None,
        loss: float,
        error: float,
        rate: float,
        thetas: Mapping[int, ArrayLike] | None = None,
        grids: Mapping[int, ArrayLike] | None = None,
        probe_loss: ArrayLike | None = None,
        probabilities: ArrayLike | None = None,
    ) -> None:
        """Add one row to the trace; images is None where nobody counts them.

        Shapes: thetas[site] (n, P), grids[site] (n, H', W', 2), probe_loss (n,), probabilities (n, K).
        Raises: RunError if the step does not come after the last one, or if a row differs in kind from those before.
        """
        values: dict[str, Any] = {"step": step, "images": images, "loss": loss, "error": error, "rate": rate}
        values |= {"probe_loss": probe_loss, "probabilities": probabilities}
        values |= {f"theta_{site}": rows for site, rows in (thetas or {}).items()}
        values |= {f"grid_{site}": rows for site, rows in (grids or {}).items()}
        with np.errstate(over="ignore"):  # what float16 cannot hold becomes inf, and reading says so
            row = {
                name: np.asarray(value, dtype=_TYPES[name.split("_")[0] if name[-1].isdigit() else name])
                for name, value in values.items()
                if value is not None
            }
        steps = self.columns.get("step", [])
        if steps:
            if step <= steps[-1]:
                raise RunError(f"step {step} comes after step {int(steps[-1])} was recorded; steps must grow.")
            if row.keys() != self.columns.keys():
                differ = ", ".join(sorted(row.keys() ^ self.columns.keys()))
                raise RunError(f"step {step} has other entries than the steps before it ({differ}).")
            for name, value in row.items():
                first = self.columns[name][0]
                if first.shape != value.shape:
                    raise RunError(f"step {step}: {name} has shape {value.shape}, but {first.shape} at the first step.")
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)
        self._changed = True
        # Rewriting costs more as the trace grows: the pause grows with it.
        pause = max(SECONDS_BETWEEN_WRITES, self._write_seconds / WRITE_SHARE)
        if time.monotonic() - self._written > pause:
            self.flush()

    def snapshot(self, step: int, weights: Mapping[str, "Tensor"]) -> None:
        """Keep the weights of a step, in the types that they come in."""
        name = snapshot_name(step)
        self._write_tensors(name, weights)
        self.flush()
        sizes = dict(self.info.snapshots or {}) | {step: (self.path / name).stat().st_size}
        self.info = replace(self.info, snapshots=dict(sorted(sizes.items())))
        self._write_info()

    def forget(self, step: int) -> None:
        """Delete a snapshot: first it is off the list, then the file goes."""
        self.amend(snapshots={kept: size for kept, size in (self.info.snapshots or {}).items() if kept != step})
        (self.path / snapshot_name(step)).unlink(missing_ok=True)

    def drop(self, steps: Container[int]) -> None:
        """Take the rows of these steps out of the trace."""
        kept = [index for index, step in enumerate(self.steps) if step not in steps]
        self.columns = {name: [rows[index] for index in kept] for name, rows in self.columns.items()}
        self._changed = True

    def write_features(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write what deep sites sample, at the snapshots."""
        write_whole(self.path / name, lambda file: np.savez(file, allow_pickle=False, **arrays))

    def amend(self, **changes: Any) -> None:
        """Write run.json with other entries."""
        self.info = replace(self.info, **changes)
        self._write_info()

    def note(self, sentence: str) -> None:
        """Add a sentence to what the run says about itself, once."""
        if sentence not in self.info.notes:
            self.amend(notes=(*self.info.notes, sentence))

    def flush(self) -> None:
        """Write the trace now, if it has changed."""
        if self._changed:
            self._write_trace(np.savez)  # plain while the training runs: compressing takes ten times as long
            self._changed = False

    def finish(self, status: Status, metrics: Mapping[str, Any] | None = None) -> None:
        """Write the trace compressed, and run.json with how it ended."""
        if self.columns:
            self._write_trace(np.savez_compressed)
            self._changed = False
        self.info = replace(self.info, status=status, metrics={**self.info.metrics, **(metrics or {})})
        self._write_info()

    def _prepare(self) -> None:
        self._changed = False
        self._written = float("-inf")
        self._write_seconds = 0.0
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for left in self.path.glob("*.tmp"):  # of a training that was killed while writing
                left.unlink()
        except OSError as error:
            raise RunError(f"{self.path} cannot be written ({error.strerror}). Choose another folder.") from error

    def _write_trace(self, save: Callable[..., None]) -> None:
        start = time.monotonic()
        arrays = {name: np.stack(rows) if rows else np.zeros(0) for name, rows in self.columns.items()}
        if arrays:
            arrays["finite"] = finite_rows(arrays, self.probes.labels)
        write_whole(self.path / "trace.npz", lambda file: save(file, allow_pickle=False, **arrays))
        self._written = time.monotonic()
        self._write_seconds = self._written - start

    def _write_info(self) -> None:
        import json

        text = json.dumps(self.info.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(self.path / "run.json", lambda file: file.write((text + "\n").encode()))

    def _write_tensors(self, name: str, tensors: Mapping[str, "Tensor"]) -> None:
        import safetensors.torch

        # safetensors refuses memory that two names share (tied weights), so each gets its own
        own = {key: tensor.detach().to("cpu", copy=True).contiguous() for key, tensor in tensors.items()}
        content = safetensors.torch.save(own)
        write_whole(self.path / name, lambda file: file.write(content))


def snapshot_name(step: int) -> str:
    """The file of a step's weights: step_000800.safetensors."""
    return f"step_{step:06d}.safetensors"


def write_whole(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file so that it is never seen half: under another name first, then renamed into its place.

    Raises: RunError if the disk does not take it; what stood there before still does.
    """
    waiting = path.with_name(path.name + ".tmp")
    try:
        content = io.BytesIO()  # savez seeks while it writes; memory first keeps the disk's part one plain write
        write(content)
        with open(waiting, "wb") as file:
            file.write(content.getbuffer())
        os.replace(waiting, path)
    except OSError as error:
        waiting.unlink(missing_ok=True)
        raise RunError(
            f"{path.name} could not be written in {path.parent} ({error.strerror}). What stood there is untouched. "
            "Make room or check the folder's permissions, and try again."
        ) from error
