"""What lies beside the weights in plain numbers and words, and where in the training a file was saved."""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from .leaves import StandIn
from .tensors import is_tensor, shape_of
from .tree import children

MAX_FACTS = 64
MAX_LETTERS = 200
_MAX_PARTS = 2000
_MAX_AT = 10**15

_ASIDE = re.compile(r"optim|sched|scaler|rng|random_state|param_groups|callbacks|loops|_modules|_buffers|_parameters")
_SETTINGS = re.compile(r"arg|opt|conf|cfg|hparam|hyper|param|setting|flags")
_STEPS = (
    *("global_step", "step", "steps", "iteration", "iterations", "iter", "iters"),
    *("n_iter", "current_iter", "current_step", "num_updates"),
)
_EPOCHS = ("epoch", "epochs", "current_epoch", "epoch_idx", "n_epoch", "last_epoch", "start_epoch")

_IN_NAME: tuple[tuple[Literal["step", "epoch"], re.Pattern[str]], ...] = (
    ("step", re.compile(r"(?<![a-z])(?:global_?)?(?:steps?|iters?|iterations?|it)[=_\-.]?(\d{1,15})(?!\d|\.\d)", re.I)),
    ("epoch", re.compile(r"(?<![a-z])(?:epochs?|ep|e)[=_\-.]?(\d{1,15})(?!\d|\.\d)", re.I)),
    ("step", re.compile(r"(?:^|[_\- ]|(?<!\d)\.)(\d{1,15})(?=$|[_\- ]|\.(?!\d))")),
)
_SUFFIX = re.compile(r"(\.(pt|pth|ckpt|bin|safetensors|npz|pkl|tar|pt2|index|json))+$", re.I)
_NO_NUMBER = re.compile(r"-\d{5}-of-\d{5}$|(?<!\d)\d{4}-\d\d-\d\d(?!\d)|(?<![\da-z])20\d{6}(?!\d)")
"""Numbers that count no training: of a shard, of a day."""


def facts_of(tree: Any, number: Callable[[Any], Any] = lambda leaf: None) -> dict[str, int | float | str]:
    """Collect the plain numbers and words of a tree by the keys that lead to them, those nearest its top first.

    `number` gives the number that a tensor without sides holds, None for the others.
    """
    facts: dict[str, int | float | str] = {}
    seen: set[int] = set()
    layer: list[tuple[str, Any]] = [("", tree)]
    looked = 0
    for _ in range(4):
        deeper: list[tuple[str, Any]] = []
        for place, value in layer:
            if type(value) not in (dict, StandIn) or id(value) in seen:
                continue
            seen.add(id(value))
            for key, leaf in children(value):
                part = leaf
                if is_tensor(leaf):
                    part = number(leaf) if shape_of(leaf) == () else None
                    if part is None:
                        continue
                looked += 1
                if looked > _MAX_PARTS or len(facts) >= MAX_FACTS:
                    return facts
                name = f"{place}.{key[:MAX_LETTERS]}" if place else key[:MAX_LETTERS]
                plain = _plain(part)
                if plain is not None and not (type(value) is StandIn and (key == "training" or key.startswith("_"))):
                    facts[name[:MAX_LETTERS]] = plain
                elif plain is None and not _ASIDE.search(key) and not key.startswith("argument "):
                    deeper.append((name, part))
        layer = deeper
    return facts


def where_in_training(facts: Mapping[str, Any], path: Path) -> tuple[Literal["step", "epoch"] | None, int | None]:
    """Say at which step or epoch a file was saved: by what it holds, else by its name, else by its folder's.

    A step tells more than an epoch, unless it is 0 beside an epoch that is not.
    """
    step, epoch = _among(facts, _STEPS), _among(facts, _EPOCHS)
    if step is not None and (step or not epoch):
        return "step", step
    if epoch is not None:
        return "epoch", epoch
    stem = _NO_NUMBER.sub("", _SUFFIX.sub("", path.name))
    for counter, pattern in _IN_NAME:
        numbers = pattern.findall(stem)
        if numbers:
            return counter, int(numbers[-1])
    folder = re.fullmatch(r"(?:checkpoint|step|iter|global_step)[_\-]?(\d{1,15})", path.parent.name)
    epochs = re.fullmatch(r"epoch[_\-]?(\d{1,15})", path.parent.name)
    if folder or epochs:
        return ("step", int(folder[1])) if folder else ("epoch", int(epochs[1])) if epochs else (None, None)
    return None, None


def _among(facts: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    found: list[tuple[int, int, int]] = []
    for name, value in facts.items():
        *places, last = name.lower().split(".")
        if last in keys and not any(_SETTINGS.search(place) for place in places):
            if type(value) is str and value.isdecimal() and len(value) < 16:  # all that safetensors keeps is words
                value = int(value)
            whole = type(value) is int or (type(value) is float and value.is_integer())
            if whole and 0 <= value < _MAX_AT:
                found.append((len(places), keys.index(last), int(value)))
    return min(found)[2] if found else None


def _plain(value: Any) -> int | float | str | None:
    if type(value) is bool:
        return int(value)
    if type(value) is int:
        return value if abs(value) < 2**63 else None
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if type(value) is str and len(value) <= MAX_LETTERS and value.isprintable():
        return value
    return None
