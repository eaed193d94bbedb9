"""What a transformation family is: homogeneous source points that are affine-linear in theta.

    H(p) = b(p) (M theta + m0) = B(p) theta + c(p),    x_s = H_x / H_w,    y_s = H_y / H_w,    z_s = H_z / H_w

z is there for families over volumes alone; nothing else differs for them. A family gives its factors (b, M, m0);
basis, grid and fit follow from them here, for every family alike.
Source: Jaderberg et al. 2015, section 3.2 ("T_theta = M_theta B"); DESIGN, idea 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F


class ShapeError(ValueError):
    """A tensor has not the shape that its place asks for; the message names both and what to do."""


@dataclass(frozen=True)
class Fit:
    """The member of a family that comes nearest to a grid.

    Shapes: theta (N, P), residual (N,).
    Units:  residual is the root mean square distance between the grid's points and the fitted ones, normalised
            (-1..1 spans the input); inf where the fitted theta puts a horizon on a grid point.
    """

    theta: Tensor
    residual: Tensor


class Family(ABC):
    """A kind of transformation, laid over one target grid. A subclass says its names, its identity and `factors`.

    Convention: theta maps target to source (where to fetch from); coordinates are (x, y) or (x, y, z), along W, H and D
    in this order, normalised, -1..1 spanning the image under align_corners: pixel centres at -1 + (2 j + 1) / W (False)
    or at -1 + 2 j / (W - 1) (True). Shapes are written for images; over a volume, D' stands before H' and z after y.
    """

    name: ClassVar[str]
    # Sides of the target grid: 2 for images (H', W'), 3 for volumes (D', H', W').
    sides: ClassVar[int] = 2
    # Theta's entries in order, and the values at which the grid is the target grid itself.
    parameter_names: tuple[str, ...]
    start: tuple[float, ...]
    # True where straight lines stay straight: two points then draw a grid line.
    straight: bool = False
    # Target positions (n, 2), float64, of the points whose source positions theta is; None where it is none of those.
    control: Tensor | None = None

    def __init__(self, *, size: tuple[int, ...], align_corners: bool) -> None:
        """Lay the family over a target grid of `size` (H', W'), or (D', H', W') for a family over volumes.

        Raises: ShapeError if the size is not as many positive integers as the family has sides.
        """
        if len(size) != self.sides or any(int(n) != n or n < 1 for n in size):
            expected = "(H', W') of two" if self.sides == 2 else "(D', H', W') of three"
            raise ShapeError(f"A target grid has a size {expected} positive integers, got {tuple(size)}.")
        self.size = tuple(int(n) for n in size)
        self.align_corners = align_corners
        self._flat: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = {}

    @abstractmethod
    def factors(self, *target: Any, **named: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The family's definition at any target points: H = b (M theta + m0).view(k, 3). A subclass takes (x, y).

        Shapes: x, y alike, of any shape -> b (*x.shape, k), M (3 k, P), m0 (3 k,). Row j * 3 + d of M and m0 is what
                basis function j gives to coordinate d of H (x, y, w). M and m0 do not depend on the points.
                Over volumes: (x, y, z), M (4 k, P), m0 (4 k,), and H is (x, y, z, w).
        Units:  normalised. dtype and device of all three are x's.
        """

    @property
    def options(self) -> dict[str, Any]:
        """What `family` takes beside size and align_corners to make this one again, fit for JSON."""
        return {}

    @property
    def identity(self) -> Tensor:
        """Theta (P,), float64, whose grid is the target grid: where training starts."""
        return torch.tensor(self.start, dtype=torch.float64)

    def target_grid(self) -> tuple[Tensor, ...]:
        """The regular grid G as x_t, y_t (, z_t), each (H', W'), float64, normalised; 0 where a side is one long."""
        sides = [_centres(n, align_corners=self.align_corners) for n in self.size]
        return tuple(reversed(torch.meshgrid(*sides, indexing="ij")))

    @cached_property
    @torch.inference_mode(False)  # a tensor made in inference mode could never take part in training
    def basis(self) -> Tensor:
        """B (H', W', 3, P), float64: the Jacobian of H; column p is the influence field of theta's entry p."""
        b, M, _ = self.factors(*self.target_grid())
        return torch.einsum("...k,kdp->...dp", b, M.view(b.shape[-1], self.sides + 1, -1))

    @cached_property
    @torch.inference_mode(False)
    def offset(self) -> Tensor:
        """The part c (H', W', 3), float64, of H that theta does not move."""
        b, _, m0 = self.factors(*self.target_grid())
        return b @ m0.view(-1, self.sides + 1)

    @cached_property
    def has_horizon(self) -> bool:
        """True where theta moves H_w, so that points can come to lie at or behind infinity; else H_w is 1.

        Raises: ValueError for a family whose H_w is fixed at something else than 1.
        """
        if self.basis[..., -1, :].any():
            return True
        if not torch.allclose(self.offset[..., -1], torch.ones((), dtype=torch.float64), rtol=0, atol=1e-9):
            raise ValueError(f"family {self.name!r}: theta does not move H_w, so it must be 1. Change m0.")
        return False

    def homogeneous(self, theta: Tensor) -> Tensor:
        """The source points before the division: H = B theta + c. Behind the horizon H_w is negative.

        Shapes: theta (N, P) -> (N, H', W', 3), last axis (x, y, w).
        Units:  normalised, homogeneous. float16 and bfloat16 give float32; float64 stays float64.
        Raises: as `grid`.
        """
        H = self._product(self.checked(theta))
        return H if self.has_horizon else F.pad(H, (0, 1), value=1.0)

    def grid(self, theta: Tensor) -> Tensor:
        """Where the sampler looks: T_theta(G), from target to source, by one matrix product.

        Shapes: theta (N, P) -> grid (N, H', W', 2), last axis (x, y).
        Units:  normalised; -1..1 spans the input under align_corners, beyond it is padding. float16 and bfloat16
                give float32, also under autocast: half precision would move points by pixels. float64 stays.
        Raises: ShapeError if theta has not P entries, ValueError naming the first entry that is not finite. Never for
                what finite values give: H_w = 0, a projective horizon, is inf or nan, and the caller decides.
        Source: Jaderberg et al. 2015, section 3.2; DESIGN, idea 1.
        """
        H = self._product(self.checked(theta))
        return H[..., :-1] / H[..., -1:] if self.has_horizon else H

    def fit(self, grid: Tensor) -> Fit:
        """The theta whose grid comes nearest, by least squares, and how near that is.

        With a horizon the linear form H_x - x H_w = 0, H_y - y H_w = 0 is solved, each equation divided by
        sqrt(1 + x^2 + y^2) so that points near the horizon do not outweigh the rest: exact for grids of the family,
        and near the least squares of distances for others. What the grid leaves open (fewer points than parameters)
        stays at the identity. Computed in float64 on the CPU, since the devices do not all have it.

        Shapes: grid (N, H', W', 2) -> theta (N, P), residual (N,); dtype (at least float32) and device are the grid's.
        Units:  normalised.
        Raises: ShapeError if the grid has another size, ValueError if a point is not finite.
        """
        if grid.dim() != self.sides + 2 or tuple(grid.shape[1:]) != (*self.size, self.sides):
            raise ShapeError(
                f"grid has shape {tuple(grid.shape)}, but this {self.name!r} family lies over a target grid of "
                f"(N, {', '.join(str(n) for n in self.size)}, {self.sides}). Make the family with the grid's own size."
            )
        if not grid.isfinite().all():
            place = (~grid.isfinite()).nonzero()[0].tolist()
            raise ValueError(
                f"{_where(place[:-1])}: {'xyz'[place[-1]]} is {grid[tuple(place)].item()}, so no theta can be fitted. "
                "Leave out grids with points that are not finite."
            )
        points = grid.detach().to("cpu", torch.float64)
        theta = self._fit_linear_form(points) if self.has_horizon else self._fit_basis(points)
        distance = (self.grid(theta) - points).square().sum(-1).flatten(1)
        residual = distance.mean(1).sqrt().nan_to_num(nan=torch.inf)
        dtype = torch.promote_types(grid.dtype, torch.float32)
        return Fit(theta.to(grid.device, dtype), residual.to(grid.device, dtype))

    def checked(self, theta: Tensor) -> Tensor:
        """Theta as the grid computes with it: at least float32, and refused where no grid could come of it.

        Raises: ShapeError, TypeError or ValueError, as `grid`.
        """
        P = len(self.parameter_names)
        if theta.dim() != 2 or theta.shape[1] != P:
            raise ShapeError(
                f"theta has shape {tuple(theta.shape)}, but family {self.name!r} takes (N, {P}): "
                f"{', '.join(self.parameter_names)}. Reshape theta, or choose the family that it belongs to."
            )
        if not theta.is_floating_point():
            raise TypeError(f"theta is {theta.dtype}, expected a floating point tensor. Convert it with theta.float().")
        # A compiler cannot trace a choice that depends on values; it traces the grid alone.
        if not torch.compiler.is_compiling() and not theta.isfinite().all():
            n, p = (~theta.isfinite()).nonzero()[0].tolist()
            raise ValueError(
                f"theta {n}, family {self.name!r}: {self.parameter_names[p]} is {theta[n, p].item()}, expected a "
                "finite number. In training, the localisation network has diverged: lower its learning rate or clip "
                "its gradients."
            )
        return theta.to(torch.promote_types(theta.dtype, torch.float32))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by what made it: the basis is rebuilt, so a saved module does not carry it."""
        return _rebuild, (type(self), self.size, self.align_corners, self.options)

    def __repr__(self) -> str:
        """The call that makes it, as in affine(size=(28, 28), align_corners=False)."""
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"{self.name}(size={self.size}, align_corners={self.align_corners}{options})"

    def _product(self, theta: Tensor) -> Tensor:
        """H's rows that theta moves, (N, H', W', d), by one addmm out of autocast's reach."""
        basis, offset = self._flattened(theta.dtype, theta.device)
        with torch.autocast(theta.device.type, enabled=False):
            return torch.addmm(offset, theta, basis).view(len(theta), *self.size, -1)

    def _flattened(self, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
        """B as (P, H' W' d) and c as (H' W' d), d without H_w where it is 1, kept for each dtype and device.

        Kept here and not as a module's buffers, which .half() would round and .double() would leave at float32.
        """
        kept = self._flat.get((dtype, device))
        if kept is None:
            d = self.sides + 1 if self.has_horizon else self.sides
            with torch.inference_mode(False):
                basis = self.basis[..., :d, :].flatten(0, -2).T.to(dtype).to(device).contiguous()
                kept = basis, self.offset[..., :d].flatten().to(dtype).to(device)
            if not torch.compiler.is_compiling():  # where tensors are stand-ins
                self._flat[dtype, device] = kept
        return kept

    @cached_property
    def _pseudo_inverse(self) -> Tensor:
        """The least squares solution (P, 2 H' W') of B theta = grid - c."""
        return _least_squares(self.basis[..., :-1, :].flatten(0, -2))

    def _fit_basis(self, points: Tensor) -> Tensor:
        """Least squares on B, from the identity."""
        rest = points - self.grid(self.identity[None])
        return self.identity + rest.flatten(1) @ self._pseudo_inverse.T

    def _fit_linear_form(self, points: Tensor) -> Tensor:
        """Least squares on (B_x - x B_w) theta = x c_w - c_x, one grid at a time: the equations are the grid's own."""
        weight = (1 + points.square().sum(-1, keepdim=True)).rsqrt()
        thetas = [self.identity.new_empty(0, len(self.start))]
        for xy, w in zip(points, weight, strict=True):
            A = w[..., None] * (self.basis[..., :-1, :] - xy[..., None] * self.basis[..., -1:, :])
            r = w * (xy * self.offset[..., -1:] - self.offset[..., :-1]) - A @ self.identity
            thetas.append((self.identity + _least_squares(A.flatten(0, -2)) @ r.flatten())[None])
        return torch.cat(thetas)


def _centres(n: int, *, align_corners: bool) -> Tensor:
    """Pixel centres of one side, (n,), float64, normalised: torch's convention, in which one pixel lies at 0."""
    if n == 1:
        return torch.zeros(1, dtype=torch.float64)
    centres = torch.linspace(-1, 1, n, dtype=torch.float64)
    return centres if align_corners else centres * ((n - 1) / n)


def _least_squares(A: Tensor) -> Tensor:
    """The pseudo-inverse (P, m) of A (m, P), by way of QR: for a tall A, faster than its own SVD."""
    Q, R = torch.linalg.qr(A)
    inverse: Tensor = torch.linalg.pinv(R) @ Q.T
    return inverse


def _where(place: list[int]) -> str:
    """A point of a batch of grids in words: of images by row and column, of volumes by slice too."""
    names = ("grid", "row", "column") if len(place) == 3 else ("grid", "slice", "row", "column")
    return ", ".join(f"{name} {index}" for name, index in zip(names, place, strict=True))


def _rebuild(kind: type[Family], size: tuple[int, ...], align_corners: bool, options: dict[str, Any]) -> Family:
    return kind(size=size, align_corners=align_corners, **options)
