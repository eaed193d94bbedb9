"""One door to the networks, by name and plain arguments: what run.json holds under "network" is what `build` takes.

At 42 x 42 (RTS) each of the four has about 400 k parameters in all, as in the paper: the widths are chosen for that. An
ST-CNN has as many whatever the size of U: its hidden layer is narrower where more cells lead into it.
"""

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from stn_viz.networks.classifiers import convolutional, fully_connected
from stn_viz.networks.localisation import cells, convolutional_localisation, fully_connected_localisation
from stn_viz.transformer import SpatialTransformer
from stn_viz.transformer import family as make_family

NAMES = ("fcn", "cnn", "st-fcn", "st-cnn")

# Few filters first, many after: 1.4 times as fast on two CPU cores as an even split of the same parameters.
FILTERS = (32, 216)
LOCALISATION_FILTERS = 20
LOCALISATION_HIDDEN = (128,)
LOCALISATION_CELLS = 16  # that lead into that layer, at 42 x 42
HIDDEN = 203  # the paper's 128 would give an FCN of 244 k at 42 x 42
HIDDEN_BEHIND_TRANSFORMER = 308


class Plain(nn.Module):
    """A classifier that reads U as it is. Shapes: U (N, C, h, w) -> logits (N, classes)."""

    def __init__(self, classifier: nn.Module) -> None:
        """Hold the classifier."""
        super().__init__()
        self.classifier = classifier

    def forward(self, U: Tensor) -> Tensor:
        """Logits of U."""
        return cast(Tensor, self.classifier(U))


class Transformed(nn.Module):
    """A classifier that reads V, what the transformer makes of U. Shapes: U (N, C, h, w) -> logits (N, classes)."""

    def __init__(self, transformer: SpatialTransformer, classifier: nn.Module) -> None:
        """Hold the two parts."""
        super().__init__()
        self.transformer = transformer
        self.classifier = classifier

    def forward(self, U: Tensor) -> Tensor:
        """Logits of V."""
        # Under autocast too in full precision: bfloat16's 8 bits would place the grid by a tenth of a pixel.
        with torch.autocast(U.device.type, enabled=False):
            V = self.transformer(U)
        return cast(Tensor, self.classifier(V))


def build(
    name: str,
    *,
    size: Sequence[int],
    channels: int = 1,
    classes: int = 10,
    family: str = "affine",
    kernel: Literal["nearest", "bilinear", "bicubic"] = "bilinear",
    padding: Literal["zeros", "border", "reflection"] = "zeros",
    align_corners: bool = False,
    output_size: Sequence[int] = (28, 28),
    filters: Sequence[int] = FILTERS,
    localisation_filters: int = LOCALISATION_FILTERS,
    localisation_hidden: Sequence[int] = LOCALISATION_HIDDEN,
    **options: Any,
) -> nn.Module:
    """A network by name, freshly initialised from torch's global generator (`training/` seeds it).

    Shapes: U (N, channels, *size) -> logits (N, classes); V is (N, channels, *output_size).
    Args:   filters of a CNN's two convolutions; localisation_*: widths of an ST-CNN's localisation network; `family` to
            `output_size` concern the transformer alone; `options` are the family's own (points=4 for tps).
            `arguments` gives them all as JSON has them: build(**run["network"]).
    Raises: ValueError for an unknown name or family, or a size too small for the convolutions.
    """
    U_size = _pair(size)
    if name not in NAMES:
        raise ValueError(f"There is no network '{name}'. Choose one of: {', '.join(NAMES)}.")
    if name == "fcn":
        return Plain(fully_connected(size=U_size, channels=channels, classes=classes, hidden=HIDDEN))
    if name == "cnn":
        return Plain(convolutional(size=U_size, channels=channels, classes=classes, filters=_pair(filters)))

    V_size = _pair(output_size)
    made = make_family(family, size=V_size, align_corners=align_corners, **options)
    localisation: nn.Module
    classifier: nn.Module
    if name == "st-fcn":
        localisation = fully_connected_localisation(size=U_size, channels=channels, family=made)
        classifier = fully_connected(size=V_size, channels=channels, classes=classes, hidden=HIDDEN_BEHIND_TRANSFORMER)
    else:
        localisation = convolutional_localisation(
            size=U_size, channels=channels, family=made, filters=localisation_filters, hidden=localisation_hidden
        )
        classifier = convolutional(size=V_size, channels=channels, classes=classes, filters=_pair(filters))
    return Transformed(SpatialTransformer(localisation, made, kernel=kernel, padding=padding), classifier)


def arguments(
    name: str, *, size: Sequence[int], classes: int = 10, family: str = "affine", **options: Any
) -> dict[str, Any]:
    """What `build` is to be called with, complete and as JSON gives it back, to be kept beside the weights.

    A plain network's say nothing of a transformer.
    """
    plain: dict[str, Any] = {"name": name, "size": list(size), "channels": 1, "classes": classes}
    if name.endswith("cnn"):
        plain["filters"] = list(FILTERS)
    if name == "st-cnn":
        height, width = cells(_pair(size))
        hidden = [max(wide * LOCALISATION_CELLS // max(height * width, 1), 1) for wide in LOCALISATION_HIDDEN]
        plain |= {"localisation_filters": LOCALISATION_FILTERS, "localisation_hidden": hidden}
    if not name.startswith("st-"):
        return plain
    return plain | {
        "family": family,
        "kernel": "bilinear",
        # The digits' background is black, so zeros differ from border only where ink touches the picture's edge.
        "padding": "zeros",
        "align_corners": False,
        "output_size": [28, 28],
        **options,
    }


def _pair(values: Sequence[int]) -> tuple[int, int]:
    first, second = values
    return first, second
