"""Strangers' words on a terminal: names of files and layers may hold what moves its cursor or paints over it."""

import sys
from typing import IO


def plain(text: str) -> str:
    """The text with line ends, and without any other letter that a screen does not show."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text)


def say(words: object, *, file: IO[str] | None = None) -> None:
    """Print them plainly, to standard output unless another stream is given."""
    print(plain(str(words)), file=file or sys.stdout)
