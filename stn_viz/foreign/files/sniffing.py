"""What a file is, from its first bytes and before any library sees it: a sentence for all that is no checkpoint."""

import re
import stat
from pathlib import Path

from ..kinds import ForeignError
from .archives import AGAIN

MAX_FILE = 16 * 2**30
HEAD = 4096

_LFS_SIZE = re.compile(rb"^size (\d{1,18})\s*$", re.MULTILINE)

_KINDS: tuple[tuple[bytes, int, str, str], ...] = (
    (b"\x1f\x8b", 0, "a gzip archive", "Unpack it (gunzip, or tar xzf), and open what is in it."),
    (b"BZh", 0, "a bzip2 archive", "Unpack it, and open what is in it."),
    (b"\xfd7zXZ\x00", 0, "an xz archive", "Unpack it, and open what is in it."),
    (b"\x28\xb5\x2f\xfd", 0, "a zstd archive", "Unpack it, and open what is in it."),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7-Zip archive", "Unpack it, and open what is in it."),
    (b"Rar!", 0, "a RAR archive", "Unpack it, and open what is in it."),
    (b"ustar", 257, "a tar archive", "Unpack it (tar xf), and open what is in it."),
    (b"\x89PNG", 0, "a PNG picture", "Choose the file of the network's weights."),
    (b"\xff\xd8\xff", 0, "a JPEG picture", "Choose the file of the network's weights."),
    (b"GIF8", 0, "a GIF picture", "Choose the file of the network's weights."),
    (b"II*\x00", 0, "a TIFF picture", "Choose the file of the network's weights."),
    (b"MM\x00*", 0, "a TIFF picture", "Choose the file of the network's weights."),
    (b"BM", 0, "a BMP picture", "Choose the file of the network's weights."),
    (b"%PDF", 0, "a PDF document", "Choose the file of the network's weights."),
    (b"RIFF", 0, "a sound or a film (RIFF)", "Choose the file of the network's weights."),
    (b"\x93NUMPY", 0, "a single numpy array (.npy)", "A network's weights are several: save them with numpy.savez."),
    (b"\x89HDF", 0, "an HDF5 file, as Keras writes it", "Save the weights as .npz or .safetensors."),
    (b"TFL3", 4, "a TensorFlow Lite program", "Save the weights as .npz or .safetensors."),
    (b"GGUF", 0, "a GGUF file", "Save the weights as .safetensors."),
    (b"SQLite format 3", 0, "an SQLite database", "Choose the file of the network's weights."),
    (b"PAR1", 0, "a Parquet table", "Choose the file of the network's weights."),
    (b"\x7fELF", 0, "a program for Linux", "Choose the file of the network's weights."),
    (b"MZ", 0, "a program for Windows", "Choose the file of the network's weights."),
    (b"\xd0\xcf\x11\xe0", 0, "an old Office document", "Choose the file of the network's weights."),
)


def check_file(path: Path, root: Path | None) -> int:
    """Give the size of a plain file that may be read.

    Raises: ForeignError if there is none, if a link leads out of `root`, if it is empty, too large or not permitted.
    """
    name = path.name
    try:
        if root is not None and not path.resolve(strict=True).is_relative_to(root.resolve()):
            raise ForeignError(f"{name} is a link that leads out of the folder {root.name}. Put a copy in its place.")
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ForeignError(f"{name} is a folder. Choose a file in it, or import the whole folder.")
        if not stat.S_ISREG(found.st_mode):
            raise ForeignError(f"{name} is not a plain file. Choose the file of the network's weights.")
        if found.st_size == 0:
            raise ForeignError(f"{name} is empty (0 bytes). {AGAIN}")
        if found.st_size > MAX_FILE:
            raise ForeignError(
                f"{name} is {found.st_size:,} bytes long; at most {MAX_FILE:,} are read. Save the weights alone, "
                "without the optimiser."
            )
        room = memory()
        if room is not None and found.st_size > room:
            raise ForeignError(
                f"{name} is {found.st_size:,} bytes long, more than the {room:,} that this machine's memory has free. "
                "Save the weights alone, or open it on a larger machine."
            )
        with path.open("rb"):
            return found.st_size
    except FileNotFoundError:
        what = "is a link to a file that is missing" if path.is_symlink() else "is missing"
        raise ForeignError(f"{name} {what}. Check the path.") from None
    except PermissionError:
        raise ForeignError(f"{name} may not be read by you. Change its permissions (chmod u+r).") from None
    except (
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # a ring of links is a RuntimeError, a NUL in a name a ValueError
        raise ForeignError(f"{name} cannot be read ({getattr(error, 'strerror', None) or error}).") from error


def memory() -> int | None:
    """Bytes of memory that are free on this machine; None where the system does not tell."""
    try:
        with open("/proc/meminfo", "rb") as file:
            told = re.search(rb"^MemAvailable:\s+(\d{1,15}) kB", file.read(4096), re.MULTILINE)
    except (OSError, ValueError):
        return None
    return int(told[1]) * 1024 if told else None


def kind_of(head: bytes, name: str, size: int) -> str:
    """Tell what a file is by its first bytes: "zip", "pickle", "safetensors" or "json".

    Raises: ForeignError for everything that holds no weights, saying what it is and what to do.
    """
    if head.startswith(b"version https://git-lfs"):
        told = _LFS_SIZE.search(head)
        true = f"the file itself has {int(told[1]):,} bytes" if told else "the file itself is elsewhere"
        raise ForeignError(
            f"{name} is a Git-LFS pointer of {size:,} bytes; {true}. Run `git lfs pull` in its repository."
        )
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head[0] == 0x80 and len(head) > 1 and head[1] <= 5:
        return "pickle"
    if head[8:9] == b"{" and not _is_text(head):
        return "safetensors"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        raise ForeignError(f"{name} is a web page, not a checkpoint: the download gave a page instead. {AGAIN}")
    if text.startswith(b"<"):
        raise ForeignError(f"{name} is an XML file, often the answer of a server that refused the download. {AGAIN}")
    if text.startswith((b"{", b"[")):
        return "json"
    for magic, place, what, cure in _KINDS:
        if head[place : place + len(magic)] == magic:
            raise ForeignError(f"{name} is {what}, not a checkpoint. {cure}")
    if not any(head):
        raise ForeignError(f"{name} begins with {len(head):,} zeros: it was not written to its end. {AGAIN}")
    if _is_text(head):
        raise ForeignError(f"{name} is a text file, not a checkpoint. Choose the file of the network's weights.")
    raise ForeignError(
        f"{name} is of no kind that is known here (its first bytes are {head[:4].hex(' ')}). "
        "PyTorch checkpoints, safetensors and .npz are read."
    )


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or len(head) < HEAD:
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)
