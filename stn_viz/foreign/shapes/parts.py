"""A state_dict taken apart: each module that has weights, by its shapes, and the words in its name."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["conv", "linear", "norm", "layernorm", "prelu"]

# What people call the parts of a localisation network. The first say it for certain, the others only lean that way.
_CERTAIN = """
    loc localization localisation localnet locnet localizer localiser locator localizationnetwork stn sttn stnet stnhead
    theta tps fiducial fiducials rectification rectifier homography spatialtransformer controlpoints
"""
_LEANING = """
    local locs affine transformer transformation transform spatial st regressor regression warp warper warping align
    alignment aligner control ctrl geometric geometry pose grid rotation rotate angle translation
"""
# What people call the end of something else: a classifier, a detector, an autoencoder's middle, an agent.
_OTHERWISE = """
    class classes classifier classification cls logits logit category bbox box boxes mu mean logvar var latent embed
    embedding value policy actor critic attn qkv mlp ffn
"""
CERTAIN, LEANING, OTHERWISE = (frozenset(names.split()) for names in (_CERTAIN, _LEANING, _OTHERWISE))


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module of the network, as far as its weights tell.

    kind: by the shapes of what it holds. order: its place in the file.
    inputs, outputs: channels or features. kernel: a convolution's, one entry for each side, else empty.
    """

    key: str
    kind: Kind
    order: int
    inputs: int
    outputs: int
    kernel: tuple[int, ...]
    bias: bool
    shared: int = 0  # components that every name of the file begins with, where they say nothing of this module

    @cached_property
    def path(self) -> tuple[str, ...]:
        """Its name's components: ("stn", "localization", "0")."""
        return tuple(self.key.split(".")) if self.key else ()

    @cached_property
    def parent(self) -> tuple[str, ...]:
        """What it lies in."""
        return self.path[:-1]

    @cached_property
    def words(self) -> frozenset[str]:
        """The words in its name, lower case: "stn1.LocNet.fc_loc" has stn, loc, net, fc."""
        return words(self.path[self.shared :])

    @cached_property
    def natural(self) -> tuple[tuple[int, int, str], ...]:
        """Sorts "conv10" after "conv9", and numbers by their value."""
        pieces = re.findall(r"\d+|\D+", ".".join(self.path))
        return tuple((0, int(piece[:12]), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces)

    @cached_property
    def localises(self) -> bool:
        """True where its name says that it belongs to a localisation network."""
        return bool(self.words & CERTAIN) or {"control", "points"} <= self.words

    @cached_property
    def leans(self) -> bool:
        """True where its name may say so."""
        return bool(self.words & LEANING)


def words(path: Iterable[str]) -> frozenset[str]:
    """The words in a dotted name's components, by case, underscore and number."""
    found: set[str] = set()
    for component in path:
        for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", component):
            found.add(word.lower())
        found.add(re.sub(r"[\d_]+", "", component).lower())
    return frozenset(found - {""})


def parts_of(tensors: Mapping[str, "Tensor"]) -> list[Part]:
    """Every module that has a weight of a shape we know, in the file's order."""
    found = []
    for order, (name, weight) in enumerate(tensors.items()):
        key, _, last = name.rpartition(".")
        if last != "weight" or not weight.is_floating_point() or weight.numel() == 0:
            continue
        inner = f"{key}." if key else ""
        part = _part(key, order, weight, f"{inner}bias" in tensors, f"{inner}running_mean" in tensors)
        if part:
            found.append(part)
    # A BatchNorm without weights of its own (affine=False) has its statistics only.
    for order, (name, mean) in enumerate(tensors.items()):
        key, _, last = name.rpartition(".")
        if last == "running_mean" and mean.dim() == 1 and (f"{key}.weight" if key else "weight") not in tensors:
            n = len(mean)
            found.append(Part(key=key, kind="norm", order=order, inputs=n, outputs=n, kernel=(), bias=False))
    return sorted(found, key=lambda part: part.order)


def _part(key: str, order: int, weight: "Tensor", bias: bool, statistics: bool) -> Part | None:
    if weight.dim() == 1:
        kind: Kind = "norm" if statistics else "layernorm" if bias else "prelu"
        n = len(weight)
        return Part(key=key, kind=kind, order=order, inputs=n, outputs=n, kernel=(), bias=bias)
    if weight.dim() == 2 or weight.dim() in (3, 4, 5):
        outputs, inputs, *kernel = weight.shape
        kind = "conv" if kernel else "linear"
        return Part(key=key, kind=kind, order=order, inputs=inputs, outputs=outputs, kernel=tuple(kernel), bias=bias)
    return None


def joined(key: str, name: str) -> str:
    """The name in the state_dict of a module's tensor."""
    return f"{key}.{name}" if key else name
