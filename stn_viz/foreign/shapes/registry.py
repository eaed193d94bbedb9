"""Architectures known by name: what their shapes leave open, their authors' code says. One list, one mechanism.

An entry recognises a chain by its kernels, widths and names; it gives the plan of its convolutions, its reading, and
the defaults of the form. A new one is a function and a line in KNOWN.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

from . import presets
from .chains import Chain
from .gaps import Segment
from .plans import Plan

MNIST = {"mean": (0.1307,), "std": (0.3081,)}
SIGNS = {"mean": (0.3337, 0.3064, 0.3171), "std": (0.2672, 0.2564, 0.2629)}


@dataclass(frozen=True, kw_only=True)
class Known:
    """An architecture: its plans (the first that fits is taken), its usual reading, size, and choices of the form."""

    name: str
    plans: tuple[Plan, ...] = ()
    reading: str = ""
    size: tuple[int, ...] | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)
    scale: float | None = None
    notes: tuple[str, ...] = ()


def recognise(chain: Chain, segments: Sequence[Segment]) -> Known | None:
    """The entry that the chain is, if any."""
    for entry in KNOWN:
        known = entry(chain, segments)
        if known:
            return known
    return None


def _plan(chain: Chain, *, padding: str, pools: Sequence[tuple[int, int] | None], **others: Any) -> Plan:
    kernels = [step.kernel for step in chain.convolutions]
    return Plan(
        paddings=tuple(tuple(k // 2 if padding == "same" else 0 for k in kernel) for kernel in kernels),
        strides=(1,) * len(kernels),
        pools=tuple(pools),
        cost=-10,
        **others,
    )


def _kernels(chain: Chain) -> tuple[int, ...]:
    return tuple(step.kernel[0] for step in chain.convolutions)


def _widths(chain: Chain) -> tuple[int, ...]:
    return tuple(step.outputs for step in chain.convolutions)


def _ours(chain: Chain, segments: Sequence[Segment]) -> Known | None:
    """STN Viz's own, saved without its run."""
    if "localisation" not in chain.last.path:
        return None
    if not chain.convolutions:
        return Known(name="STN Viz's fully connected localisation network")
    if _kernels(chain) != (5, 5) or chain.steps[0].path[-1] != "1" or chain.last.outputs == 0:
        return None
    pools = ((2, 2), None)
    return Known(
        name="STN Viz's localisation network",
        plans=(
            _plan(chain, padding="none", pools=pools),
            _plan(chain, padding="none", pools=pools, leading=(2, 2), leading_mode="avg"),
        ),
        choices={"output_size": (28, 28)},
    )


def _tutorial(chain: Chain, _: Sequence[Segment]) -> Known | None:
    """The PyTorch tutorial's net and what was made of it: other channels, other sizes, further blocks of 5 x 5."""
    kernels, widths = _kernels(chain), _widths(chain)
    if kernels[:2] != (7, 5) or widths[:2] != (8, 10) or set(kernels[1:]) != {5} or len(chain.linears) != 2:
        return None
    if any(group for group in chain.norms) or chain.last.outputs != 6:
        return None
    plain = kernels == (7, 5) and chain.flattened == 90 and chain.convolutions[0].inputs == 1
    signs = chain.flattened == 160 and chain.convolutions[0].inputs == 3
    return Known(
        name="PyTorch tutorial" if plain else "PyTorch tutorial, a variant",
        plans=(_plan(chain, padding="none", pools=[(2, 2)] * len(kernels)),),
        reading="affine",
        size=(28, 28) if plain else (32, 32) if signs else None,
        choices=MNIST if plain else SIGNS if signs else {},
    )


def _plates(chain: Chain, _: Sequence[Segment]) -> Known | None:
    """The transformer in front of LPRNet, for licence plates."""
    if (_kernels(chain), _widths(chain), chain.flattened) != ((3, 5), (32, 32), 896):
        return None
    return Known(
        name="LPRNet's transformer",
        plans=(_plan(chain, padding="none", pools=[(2, 2), (3, 3)]),),
        reading="affine",
        size=(24, 94),
        choices={"mean": (127.5,), "std": (128.0,), "value_range": 255, "channel_order": "bgr"},
    )


