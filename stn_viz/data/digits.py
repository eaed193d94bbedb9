"""MNIST as it lies in the package: 60,000 and 10,000 digits of 28 x 28 bytes, white on black."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FILE = Path(__file__).parent / "mnist.npz"


@dataclass(frozen=True)
class Mnist:
    """The digits and their labels; shared by every caller, so read only.

    Shapes: train (60000, 28, 28) and test (10000, 28, 28) uint8; train_labels (60000,), test_labels (10000,) int64.
    Source: LeCun, Cortes, Burges: the MNIST database of handwritten digits.
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


@cache
def mnist() -> Mnist:
    """The embedded data set, read once.

    Raises: FileNotFoundError if the package was installed without it.
    """
    if not FILE.is_file():
        raise FileNotFoundError(
            f"{FILE.name} is not in {FILE.parent}: install the package with its data, or clone it again."
        )
    with np.load(FILE, allow_pickle=False) as stored:
        return Mnist(
            train=torch.from_numpy(stored["x_train"]),
            train_labels=torch.from_numpy(stored["y_train"].astype(np.int64)),
            test=torch.from_numpy(stored["x_test"]),
            test_labels=torch.from_numpy(stored["y_test"].astype(np.int64)),
        )
