"""Pictures of our own to follow where nobody gives any: held-out digits, and the gallery's photographs."""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .kinds import ForeignError

DIGITS = 32
IMAGES = Path(__file__).parents[1] / "data" / "images"


def own_pictures(size: tuple[int, ...], channels: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Digits with their labels for one channel, photographs without labels for three.

    Shapes: size (h, w) -> pictures (n, C, h, w), labels (n,), -1 where unknown. Units: 0..1, RGB.
    Raises: ForeignError for volumes, and for channels that no picture of ours has.
    """
    if len(size) != 2:
        raise ForeignError(
            "The network takes volumes, and we have none. "
            "Give some of your own: an npz with volumes of shape (n, C, d, h, w) (--probes volumes.npz)."
        )
    h, w = size
    # Copies, since what is kept must not change when a caller's array does.
    if channels == 1:
        digits, labels = _digits((h, w))
        return digits.copy(), labels.copy()
    if channels == 3:
        photographs = _photographs((h, w)).copy()
        return photographs, np.full(len(photographs), -1, np.int64)
    raise ForeignError(
        f"The network takes {channels} channels, and we have no pictures of that kind. "
        "Give some of your own: an npz with images of shape (n, C, h, w) (--probes images.npz)."
    )


@lru_cache(maxsize=4)  # a form that is filled in asks for the same ones again and again
def _digits(size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Held-out digits, each class in turn, at their true size on black; every fourth turned, scaled and moved."""
    import torch

    from stn_viz.data import mnist, place

    stored = mnist()
    rank = torch.zeros_like(stored.test_labels)
    for digit in range(10):
        of_digit = stored.test_labels == digit
        rank[of_digit] = torch.arange(int(of_digit.sum()))
    chosen = (rank * 10 + stored.test_labels).argsort()[:DIGITS]
    fit = min(1.0, min(size) / 28)
    drawn = []
    for index, at in enumerate(chosen.tolist()):
        angle, scale, shift = 0.0, fit, (0.0, 0.0)
        if index % 4 == 3:
            way = 1 if index % 8 == 3 else -1
            angle, scale = way * (20.0 + index), fit * (0.75 + 0.01 * (index % 16))
            room = [(side - 28 * scale) / 2 for side in size]
            shift = (way * 0.6 * room[1], -way * 0.6 * room[0])
        drawn.append(place(stored.test[at : at + 1], angle_deg=angle, scale=scale, shift_px=shift, size=size).U)
    U = torch.cat(drawn).mul(255).round().div(255)  # as bytes hold them
    return U.numpy(), stored.test_labels[chosen].numpy()


@lru_cache(maxsize=4)
def _photographs(size: tuple[int, int]) -> NDArray[np.float32]:
    """Our eight pictures, each cut to the network's size twice: as much of it as fits, and a part of it."""
    from PIL import Image  # comes with Streamlit

    h, w = size
    cut = []
    for path in sorted(path for path in IMAGES.iterdir() if path.suffix in (".jpg", ".png")):
        with Image.open(io.BytesIO(path.read_bytes())) as opened:
            picture = opened.convert("RGB")
        scale = min(picture.width / w, picture.height / h)
        for share, at in ((1.0, 0.5), (0.6, 0.35)):
            width, height = w * scale * share, h * scale * share
            left, top = (picture.width - width) * at, (picture.height - height) * at
            box = (left, top, left + width, top + height)
            part = picture.resize((w, h), Image.Resampling.BILINEAR, box=box)
            cut.append(np.asarray(part, np.float32).transpose(2, 0, 1) / 255)
    return np.stack(cut)
