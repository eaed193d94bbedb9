"""What a site samples, asked of the network itself: the channels of a feature map, small enough to be drawn."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.predictions import _network, _one_at_a_time, _picture, _site_input
from stn_viz.lens.question import LensError, site_of
from stn_viz.runs import Run
from stn_viz.view import View

MOST_CHANNELS = 64
LARGEST_SIDE = 64
"""Pixels a side and channels that are sent; 350 kB of base64 at most."""


def site_input(run: Run, view: View, U: NDArray[np.float32] | None = None) -> dict[str, Any]:
    """U of the view's site, of the weights in force at its step, by one scale for all its channels.

    Returns: shown channels of `channels`, height and width as they are sent, `of` [h, w] as they are in the network;
             data, base64 of (shown, height, width) bytes, from `low` (0) to `high` (255); snapshot, whose weights.
    A larger map is averaged over whole pixels, as evenly as they go.
    Raises: LensError for a picture that is not the run's, a run without its network, or a site that samples a volume.
    """
    import torch
    import torch.nn.functional as F

    site = site_of(run, view)
    if U is not None:
        raise LensError(
            f"Site {view.site} samples a feature map inside the network, which is known for the run's own "
            "images alone. Choose one of these, or the network's first transformer."
        )
    if len(site.input_size) != 2:
        raise LensError("This site samples a volume; its channels can be shown of flat images only.")
    picture = torch.from_numpy(_picture(run, view, None))
    snapshot = run.snapshot_at(view.step)
    model = _network(run, snapshot)
    with torch.inference_mode(), _one_at_a_time:
        found = _site_input(run, view, model, snapshot, picture, foreign=False)
        maps = found.float()[0]
        channels, height, width = maps.shape
        sent = maps[:MOST_CHANNELS]
        if max(height, width) > LARGEST_SIDE:
            sent = F.adaptive_avg_pool2d(sent, (min(height, LARGEST_SIDE), min(width, LARGEST_SIDE)))
    if not bool(sent.isfinite().all()):
        raise LensError("The feature map is not finite here: the training had gone astray. Choose an earlier step.")
    low, high = float(sent.min()), float(sent.max())
    spread = high - low if high > low else 1.0
    values = ((sent - low) * (255 / spread)).round().clamp(0, 255).byte().numpy()
    return {
        "shown": len(values),
        "channels": channels,
        "height": values.shape[1],
        "width": values.shape[2],
        "of": [height, width],
        "data": base64.b64encode(np.ascontiguousarray(values).tobytes()).decode(),
        "low": low,
        "high": high,
        "snapshot": snapshot,
    }
