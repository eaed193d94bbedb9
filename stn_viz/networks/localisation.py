"""Localisation networks: theta = f_loc(U), any net that ends in a regression layer (section 3.1).

That layer starts at weight 0 and bias = the identity's theta, so that training starts from "do nothing".
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from stn_viz.transformer import Family, identity_start

LARGE = 32  # pixels; above it the convolutional net looks at U reduced by 2


def convolutional_localisation(
    *, size: tuple[int, int], channels: int, family: Family, filters: int, hidden: Sequence[int]
) -> nn.Sequential:
    """Two 5x5 convolutions with pooling between, fully connected layers, the regression layer.

    The paper's has 20 filters and one layer of 20. Ours differs in two ways: a U above 32 px is first averaged 2 x 2
    (where the digit lies can be read from that as well, at a quarter of the cost), and the second convolution is not
    pooled, for position survives 2 x 2 cells badly.

    Shapes: (N, channels, *size) -> theta (N, P).
    Source: Jaderberg et al. 2015, section 4.1 and appendix A.4.
    """
    reduce = 2 if min(size) > LARGE else 1
    height, width = cells(size)
    if height < 1 or width < 1:
        raise ValueError(
            f"A localisation network of two 5x5 convolutions cannot read {size[0]} x {size[1]} pixels: "
            "give it at least 14 x 14."
        )
    return nn.Sequential(
        nn.AvgPool2d(reduce) if reduce > 1 else nn.Identity(),
        nn.Conv2d(channels, filters, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(filters, filters, 5),
        nn.ReLU(),
        nn.Flatten(),
        *_hidden([filters * height * width, *hidden]),
        _regression(hidden[-1], family),
    )


def cells(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns that the two convolutions leave of a U of that size; below 1 where U is too small."""
    reduce = 2 if min(size) > LARGE else 1
    height, width = ((extent // reduce - 4) // 2 - 4 for extent in size)
    return height, width


def fully_connected_localisation(*, size: tuple[int, int], channels: int, family: Family) -> nn.Sequential:
    """Three hidden layers of 32, the regression layer.

    Shapes: (N, channels, *size) -> theta (N, P).
    Source: Jaderberg et al. 2015, appendix A.4 ("FC 32-32-32").
    """
    return nn.Sequential(
        nn.Flatten(),
        *_hidden([channels * size[0] * size[1], 32, 32, 32]),
        _regression(32, family),
    )


def _hidden(widths: Sequence[int]) -> list[nn.Module]:
    layers = [(nn.Linear(inputs, outputs), nn.ReLU()) for inputs, outputs in pairwise(widths)]
    return [module for layer in layers for module in layer]


def _regression(inputs: int, family: Family) -> nn.Linear:
    layer = nn.Linear(inputs, len(family.parameter_names))
    identity_start(layer, family)
    return layer
