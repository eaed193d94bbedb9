"""A picture as a run's network takes it: U = (range P - mean) / std, by the run's own preparation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def prepared(P: NDArray[np.float32], preparation: Mapping[str, Any]) -> NDArray[np.float32]:
    """What the network is given for a picture.

    Args:
        P: (C, H, W), from 0 to 1; red, green, blue where there are three channels.
        preparation: of run.json: mean and std, one for each channel or one for all, in the network's own order;
            channel_order, "rgb" or "bgr"; value_range, 1 or 255.

    Returns: U, (C, H, W) float32.
    """
    ordered = P[::-1] if len(P) == 3 and preparation["channel_order"] == "bgr" else P
    mean, std = (np.asarray(preparation[name], np.float32).reshape(-1, 1, 1) for name in ("mean", "std"))
    U: NDArray[np.float32] = (np.float32(preparation["value_range"]) * ordered - mean) / std
    return U.astype(np.float32)
