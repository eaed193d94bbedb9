"""The paper's module, in torch alone: families, gauges, the sampler, the spatial transformer."""

from stn_viz.transformer.base import Family, Fit, ShapeError
from stn_viz.transformer.drawing import drawing_basis
from stn_viz.transformer.families import FAMILIES, VOLUME_FAMILIES, family
from stn_viz.transformer.gauges import Gauge, gauge
from stn_viz.transformer.module import SpatialTransformer, identity_start
from stn_viz.transformer.planar import Planar
from stn_viz.transformer.sampler import Kernel, Padding, sample, sample_area, sample_by_sum
from stn_viz.transformer.tps import tps_factors

__all__ = [
    "FAMILIES",
    "VOLUME_FAMILIES",
    "Family",
    "Fit",
    "Gauge",
    "Kernel",
    "Padding",
    "Planar",
    "ShapeError",
    "SpatialTransformer",
    "drawing_basis",
    "family",
    "gauge",
    "identity_start",
    "sample",
    "sample_area",
    "sample_by_sum",
    "tps_factors",
]
