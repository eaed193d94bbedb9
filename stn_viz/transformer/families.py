"""The lists of families: a name and its class. A new family is a class and one entry here.

Families over images and over volumes are two lists: whoever runs through one lays them all over one grid.
"""

from __future__ import annotations

from typing import Any

from stn_viz.transformer.base import Family
from stn_viz.transformer.freeform import FreeForm
from stn_viz.transformer.planar import Affine, Attention, Similarity, Translation
from stn_viz.transformer.projective import Projective
from stn_viz.transformer.tps import ThinPlateSpline
from stn_viz.transformer.volumes import Affine3

FAMILIES: dict[str, type[Family]] = {
    kind.name: kind for kind in (Affine, Attention, Similarity, Translation, Projective, ThinPlateSpline, FreeForm)
}

VOLUME_FAMILIES: dict[str, type[Family]] = {kind.name: kind for kind in (Affine3,)}


def family(name: str, *, size: tuple[int, ...], align_corners: bool = False, **options: Any) -> Family:
    """A family by its name, laid over a target grid of `size` (H', W'), or (D', H', W') for one over volumes.

    align_corners is False unless given, as in torch since 1.3. options: points for "tps" (2..8) and "free" (5..9),
    control points a side.
    Raises: ValueError for a name that is in neither list, TypeError for an option that the family does not have,
            ShapeError for a size of another number of sides.
    """
    kind = FAMILIES.get(name) or VOLUME_FAMILIES.get(name)
    if kind is None:
        known = ", ".join([*FAMILIES, *VOLUME_FAMILIES])
        raise ValueError(f"There is no family {name!r}. Choose one of {known}, or add yours to FAMILIES.")
    return kind(size=size, align_corners=align_corners, **options)