def _signs(chain: Chain, _: Sequence[Segment]) -> Known | None:
    """The traffic sign network with a transformer before each of its three convolutions."""
    if set(_kernels(chain)) != {5} or len(chain.convolutions) != 2 or len(chain.linears) != 2:
        return None
    first, second = _widths(chain)
    if first < 100 or chain.steps[0].path[-1:] != ("1",) or chain.last.outputs != 6:
        return None
    return Known(
        name="traffic signs, several transformers",
        plans=(_plan(chain, padding="same", pools=[(2, 2), (2, 2)], leading=(2, 2)),),
        reading="affine",
        size=(48, 48) if chain.flattened == second * 36 and chain.convolutions[0].inputs == 3 else None,
    )


def _text(chain: Chain, _: Sequence[Segment]) -> Known | None:
    """TPS in front of a text recogniser (TPS-ResNet-BiLSTM and its family)."""
    if (_kernels(chain), _widths(chain), chain.flattened) != ((3,) * 4, (64, 128, 256, 512), 512):
        return None
    if not all(chain.norms[:4]) or chain.last.outputs % 4:
        return None
    return Known(
        name="text recognition, TPS",
        plans=(_plan(chain, padding="same", pools=[(2, 2)] * 3 + [None], adaptive=1),),
        reading=f"rows-{chain.last.outputs // 4}",
        size=(32, 100),
        choices={"mean": (0.5,), "std": (0.5,), "padding": "border", "align_corners": True},
    )


def _aster(chain: Chain, _: Sequence[Segment]) -> Known | None:
    """ASTER's head: six blocks, five poolings, a tenth of the features into the last layer."""
    if (_kernels(chain), _widths(chain)) != ((3,) * 6, (32, 64, 128, 256, 256, 256)) or len(chain.linears) != 2:
        return None
    if "stn_fc2" not in chain.last.path:
        return None
    return Known(
        name="ASTER's rectification head",
        plans=(_plan(chain, padding="same", pools=[(2, 2)] * 5 + [None]),),
        reading=f"rows-{chain.last.outputs // 4}-unit",
        size=(32, 64),
        choices={"mean": (0.5,), "std": (0.5,), "align_corners": True, "output_size": (32, 100)},
        scale=0.1,
    )


KNOWN: tuple[Callable[[Chain, Sequence[Segment]], Known | None], ...] = (
    _ours,
    _tutorial,
    _plates,
    _signs,
    _text,
    _aster,
)


def image_of(flattened: int) -> tuple[int, list[tuple[int, ...]]] | None:
    """Channels and sizes of the pictures that have so many values, likeliest first; None where none does."""
    for channels in (1, 3):
        pixels = flattened // channels
        if flattened % channels or pixels < 64:
            continue
        sizes: list[tuple[int, ...]] = []
        for low in range(4, isqrt(pixels) + 1):
            if pixels % low == 0 and pixels // low <= 8 * low:
                sizes += {(low, pixels // low), (pixels // low, low)}
        if isqrt(pixels) ** 2 == pixels or any(presets.likelihood(size, channels=channels) < 3 for size in sizes):
            return channels, sorted(sizes, key=lambda size: presets.order(size, channels=channels))
    return None


def skips(chain: Chain) -> bool:
    """True where names say that the chain is a residual network: what is added to what, shapes do not show."""
    names = {word for part in (*chain.left, *chain.steps) for word in part.words}
    if names & {"downsample", "shortcut", "residual", "skip"}:
        return True
    blocks = [part.path for part in chain.convolutions if part.path and part.path[-1] in ("conv1", "conv2", "conv3")]
    inside = [path for path in blocks if len(path) >= 3 and path[-2].isdecimal()]
    return len(inside) >= 4
