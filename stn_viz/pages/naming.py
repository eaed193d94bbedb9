"""Where an imported run goes, and by which name: inside the folder of the user's own runs, never over another."""

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from stn_viz import shelf
from stn_viz.foreign import ForeignError

_COUNTED = r"(?<![a-z])(epochs?|steps?|iter(ation)?s?|checkpoints?|ckpt|model|weights)(?![a-z])"  # names no training
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def destination(name: str) -> Path:
    """The folder of a new run.

    Raises: ForeignError if the name is none, or taken.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise ForeignError(
            "A run's name has up to 80 letters, digits, hyphens, dots and underscores, the first a letter or digit."
        )
    taken = {entry.name.lower() for entry in shelf.listed()}
    path = shelf.roots()[-1] / name
    if name.lower() in taken or path.exists():
        raise ForeignError(f"There is a run named {name} already. Choose another name.")
    return path


def called(paths: Sequence[Path]) -> str:
    """What things that are imported together may be called: what their names begin with, if that says anything."""
    if len(paths) == 1:
        return paths[0].name
    letters = zip(*(path.stem for path in paths), strict=False)
    alike = takewhile(lambda column: len(set(column)) == 1, letters)
    common = "".join(column[0] for column in alike).rstrip("0123456789-_.= ")
    words = re.split(r"[-_. ]+", re.sub(_COUNTED, "", common, flags=re.IGNORECASE))
    return "-".join(filter(None, words)) or "imported"


def suggested(source: str) -> str:
    """A free name after a folder or a file."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(source).stem).strip("-._")[:60] or "imported"
    taken = {entry.name.lower() for entry in shelf.listed()}
    name, count = stem, 1
    while name.lower() in taken or (shelf.roots()[-1] / name).exists():
        count += 1
        name = f"{stem}-{count}"
    return name
