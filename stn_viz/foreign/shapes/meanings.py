"""The list of readings: what the outputs of other people's localisation networks mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import pi
from typing import TYPE_CHECKING

from .readings import Reading, added, picked, same
from .splines import lattices, rows

if TYPE_CHECKING:
    from torch import Tensor

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_IDENTITY3 = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_IDENTITY_H = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def _affine(entries: Callable[..., Sequence[Tensor | float]]) -> Callable[[Tensor], Tensor]:
    """From a function of the columns that gives the six entries of the matrix, row by row."""

    def to_theta(outputs: Tensor) -> Tensor:
        import torch

        columns = outputs.unbind(1)
        zero = torch.zeros_like(columns[0])
        return torch.stack([zero + entry for entry in entries(*columns)], 1)

    return to_theta


def _turned(angle: Tensor, zoom: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    return angle.cos() * zoom, angle.sin() * zoom


def _rotation(angle: Tensor) -> Sequence[Tensor | float]:
    c, s = _turned(angle)
    return [c, -s, 0, s, c, 0]


def _rotation_shift(angle: Tensor, x: Tensor, y: Tensor) -> Sequence[Tensor | float]:
    c, s = _turned(angle)
    return [c, -s, x, s, c, y]


def _rotation_zoom_shift(angle: Tensor, zoom: Tensor, x: Tensor, y: Tensor) -> Sequence[Tensor | float]:
    c, s = _turned(angle, zoom)
    return [c, -s, x, s, c, y]


def _normalised(outputs: Tensor) -> Tensor:
    return outputs[:, :8] / outputs[:, 8:]


def _few() -> Iterator[Reading]:
    """Readings of up to 12 outputs, the usual one of each number first."""
    yield Reading(name="affine", label="affine, row by row", outputs=6, identity=_IDENTITY, to_theta=same)
    yield Reading(
        name="affine-residual",
        label="affine, added to the identity",
        outputs=6,
        identity=(0.0,) * 6,
        to_theta=added(_IDENTITY),
    )
    yield Reading(
        name="affine-yx",
        label="affine, y before x",
        outputs=6,
        identity=_IDENTITY,
        to_theta=picked(4, 3, 5, 1, 0, 2),
    )
    yield Reading(
        name="affine-columns",
        label="affine, column by column",
        outputs=6,
        identity=(1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
        to_theta=picked(0, 2, 4, 1, 3, 5),
    )
    yield Reading(
        name="attention",
        label="zoom, shift x, shift y",
        outputs=3,
        identity=(1.0, 0.0, 0.0),
        to_theta=same,
        family="attention",
    )
    yield Reading(
        name="angle-shift",
        label="angle in radians, shift x, shift y",
        outputs=3,
        identity=(0.0, 0.0, 0.0),
        to_theta=_affine(_rotation_shift),
    )
    yield Reading(
        name="similarity",
        label="zoom times cosine, zoom times sine, shift x, shift y",
        outputs=4,
        identity=(1.0, 0.0, 0.0, 0.0),
        to_theta=same,
        family="similarity",
    )
    yield Reading(
        name="scale-shift",
        label="scale x, scale y, shift x, shift y",
        outputs=4,
        identity=(1.0, 1.0, 0.0, 0.0),
        to_theta=_affine(lambda sx, sy, x, y: [sx, 0, x, 0, sy, y]),
    )
    yield Reading(
        name="scale-shift-rows",
        label="scale x, shift x, scale y, shift y",
        outputs=4,
        identity=(1.0, 0.0, 1.0, 0.0),
        to_theta=_affine(lambda sx, x, sy, y: [sx, 0, x, 0, sy, y]),
    )
    yield Reading(
        name="angle-zoom-shift",
        label="angle in radians, zoom, shift x, shift y",
        outputs=4,
        identity=(0.0, 1.0, 0.0, 0.0),
        to_theta=_affine(_rotation_zoom_shift),
    )
    yield Reading(
        name="translation",
        label="shift x, shift y",
        outputs=2,
        identity=(0.0, 0.0),
        to_theta=same,
        family="translation",
    )
    yield Reading(
        name="scales",
        label="scale x, scale y",
        outputs=2,
        identity=(1.0, 1.0),
        to_theta=_affine(lambda sx, sy: [sx, 0, 0, 0, sy, 0]),
    )
    yield Reading(name="angle", label="angle in radians", outputs=1, identity=(0.0,), to_theta=_affine(_rotation))
    yield Reading(
        name="angle-turns",
        label="angle in whole turns (1 is 360°)",
        outputs=1,
        identity=(0.0,),
        to_theta=_affine(lambda turns: _rotation(2 * pi * turns)),
    )
    yield Reading(name="zoom", label="zoom", outputs=1, identity=(1.0,), to_theta=_affine(lambda s: [s, 0, 0, 0, s, 0]))
    yield Reading(
        name="projective",
        label="projective, row by row, h33 = 1",
        outputs=8,
        identity=_IDENTITY_H,
        to_theta=same,
        family="projective",
    )
    yield Reading(
        name="projective-residual",
        label="projective, added to the identity",
        outputs=8,
        identity=(0.0,) * 8,
        to_theta=added(_IDENTITY_H),
        family="projective",
    )
    yield Reading(
        name="projective-9",
        label="projective, nine entries, divided by the last",
        outputs=9,
        identity=(*_IDENTITY_H, 1.0),
        to_theta=_normalised,
        family="projective",
    )
    yield Reading(
        name="affine3",
        label="affine of a volume, row by row (x, y, z)",
        outputs=12,
        identity=_IDENTITY3,
        to_theta=same,
        family="affine3",
    )
    yield Reading(
        name="affine3-residual",
        label="affine of a volume, added to the identity",
        outputs=12,
        identity=(0.0,) * 12,
        to_theta=added(_IDENTITY3),
        family="affine3",
    )


READINGS: Mapping[str, Reading] = {
    reading.name: reading for readings in (_few(), lattices(), rows()) for reading in readings
}


def readings_of(outputs: int, *, sides: int) -> list[Reading]:
    """The readings that take so many outputs, the usual one first."""
    return [reading for reading in READINGS.values() if reading.outputs == outputs and reading.sides == sides]
