"""Layers as they are sent: small pictures of what they hold, bytes of which the middle is 0 where values have signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from stn_viz.lens.learning.following import Passed

MOST_MAPS, LARGEST_SIDE = 32, 64
MOST_UNITS = 512
MOST_LAYERS = 24
MOST_FILTERS, LARGEST_FILTER = 32, 16


def centred_bytes(values: NDArray[Any]) -> tuple[NDArray[np.uint8], float, float]:
    """Values as bytes, with what 0 and 255 stand for: 0 to the largest, or, where some are negative, -m to m.

    So 0 is black where nothing is below it, and else the middle grey, whatever the values of the image at hand are.
    """
    finite = np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    most = float(np.abs(finite).max(initial=0.0)) or 1.0
    low = -most if finite.min(initial=0.0) < 0 else 0.0
    return np.rint((finite - low) * (255 / (most - low))).astype(np.uint8), low, most


def silent_units(values: NDArray[Any]) -> int:
    """How many channels, or units of a vector, are 0 in every place and for every image. Shapes: values (N, C, ...)."""
    return int((np.abs(values).max(axis=(0, *range(2, values.ndim))) == 0).sum())


def sent(layers: Sequence[Passed]) -> tuple[dict[str, NDArray[Any]], list[dict[str, Any]]]:
    """Arrays "layer_i" and "filters_i" and the words that go with them, for layers that one image passed.

    Shapes: layer_i (c, h, w) of maps, c up to 32 and sides up to 64, larger ones averaged; (m,) of vectors, m up to
            512. filters_i (c, k, k), each the mean over its input channels where there are several.
    Units:  bytes; 0 and 255 stand for low and high of the entry, filter_low and filter_high.
    """
    arrays: dict[str, NDArray[Any]] = {}
    told = []
    for index, layer in enumerate(layers):
        own = layer.values[0]
        shown, slice_ = _shown(own)
        arrays[f"layer_{index}"], low, high = centred_bytes(shown)
        entry: dict[str, Any] = {
            "name": layer.name,
            "kind": layer.kind,
            "shape": list(own.shape),
            "low": low,
            "high": high,
            "slice": slice_,
            "silent": silent_units(layer.values.numpy()),
            "finite": bool(layer.values.isfinite().all()),
        }
        filters = _filters(layer)
        if filters is not None:
            arrays[f"filters_{index}"], entry["filter_low"], entry["filter_high"] = centred_bytes(filters[0])
            entry |= filters[1]
        told.append(entry)
    return arrays, told


def _shown(own: Tensor) -> tuple[NDArray[np.float32], int | None]:
    """What of one image's values is drawn, and which slice of a volume."""
    import torch.nn.functional as F

    if own.ndim <= 1:
        return own.reshape(-1)[:MOST_UNITS].float().numpy(), None
    maps = own[None] if own.ndim == 2 else own
    slice_ = None
    if maps.ndim == 4:
        slice_ = maps.shape[1] // 2
        maps = maps[:, slice_]
    maps = maps.reshape(len(maps), *maps.shape[-2:])[:MOST_MAPS].float() if maps.ndim == 3 else maps.flatten(1)[:, None]
    height, width = (min(side, LARGEST_SIDE) for side in maps.shape[1:])
    if (height, width) != tuple(maps.shape[1:]):
        maps = F.adaptive_avg_pool2d(maps, (height, width))
    return maps[:MOST_MAPS].numpy(), slice_


def _filters(layer: Passed) -> tuple[NDArray[np.float32], Mapping[str, Any]] | None:
    """A convolution's filters as flat pictures, and how they became flat; None of a layer that has none."""
    weight = layer.weight
    if layer.kind != "convolution" or weight is None or weight.ndim not in (4, 5):
        return None
    if max(weight.shape[2:]) > LARGEST_FILTER:
        return None
    filters = weight.detach().float()
    if filters.ndim == 5:
        filters = filters[:, :, filters.shape[2] // 2]
    inputs = filters.shape[1]
    return filters[:MOST_FILTERS].mean(1).numpy(), {"filter_inputs": inputs, "filter_count": len(weight)}
