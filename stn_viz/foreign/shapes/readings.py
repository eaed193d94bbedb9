"""How the outputs of a localisation network become a sampling grid: by way of a theta in our own order.

The same six numbers mean different things to different authors. A reading takes them, after their activation, to a
theta in stn_viz's order (x before y, row by row, normalised, target to source), and that to a grid. `READINGS` in
meanings.py lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from stn_viz.transformer import Family


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One meaning of a localisation network's outputs.

    label: for the form, in words. outputs: how many numbers it takes.
    identity: the outputs, after their activation, that leave the picture as it is; nan where any number will do.
    to_theta: outputs (N, n) to theta (N, P).
    family, options: of that theta, as `stn_viz.transformer.family` takes them; "affine3" for volumes; None where
            theta is control points that are no lattice: `control` has their target positions (x, y).
    """

    name: str
    label: str
    outputs: int
    identity: tuple[float, ...]
    to_theta: Callable[[Tensor], Tensor]
    family: str | None = "affine"
    options: Mapping[str, int] = field(default_factory=dict)
    control: tuple[tuple[float, float], ...] = ()

    @property
    def sides(self) -> int:
        """2 for images, 3 for volumes."""
        return 3 if self.family == "affine3" else 2

    def theta(self, outputs: Tensor) -> Tensor:
        """Theta in stn_viz's own order. Shapes: outputs (N, n), after the activation -> theta (N, P)."""
        return self.to_theta(outputs)

    def grid(self, theta: Tensor, *, size: Sequence[int], align_corners: bool) -> Tensor:
        """Where the sampler looks.

        An affine theta goes through torch's own affine_grid, so that whoever watches the operators sees theta itself.

        Shapes: theta (N, P), size (H', W') or (D', H', W') -> grid (N, *size, 2 or 3).
        Units:  normalised, target to source.
        """
        import torch
        from torch.nn import functional as F

        if self.family in ("affine", "affine3"):
            matrix = theta.view(-1, self.sides, self.sides + 1)
            return F.affine_grid(matrix, [len(theta), 1, *size], align_corners=align_corners)
        height, width = size
        if self.family is None:
            b, M, m0 = (factor.to(theta) for factor in _spline(self.control, height, width))
            H = torch.addmm(m0, theta, M.T).view(len(theta), -1, 3)
            return torch.einsum("hwk,nkd->nhwd", b, H)[..., :2]
        return _laid(self.family, height, width, align_corners, tuple(self.options.items())).grid(theta)


def same(outputs: Tensor) -> Tensor:
    """The outputs are theta as they are."""
    return outputs


def picked(*columns: int) -> Callable[[Tensor], Tensor]:
    """Theta is the outputs in another order."""
    return lambda outputs: outputs[:, list(columns)]


def added(identity: Sequence[float]) -> Callable[[Tensor], Tensor]:
    """Theta is the outputs and the identity together."""
    return lambda outputs: outputs + outputs.new_tensor(identity)


# The form asks for the same few again and again while it is filled in.
@lru_cache(maxsize=8)
def _laid(name: str, height: int, width: int, align_corners: bool, options: tuple[tuple[str, int], ...]) -> Family:
    from stn_viz.transformer import family

    return family(name, size=(height, width), align_corners=align_corners, **dict(options))


@lru_cache(maxsize=8)
def _spline(control: tuple[tuple[float, float], ...], height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """A thin plate spline's factors at the pixels' centres, which is where these authors lay it in any case."""
    import torch

    from stn_viz.transformer import family, tps_factors

    x, y = family("affine", size=(height, width), align_corners=False).target_grid()
    return tps_factors(torch.tensor(control, dtype=torch.float64), x, y)
