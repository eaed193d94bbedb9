"""A mean over training steps that does not make the training wait."""

import math
from typing import Any

from torch import Tensor


class Mean:
    """A mean that stays on the device: adding costs no wait for it, taking does."""

    def __init__(self) -> None:
        """Nothing yet: nan."""
        self.total: Tensor | float = 0.0
        self.count = 0
        self.last = math.nan

    def add(self, value: Tensor | float | None) -> None:
        """Count a step's value in; None says nothing."""
        if value is not None:
            self.total = self.total + (value.detach().float() if isinstance(value, Tensor) else float(value))
            self.count += 1

    def take(self) -> float:
        """The mean since the last one; the last one again where nothing came since (the record after the last step)."""
        if self.count:
            self.last = float(self.total) / self.count
        self.total, self.count = 0.0, 0
        return self.last

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {"total": float(self.total), "count": self.count, "last": self.last}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.total, self.count, self.last = float(state["total"]), int(state["count"]), float(state["last"])
