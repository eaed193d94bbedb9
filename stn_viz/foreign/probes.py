"""The images that an import follows: the user's own, out of an npz, or else our digits and photographs.

Pictures come with values from 0 to 1 and leave as the network sees them: U = (value_range * P[order] - mean) / std.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kinds import Choices, ForeignError
from .ours import own_pictures
from .rows import first_rows

MOST = 64
PICTURE_NAMES = (
    "U",
    "images",
    "image",
    "imgs",
    "x_test",
    "X_test",
    "x",
    "X",
    "test_images",
    "x_val",
    "x_train",
    "data",
    "volumes",
)
LABEL_NAMES = ("labels", "label", "y_test", "y", "Y", "targets", "target", "test_labels", "y_val", "y_train")


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeImages:
    """Images as the network sees them, with what is known of them.

    Shapes: U (n, C, h, w) float32, or (n, C, d, h, w); labels (n,) int64, -1 where unknown.
    classes: names of the labels, () where they have none. notes: what was changed to make them fit, a sentence each.
    """

    U: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def make_probes(
    *,
    size: tuple[int, ...] | None,
    channels: int | None,
    choices: Choices | None = None,
    source: Path | bytes | None = None,
) -> ProbeImages:
    """Probe images of a network's size and channels, prepared for it: of an npz (its path or its bytes), else our own.

    `size` or `channels` None takes an npz's images as they are; our own are 28 x 28 digits then. Values of an npz that
    lie outside 0..1 (and 0..255) are taken as prepared already. At most 64 images are used.

    Raises: ForeignError for an npz without images, with others than fit, or for channels that no picture of ours has.
    """
    if source is not None:
        pictures, labels, prepared, notes = _given(source, channels, None if size is None else len(size))
    else:
        pictures, labels, prepared, notes = (
            *own_pictures(size or (28, 28), 1 if channels is None else channels),
            False,
            [],
        )
    pictures = _with_channels(pictures, channels, notes)
    if size is not None and pictures.ndim != len(size) + 2:
        found = "volumes" if pictures.ndim == 5 else "images"
        raise ForeignError(f"{found.capitalize()} were given, but the network's input has {len(size)} sides.")
    if size is not None:
        pictures = _resized(pictures, size, notes)
    if choices is not None and not prepared:
        pictures = prepare(pictures, choices)
    elif choices is not None and (choices.mean or choices.value_range == 255):
        notes.append("The images have values below 0 or above 255, so they are taken as prepared already.")
    ours = source is None and pictures.shape[1] == 1
    return ProbeImages(
        U=np.ascontiguousarray(pictures, np.float32),
        labels=labels,
        classes=tuple("0123456789") if ours else (),
        notes=tuple(notes),
    )


def prepare(pictures: NDArray[np.float32], choices: Choices) -> NDArray[np.float32]:
    """U of pictures: (value_range * P[order] - mean) / std.

    Shapes: pictures (n, C, ...) -> the same. Units: pictures 0..1, RGB.
    Raises: ForeignError if mean or std are neither one number nor one for each channel, or a std is 0.
    """
    channels = pictures.shape[1]
    P = pictures[:, ::-1] if choices.channel_order == "bgr" and channels == 3 else pictures
    mean, std = (
        _by_channel(name, values, neutral, channels)
        for name, values, neutral in (("mean", choices.mean, 0.0), ("std", choices.std, 1.0))
    )
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise ForeignError(f"The std is {_listed(std)}, the mean {_listed(mean)}: give finite numbers, std above 0.")
    shape = (1, channels, *[1] * (pictures.ndim - 2))
    return np.asarray((P * choices.value_range - mean.reshape(shape)) / std.reshape(shape), np.float32)


def preparation(choices: Choices, channels: int) -> Mapping[str, Any] | None:
    """What run.json keeps of it; None where the network sees the pictures as they are."""
    if not choices.mean and not choices.std and choices.channel_order == "rgb" and choices.value_range == 1:
        return None
    return {
        "mean": _by_channel("mean", choices.mean, 0.0, channels).tolist(),
        "std": _by_channel("std", choices.std, 1.0, channels).tolist(),
        "channel_order": choices.channel_order,
        "value_range": choices.value_range,
    }


def _by_channel(name: str, values: tuple[float, ...], neutral: float, channels: int) -> NDArray[np.float64]:
    if len(values) not in (0, 1, channels):
        raise ForeignError(
            f"The {name} has {len(values)} numbers, but the network takes {channels} channel(s). "
            "Give one number, or one for each channel."
        )
    given = values or (neutral,)
    return np.array(given * channels if len(given) == 1 else given, np.float64)


def _given(
    source: Path | bytes, channels: int | None, sides: int | None
) -> tuple[NDArray[np.float32], NDArray[np.int64], bool, list[str]]:
    """Pictures (n, C, h, w), labels, whether their values are prepared already, and what was done to them."""
    label = source.name if isinstance(source, Path) else "The images' file"
    found = first_rows(source, (PICTURE_NAMES, LABEL_NAMES), MOST)
    (name, raw, total), labelled = found
    notes = [f"The first {len(raw)} of {total:,} images are followed."] if total > len(raw) else []
    if raw.ndim not in (2, 3, 4, 5):
        raise ForeignError(
            f"{label}: {name} has shape {_shape(raw)}, expected images: (n, C, h, w), (n, h, w, C) or (n, h, w)."
        )
    pictures = _channels_first(raw, channels, sides)
    if pictures is None:
        raise ForeignError(
            f"{label}: {name} has shape {_shape(raw)}, in which no side is the channels'. "
            "Save it as (n, C, h, w), (n, h, w, C) or (n, h, w)."
        )
    if not len(pictures) or not np.isfinite(pictures).all():
        raise ForeignError(f"{label}: {name} holds {'nan or inf' if len(pictures) else 'no image'}. Save it again.")
    labels = np.full(len(pictures), -1, np.int64)
    if labelled is not None:
        other, values, count = labelled
        if values.ndim == 2 and values.shape[1] > 1:
            values = values.argmax(1)  # one-hot
        if count != total:
            notes.append(f"{other} has {count:,} entries for {total:,} images, so it is not used as their labels.")
        else:
            labels = values.reshape(len(pictures), -1)[:, 0].astype(np.int64)
    valued, prepared = _valued(pictures, notes)
    return valued, labels, prepared, notes


def _valued(pictures: NDArray[Any], notes: list[str]) -> tuple[NDArray[np.float32], bool]:
    least, most = float(pictures.min()), float(pictures.max())
    if pictures.dtype == np.uint8 or (least >= 0 and 1.5 < most <= 255):
        if pictures.dtype != np.uint8:
            notes.append(f"The images have values up to {most:g}: they are taken as 0 to 255.")
        return pictures.astype(np.float32) / np.float32(255), False
    return pictures.astype(np.float32), least < 0 or most > 255


def _channels_first(raw: NDArray[Any], channels: int | None, sides: int | None) -> NDArray[Any] | None:
    """(n, C, h, w) of what may be (n, h, w), (n, h, w, C), (n, h*w) or already right; None if it cannot be told."""
    if raw.ndim == 2:
        side = round(raw.shape[1] ** 0.5)
        return raw.reshape(len(raw), 1, side, side) if side * side == raw.shape[1] else None
    if raw.ndim == 3 or (raw.ndim == 4 and sides == 3):
        return raw[:, None]
    first, last = raw.shape[1], raw.shape[-1]
    usual = (1, 3, 4) if channels is None else (channels, 1, 3, 4)
    for count in usual:
        if first == count:
            return raw
        if last == count:
            return np.moveaxis(raw, -1, 1)
    return raw if raw.ndim == 5 or channels == first else None


def _with_channels(pictures: NDArray[np.float32], channels: int | None, notes: list[str]) -> NDArray[np.float32]:
    found = pictures.shape[1]
    if channels is None or channels == found:
        return pictures
    if found == 4 and channels in (1, 3):
        notes.append("The images' fourth channel, their opacity, is left out.")
        return _with_channels(pictures[:, :3], channels, notes)
    if found == 1 and channels == 3:
        notes.append("The images are grey: their one channel stands for all three.")
        return np.repeat(pictures, 3, axis=1)
    if found == 3 and channels == 1:
        notes.append("The images are coloured, but the network takes grey ones: their brightness is used.")
        return np.tensordot(pictures, np.array([0.299, 0.587, 0.114], np.float32), axes=([1], [0]))[:, None]
    raise ForeignError(f"The images have {found} channel(s), but the network takes {channels}. Give others (--probes).")


def _resized(pictures: NDArray[np.float32], size: tuple[int, ...], notes: list[str]) -> NDArray[np.float32]:
    found = pictures.shape[2:]
    if tuple(found) == tuple(size):
        return pictures
    import torch
    from torch.nn import functional as F

    U = torch.from_numpy(np.ascontiguousarray(pictures))
    # Averaging keeps thin strokes that sampling would skip; there is nothing to average on the way up.
    if all(new <= old for new, old in zip(size, found, strict=True)):
        resized = F.interpolate(U, size=size, mode="area")
    else:
        resized = F.interpolate(U, size=size, mode="trilinear" if len(size) == 3 else "bilinear", align_corners=False)
    before, after = (" x ".join(map(str, sides)) for sides in (found, size))
    notes.append(f"The images were resized from {before} to {after}.")
    return resized.numpy()


def _shape(array: NDArray[Any]) -> str:
    return " x ".join(str(side) for side in array.shape)


def _listed(values: NDArray[Any]) -> str:
    return ", ".join(f"{value:g}" for value in values)
