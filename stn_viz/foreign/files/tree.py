"""The tree of things in a file: what lies in each of its branches, and how it is told in names and shapes."""

from itertools import islice
from typing import Any

from ..kinds import Checkpoint
from .leaves import Name, StandIn
from .tensors import in_words, is_array

MAX_DEPTH = 40
MAX_KEYS = 200_000
MAX_ITEMS = 5_000
MAX_NAME = 1000
MAX_LINES = 60
MAX_WIDTH = 110


def children(value: Any) -> list[tuple[str, Any]]:
    """What lies directly in a container, by keys that are words; of a stand-in its attributes and entries.

    Of a long list only the beginning: networks are not saved by the thousand, losses are by the million.
    """
    if type(value) is dict:
        return [(_word(key), part) for key, part in islice(value.items(), MAX_KEYS)]
    if type(value) in (list, tuple):
        return [(str(index), part) for index, part in enumerate(value[:MAX_ITEMS])]
    if type(value) is StandIn and not is_array(value):
        entries = islice((*value.attributes.items(), *value.entries.items()), MAX_KEYS)
        parts = [(_word(key), part) for key, part in entries]
        parts += [(str(index), part) for index, part in enumerate(value.members[:MAX_ITEMS])]
        if type(value.args) is tuple:
            parts += [(f"argument {index}", part) for index, part in enumerate(value.args[:MAX_ITEMS])]
        return parts
    return []


def _word(key: Any) -> str:
    """A key as a word, no longer than any name: one of forty megabytes would be searched again and again."""
    return (key if type(key) is str else key.decode("latin1") if type(key) is bytes else str(key))[:MAX_NAME]


def describe(checkpoint: Checkpoint) -> str:
    """Tell what a file contains as a tree of names and shapes, one a line, at most MAX_LINES of them.

    Layers that lie beside each other and differ only in their number share the lines of their folder.
    """
    lines: list[str] = []
    for weights in checkpoint.weights:
        numbers = sum(tensor.numel() for tensor in weights.tensors.values())
        lines.append(f"{weights.place or checkpoint.path.name}: {len(weights.tensors)} tensors, {numbers:,} numbers")
        opened: tuple[str, ...] = ()
        for name, tensor in weights.tensors.items():
            *folders, leaf = name.split(".")
            common = 0
            for here, there in zip(folders, opened, strict=False):
                if here != there:
                    break
                common += 1
            lines.extend("  " * (depth + 1) + folders[depth] for depth in range(common, len(folders)))
            opened = tuple(folders)
            shape = in_words(tuple(tensor.shape))
            lines.append("  " * (len(folders) + 1) + f"{leaf}  {shape}  {str(tensor.dtype).removeprefix('torch.')}")
            if len(lines) > 10 * MAX_LINES:
                break
    facts = ", ".join(f"{key} {value}" for key, value in checkpoint.facts.items())
    shown = lines[: MAX_LINES - 2] if len(lines) > MAX_LINES - 1 else lines
    if len(shown) < len(lines):
        total = sum(len(weights.tensors) for weights in checkpoint.weights)
        shown = [*shown, f"... ({total:,} tensors in all)"]
    if facts:
        shown = [*shown, f"beside them: {facts}"]
    return "\n".join(printable(line if len(line) <= MAX_WIDTH else line[: MAX_WIDTH - 1] + "…") for line in shown)


def printable(text: str) -> str:
    """A text without the letters that a screen cannot show: names in strangers' files may be made of anything."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "�" for letter in text)


def outline(tree: Any) -> str:
    """Tell in a few words what a tree without weights holds: "a list of 3", "a dict with epoch, loss"."""
    if type(tree) is dict:
        keys = ", ".join(_word(key)[:30] for key in list(tree)[:6]) + (", ..." if len(tree) > 6 else "")
        return f"a dict with {keys}" if keys else "an empty dict"
    if type(tree) in (list, tuple):
        return f"a {type(tree).__name__} of {len(tree)}" if tree else f"an empty {type(tree).__name__}"
    if type(tree) is StandIn:
        return f"an object of the class {tree.name[:80]}"
    if type(tree) is Name:
        return f"the name of {tree.full[:80]}"
    if tree is None:
        return "nothing (None)"
    return f"one {type(tree).__name__}"
