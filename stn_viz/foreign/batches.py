"""Programs that were exported for a fixed number of images, torch.export's default, asked with any number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def in_batches(size: int) -> Callable[[nn.Module, Tensor], Any]:
    """How to call a network that takes exactly `size` images at a time.

    The parts run unwatched. Their grids are then sampled once more all together, for whoever watches the sites: so a
    site is one site, with one grid for each image, and with theta where affine_grid gave the grid.
    """

    def forward(model: nn.Module, U: Tensor) -> Any:
        import torch
        from torch.nn import functional as F
        from torch.utils._python_dispatch import _disable_current_modes

        from stn_viz.runs.sites import watch

        n = len(U)
        short = -n % size
        padded = torch.cat([U, U[-1:].expand(short, *U.shape[1:])]) if short else U
        outputs, passes = [], []
        with _disable_current_modes():
            for part in torch.split(padded, size):
                with watch() as seen:
                    outputs.append(model(part))
                passes.append(list(seen))
        for calls in zip(*passes, strict=True):
            first = calls[0]
            sampled, grid = (torch.cat([getattr(call, name) for call in calls])[:n] for name in ("U", "grid"))
            if first.theta is not None:
                theta = torch.cat([call.theta for call in calls if call.theta is not None])[:n]
                sides = grid.shape[-1]
                made = F.affine_grid(
                    theta.view(n, sides, sides + 1), [n, 1, *grid.shape[1:-1]], align_corners=first.align_corners
                )
                grid = made if torch.equal(made, grid) else grid
            F.grid_sample(
                sampled, grid, mode=first.kernel, padding_mode=first.padding, align_corners=first.align_corners
            )
        return _joined(outputs, n)

    return forward


def _joined(outputs: list[Any], n: int) -> Any:
    import torch

    first = outputs[0]
    if isinstance(first, torch.Tensor) and first.ndim:
        return torch.cat(outputs)[:n]
    if isinstance(first, tuple | list):
        return [_joined([output[index] for output in outputs], n) for index in range(len(first))]
    return first
