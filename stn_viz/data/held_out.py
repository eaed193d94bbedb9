"""The distorted test set: the same on every machine for the same seed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from stn_viz.data.digits import mnist
from stn_viz.data.distortion import TASKS, distort

# The random numbers of a batch depend on its size, so the set is always made in whole chunks: that way
# the first 100 images of 10,000 are the same 100 as those of a set of 100.
CHUNK = 500


@dataclass(frozen=True)
class HeldOut:
    """Distorted test digits with their labels and true pose.

    Shapes: U (N, 1, h, w) float32; labels (N,) int64; pose (N, P) float32 of `family`.
    Units:  U in 0..1 in steps of 1/255; pose normalised, as in `Distorted`.
    """

    U: Tensor
    labels: Tensor
    pose: Tensor
    family: str


def held_out(task: str, count: int, seed: int) -> HeldOut:
    """The first `count` digits of MNIST's test set, distorted.

    Each image keeps its distortion whatever `count` is. Grey values are rounded to 1/255, so that they can be stored as
    bytes; between machines the arithmetic before the rounding may differ in the last bit, hence a pixel by 1/255.

    Raises: ValueError for a count outside 1..10000, or an unknown task.
    """
    digits = mnist()
    if not 1 <= count <= len(digits.test):
        raise ValueError(f"The held-out set has 1 to {len(digits.test)} images, but {count} were asked for.")
    generator = torch.Generator().manual_seed(seed)
    chunks = [
        distort(chunk, task, generator) for chunk in torch.split(digits.test[: -(-count // CHUNK) * CHUNK], CHUNK)
    ]
    U = torch.cat([chunk.U for chunk in chunks])[:count]
    return HeldOut(
        U=U.mul(255).round_().div_(255),
        labels=digits.test_labels[:count].clone(),
        pose=torch.cat([chunk.pose for chunk in chunks])[:count],
        family=TASKS[task].family,
    )


def held_out_chunk(task: str, number: int, seed: int) -> HeldOut:
    """Images CHUNK number to CHUNK (number + 1) of the held-out set and no others: to find one without the rest.

    The chunks before are drawn for their random numbers alone and thrown away: 0.5 s before the last one of TC.

    Raises: ValueError for a chunk beyond the last, or an unknown task.
    """
    digits = mnist()
    chunks = torch.split(digits.test, CHUNK)
    if not 0 <= number < len(chunks):
        raise ValueError(f"The held-out set has chunks 0 to {len(chunks) - 1}, but {number} was asked for.")
    generator = torch.Generator().manual_seed(seed)
    for chunk in chunks[:number]:
        distort(chunk, task, generator)
    drawn = distort(chunks[number], task, generator)
    labels = digits.test_labels[number * CHUNK :][: len(chunks[number])].clone()
    return HeldOut(U=drawn.U.mul(255).round_().div_(255), labels=labels, pose=drawn.pose, family=drawn.family)
