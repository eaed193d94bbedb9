"""A pickle's opcodes, followed without calling anything that they name: a name stays a name, an object is a stand-in.

torch's own weights-only reader does the same with less: it refuses protocol 4, whole models in the older format, lists
and dicts of a class of their own, any name of `os`; and it makes tensors of any size that a file asks for. Here nothing
is imported, no class is looked up and no function called, so there is nothing that a file could make run; numbers of
tensors stay where they are until `tensors.make` has compared their shape with what the file holds.
"""

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from typing import IO, Any

from .leaves import Name, StandIn, Storage, made, set_items

MAX_PICKLE = 64 * 2**20
MAX_STEPS = 2_000_000
"""Opcodes of one pickle: each makes at most some 250 bytes, so that a file of nothing but empty sets stays bounded."""

MAX_TOLD = 10  # things that a pickle tells of one storage
MAX_CLASS = 2000
"""Letters of a class's name with its module's."""

_COPIED = (str, bytes, list, tuple, dict)

RUNS_COMMANDS = frozenset(
    (
        *("os", "posix", "nt", "sys", "subprocess", "shutil", "socket", "pty", "runpy", "code", "codeop", "commands"),
        *("webbrowser", "importlib", "ctypes"),
    )
)
_RUNS_CODE = frozenset(f"builtins.{name}" for name in ("eval", "exec", "compile", "__import__", "open", "input"))


class PickleError(ValueError):
    """The opcodes make no sense, or are too many; the message is the end of a sentence that begins with the file."""


def unpickle(stream: IO[bytes], *, names: set[str], storages: list[Storage], steps: int | None = None) -> Any:
    """Follow one pickle, and give the tree that it describes, made of plain values and of the classes above.

    Every class and function that it names is added to `names`, every storage that it uses to `storages`; `steps` are
    the most opcodes that are followed, None for MAX_STEPS.

    Raises: PickleError if it is cut, damaged or larger than anything torch saves; or if it wants to run commands.
    """
    try:
        return _Machine(names, storages).follow(stream, MAX_STEPS if steps is None else steps)
    except PickleError:
        raise
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, OverflowError, EOFError, Warning) as error:
        cut = "exhausted" in str(error) or "expected" in str(error) or "newline" in str(error)
        raise PickleError("ends in the middle" if cut else "is damaged") from error


