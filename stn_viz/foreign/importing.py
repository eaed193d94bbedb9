"""Replay somebody's checkpoints on the probe images, and write what their network did as a run."""

from __future__ import annotations

import math
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stn_viz.runs import Probes, RunError, RunInfo, RunWriter

from .kinds import Checkpoint, Choices, ForeignError, Transformer
from .probes import ProbeImages, preparation
from .recognising import Recognised, recognise
from .replay import beside_each_other
from .replayed import Replayed
from .results import by_best, error_of, loss_of

if TYPE_CHECKING:
    from torch import nn

    from stn_viz.runs import Recorder

__all__ = ["Recognised", "import_run", "recognise"]

SNAPSHOTS = 50
SNAPSHOT_BYTES = 2**30  # of all weights that a run keeps


def import_run(
    recognised: Recognised,
    out: Path,
    *,
    transformer: Transformer | Sequence[Transformer] | None = None,
    model: nn.Module | None = None,
    choices: Choices,
    probes: ProbeImages | NDArray[np.float32],
    labels: NDArray[np.int64] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    problem: Callable[[Path, str], None] = lambda path, sentence: None,
    command: Sequence[str] = (),
    overwrite: bool = False,
    name: str | None = None,
) -> Path:
    """Write a run of all checkpoints into the folder `out`, and give that folder.

    A whole network (`model`, else the one that was recognised) answers with its classifier; without one the
    transformer, or several that read the same image, is rebuilt from its shapes. A checkpoint that cannot be replayed
    is told to `problem` and left out. Once `cancelled`, the run ends with what it has, as "stopped".

    Shapes: probes (n, C, h, w) as the network sees them; labels (n,), -1 where unknown.
    Raises: ForeignError if there is nothing to replay, the network cannot read the probes, samples no grid, or none of
            the checkpoints can be used. RunError if `out` holds a run and is not to be overwritten, or the disk does
            not take it: what stood there is untouched.
    """
    images = probes if isinstance(probes, ProbeImages) else ProbeImages(U=probes, labels=_labels(probes, labels))
    if not recognised.checkpoints:
        raise ForeignError(f"There is nothing to import.{' ' + recognised.tree if recognised.tree else ''}")
    if (out / "run.json").exists() and not overwrite:
        raise RunError(f"{out} already holds a run. Choose another folder, or overwrite it (--overwrite).")
    network = model if model is not None else recognised.model if transformer is None else None
    replayed = Replayed(recognised, network, _several(transformer, recognised), choices)
    # An earlier run is replaced only by one that is whole.
    folder = out.with_name(f".{out.resolve().name}.import") if (out / "run.json").exists() else out
    if folder != out:
        _clear(folder)
    before = {path.name for path in folder.iterdir()} if folder.is_dir() else None
    replay = _Replay(replayed, images, progress, cancelled, problem)
    try:
        replay.write(folder, _info(replayed, images, name or out.resolve().name, command))
    except BaseException:
        _take_back(folder, before)
        raise
    if folder != out:
        _clear(out)
        folder.rename(out)
    return out


