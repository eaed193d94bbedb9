"""The list of families: a name and its class. A new family is a class and one entry here."""

from __future__ import annotations

from typing import Any

from stn_viz.transformer.base import Family
from stn_viz.transformer.freeform import FreeForm
from stn_viz.transformer.planar import Affine, Attention, Similarity, Translation
from stn_viz.transformer.projective import Projective
from stn_viz.transformer.tps import ThinPlateSpline

FAMILIES: dict[str, type[Family]] = {
    kind.name: kind for kind in (Affine, Attention, Similarity, Translation, Projective, ThinPlateSpline, FreeForm)
}


def family(name: str, *, size: tuple[int, int], align_corners: bool = False, **options: Any) -> Family:
    """A family by its name, laid over a target grid of `size` (H', W').

    align_corners is False unless given, as in torch since 1.3. options: points for "tps" (2..8) and "free" (5..9),
    control points a side.
    Raises: ValueError for a name that is not in FAMILIES, TypeError for an option that the family does not have.
    """
    if name not in FAMILIES:
        raise ValueError(f"There is no family {name!r}. Choose one of {', '.join(FAMILIES)}, or add yours to FAMILIES.")
    return FAMILIES[name](size=size, align_corners=align_corners, **options)
