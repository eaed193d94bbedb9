"""Tell at once when a loss is nan or inf, without making a GPU wait for the answer."""

import math

import torch
from torch import Tensor


class Alarm:
    """Looks at losses. On CUDA the answer comes by itself, a step or two late; elsewhere it is there at once."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._waiting: tuple[Tensor, torch.cuda.Event] | None = None

    def finite(self, loss: Tensor | float | None) -> bool:
        """Whether the newest loss that is known is finite; True where there is none."""
        if loss is None:
            return True
        if not isinstance(loss, Tensor) or not loss.is_cuda:
            return math.isfinite(float(loss))
        known = True
        if self._waiting is not None and self._waiting[1].query():  # type: ignore[no-untyped-call]
            known = math.isfinite(float(self._waiting[0]))
            self._waiting = None
        if self._waiting is None:
            here = torch.empty((), dtype=loss.dtype, pin_memory=True)
            here.copy_(loss, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(loss.device))
            self._waiting = here, event
        return known