class _Replay:
    """One checkpoint after another through the network and into the run."""

    def __init__(
        self,
        replayed: Replayed,
        images: ProbeImages,
        progress: Callable[[int, int], None],
        cancelled: Callable[[], bool],
        problem: Callable[[Path, str], None],
    ) -> None:
        self.replayed = replayed
        self.recognised = replayed.recognised
        self.images = images
        self.progress = progress
        self.cancelled = cancelled
        self.problem = problem
        self.faults: list[str] = []
        self.recorder: Recorder | None = None

    def write(self, folder: Path, info: RunInfo) -> None:
        """Write the run. Raises: ForeignError if no checkpoint could be replayed; RunError if the disk refuses."""
        checkpoints = self.recognised.checkpoints
        total = len(checkpoints)
        kept = _kept(total, self.replayed.bytes)
        done: list[Checkpoint] = []
        for index, (number, checkpoint) in enumerate(zip(self.recognised.numbers, checkpoints, strict=True)):
            if self.cancelled():
                break
            self.progress(index, total)
            try:
                self.replayed.put(checkpoint)
                self.replayed.check(self.images.U, checkpoint.path.name)
                recorder = self.recorder or self._start(folder, info)
                recorder.capture(number, loss=loss_of(checkpoint), error=error_of(checkpoint), snapshot=index in kept)
                self._check_recorded(number, checkpoint)
            except ForeignError as error:
                self.faults.append(str(error))
                self.problem(checkpoint.path, str(error))
                continue
            done.append(checkpoint)
        else:
            self.progress(total, total)
        if self.recorder is None or not done:
            if self.faults:
                raise ForeignError(f"None of the {total} files could be replayed. The first: {self.faults[0]}")
            raise ForeignError("Nothing was imported: it was stopped before the first file.")
        self._finish(self.recorder.writer, done)

    def _finish(self, writer: RunWriter, done: Sequence[Checkpoint]) -> None:
        notes = [*writer.info.notes, *(note for checkpoint in done for note in checkpoint.notes)]
        for column, what in (("loss", "loss"), ("error", "accuracy")):
            values = writer.columns[column]
            known = sum(math.isfinite(value) for value in values)
            if 0 < known < len(values):
                # A curve with some points missing would read as a training that diverged there: all of them, or none.
                notes.append(f"Only {known} of {len(values)} files tell a {what}, so none is shown.")
                writer.columns[column] = [np.full_like(value, np.nan) for value in values]
        if math.isfinite(float(writer.columns["error"][-1])) and by_best(done[-1]):
            notes.append("The error is one minus the best accuracy so far, which is what the files tell.")
        notes += self.faults[:20]
        names = [checkpoint.path.name for checkpoint in done]
        training = {**writer.info.training, "steps": writer.steps[-1], "files": names[:1000]}
        source = f"imported from {len(done)} file{'s' if len(done) > 1 else ''}"
        writer.amend(notes=tuple(dict.fromkeys(notes))[:100], training=training, source=source)
        stopped = len(done) + len(self.faults) < len(self.recognised.checkpoints)
        writer.finish("stopped" if stopped else "finished")

    def _start(self, folder: Path, info: RunInfo) -> Recorder:
        from stn_viz.runs import Recorder

        labels, classes = self.images.labels, self.images.classes
        outputs = self.replayed.outputs if self.replayed.whole else None
        if outputs != len(classes):
            # No classifier, or one of other classes: what our digits are called says nothing to it.
            labels = labels if outputs is None or not classes else np.full_like(labels, -1)
            classes = ()
        probes = Probes(U=self.images.U, labels=labels)
        writer = RunWriter(folder, replace(info, classes=classes), probes)
        network, reason = self.replayed.keep(self.images.U, folder)
        writer.amend(network=network)
        if reason:
            writer.note(reason)
        self.recorder = Recorder(
            writer, self.replayed.model, probes, forward=self.replayed.forward, answers=self.replayed.whole
        )
        return self.recorder

    def _check_recorded(self, number: int, checkpoint: Checkpoint) -> None:
        """Take a record back whose grids are not finite: reading a run ends at the first of these."""
        assert self.recorder is not None
        writer = self.recorder.writer
        names = [name for name in writer.columns if name.startswith(("theta_", "grid_"))]
        if all(np.isfinite(writer.columns[name][-1]).all() for name in names):
            return
        writer.drop([number])
        if number in (writer.info.snapshots or {}):
            self.recorder.forget(number)
        raise ForeignError(f"{checkpoint.path.name}: the grid that it samples is not finite, though its weights are.")


def _info(replayed: Replayed, images: ProbeImages, name: str, command: Sequence[str]) -> RunInfo:
    import torch

    recognised = replayed.recognised
    count = len(recognised.checkpoints)
    notes = [*recognised.notes, *images.notes]
    for transformer in () if replayed.whole else replayed.transformers:
        own, given = transformer.choices, replayed.choices
        corrected = (own.mean, own.std) != (given.mean, given.std)
        notes += [note for note in transformer.notes if not (corrected and "take off mean" in note)]
    return RunInfo(
        name=name,
        source=f"imported from {count} file{'s' if count > 1 else ''}",
        task="",
        classes=(),
        network=None,
        seed=None,
        training={
            "files": [checkpoint.path.name for checkpoint in recognised.checkpoints][:1000],
            "kind": recognised.checkpoints[-1].kind,
            "network": recognised.model_name if replayed.whole else None,
            "transformers": [] if replayed.whole else [one.name for one in replayed.transformers],
            "facts": dict(list(recognised.checkpoints[-1].facts.items())[:100]),
        },
        command=tuple(command),
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        counter=recognised.counter,
        preparation=preparation(replayed.choices, images.U.shape[1]),
        notes=tuple(dict.fromkeys(notes))[:100],
    )


def _kept(total: int, size: int) -> frozenset[int]:
    """Which of the checkpoints keep their weights in the run: all, or as many, evenly, as there is room for."""
    most = max(2, min(SNAPSHOTS, SNAPSHOT_BYTES // max(size, 1)))
    return frozenset(np.linspace(0, total - 1, min(total, most)).round().astype(int).tolist())


def _several(
    transformer: Transformer | Sequence[Transformer] | None, recognised: Recognised
) -> tuple[Transformer, ...]:
    if transformer is None:
        return beside_each_other(recognised.transformers)
    return (transformer,) if isinstance(transformer, Transformer) else tuple(transformer)


def _labels(U: NDArray[np.float32], labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return np.full(len(U), -1, np.int64) if labels is None else labels


def _clear(folder: Path) -> None:
    """Remove the run that is to be replaced."""
    if folder.is_dir():
        shutil.rmtree(folder)


def _take_back(folder: Path, before: set[str] | None) -> None:
    """Remove what this import wrote: the folder, or what is in it that was not there before."""
    if before is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.name not in before:
            path.unlink(missing_ok=True)