class _Machine:
    """One pass over one pickle."""

    def __init__(self, names: set[str], storages: list[Storage]) -> None:
        self.names, self.storages = names, storages
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0

    def follow(self, stream: IO[bytes], steps: int) -> Any:
        moves = _MOVES
        for count, (opcode, arg, _) in enumerate(pickletools.genops(stream)):
            if count > steps:
                raise PickleError(f"has more than {steps:,} steps, which no file of weights needs")
            name = opcode.name
            if name == "STOP":
                return self.stack[-1]
            move = moves.get(name)
            if move is None:
                raise PickleError(f"uses {name}, which no file of weights needs")
            move(self, arg)
        raise PickleError("ends in the middle")

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def integer(self, arg: Any) -> None:
        self.stack.append(arg if abs(arg) < 2**128 else StandIn("a very long number"))

    def remember(self, arg: int | None) -> None:
        self.memo[len(self.memo) if arg is None else arg] = self.stack[-1]

    def pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def drop_to_mark(self, _: Any) -> None:
        self.since_mark()

    def small_tuple(self, length: int) -> None:
        items = tuple(self.stack[-length:])
        if len(items) != length:
            raise IndexError
        self.stack[-length:] = [items]

    def name(self, module: str, name: str) -> None:
        if len(module) + len(name) > MAX_CLASS:  # two texts of a pickle can be put together a thousand times
            raise PickleError(f"names a class in {len(module) + len(name):,} letters, which no class has")
        module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        full = f"{module}.{name}"
        if module.partition(".")[0] in RUNS_COMMANDS or full in _RUNS_CODE:
            raise PickleError(
                f"asks for {full[:80]}, which runs commands and has no business among weights; nothing of it was run"
            )
        self.names.add(full)
        self.stack.append(Name(full))

    def stack_name(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise TypeError
        self.name(module, name)

    def made_dict(self, _: Any) -> None:
        items = self.since_mark()
        made: dict[Any, Any] = {}
        set_items(made, items)
        self.stack.append(made)

    def append(self, _: Any) -> None:
        item = self.stack.pop()
        _extend(self.stack[-1], [item])

    def appends(self, _: Any) -> None:
        items = self.since_mark()
        _extend(self.stack[-1], items)

    def set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        set_items(self.stack[-1], [key, value])

    def set_items(self, _: Any) -> None:
        items = self.since_mark()
        set_items(self.stack[-1], items)

    def make(self, function: Any, args: Any) -> None:
        result = made(function, args)
        if type(result) in _COPIED:
            # a short pickle can ask a thousand times for a copy of the same long text
            self.copied += len(result) * (1 if type(result) in (str, bytes) else 100)
            if self.copied > 2 * MAX_PICKLE:
                raise PickleError("copies its own parts again and again, which no file of weights needs")
        self.stack.append(result)

    def reduce(self, _: Any) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.make(function, args)

    def new_object_with_keywords(self, _: Any) -> None:
        self.stack.pop()
        self.reduce(None)

    def obj(self, _: Any) -> None:
        cls, *args = self.since_mark()
        self.make(cls, tuple(args))

    def inst(self, arg: str) -> None:
        args = self.since_mark()
        self.name(*arg.split(" ", 1))
        self.make(self.stack.pop(), tuple(args))

    def build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is StandIn:
            target.state = state

    def persistent(self, _: Any) -> None:
        told = self.stack.pop()
        if type(told) is not tuple or not told:
            raise TypeError
        kind = told[0].decode() if type(told[0]) is bytes else told[0]
        if kind == "module" and len(told) > 1:  # a class of a whole model in the older format, with its source
            self.stack.append(told[1])
            return
        if kind != "storage" or not 5 <= len(told) <= MAX_TOLD:
            raise PickleError("keeps things outside itself that are not the numbers of tensors")
        _, storage_type, key, location, numel, *more = told
        if type(storage_type) is not Name or type(numel) is not int or numel < 0:
            raise TypeError
        shift = 0
        if more and type(more[0]) is tuple:  # files of 2017: a storage that is a part of another one
            _, shift, numel = more[0]
            if type(shift) is not int or type(numel) is not int or min(shift, numel) < 0:
                raise TypeError
        text, place = _short(key), _short(location)
        self.storages.append(Storage(storage_type.last, text, place, numel, shift))
        self.stack.append(self.storages[-1])


def _short(word: Any) -> str:
    """A key or a place, which are words or numbers: the text of anything else may be longer than any memory."""
    if type(word) not in (str, bytes, int):
        raise TypeError
    return (word[:200].decode("latin1") if type(word) is bytes else str(word))[:200]


def _extend(target: Any, items: list[Any]) -> None:
    if type(target) is StandIn:
        target = target.members
    if type(target) is not list:
        raise TypeError
    target.extend(items)


_Move = Callable[[_Machine, Any], None]

_MOVES: dict[str, _Move] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda machine, arg: None),
    **dict.fromkeys(("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2"), _Machine.integer),
    **dict.fromkeys(("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"), _Machine.push),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _Machine.push),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _Machine.push),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, arg: machine.push(machine.memo[arg])),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_SET": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "FROZENSET": lambda machine, _: machine.push(machine.since_mark()),
    "DICT": _Machine.made_dict,
    "TUPLE1": lambda machine, _: machine.small_tuple(1),
    "TUPLE2": lambda machine, _: machine.small_tuple(2),
    "TUPLE3": lambda machine, _: machine.small_tuple(3),
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.drop_to_mark,
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "ADDITEMS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": lambda machine, arg: machine.name(*arg.split(" ", 1)),
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.reduce,
    "NEWOBJ_EX": _Machine.new_object_with_keywords,
    "OBJ": _Machine.obj,
    "INST": _Machine.inst,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}
