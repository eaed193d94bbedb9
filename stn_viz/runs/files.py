"""Files of a run, read without trusting them: bounded, inside the folder, plain numbers, nothing that executes."""

import io
import json
import math
import stat
import zipfile
from collections.abc import Callable, Container
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .info import RunError

T = TypeVar("T")

MAX_ARRAYS = 512 * 2**20  # of one npz, unpacked
MAX_MEMBERS = 3 * 64 + 16
MAX_HEADER = 16 * 2**20
MAX_TENSORS = 50_000
MAX_TABLE = 2**20  # of a zip's contents, of which a kilobyte is made for each fifty bytes

ORIGINAL = "Take it from the original folder, or train the run again."
"""What to do about a file that cannot be right."""


def read_file(folder: Path, name: str, limit: int) -> bytes:
    """Read one file of a run, if it is a plain file in that folder and not larger than `limit` bytes.

    Raises: RunError if it is missing, too large, a link that leads out of the folder, or not a plain file.
    """
    path = folder / name
    try:
        found = path.stat()
        if not path.resolve().is_relative_to(folder.resolve()):
            raise RunError(f"{name} is a link that leads out of the run's folder. Put a copy of the file in its place.")
        if not stat.S_ISREG(found.st_mode):
            raise RunError(f"{name} is not a plain file. {ORIGINAL}")
        if found.st_size > limit:
            raise RunError(f"{name} is {found.st_size:,} bytes long; at most {limit:,} are read. {ORIGINAL}")
        with open(path, "rb") as file:
            return file.read(limit)
    except FileNotFoundError:
        raise RunError(f"{name} is missing from {folder.name}. {ORIGINAL}") from None
    except OSError as error:
        raise RunError(f"{name} cannot be read ({error.strerror}). Check the file's permissions.") from error


def read_npz(folder: Path, name: str, *, only: Container[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read plain arrays of numbers out of an npz, each checked against its own header before it is unpacked.

    `only` names the arrays to unpack, for who wants a few of them; None is all.

    Raises: RunError if the file is missing, damaged, too large once unpacked, or holds anything but numbers.
    """
    packed = Packed(read_file(folder, name, MAX_ARRAYS), name, only=only)
    return {label: packed.read(label) for label in packed.shapes}


class Packed:
    """An npz as it lies in the file: the shapes of its arrays are known, each is unpacked when it is asked for.

    Attributes: shapes, of the arrays by name, and nbytes, what they take once they are all unpacked.
    """

    def __init__(self, content: bytes, name: str, *, only: Container[str] | None = None) -> None:
        """Read the headers. Raises: as `read_npz`."""
        self._content, self._name = content, name
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.nbytes = 0

        def look(archive: zipfile.ZipFile) -> None:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if len(members) > MAX_MEMBERS or total > MAX_ARRAYS:
                raise RunError(
                    f"{name} unpacks to {len(members)} arrays of {total:,} bytes in all; "
                    f"at most {MAX_MEMBERS} and {MAX_ARRAYS:,} are read. {ORIGINAL}"
                )
            for member in members:
                label = member.filename.removesuffix(".npy")
                if only is not None and label not in only:
                    continue
                self._members[label] = member
                with archive.open(member) as file:
                    shape, dtype = _read_header(file, member, name)
                self.shapes[label] = shape
                self.nbytes += math.prod(shape) * dtype.itemsize

        self._within(look)

    def read(self, label: str) -> NDArray[Any]:
        """Unpack one array. Raises: KeyError for a name that is not among `shapes`; else as `read_npz`."""
        member = self._members[label]
        return self._within(lambda archive: _read_npy(archive, member, self._name))

    def _within(self, act: Callable[[zipfile.ZipFile], T]) -> T:
        try:
            file = _Bounded(self._content, self._name)
            with zipfile.ZipFile(file) as archive:
                file.bounded = False
                return act(archive)
        except RunError:
            raise
        except Exception as error:  # zipfile and zlib raise a dozen types for a damaged archive
            size = f"{len(self._content):,} bytes"
            raise RunError(f"{self._name} is truncated or damaged ({size}: {error}). {ORIGINAL}") from error


class _Bounded(io.BytesIO):
    """A zip as zipfile opens it: its table is read at once, and may not be as long as the file."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.label, self.bounded = name, True

    def read(self, size: int | None = -1, /) -> bytes:
        if self.bounded and size is not None and size > MAX_TABLE:
            raise RunError(f"{self.label} has a table of contents of {size:,} bytes. {ORIGINAL}")
        return super().read(size)


def check_safetensors(content: bytes, name: str) -> dict[str, tuple[int, ...]]:
    """Check a safetensors file's header against its length, and give the shape of each tensor.

    Raises: RunError if it is truncated or not of this format; the message gives both lengths.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > MAX_HEADER:
        raise RunError(f"{name} is not a safetensors file ({len(content):,} bytes). {ORIGINAL}")
    if len(content) < 8 + length:
        raise RunError(f"{name} is truncated: {len(content):,} bytes of at least {8 + length:,}. {ORIGINAL}")
    try:
        header = json.loads(content[8 : 8 + length].decode("utf-8"))
        entries = {key: entry for key, entry in header.items() if key != "__metadata__"}
        if len(entries) > MAX_TENSORS:
            raise RunError(f"{name} holds {len(entries):,} tensors; at most {MAX_TENSORS:,} are read. {ORIGINAL}")
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
        shapes = {key: tuple(int(side) for side in entry["shape"]) for key, entry in entries.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        raise RunError(f"{name} is not a safetensors file: its header is damaged. {ORIGINAL}") from None
    if len(content) != 8 + length + end:
        raise RunError(f"{name} is truncated: {len(content):,} bytes of {8 + length + end:,}. {ORIGINAL}")
    return shapes


def _read_npy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> NDArray[Any]:
    with archive.open(member) as file:
        shape, dtype = _read_header(file, member, where)
        size = math.prod(shape) * dtype.itemsize
        content = file.read(size + 1)
    if len(content) != size:
        label = member.filename.removesuffix(".npy")
        raise RunError(f"{where}: {label} has {len(content):,} bytes, but shape {shape} takes {size:,}. {ORIGINAL}")
    return np.frombuffer(content, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _read_header(file: IO[bytes], member: zipfile.ZipInfo, where: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    label = member.filename.removesuffix(".npy")
    version = npy.read_magic(file)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    shape, fortran, dtype = read_header(file)
    if dtype.kind not in "fiu" or dtype.hasobject:
        raise RunError(f"{where}: {label} is of type {dtype}, expected plain numbers. {ORIGINAL}")
    size = math.prod(shape) * dtype.itemsize
    if fortran or len(shape) > 6 or size > member.file_size:
        raise RunError(f"{where}: {label} says shape {shape}, more than its {member.file_size:,} bytes. {ORIGINAL}")
    return shape, dtype
