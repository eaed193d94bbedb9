"""Record a training from outside: a forward pass on the probes now and then, watched at its sites, and some weights.

Needs nothing from the network but that forward pass. Whatever the pass could leave behind (mode, random state, weights)
is put back, so a training ends with the same weights, bit for bit, with and without its recorder.
"""

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from . import inputs
from .answers import Answers
from .info import Probes
from .means import Mean
from .pacing import schedule, spaced
from .passing import Forward, Found, plain, probe_pass, weights_of, with_weights
from .sitefamilies import SiteFamilies
from .writing import RunWriter

__all__ = ["Recorder", "schedule"]


class Recorder:
    """Makes the records of a run; `step` also decides which steps of a training of known length are worth one.

    `seconds` is what recording has taken so far.
    """

    def __init__(
        self,
        writer: RunWriter,
        model: nn.Module,
        probes: Probes,
        total_steps: int | None = None,
        *,
        records: int = 300,
        snapshots: int = 20,
        forward: Forward | None = None,
        answers: bool = True,
    ) -> None:
        """Follow `model` on the probes; a reopened writer is gone on with.

        total_steps plans what `step` records; without it, whoever calls `capture` decides. snapshots of 0 keep no
        weights: the run is its trace. forward is how the model is called, `forward(model, U)`, where that is not
        model(U). answers says whether its output may be of classes.
        """
        start = time.perf_counter()
        self.writer = writer
        self.schedule = () if total_steps is None else schedule(total_steps, records)
        self.snapshot_steps = spaced(self.schedule, snapshots) if snapshots else ()
        self.model = plain(model)
        self.forward = forward
        self._answers = Answers(probes.labels, writer.info.classes) if answers else None
        self._U = torch.from_numpy(probes.U)
        self._sites = SiteFamilies(writer)
        self._loss = Mean()
        self._error = Mean()
        self._recorded = max(writer.steps, default=-1)
        self._inputs = inputs.SiteInputs()
        self._inputs.go_on(writer.path, writer.info.snapshots or {})
        self.seconds = time.perf_counter() - start

    def step(
        self,
        step: int,
        *,
        loss: Tensor | float | None = None,
        error: Tensor | float | None = None,
        images: int = 0,
        rate: float = math.nan,
    ) -> None:
        """Tell the recorder of a training step; it records when the step is one of its schedule.

        `step` counts updates of the weights: call it with 0 and the first batch's loss before the first update, or
        after each update with its number; both are understood.

        Shapes: loss and error scalars of this step's batch (tensors stay on their device until a record needs them).
        Units:  images seen so far, rate is the learning rate.
        Raises: as `capture`.
        """
        start = time.perf_counter()
        self.tell(loss=loss, error=error)
        self.seconds += time.perf_counter() - start
        if self._due(self.schedule, step):
            self.capture(step, images=images, rate=rate, snapshot=self._due(self.snapshot_steps, step))

    def tell(self, *, loss: Tensor | float | None = None, error: Tensor | float | None = None) -> None:
        """Count a step's loss and error into the means of the next record."""
        self._loss.add(loss)
        self._error.add(error)

    def capture(
        self,
        step: int,
        *,
        loss: Tensor | float | None = None,
        error: Tensor | float | None = None,
        images: int | None = None,
        rate: float = math.nan,
        snapshot: bool = True,
    ) -> None:
        """Record the model as it stands now, whatever any schedule says; with a snapshot, keep its weights too.

        Shapes, Units: as `step`.
        Raises: RunError if the network samples other grids than at its first record, if its raw grids are too large,
                if the step does not come after the last one, or if the run cannot be written.
        """
        start = time.perf_counter()
        self.tell(loss=loss, error=error)
        parameter = next(self.model.parameters(), None)
        if parameter is not None and parameter.is_cuda:
            torch.cuda.synchronize(parameter.device)  # the training's own queue is not recording's cost
            start = time.perf_counter()
        self._record(step, images=images, rate=rate, snapshot=snapshot)
        self.seconds += time.perf_counter() - start

    def forget(self, step: int) -> None:
        """Drop a snapshot, and what was kept of deep sites with it."""
        self.writer.forget(step)
        self._inputs.keep(self.writer.info.snapshots or {})

    def share(self, seconds: float) -> float:
        """Give recording's part of a training that took `seconds` in all, as a fraction of the training without it."""
        return self.seconds / max(seconds - self.seconds, 1e-9)

    def state(self) -> dict[str, Any]:
        """What a resumed training must hand to `restore`, so that its next record is the one it would have been."""
        return {"loss": self._loss.state(), "error": self._error.state(), "seconds": self.seconds}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self._loss.restore(state["loss"])
        self._error.restore(state["error"])
        self.seconds += float(state["seconds"])

    def _due(self, steps: Sequence[int], step: int) -> bool:
        # A counter that leaps over a scheduled step is recorded at the next chance.
        return any(self._recorded < scheduled <= step for scheduled in steps)

    def _record(self, step: int, *, images: int | None, rate: float, snapshot: bool) -> None:
        with ExitStack() as stack:
            if snapshot:
                weights = weights_of(self.model)
                stack.enter_context(with_weights(self.model, weights))
            found, logits = probe_pass(
                self.model,
                self._U,
                forward=self.forward,
                read=self._answers.logits if self._answers else lambda output, n: None,
                see=self._inputs.see if snapshot else None,
            )
        thetas, grids = self._sites.rows(step, found)
        probe_loss, probabilities = (None, None) if logits is None or not self._answers else self._answers.of(logits)
        self.writer.record(
            step=step,
            images=images,
            loss=self._loss.take(),
            error=self._error.take(),
            rate=rate,
            thetas=thetas,
            grids=grids,
            probe_loss=probe_loss,
            probabilities=probabilities,
        )
        self._recorded = step
        if snapshot:
            self.writer.snapshot(step, weights)
            self._keep_inputs(step, found)

    def _keep_inputs(self, step: int, found: list[Found]) -> None:
        if all(one.site.on_image for one in found):
            return
        if not self._inputs.add(step, found):
            self.writer.note(
                "What the deeper sites sample is not kept, since it is too large. Record with fewer probes to see it."
            )
        elif arrays := self._inputs.arrays():
            self.writer.write_features(inputs.FILE, arrays)
