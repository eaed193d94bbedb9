"""The recorder in other people's training frameworks: callbacks for Lightning and for Hugging Face's Trainer.

    Trainer(callbacks=[lightning_callback("runs/mine", probes=x, labels=y)])
    Trainer(..., callbacks=[trainer_callback("runs/mine", probes=x, labels=y)])

Both take what `stn_viz.record` takes. Neither framework is needed before its function is called.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from .runs import RunError


def lightning_callback(path: str | Path, *, probes: Any, **settings: Any) -> Any:
    """A lightning.pytorch.Callback (or pytorch_lightning's) that records the training into a run.

    The loss is the one that training_step gives; probes go through the module's forward, or as `forward=` says.

    Raises: RunError if Lightning is not installed, or as `stn_viz.record`.
    """
    from .runs.recording import record

    base = _base(("lightning.pytorch", "pytorch_lightning"), "Callback", "Lightning", "lightning")
    recording = record(path, probes=probes, **settings)

    class Recorded(base):  # type: ignore[misc, valid-type]  # the base is known when it is called
        def __init__(self) -> None:
            super().__init__()
            self.recording = recording

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            recording.start()
            recording.capture(pl_module, step=trainer.global_step)  # as it was built

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
            recording.step(pl_module, loss=loss, step=trainer.global_step, rate=_rate(trainer.optimizers))

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            recording.finish("stopped")

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            recording.finish("finished")

    return Recorded()


def trainer_callback(path: str | Path, *, probes: Any, **settings: Any) -> Any:
    """A transformers.TrainerCallback that records a Hugging Face Trainer's training into a run.

    The Trainer tells no callback the loss of a step, only the mean that it logs: that one is recorded.

    Raises: RunError if transformers is not installed, or as `stn_viz.record`.
    """
    from .runs.recording import record

    base = _base(("transformers",), "TrainerCallback", "Hugging Face's Trainer", "transformers")
    recording = record(path, probes=probes, **settings)

    class Recorded(base):  # type: ignore[misc, valid-type]  # as above
        def __init__(self) -> None:
            super().__init__()
            self.recording = recording
            self.loss: float | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **given: Any) -> None:
            recording.start()
            recording.capture(model, step=state.global_step)  # as it was built

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **given: Any) -> None:
            self.loss = (logs or {}).get("loss", self.loss)

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **given: Any) -> None:
            rate = _rate([given.get("optimizer")])
            recording.step(model, loss=self.loss, step=state.global_step, rate=rate)

        def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            recording.finish("finished" if state.global_step >= state.max_steps else "stopped")

    return Recorded()


def _base(modules: tuple[str, ...], name: str, words: str, package: str) -> Any:
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise  # it is there, and something that it needs is not
    raise RunError(
        f"{words} is not installed, so there is nothing to call back. Install it (pip install {package}), or record "
        "from a plain loop: with stn_viz.record(...) as recorder."
    )


def _rate(optimizers: Any) -> float | None:
    """The learning rate of the first group of the first optimiser, wrapped or not."""
    for optimizer in optimizers or ():
        groups = getattr(optimizer, "param_groups", None)
        if groups:
            return float(groups[0]["lr"])
    return None
