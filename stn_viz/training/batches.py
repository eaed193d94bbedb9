"""Training batches, distorted on the fly: each is a function of (seed, step), so that resuming needs no generator."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from stn_viz.data import distort, mnist

ORDER, DISTORTION = 0, 1  # two streams of random numbers out of one seed


@dataclass(frozen=True)
class Batches:
    """MNIST's training digits in batches of `batch`, shuffled anew each epoch; an incomplete last batch is left out.

    `limit` takes only the first so many digits (None: all 60,000).
    """

    task: str
    batch: int
    seed: int
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse a batch larger than the data."""
        if not 1 <= self.batch <= self.images:
            raise ValueError(
                f"A batch of {self.batch} does not fit into {self.images} images an epoch: "
                f"give a batch of 1 to {self.images}."
            )

    @property
    def images(self) -> int:
        """Digits to choose from."""
        available = len(mnist().train)
        return available if self.limit is None else min(self.limit, available)

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return self.images // self.batch

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Batch number `step`, counted from 0 over all epochs: U (batch, 1, h, w) float32, labels (batch,) int64."""
        epoch, place = divmod(step, self.per_epoch)
        chosen = _order(self.images, self.seed, epoch)[place * self.batch : (place + 1) * self.batch]
        digits = mnist()
        distorted = distort(digits.train[chosen], self.task, seeded(self.seed, DISTORTION, step))
        return distorted.U, digits.train_labels[chosen]


def seeded(*numbers: int) -> torch.Generator:
    """A CPU generator of its own for these numbers; neighbours are unrelated (numpy's SeedSequence mixes them)."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0]))


@lru_cache(maxsize=2)
def _order(images: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(images, generator=seeded(seed, ORDER, epoch))
