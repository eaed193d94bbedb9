"""Localisation networks: theta = f_loc(U), any net that ends in a regression layer (section 3.1).

That layer starts at weight 0 and bias = the identity's theta, so that training starts from "do nothing".
"""

from torch import nn

from stn_viz.transformer import Family, identity_start

LARGE = 32  # pixels; above it the convolutional net looks at U reduced by 2


def convolutional_localisation(*, size: tuple[int, int], channels: int, family: Family) -> nn.Sequential:
    """Two 5x5 convolutions with pooling between, fully connected layers, the regression layer.

    The paper's has 20 filters and one layer of 20. Ours differs where that makes theta learn sooner: 24 filters; a U
    above 32 px is first averaged 2 x 2 (where the digit lies can be read from that as well, at a quarter of the cost);
    the second convolution is not pooled, for position survives 2 x 2 cells badly; then layers of 500 and 256, since to
    say how far a digit is turned is about as hard as to say which one it is.

    Shapes: (N, channels, *size) -> theta (N, P).
    Source: Jaderberg et al. 2015, section 4.1 and appendix A.4.
    """
    reduce = 2 if min(size) > LARGE else 1
    height, width = ((extent // reduce - 4) // 2 - 4 for extent in size)
    if height < 1 or width < 1:
        raise ValueError(
            f"A localisation network of two 5x5 convolutions cannot read {size[0]} x {size[1]} pixels: "
            "give it at least 14 x 14."
        )
    return nn.Sequential(
        nn.AvgPool2d(reduce) if reduce > 1 else nn.Identity(),
        nn.Conv2d(channels, 24, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(24, 24, 5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * height * width, 500),
        nn.ReLU(),
        nn.Linear(500, 256),
        nn.ReLU(),
        _regression(256, family),
    )


def fully_connected_localisation(*, size: tuple[int, int], channels: int, family: Family) -> nn.Sequential:
    """Three hidden layers of 32, the regression layer.

    Shapes: (N, channels, *size) -> theta (N, P).
    Source: Jaderberg et al. 2015, appendix A.4 ("FC 32-32-32").
    """
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * size[0] * size[1], 32),
        nn.ReLU(),
        nn.Linear(32, 32),
        nn.ReLU(),
        nn.Linear(32, 32),
        nn.ReLU(),
        _regression(32, family),
    )


def _regression(inputs: int, family: Family) -> nn.Linear:
    layer = nn.Linear(inputs, len(family.parameter_names))
    identity_start(layer, family)
    return layer
