"""Probes as people have them (tensors, arrays, lists, bytes) brought into one form, or refused in a plain sentence."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .info import MAX_SIDE, Probes, RunError

MOST_BYTES = 256 * 2**20
_CHANNELS = (1, 3, 4)


def probes_of(images: Any, labels: Any = None, *, most: int = 64) -> tuple[Probes, str | None]:
    """Make probes of what was given, at most `most` of them, and say what was left out.

    Shapes: images (n, C, h, w), (n, h, w) or (n, C, d, h, w); labels (n,), whole numbers, or (n, K), one 1 in each row.
    Units:  images as the model gets them; bytes are taken as value / 255.
    Raises: RunError if there is nothing that a network could be given, or not one label for each image.
    """
    U = _images(images)
    y = _labels(labels, len(U))
    n, fitting = len(U), int(max(1, min(most, MOST_BYTES // max(1, 4 * U[0].size))))
    if n <= fitting:
        return Probes(U=U, labels=y), None
    taken = np.linspace(0, n - 1, fitting).round().astype(int)
    why = "" if fitting == most else ", since more would take too much room"
    return Probes(U=U[taken], labels=y[taken]), f"Of {n} probes, {fitting} spread over them are recorded{why}."


def preparation_of(
    mean: Any, std: Any, channels: int, *, channel_order: str = "rgb", value_range: int = 1
) -> Mapping[str, Any] | None:
    """How pictures became the probes, as run.json has it: U = (value_range * P[order] - mean) / std; None if unsaid.

    Shapes: mean and std a number, or one for each channel.
    Raises: RunError for anything else.
    """
    if mean is None and std is None and channel_order == "rgb" and value_range == 1:
        return None
    if channel_order not in ("rgb", "bgr") or value_range not in (1, 255):
        raise RunError(
            f"channel_order is {channel_order!r} and value_range {value_range!r}; "
            'expected "rgb" or "bgr", and 1 or 255.'
        )
    numbers = {"mean": 0.0 if mean is None else mean, "std": 1.0 if std is None else std}
    told: dict[str, Any] = {}
    for name, value in numbers.items():
        try:
            row = np.asarray(_plain(value), dtype=np.float64).reshape(-1)
        except (TypeError, ValueError):
            row = np.array([])
        if len(row) not in (1, channels) or not np.isfinite(row).all() or (name == "std" and not (row > 0).all()):
            above = ", all above 0" if name == "std" else ""
            raise RunError(
                f"{name} is {_short(value)}; expected a number, or one for each of {channels} channels{above}."
            )
        told[name] = tuple(float(number) for number in np.resize(row, channels))
    return {**told, "channel_order": channel_order, "value_range": value_range}


def _images(images: Any) -> NDArray[Any]:
    try:
        U = np.asarray(_plain(images))
    except (TypeError, ValueError):
        if isinstance(images, list | tuple) and len(getattr(images[0], "shape", ())) in (4, 5):
            raise RunError(
                f"The probes are {len(images)} things of different shapes, as a loader's batch of images and labels "
                "is. Give the images alone, probes=batch[0], and labels=batch[1]."
            ) from None
        raise RunError(
            "The probes are images of different sizes, or not images at all. Give one tensor (n, C, h, w) of images "
            "as the model gets them."
        ) from None
    if U.dtype.kind not in "fiub":
        raise RunError(
            f"The probes are of type {U.dtype}; expected numbers: a tensor (n, C, h, w) as the model gets it."
        )
    if U.ndim == 3:
        U = U[:, None]
    if U.ndim not in (4, 5) or not U.size or max(U.shape[1:]) > MAX_SIDE:
        raise RunError(
            f"The probes have shape {U.shape}; expected images (n, C, h, w) or (n, h, w), or volumes (n, C, d, h, w), "
            f"at least one, of sides up to {MAX_SIDE}."
        )
    if U.ndim == 4 and U.shape[3] in _CHANNELS and U.shape[1] not in _CHANNELS and U.shape[2] > max(_CHANNELS):
        raise RunError(
            f"The probes have shape {U.shape}, which looks like (n, h, w, channels). "
            "Give (n, channels, h, w), as the model gets them: probes.permute(0, 3, 1, 2)."
        )
    if U.dtype.kind == "f":
        bad = ~np.isfinite(U.reshape(len(U), -1)).all(1)
        if bad.any():
            raise RunError(f"Probe {int(bad.argmax())} holds nan or inf. Leave it out, or correct its preparation.")
    return U if U.dtype == np.uint8 else U.astype(np.float32)


def _labels(labels: Any, n: int) -> NDArray[np.int64]:
    if labels is None:
        return np.full(n, -1, np.int64)
    try:
        y = np.asarray(_plain(labels))
    except (TypeError, ValueError):
        y = np.array(["?"])
    if y.ndim == 2 and y.dtype.kind in "fiub" and len(y) == n and ((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all():
        y = y.argmax(1)  # one-hot
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (n,):
        raise RunError(f"The labels have shape {y.shape}, but there are {n} probes. Give one class number for each.")
    if y.dtype.kind not in "fiub" or not np.isfinite(y).all() or (y != np.rint(y)).any():
        raise RunError(
            f"The labels are {_short(y.tolist())}; expected class numbers 0, 1, 2, ... (-1 where unknown), "
            "or labels=None for a network that does not classify."
        )
    return y.astype(np.int64)


def _plain(value: Any) -> Any:
    """Arrays in place of torch's tensors, also within lists; torch is not loaded for who has none."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return np.stack([np.asarray(_plain(entry)) for entry in value]) if len(value) else np.zeros(0)
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
