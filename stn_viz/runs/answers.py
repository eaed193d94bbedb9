"""What a network says of the probes: the class scores found in whatever its forward pass gives."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .info import RunError

MOST_CLASSES = 1024  # probabilities of 64 probes at 500 records take 64 MB then
_NAMES = ("logits", "scores", "output", "outputs", "out", "pred", "prediction", "predictions")


class Answers:
    """Reads logits out of an output: a tensor (n, K), or the first such in a tuple, a dict or an object of fields."""

    def __init__(self, labels: NDArray[np.int64], classes: Sequence[str]) -> None:
        """Labels (n,) of the probes, -1 where unknown; the classes' names, or none."""
        self._labels = torch.from_numpy(labels)
        self._classes = len(classes)

    def logits(self, output: Any, n: int) -> Tensor | None:
        """The scores (n, K) of n images, float32 on the CPU; None where the network gives no classes.

        Raises: RunError if the run names another number of classes.
        """
        tables = [table for table in _tensors(output) if _is_table(table, n)]
        if not tables:
            return None
        K = self._classes
        chosen = next((table for table in tables if not K or table.shape[1] == K), None)
        if chosen is None:
            raise RunError(
                f"the network gives {tables[0].shape[1]} numbers an image, but the run names {K} classes. "
                "Name one class for each, or none."
            )
        return chosen.float().cpu() if chosen.shape[1] <= MOST_CLASSES else None

    def of(self, logits: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
        """Loss (n,) and class probabilities (n, K) of the probes."""
        # softmax and cross entropy are the same for logits and for their log_softmax, which many networks end in
        known = (self._labels >= 0) & (self._labels < logits.shape[1])
        losses = F.cross_entropy(logits, self._labels.where(known, -100), reduction="none", ignore_index=-100)
        return losses.numpy(), logits.softmax(1).numpy()


def first_table(output: Any, n: int) -> Tensor | None:
    """The first tensor (n, K) of floating point in an output, wherever it stands; None if there is none."""
    return next((table for table in _tensors(output) if _is_table(table, n)), None)


def _is_table(table: Tensor, n: int) -> bool:
    return table.ndim == 2 and len(table) == n and table.is_floating_point()


def _tensors(output: Any) -> list[Tensor]:
    """The tensors of an output, those with a name that says scores first."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        names = [name for name in _NAMES if name in output]
        output = [*(output[name] for name in names), *(output[name] for name in output if name not in names)]
    elif not isinstance(output, tuple | list):
        output = [getattr(output, name, None) for name in _NAMES]  # an object of fields, as some libraries give
    return [found for found in output if isinstance(found, Tensor)]
