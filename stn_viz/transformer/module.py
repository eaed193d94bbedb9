"""The spatial transformer as a module: theta = f_loc(U), grid = T_theta(G), V = sample(U, grid) (figure 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stn_viz.transformer.base import Family, ShapeError
from stn_viz.transformer.sampler import Kernel, Padding, sample


class SpatialTransformer(nn.Module):
    """The paper's module around any localisation network.

    It holds no tensors of its own: the family keeps its basis for each dtype and device it is asked in, so .half() and
    .double() leave the grid's precision alone and no checkpoint carries what its sizes can rebuild.
    """

    def __init__(self, localisation: nn.Module, family: Family, *, kernel: Kernel, padding: Padding) -> None:
        """Put a localisation network, U (N, C, H, W) -> theta (N, P), before the family's grid.

        For volumes, U (N, C, D, H, W), the family is one over volumes.
        """
        super().__init__()
        self.localisation = localisation
        self.family = family
        _ = family.has_horizon  # builds the basis now, from real tensors: torch.export has only stand-ins
        self.kernel: Kernel = kernel
        self.padding: Padding = padding
        # Theta (N, P) of the last forward, detached; None before the first.
        self.theta: Tensor | None = None

    def forward(self, U: Tensor) -> Tensor:
        """Transform U as its localisation network says.

        Shapes: U (N, C, H, W) -> V (N, C, H', W'), the family's size; volumes alike, with D and D'.
        Raises: ShapeError and ValueError, as Family.grid, when the localisation network's theta is not one.
        """
        theta = self.localisation(U)
        grid = self.family.grid(theta)
        if not torch.compiler.is_compiling():  # a compiled program has no object to keep it in
            self.theta = theta.detach()
        return sample(U, grid, kernel=self.kernel, padding=self.padding, align_corners=self.family.align_corners)

    def extra_repr(self) -> str:
        """Family and sampler, beside the localisation network that torch prints itself."""
        return f"{self.family!r}, kernel={self.kernel!r}, padding={self.padding!r}"


def identity_start(layer: nn.Linear, family: Family) -> None:
    """Make a regression layer start from "do nothing": weight 0, bias the identity's theta (section 3.1).

    Changes the layer in place. An activation after it would bend the identity: the layer must be the last one.
    Raises: ShapeError if the layer has not P outputs or no bias.
    """
    if layer.bias is None or layer.out_features != len(family.start):
        raise ShapeError(
            f"The regression layer has {layer.out_features} outputs and {'no' if layer.bias is None else 'a'} bias, "
            f"but family {family.name!r} needs {len(family.start)} outputs and a bias that holds its identity."
        )
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(family.identity)
