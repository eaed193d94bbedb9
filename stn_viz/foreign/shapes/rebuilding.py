"""A transformer that was found, as a module again: localisation network, reading, grid, sampler."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..kinds import Choices, ForeignError, Transformer
from .layers import Layer
from .meanings import READINGS
from .parts import joined


class Rebuilt(nn.Module):
    """U -> V, from a localisation network that was found by its shapes.

    Shapes: U (N, C, h, w) or (N, C, d, h, w) -> V (N, C, *output_size).
    """

    def __init__(self, localisation: nn.Sequential, choices: Choices) -> None:
        """Put the reading and the sampler of the choices behind the localisation network."""
        super().__init__()
        self.localisation = localisation
        self.choices = choices
        self.reading = READINGS[choices.reading]

    def theta(self, U: Tensor) -> Tensor:
        """What the localisation network says of U, in stn_viz's own order. Shapes: U (N, C, h, w) -> (N, P)."""
        outputs = cast(Tensor, self.localisation(U))
        if self.choices.activation != "none":
            outputs = outputs.tanh() if self.choices.activation == "tanh" else outputs.sigmoid()
        return self.reading.theta(outputs)

    def grid(self, theta: Tensor, size: Sequence[int]) -> Tensor:
        """Where the sampler looks, for V of this size. Shapes: theta (N, P) -> (N, *size, 2 or 3)."""
        return self.reading.grid(theta, size=size, align_corners=self.choices.align_corners)

    def forward(self, U: Tensor) -> Tensor:
        """Sample U where theta says."""
        grid = self.grid(self.theta(U), self.choices.output_size or U.shape[2:])
        return F.grid_sample(
            U,
            grid.to(U.dtype),
            mode=self.choices.kernel,
            padding_mode=self.choices.padding,
            align_corners=self.choices.align_corners,
        )


def rebuild(transformer: Transformer, choices: Choices) -> Rebuilt:
    """The transformer as a module in eval mode; its weights are 0 until `select`'s are loaded. Nothing random is drawn.

    Raises: ForeignError where shapes do not say how it works, where the reading does not take its outputs, or where
            an image of the size chosen does not go through its layers.
    """
    _refuse_unfit(transformer, choices)
    with torch.device("meta"):
        made = [_module(layer) for layer in transformer.layers]
    localisation = nn.Sequential(*made).to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*localisation.parameters(), *localisation.buffers()):
            tensor.zero_()
    return Rebuilt(localisation, choices).eval().requires_grad_(False)


def select(transformer: Transformer, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the rebuilt module out of a file's, in float32, under the names that it has for them.

    Raises: ForeignError naming the first key that is missing, of another shape, or not finite.
    """
    selected: dict[str, Tensor] = {}
    for number, layer in enumerate(transformer.layers):
        for name, shape in _expected(layer).items():
            key = joined(layer["key"], name)
            tensor = tensors.get(key)
            if tensor is None:
                raise ForeignError(
                    f"The weights have no {key!r}, which the transformer {transformer.name or 'at the top'!r} needs. "
                    "This file is of another network, or was cut: take it out of the import."
                )
            if tuple(tensor.shape) != shape:
                raise ForeignError(
                    f"{key!r} has shape {tuple(tensor.shape)}, expected {shape}: this file is of another network. "
                    "Import it by itself."
                )
            if tensor.is_floating_point() and not tensor.isfinite().all():
                bad = tensor.flatten()[~tensor.flatten().isfinite()][0].item()
                raise ForeignError(
                    f"{key!r} holds {bad}, so no theta can come of it. The training had diverged by then: take an "
                    "earlier checkpoint."
                )
            selected[f"localisation.{number}.{name}"] = tensor.detach().to("cpu", torch.float32)
        if layer["kind"] == "norm":
            selected[f"localisation.{number}.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    return selected


def _refuse_unfit(transformer: Transformer, choices: Choices) -> None:
    from .layers import shapes_through

    where = transformer.name or "at the top of the file"
    if not transformer.readings or not transformer.layers:
        raise ForeignError(
            f"The transformer {where} cannot be rebuilt from shapes: {' '.join(transformer.notes)} "
            "Give its code with --model."
        )
    reading = READINGS.get(choices.reading)
    if reading is None or reading.outputs != transformer.outputs:
        raise ForeignError(
            f"The transformer {where} has {transformer.outputs} outputs, which {choices.reading!r} does not take. "
            f"Choose one of: {', '.join(transformer.readings)}."
        )
    if len(choices.size) != reading.sides:
        raise ForeignError(
            f"The input size is {' x '.join(map(str, choices.size))}, but the reading {choices.reading!r} is for "
            f"{'volumes, with three sides' if reading.sides == 3 else 'images, with two sides'}."
        )
    try:
        for _ in shapes_through(transformer.layers, channels=transformer.channels, size=choices.size):
            pass
    except ValueError as error:
        likely = ", ".join("x".join(map(str, size)) for size in transformer.sizes[:5])
        raise ForeignError(
            f"An input of {' x '.join(map(str, choices.size))} does not go through the transformer {where}: {error}."
            + (f" Sizes that do: {likely}." if likely else "")
        ) from None


def _module(layer: Layer) -> nn.Module:
    match layer["kind"]:
        case "conv":
            conv: type[nn.Module] = {2: nn.Conv2d, 3: nn.Conv3d}[len(layer["kernel"])]
            settings = {name: tuple(layer[name]) for name in ("stride", "padding")}
            settings |= {"groups": layer["groups"], "bias": layer["bias"]}
            return conv(layer["in"], layer["out"], tuple(layer["kernel"]), **settings)
        case "linear":
            return nn.Linear(layer["in"], layer["out"], bias=layer["bias"])
        case "norm":
            norm: type[nn.Module] = {0: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[layer["sides"]]
            return norm(layer["features"], affine=layer["affine"])
        case "layernorm":
            return nn.LayerNorm(layer["features"])
        case "prelu":
            return nn.PReLU(layer["features"])
        case "pool":
            pools: dict[tuple[str, int], Callable[..., nn.Module]] = {
                ("avg", 2): nn.AvgPool2d,
                ("avg", 3): nn.AvgPool3d,
                ("max", 2): nn.MaxPool2d,
                ("max", 3): nn.MaxPool3d,
            }
            return pools[layer["mode"], len(layer["kernel"])](tuple(layer["kernel"]), tuple(layer["stride"]))
        case "adaptive":
            adaptive: dict[tuple[str, int], Callable[..., nn.Module]] = {
                ("avg", 2): nn.AdaptiveAvgPool2d,
                ("avg", 3): nn.AdaptiveAvgPool3d,
                ("max", 2): nn.AdaptiveMaxPool2d,
                ("max", 3): nn.AdaptiveMaxPool3d,
            }
            return adaptive[layer["mode"], len(layer["size"])](tuple(layer["size"]))
        case "relu":
            return nn.ReLU()
        case "flatten":
            return nn.Flatten()
        case "scale":
            return Scale(layer["factor"])
    raise ForeignError(
        f"There is no layer of kind {layer['kind']!r}. If a newer STN Viz wrote this run, update this one."
    )


class Scale(nn.Module):
    """Multiplies by a fixed number: ASTER's head takes a tenth of its features."""

    def __init__(self, factor: float) -> None:
        """Keep the number."""
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: any -> the same."""
        return x * self.factor


def _expected(layer: Layer) -> dict[str, tuple[int, ...]]:
    match layer["kind"]:
        case "conv":
            weight = (layer["out"], layer["in"] // layer["groups"], *layer["kernel"])
        case "linear":
            weight = (layer["out"], layer["in"])
        case "norm":
            features = (layer["features"],)
            names = ("weight", "bias") if layer["affine"] else ()
            return dict.fromkeys((*names, "running_mean", "running_var"), features)
        case "layernorm":
            return dict.fromkeys(("weight", "bias"), (layer["features"],))
        case "prelu":
            return {"weight": (layer["features"],)}
        case _:
            return {}
    return {"weight": weight} | ({"bias": weight[:1]} if layer["bias"] else {})
