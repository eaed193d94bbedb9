"""Follow somebody else's training from its own loop: decide what to record, and never break it.

What goes wrong after the first record is said and skipped, the training goes on.
"""

import atexit
import math
import shutil
import time
import warnings
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from . import program
from .alarm import Alarm
from .closing import command, told
from .info import RunError, RunInfo, Status
from .pacing import Pace, SnapshotPace
from .passing import Forward, plain
from .recorder import Recorder
from .situation import NO_SITE, at_first, check_model, elsewhere, scalar, weights_size, weights_version
from .writing import RunWriter

SNAPSHOTS = 24
MOST_WEIGHTS = 2**30  # bytes of all snapshots together
KEEP_AFTER = 600.0  # seconds of training from which the network is kept at once: a killed run has it then
PATIENCE = 3  # records in a row that may fail before nothing more is tried


class Recording:
    """A training that is being recorded. Use it in `with`, or call `start` and `finish`."""

    def __init__(
        self, path: Path, info: RunInfo, probes: Any, *, forward: Forward | None, overwrite: bool, labelled: bool
    ) -> None:
        """As `record` makes it."""
        self.path = path
        self.recorder: Recorder | None = None
        self._info, self._probes, self._forward, self._overwrite = info, probes, forward, overwrite
        self._answers = labelled or bool(info.classes)
        self._state: str = "new"
        self._silent = elsewhere()
        self._pace, self._snapshots = Pace(), SnapshotPace(SNAPSHOTS)
        self._alarm = Alarm()
        self._counts_itself = False  # though numbers are told: they went back
        self._step = -1  # the newest that was told
        self._told: dict[str, Any] = {"images": None}
        self._weights_then: int | None = None
        self._expected = 0.0
        self._failures = 0
        self._began = 0.0
        self._kept = False

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, as stopped if the training ended by an exception (Ctrl-C too), which goes on its way."""
        self.finish("finished" if kind is None else "stopped")

    def start(self) -> None:
        """Make the run's folder.

        Raises: RunError if it cannot be written.
        """
        if self._state != "new":
            raise RunError("This recording has been used. Make another one with stn_viz.record, into another folder.")
        self._state = "open"
        if self._silent:
            return
        if self._overwrite and (self.path / "run.json").is_file():
            shutil.rmtree(self.path)
        self._writer = RunWriter(self.path, self._info, self._probes)
        atexit.register(self.finish, "stopped")  # a trainer that ends without telling leaves no run "running"

    def step(
        self,
        model: nn.Module,
        *,
        loss: Tensor | float | None = None,
        error: Tensor | float | None = None,
        step: int | None = None,
        images: int | None = None,
        rate: float | None = None,
    ) -> None:
        """Tell of a training step; whether it is worth a record is decided here.

        Call it once for each step, with that step's loss: before optimizer.step(), so that step 0 is the network as it
        was built, or after it. step is the number of updates; left out, the calls are counted. Between two records it
        costs microseconds.

        Shapes: loss and error scalars of the batch. Units: images seen so far; rate is the learning rate.
        Raises: RunError at the first step, if the network cannot be recorded. Later on it warns, and the training goes
                on.
        """
        if self._state != "open":
            raise RunError(
                "Nothing is recorded outside of `with stn_viz.record(...) as recorder:`. Call step in there, or where "
                "`with` does not fit, as in a notebook, recorder.start() before and recorder.finish() after."
            )
        if self._silent:
            return
        if self.recorder is None:
            self.recorder = self._follow(model)
            self._began = time.perf_counter()
        elif plain(model) is not self.recorder.model:
            self._trouble(
                RunError("It is another model than at the first step, and a run follows one. Record each by itself."),
                self._step + 1 if step is None else step,
            )
            return
        self._count(step)
        self._told = self._counters(images, rate)
        self._weights_then = weights_version(self.recorder.model)
        loss, error = scalar(loss), scalar(error)
        finite = self._alarm.finite(loss)
        self.recorder.tell(loss=loss, error=error)
        if self._failures < PATIENCE and self._pace.due(
            self._step,
            finite=finite,
            spent=self.recorder.seconds,
            expected=self._expected,
            elapsed=time.perf_counter() - self._began,
        ):
            self._capture(self._step, snapshot=self._snapshots.due(self._pace.records))
            if not self._kept and time.perf_counter() - self._began > KEEP_AFTER:
                self._keep()

    def capture(self, model: nn.Module, step: int | None = None) -> None:
        """Record now, with the weights, whatever the pace would say: at the end of an epoch, before a change of rate.

        Raises: RunError as `step`.
        """
        if self._state != "open" or self._silent:
            return
        if self.recorder is None:
            self.recorder = self._follow(model)
            self._began = time.perf_counter()
        self._count(step)
        self._weights_then = weights_version(self.recorder.model)
        self._capture(self._step, snapshot=True)

    def finish(self, status: Status = "finished") -> None:
        """Record the last step, keep the network, and print what was recorded and what it cost. Once."""
        if self._state != "open":
            return
        self._state = "closed"
        atexit.unregister(self.finish)
        if self._silent:
            return
        if self.recorder is None or not self._writer.steps:
            self._undo()
            if status == "finished":
                print("stn_viz: nothing was recorded, since recorder.step(model, loss=loss) was never called.")
            return
        seconds = time.perf_counter() - self._began
        if self._failures < PATIENCE:
            self._last()
        share = self.recorder.share(max(seconds, self.recorder.seconds * 1.01))
        self._writer.finish(status, {"recording_share": round(share, 4)})
        self._keep()
        print(told(self._writer, seconds=self.recorder.seconds, share=share))
        print(command(self.path))

    def _follow(self, model: nn.Module) -> Recorder:
        check_model(model)
        recorder = Recorder(self._writer, model, self._writer.probes, forward=self._forward, answers=self._answers)
        size = weights_size(model)
        self._snapshots.most = min(SNAPSHOTS, MOST_WEIGHTS // max(size, 1))
        if self._snapshots.most < SNAPSHOTS:
            self._writer.note(
                f"The weights take {size / 2**20:.0f} MB each time, so they are kept at "
                f"{self._snapshots.most or 'none'} of the steps at most."
            )
        return recorder

    def _count(self, step: int | None) -> None:
        if step is not None and step < self._step and not self._counts_itself:
            warnings.warn(
                f"step went from {self._step} back to {step}, so the calls are counted from here on. "
                "Tell a number that grows through all epochs, or leave step out.",
                stacklevel=3,
            )
            self._counts_itself = True
        self._step = self._step + 1 if step is None or self._counts_itself else int(step)

    def _counters(self, images: int | None, rate: float | None) -> dict[str, Any]:
        # The trace has a column of images from its first record on, or none.
        if self._writer.steps and images is None:
            images = self._told["images"]
        elif self._writer.steps and "images" not in self._writer.columns:
            images = None
        return {"images": images, "rate": math.nan if rate is None else float(rate)}

    def _capture(self, step: int, *, snapshot: bool) -> None:
        assert self.recorder is not None
        first = not self._writer.steps
        before, records = self.recorder.seconds, len(self._writer.steps)
        try:
            self.recorder.capture(step, snapshot=snapshot, **self._told)
        except Exception as error:  # of the network's own code, of the disk, of the device: whatever it is
            if first:
                raise at_first(error, self._writer.probes.U.shape) from error
            self._trouble(error, step)
            self._pace.last = step  # not again at the very next step
            return
        self._failures = 0
        self._expected = (self._expected + self.recorder.seconds - before) / (2 if self._expected else 1)
        self._pace.recorded(step)
        if len(self._writer.steps) <= records:
            self._pace.thinned(len(self._writer.steps))
        if snapshot:
            for old in self._snapshots.taken(self._pace.records - 1, step):
                self.recorder.forget(old)
        if first:
            self._lookat_first()

    def _lookat_first(self) -> None:
        if not self._writer.info.sites:
            self._writer.note(NO_SITE)
            warnings.warn(NO_SITE, stacklevel=4)
        rows = self._writer.columns.get("probabilities")
        if rows and not self._writer.info.classes:
            self._writer.amend(classes=tuple(str(index) for index in range(rows[0].shape[-1])))

    def _trouble(self, error: Exception, step: int) -> None:
        self._failures += 1
        words = next(iter(str(error).splitlines()), "")[:300] or type(error).__name__
        if self._failures == 1:
            self._writer.note(f"Step {step} could not be recorded: {words}")
        if self._failures <= PATIENCE:
            end = " Nothing more is recorded." if self._failures == PATIENCE else ""
            warnings.warn(f"stn_viz: step {step} is not recorded, the training goes on.{end} {words}", stacklevel=4)

    def _last(self) -> None:
        """Record the weights as they are at the end, under the number of updates that they have."""
        assert self.recorder is not None
        changed = self._weights_then != weights_version(self.recorder.model)
        step = self._step + 1 if changed else self._step
        if step in self._writer.steps:
            if step in (self._writer.info.snapshots or {}) or not self._snapshots.most:
                return
            self._writer.drop([step])  # it comes again, with its weights
        self._capture(step, snapshot=bool(self._snapshots.most))

    def _keep(self) -> None:
        """Keep the network itself; where that fails, the run says why."""
        if self._kept:
            return
        self._kept = True
        assert self.recorder is not None
        try:
            kept = program.keep(
                self.recorder.model, torch.from_numpy(self._writer.probes.U[:3]), self.path, forward=self._forward
            )
        except RunError as error:
            kept = str(error)
        if isinstance(kept, str):
            self._writer.note(kept)
        else:
            self._writer.amend(network=kept)

    def _undo(self) -> None:
        """Take away a run in which nothing was recorded, so that the next try finds its folder free."""
        for file in ("run.json", "probes.npz"):
            (self.path / file).unlink(missing_ok=True)
        with suppress(OSError):  # something else lies there
            self.path.rmdir()
