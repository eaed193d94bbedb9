"""What reads the digit, out of U or of V: the paper's CNN and FCN (section 4.1)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RowConvolution(nn.Conv2d):
    """A convolution whose gradient to its input is cheap though that has few channels: V's, on the way to theta.

    It lays the k rows under the kernel beside each other as channels and convolves with 1 x k: the same sums. oneDNN
    has no fast gradient to an input of one channel: for 32 filters of 9x9 on 128 images of 28 x 28, forward and
    backward take 54 ms as nn.Conv2d and 18 ms so, on one CPU core. Where no gradient is wanted it is nn.Conv2d.
    """

    def forward(self, U: Tensor) -> Tensor:
        """Shapes: (N, C, H, W) -> (N, filters, H - k + 1, W - k + 1)."""
        if not U.requires_grad:
            return super().forward(U)
        height, width = self.kernel_size
        rows = torch.cat([U[:, :, i : U.shape[2] - height + 1 + i] for i in range(height)], 1)
        weight = self.weight.transpose(1, 2).reshape(
            self.out_channels, -1, 1, width
        )  # (filters, row and channel, 1, k)
        return F.conv2d(rows, weight, self.bias)


def convolutional(*, size: tuple[int, int], channels: int, classes: int, filters: tuple[int, int]) -> nn.Sequential:
    """9x9 convolution, 2x2 max pool, 7x7 convolution, 2x2 max pool, linear; ReLU between. Logits out.

    Shapes: (N, channels, *size) -> (N, classes).
    Raises: ValueError if `size` is too small for the two convolutions (below 24 x 24 nothing is left).
    Source: Jaderberg et al. 2015, section 4.1; the filters are ours, the paper gives only the sum of parameters.
    """
    height, width = (((extent - 8) // 2 - 6) // 2 for extent in size)
    if height < 1 or width < 1:
        raise ValueError(
            f"A CNN of a 9x9 and a 7x7 convolution cannot read {size[0]} x {size[1]} pixels: give it at least 24 x 24."
        )
    first, second = filters
    return nn.Sequential(
        RowConvolution(channels, first, 9),
        nn.MaxPool2d(2),  # before the ReLU: the same numbers, a quarter of the work
        nn.ReLU(),
        nn.Conv2d(first, second, 7),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * height * width, classes),
    )


def fully_connected(*, size: tuple[int, int], channels: int, classes: int, hidden: int) -> nn.Sequential:
    """Two hidden layers with ReLU. Logits out.

    Shapes: (N, channels, *size) -> (N, classes).
    Source: Jaderberg et al. 2015, section 4.1, where `hidden` is 128.
    """
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * size[0] * size[1], hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )
