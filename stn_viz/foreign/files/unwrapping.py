"""Which of the things in a file are a network's weights: the state_dicts, without the names that wrappers put before.

A dict whose values are tensors is a state_dict; a stand-in with `_parameters`, `_buffers` and `_modules` is a module,
and its state_dict is put together from those; dicts of dicts whose leaves are called weight, bias, ... are one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .leaves import StandIn
from .tensors import MAX_TENSORS, UnfitError, is_tensor, shape_of
from .tree import MAX_DEPTH, MAX_NAME, children

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "state_dict.", "_forward_module.")

MAX_PREFIXES = 16  # of wrappers in wrappers

_LEAVES = frozenset(
    (
        *(
            "weight",
            "bias",
            "running_mean",
            "running_var",
            "num_batches_tracked",
            "weight_g",
            "weight_v",
            "weight_orig",
        ),
        *("w", "b", "W", "kernel", "scale", "gamma", "beta", "mean", "var", "in_proj_weight", "in_proj_bias"),
    )
)
_NOT_WEIGHTS = re.compile(r"optim|sched|scaler|rng|random_state|grad_norm|history", re.IGNORECASE)
_LOOSE = re.compile(r"loss|acc|error|metric|best|lr|epoch|step|iter|confusion|preds?$|label|target", re.IGNORECASE)
_MODULE_PARTS = ("_parameters", "_buffers", "_modules")


@dataclass(frozen=True, eq=False)
class Found:
    """A state_dict as it lies in the tree: leaves by their names, `place` the keys that lead to it, joined by dots."""

    place: str
    leaves: Mapping[str, Any]
    module: str | None = None

    @property
    def likeliness(self) -> tuple[int, int]:
        """The more the more likely it is the network's own: layers by their names, then numbers in all."""
        layers = sum(name.rpartition(".")[2] in _LEAVES for name in self.leaves)
        second = bool(re.search(r"ema|teacher|target|best|momentum", self.place, re.IGNORECASE))
        return (0 if not layers else 1 if second else 2), layers


def state_dicts(tree: Any) -> tuple[list[Found], list[str]]:
    """Find every state_dict in a tree, the likeliest first, and the places that were left aside (the optimiser's).

    Raises: UnfitError where modules name one another without end.
    """
    found: list[Found] = []
    aside: list[str] = []
    modules = _Modules()
    seen: set[int] = set()
    waiting: list[tuple[tuple[str, ...], Any]] = [((), tree)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > MAX_DEPTH or id(value) in seen:  # before it is unfolded: one dict may lie in a million places
            continue
        parts = children(value)
        if not parts:
            continue
        seen.add(id(value))
        if _is_optimiser(value) or (path and _NOT_WEIGHTS.search(path[-1])):
            aside.append(_place(path))
            continue
        if _is_module(value):
            leaves = modules.leaves(value)
            if leaves:
                found.append(Found(_place(path), leaves, value.name))
            continue
        if type(value) is dict:
            leaves, whole = _dotted(value)
            if leaves:
                found.append(Found(_place(path), leaves))
            if whole:
                continue
        waiting.extend(((*path, key), part) for key, part in reversed(parts) if not is_tensor(part))
    layered = [one for one in found if one.likeliness[0]]
    found = [
        one for one in found if one.likeliness[0] or not (layered and all(_LOOSE.search(name) for name in one.leaves))
    ]
    return sorted(found, key=lambda one: one.likeliness, reverse=True), aside


def without_prefix(names: list[str]) -> tuple[str, list[str]]:
    """Take off what wrappers put before every name, again and again. Gives what was taken off, and the names left.

    Only names with dots count: a number without any ("n_averaged") does not keep the others' prefix.
    """
    taken = ""
    left = names
    for _ in range(MAX_PREFIXES):
        dotted = [name for name in left if "." in name]
        prefix = next((one for one in PREFIXES if dotted and all(name.startswith(one) for name in dotted)), None)
        if prefix is None:
            return taken, _without_inner(left)
        shorter = [name.removeprefix(prefix) for name in left]
        if len(set(shorter)) != len(left) or not all(shorter):
            return taken, left
        taken, left = taken + prefix, shorter
    return taken, left


def _without_inner(names: list[str]) -> list[str]:
    """Take "_orig_mod", which torch.compile puts in, out of the middle of names too: no author calls a module so."""
    shorter = [name.replace("._orig_mod.", ".") for name in names]
    return shorter if len(set(shorter)) == len(names) else names


def _place(path: tuple[str, ...]) -> str:
    return ".".join(key[:200] for key in path)


def _is_optimiser(value: Any) -> bool:
    return type(value) is dict and "param_groups" in value and "state" in value


def _is_module(value: Any) -> bool:
    return type(value) is StandIn and all(type(value.attributes.get(part)) is dict for part in _MODULE_PARTS)


class _Modules:
    """Puts the state_dicts of modules together: parameters, then buffers that are kept, then their modules'.

    Modules that name one another twice are met 2, 4, 8, ... times: `left` ends that.
    """

    def __init__(self) -> None:
        self.left = 4 * MAX_TENSORS

    def leaves(self, top: StandIn) -> dict[str, Any]:
        found: dict[str, Any] = {}
        waiting: list[tuple[str, StandIn, int]] = [("", top, 0)]
        while waiting:
            prefix, module, depth = waiting.pop()
            parts = module.attributes
            told = parts.get("_non_persistent_buffers_set")
            told = told if type(told) is list else []
            self.left -= 1 + len(told) + sum(len(parts[part]) for part in _MODULE_PARTS)
            if self.left < 0:
                raise UnfitError("names its modules again and again, which no network needs")
            passing = {name for name in told if type(name) is str}
            for key, leaf in (*parts["_parameters"].items(), *parts["_buffers"].items()):
                if _is_name(key) and is_tensor(leaf) and key not in passing:
                    found[f"{prefix}{key}"] = leaf
            if depth < MAX_DEPTH and len(prefix) < MAX_NAME:
                inner = [
                    (f"{prefix}{key}.", child, depth + 1)
                    for key, child in parts["_modules"].items()
                    if _is_name(key) and _is_module(child)
                ]
                waiting.extend(reversed(inner))
        return found


def _is_name(key: Any) -> bool:
    return type(key) is str and len(key) <= MAX_NAME


def _dotted(value: dict[Any, Any]) -> tuple[dict[str, Any], bool]:
    """The leaves of a state_dict, and whether that is all of the dict: one with layers' names in it; or dicts in a
    dict that end in such names; or whatever tensors there are that are more than a number.
    """
    own = {key: part for key, part in value.items() if _is_name(key) and is_tensor(part)}
    if any(key.rpartition(".")[2] in _LEAVES for key in own):
        return own, False
    nested: dict[str, Any] = {}
    for key, part in value.items():
        if type(part) is not dict or not _is_name(key) or not part or "." in key:
            break
        if not all(_is_name(name) and name in _LEAVES and is_tensor(leaf) for name, leaf in part.items()):
            break
        if len(nested) > MAX_TENSORS:
            raise UnfitError("names its tensors again and again, which no network needs")
        nested |= {f"{key}.{name}": leaf for name, leaf in part.items()}
    else:
        return nested, bool(nested)
    return {key: part for key, part in own.items() if shape_of(part) != () and not _NOT_WEIGHTS.search(key)}, False
