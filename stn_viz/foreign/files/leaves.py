"""What a pickle's tree is made of where it is not plain values: names, stand-ins, tensors told but not yet made."""

import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_PLAIN = (str, int, float, bool, bytes, type(None))
LONGEST_KEY = 2000  # of which more is not kept; no name of weights is half as long
_NUMPY_NUMBER = re.compile(r"[<>=|]?([fiu][1248]|b1)")


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that a pickle names, "torch.FloatStorage": never looked up."""

    full: str

    @property
    def last(self) -> str:
        """The name without its module."""
        return self.full.rpartition(".")[2]


@dataclass(eq=False, slots=True)
class StandIn:
    """Stands where an object would have been: the name of its class, and what it would have been given."""

    name: str
    args: Any = ()
    state: Any = None
    entries: dict[Any, Any] = field(default_factory=dict)
    members: list[Any] = field(default_factory=list)

    @property
    def attributes(self) -> Mapping[Any, Any]:
        """Its `__dict__`, as the pickle gives it; never a copy, since it is asked for at every place that it has."""
        state = self.state
        if type(state) is tuple and len(state) == 2:
            plain, slots = (part if type(part) is dict else {} for part in state)
            return ChainMap(slots, plain) if slots else plain
        return state if type(state) is dict else {}


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """Numbers that lie elsewhere in the file: `type` is "FloatStorage" or the like, `numel` is told, not yet true."""

    type: str
    key: str
    location: str
    numel: int
    shift: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Stored:
    """A tensor as the pickle tells it; `dtype` only where the storage does not say it."""

    storage: Any
    offset: Any
    size: Any
    stride: Any
    dtype: Name | None = None
    flags: Any = None


@dataclass(frozen=True, eq=False, slots=True)
class Unusable:
    """A tensor of a kind that is not read: `why` names it ("a sparse tensor")."""

    why: str


def set_items(target: Any, items: list[Any]) -> None:
    """Put keys and values, one after the other, into a dict or a stand-in. Raises: TypeError for anything else."""
    if type(target) is StandIn:
        target = target.entries
    if type(target) is not dict or len(items) % 2:
        raise TypeError
    for key, value in zip(items[::2], items[1::2], strict=True):
        # only plain keys are hashed: a tuple of tuples of tuples, each twice in the next, takes years
        # and whole numbers that leave the same rest of 2**61 - 1 fall into one slot of the dict
        plain = type(key) in _PLAIN and not (type(key) is int and abs(key) >= 2**60)
        if not plain:
            key = f"<a key that is no word, {len(target)}>"
        elif type(key) in (str, bytes) and len(key) > LONGEST_KEY:
            # two equal texts of forty megabytes would be compared at every turn
            key = f"{_text(key[:LONGEST_KEY])} ... {len(target)}"
        target[key] = value


def _text(word: str | bytes) -> str:
    return word.decode("latin1") if type(word) is bytes else str(word)


def made(function: Any, args: Any) -> Any:
    """What the function would have made, where it is one of the known ones, told as plain data; else a stand-in."""
    if type(args) is not tuple:
        raise TypeError
    if type(function) is not Name:
        return StandIn("something without a name", args)
    for _ in range(4):  # _rebuild_from_type_v2(function, class, args, state) wraps another one
        if function.last not in ("_rebuild_from_type_v2", "_rebuild_from_type") or len(args) != 4:
            break
        function, args = args[0], args[2]
        if type(function) is not Name or type(args) is not tuple:
            raise TypeError
    rule = _RULES.get(function.full)
    return StandIn(function.full, args) if rule is None else rule(args)


def _pairs(args: tuple[Any, ...]) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    if args and type(args[0]) is list:
        for pair in args[0]:
            key, value = pair
            set_items(made, [key, value])
    elif args and type(args[0]) is dict:
        made.update(args[0])
    return made


def _listed(args: tuple[Any, ...]) -> list[Any]:
    return list(args[0]) if args and type(args[0]) in (list, tuple) else []


def _encoded(args: tuple[Any, ...]) -> Any:
    return args[0].encode("latin1") if type(args[0]) is str else args[0]


def number_type(dtype: Any) -> "np.dtype[Any] | None":
    """The plain type of numbers that a pickled numpy.dtype stands for, None for any other."""
    code = dtype.args[0] if type(dtype) is StandIn and dtype.name == "numpy.dtype" and dtype.args else None
    text = _text(code[:9]) if type(code) is bytes else code
    if type(text) is not str or not _NUMPY_NUMBER.fullmatch(text):
        return None
    state = dtype.state
    big = type(state) is tuple and len(state) > 1 and state[1] in (">", b">")
    return np.dtype(text).newbyteorder(">") if big else np.dtype(text)


def _stored(args: tuple[Any, ...], *, dtype: int | None = None, flags: int | None = None) -> Stored:
    storage, offset, size, stride = args[:4]  # and not the rest: one tuple of a million may be given a million times
    found = args[dtype] if dtype is not None else None
    if found is not None and type(found) is not Name:
        raise TypeError
    return Stored(
        storage, offset, size, stride, found, args[flags] if flags is not None and len(args) > flags else None
    )


def _scalar(args: tuple[Any, ...]) -> Any:
    plain = number_type(args[0]) if args else None
    if plain is None or len(args) != 2 or type(args[1]) is not bytes or len(args[1]) != plain.itemsize:
        return StandIn("numpy.scalar", args)
    return np.frombuffer(args[1], plain)[0].item()


_RULES: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "builtins.dict": _pairs,
    "builtins.list": _listed,
    "builtins.set": _listed,
    "builtins.frozenset": _listed,
    "builtins.tuple": lambda args: tuple(_listed(args)),
    "builtins.bytearray": lambda args: args[0] if args and type(args[0]) is bytes else b"",
    "collections.OrderedDict": _pairs,
    "collections.Counter": _pairs,
    "collections.defaultdict": lambda args: _pairs(args[1:2]),
    "_codecs.encode": _encoded,
    "torch.Size": lambda args: tuple(_listed(args)),
    "torch.device": lambda args: ":".join(str(part)[:40] for part in args[:2] if type(part) in (str, int)),
    "torch._utils._rebuild_tensor": lambda args: _stored(args),
    "torch._utils._rebuild_tensor_v2": lambda args: _stored(args, flags=6),
    "torch._utils._rebuild_tensor_v3": lambda args: _stored(args, dtype=6, flags=7),
    "torch._utils._rebuild_parameter": lambda args: args[0],
    "torch._utils._rebuild_parameter_with_state": lambda args: args[0],
    "torch.nn.parameter.Parameter": lambda args: args[0] if args else StandIn("torch.nn.parameter.Parameter"),
    "torch._utils._rebuild_qtensor": lambda _: Unusable("a quantised tensor"),
    "torch._utils._rebuild_sparse_tensor": lambda _: Unusable("a sparse tensor"),
    "torch._utils._rebuild_sparse_csr_tensor": lambda _: Unusable("a sparse tensor"),
    "torch._utils._rebuild_nested_tensor": lambda _: Unusable("a nested tensor"),
    "torch._utils._rebuild_meta_tensor_no_storage": lambda _: Unusable("a tensor without numbers (meta)"),
    "torch._utils._rebuild_wrapper_subclass": lambda _: Unusable("a tensor of a class of its own"),
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
}
