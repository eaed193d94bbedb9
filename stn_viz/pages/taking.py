"""What is to be imported: a path on the server's machine, or files dropped into the browser, kept for the session."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Protocol

from stn_viz.foreign import ForeignError

MOST_BYTES = 2**30
"""Of all dropped files together: they travel through the browser, and lie twice on this machine."""


class Dropped(Protocol):
    """A file that came through the browser, as Streamlit gives it."""

    name: str
    size: int

    def seek(self, offset: int, /) -> int:
        """Go to a place in it."""

    def read(self, size: int, /) -> bytes:
        """Read on from there."""


def given_path(text: str) -> Path:
    """The file or folder that somebody typed.

    Raises: ForeignError if there is none, or it must not be looked into.
    """
    words = text.strip().strip("\"'")
    try:
        path = Path(words).expanduser()
        found = path.exists()
    except (OSError, ValueError, RuntimeError):  # too long, a nul, an unknown ~user
        found = False
    if not words or not found:
        raise ForeignError(f"There is no file or folder {words[:200]!r} on this machine. Type its whole path.")
    return path.resolve()


def keep(files: Iterable[Dropped]) -> tuple["TemporaryDirectory[str]", list[Path]]:
    """Write dropped files into a temporary folder, which lives as long as the object that stands for it.

    Raises: ForeignError if they are too large together, or if the disk does not take them.
    """
    files = list(files)
    total = sum(file.size for file in files)
    if total > MOST_BYTES:
        raise ForeignError(
            f"The dropped files are {total / 1e9:.1f} GB together; at most {MOST_BYTES / 1e9:.1f} GB are taken. Drop "
            "fewer of them, or run python -m stn_viz import on the machine where they lie."
        )
    folder = TemporaryDirectory(prefix="stn-viz-")
    kept: list[Path] = []
    try:
        for file in files:
            path = _free(Path(folder.name), _plain_name(file.name))
            file.seek(0)
            with open(path, "xb") as target:
                _copy(file, target)
            kept.append(path)
    except BaseException as error:
        folder.cleanup()
        if not isinstance(error, OSError):
            raise
        raise ForeignError(
            f"The dropped files cannot be kept ({error.strerror}). Make room, then try again."
        ) from error
    return folder, kept


def _copy(source: Dropped, target: IO[bytes]) -> None:
    while piece := source.read(2**20):
        target.write(piece)


def _plain_name(name: str) -> str:
    """The last part of a name that a browser sent: of letters that a screen shows, no longer than disks take."""
    last = Path(name.replace("\\", "/").replace("\0", "")).name
    shown = "".join(letter if letter.isprintable() else "_" for letter in last)
    return (shown if len(shown.encode()) <= 240 else shown[-60:]).lstrip(".") or "file"


def _free(folder: Path, name: str) -> Path:
    """A name that is not taken: two files "model.pt" out of two folders are both kept."""
    path = folder / name
    for count in range(2, 10_000):
        if not path.exists():
            break
        path = folder / f"{Path(name).stem}-{count}{Path(name).suffix}"
    return path
