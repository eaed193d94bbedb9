"""Where a network samples a grid: found by watching torch's dispatcher, so any network will do and none is changed.

Eager code, inference mode, torch.export programs, TorchScript and libraries that end in grid_sample (kornia) all
arrive at the same few operators. The same watch can put another V in a site's place, so that the rest of the
network answers on that V. DESIGN, idea 2.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from .info import Kernel, Padding

# The integers of aten's grid_sampler, in its order.
_KERNELS: tuple[Kernel, ...] = ("bilinear", "nearest", "bicubic")
_PADDINGS: tuple[Padding, ...] = ("zeros", "border", "reflection")

_aten = torch.ops.aten
# grid_sampler is seen whole in inference mode only; elsewhere it has become one of the others before a mode sees it.
_SAMPLERS = frozenset({_aten.grid_sampler, _aten.grid_sampler_2d, _aten.grid_sampler_3d, _aten.cudnn_grid_sampler})


@dataclass(frozen=True, kw_only=True, eq=False)
class SiteCall:
    """One use of a site in one forward pass.

    Shapes: U (N, C, H, W), grid (N, H', W', 2), V (N, C, H', W'), theta (N, 6) or None; in 3-D (N, C, D, H, W),
            (N, D', H', W', 3), (N, C, D', H', W') and theta (N, 12).
    Units:  grid is normalised, (x, y), target to source; theta is affine_grid's own argument where the grid is,
            untouched, what affine_grid gave (its align_corners need not be the site's: compare before use).
    """

    U: Tensor
    grid: Tensor
    V: Tensor
    kernel: Kernel
    padding: Padding
    align_corners: bool
    theta: Tensor | None


@contextmanager
def watch() -> Iterator[list[SiteCall]]:
    """List the sites that a network passes: `with watch() as seen: model(U)`, in the order of their use.

    The tensors are the network's own, not copies: copy what is to be kept or changed.
    """
    seen: list[SiteCall] = []
    with _Watch(seen):
        yield seen


def recorded(seen: list[SiteCall], n: int) -> list[SiteCall]:
    """Those of the sites that a run of n images counts: one grid an image. Several glimpses of each are no site."""
    return [call for call in seen if len(call.grid) == n]


def answer(model: nn.Module | Callable[[Tensor], Any], U: Tensor, V: Tensor, *, site: int = 0) -> Any:
    """What the network answers when `site` gives V, whatever it would have sampled itself.

    Shapes: U (N, C, h, w), the network's input; V as that site's own output, (N, C, H', W').
    Raises: ValueError if the network has no such site, or if V has another shape than the site's output.
    Gradients do not flow to V: torch's own backward of the sampler stands where V came in.
    """
    replaced = _Replace(V, site, len(U))
    with replaced:
        output = model(U)
    if replaced.count <= site:
        raise ValueError(
            f"there is no site {site}: the network samples {replaced.count} grid(s) in a forward pass, counted from 0."
        )
    return output


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    def __init__(self, seen: list[SiteCall]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = seen
        self.affine: list[tuple[Tensor, Tensor]] = []  # (grid, theta); held, so that no address is used twice

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        operator = func.overloadpacket
        if operator is _aten.affine_grid_generator:
            self.affine.append((output, args[0]))
        elif operator in _SAMPLERS:
            kernel, padding, align_corners = _settings(operator, args, kwargs or {})
            U, grid = args[0], args[1]
            theta = next((theta.flatten(1) for made, theta in reversed(self.affine) if _same(made, grid)), None)
            self.seen.append(
                SiteCall(
                    U=U, grid=grid, V=output, kernel=kernel, padding=padding, align_corners=align_corners, theta=theta
                )
            )
        return output


class _Replace(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as above
    def __init__(self, V: Tensor, site: int, n: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.V = V.detach()
        self.site = site
        self.n = n
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket not in _SAMPLERS or len(args[1]) != self.n:  # counted as `recorded` does
            return func(*args, **(kwargs or {}))
        self.count += 1
        if self.count - 1 != self.site:
            return func(*args, **(kwargs or {}))
        U, grid = args[0], args[1]
        expected = (*U.shape[:2], *grid.shape[1:-1])
        if tuple(self.V.shape) != expected:
            raise ValueError(
                f"V has shape {tuple(self.V.shape)}, but site {self.site} gives {expected}: "
                "sample V at the site's own output size, one for each image of U."
            )
        # A fresh tensor in any case: the network may change its V in place, and the caller's stays as it was.
        return self.V.to(device=U.device, dtype=U.dtype, copy=True)


def _settings(operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Kernel, Padding, bool]:
    if operator is _aten.cudnn_grid_sampler:  # it takes no settings: cuDNN has this one case only
        return "bilinear", "zeros", True
    names = ("interpolation_mode", "padding_mode", "align_corners")
    mode, padding, align_corners = (*args[2:], *(kwargs[name] for name in names[len(args) - 2 :]))
    return _KERNELS[mode], _PADDINGS[padding], bool(align_corners)


def _same(made: Tensor, grid: Tensor) -> bool:
    return (
        made.data_ptr() == grid.data_ptr()
        and made.shape == grid.shape
        and made.stride() == grid.stride()
        and made.dtype == grid.dtype
    )
