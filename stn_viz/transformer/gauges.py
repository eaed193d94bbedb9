"""Gauges: human coordinates over theta. Rotation, zoom, aspect, shear and shift, and back.

    [[t11, t12], [t21, t22]] = R(rotation) [[1, shear], [0, 1]] diag(s_x, s_y), R(a) = [[cos a, -sin a], [sin a, cos a]]

    s_x = |first column| > 0, s_y has the determinant's sign;  zoom = 1 / sqrt(|s_x s_y|),  aspect = s_y / s_x

People say zoom for what shrinks theta: theta maps target to source, so scale 0.5 is zoom 2. A reflection has a negative
aspect. A singular matrix has no zoom; it is read as if its vanishing scale were 1e-12, so every number stays finite
and the way back still ends within 1e-12 of it. `stage/numbers/gauge.js` follows the same formulas, for the hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stn_viz.transformer.base import ShapeError

# The least scale, and the least zoom, that a gauge tells from none. An aspect, s_y / s_x, may be 1e-12 / 1e12.
_LEAST = 1e-12
_LEAST_ASPECT = _LEAST**2


@dataclass(frozen=True)
class Gauge:
    """Coordinates for people over a family's theta: to_theta and from_theta, inverse to each other.

    Units: rotation in degrees, in (-180, 180], positive turning x towards y (t21 > 0); zoom and aspect as ratios; shear
           as x per y; shift_x and shift_y normalised, as theta's.
    """

    names: tuple[str, ...]
    parameter_names: tuple[str, ...]
    _to: Callable[[Tensor], Tensor]
    _from: Callable[[Tensor], Tensor]

    def to_theta(self, values: Tensor) -> Tensor:
        """Theta (..., P) of gauge values (..., G). A zoom of 0 is read as 1e-12, an aspect of 0 as 1e-24.

        dtype and device are the values', at least float32.
        Raises: ShapeError for a wrong number of values, ValueError naming the first that is not finite.
        """
        return self._to(_checked(values, self.names, "gauge"))

    def from_theta(self, theta: Tensor) -> Tensor:
        """Gauge values (..., G) of theta (..., P), finite also where theta's matrix is singular.

        dtype and device are theta's, at least float32.
        Raises: ShapeError for a wrong number of entries, ValueError naming the first that is not finite.
        """
        return self._from(_checked(theta, self.parameter_names, "theta"))


def gauge(name: str) -> Gauge | None:
    """The gauge over the family of this name; None for a family whose theta has no such reading."""
    return _GAUGES.get(name)


def _affine_to_theta(values: Tensor) -> Tensor:
    rotation, zoom, aspect, shear, shift_x, shift_y = values.unbind(-1)
    aspect = _at_least(aspect, _LEAST_ASPECT)
    s_x = 1 / (_at_least(zoom) * aspect.abs().sqrt())
    s_y = aspect * s_x
    cos, sin = _turn(rotation)
    along = shear * s_y  # the second column's part along the first
    return torch.stack(
        [cos * s_x, cos * along - sin * s_y, shift_x, sin * s_x, sin * along + cos * s_y, shift_y],
        -1,
    )


def _affine_from_theta(theta: Tensor) -> Tensor:
    t11, t12, t13, t21, t22, t23 = theta.unbind(-1)
    first, second = torch.hypot(t11, t21), torch.hypot(t12, t22)
    # (cos, sin) is the first column's direction; without one, the second column's turned back by 90 degrees.
    gone, none = first < _LEAST, (first < _LEAST) & (second < _LEAST)
    length = torch.where(none, 1.0, torch.where(gone, second, first))
    cos = torch.where(none, 1.0, torch.where(gone, t22, t11) / length)
    sin = torch.where(none, 0.0, torch.where(gone, -t12, t21) / length)
    s_x, s_y = first.clamp(min=_LEAST), _at_least(cos * t22 - sin * t12)
    shear = (cos * t12 + sin * t22) / s_y
    zoom = 1 / (s_x.sqrt() * s_y.abs().sqrt())
    return torch.stack([_angle(sin, cos), zoom, s_y / s_x, shear, t13, t23], -1)


def _similarity_to_theta(values: Tensor) -> Tensor:
    rotation, zoom, shift_x, shift_y = values.unbind(-1)
    cos, sin = _turn(rotation)
    scale = 1 / _at_least(zoom)
    return torch.stack([cos * scale, sin * scale, shift_x, shift_y], -1)


def _similarity_from_theta(theta: Tensor) -> Tensor:
    a, b, t_x, t_y = theta.unbind(-1)
    return torch.stack([_angle(b, a), 1 / torch.hypot(a, b).clamp(min=_LEAST), t_x, t_y], -1)


def _attention(values: Tensor) -> Tensor:
    """Zoom is 1/s with its sign, so this is the way there and the way back."""
    scale, x, y = values.unbind(-1)
    return torch.stack([1 / _at_least(scale), x, y], -1)


def _at_least(v: Tensor, least: float = _LEAST) -> Tensor:
    """Kept away from 0, on its own side; 0 itself counts as positive."""
    return torch.where(v < 0, v.clamp(max=-least), v.clamp(min=least))


def _turn(rotation: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of degrees."""
    angle = torch.deg2rad(rotation)
    return angle.cos(), angle.sin()


def _angle(sin: Tensor, cos: Tensor) -> Tensor:
    """Degrees in (-180, 180]; -0.0 as a sine counts as 0."""
    return torch.rad2deg(torch.atan2(sin + 0.0, cos))


def _checked(values: Tensor, names: tuple[str, ...], what: str) -> Tensor:
    if values.dim() == 0 or values.shape[-1] != len(names):
        raise ShapeError(
            f"{what} has shape {tuple(values.shape)}, expected (..., {len(names)}): {', '.join(names)}. Reshape it, or "
            "take the gauge of the family that it belongs to."
        )
    if not values.isfinite().all():
        entry = (~values.isfinite()).nonzero()[0, -1]
        raise ValueError(f"{what}: {names[int(entry)]} is not a finite number. Leave out entries that are nan or inf.")
    return values.to(torch.promote_types(values.dtype, torch.float32))


_GAUGES = {
    "affine": Gauge(
        ("rotation", "zoom", "aspect", "shear", "shift_x", "shift_y"),
        ("t11", "t12", "t13", "t21", "t22", "t23"),
        _affine_to_theta,
        _affine_from_theta,
    ),
    "attention": Gauge(("zoom", "shift_x", "shift_y"), ("s", "t_x", "t_y"), _attention, _attention),
    "similarity": Gauge(
        ("rotation", "zoom", "shift_x", "shift_y"),
        ("a", "b", "t_x", "t_y"),
        _similarity_to_theta,
        _similarity_from_theta,
    ),
}
