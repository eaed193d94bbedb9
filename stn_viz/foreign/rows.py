"""The first rows of a stranger's npz: no pickle, nothing unpacked that was not asked for, headers checked first."""

import io
import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .kinds import ForeignError

MOST_BYTES = 512 * 2**20  # of the rows that are read
MOST_FILE = 8 * 2**30


def first_rows(
    source: Path | bytes, names: tuple[Sequence[str], Sequence[str]], most: int
) -> tuple[tuple[str, NDArray[Any], int], tuple[str, NDArray[Any], int] | None]:
    """Read the pictures and the labels out of an npz (or pictures out of an npy): name, first `most` rows, all rows.

    `names` are those that each may go by, likeliest first, in any capitals; an npz of one array needs none of them.
    Only the rows that are wanted are unpacked, so a set of 60,000 images costs no more than its first ones.

    Raises: ForeignError if it cannot be read, has no such array, or has other things than numbers in it.
    """
    label = source.name if isinstance(source, Path) else "The images' file"
    try:
        with open(source, "rb") if isinstance(source, Path) else io.BytesIO(source) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if size > MOST_FILE:
                raise ForeignError(
                    f"{label} is {size:,} bytes long; at most {MOST_FILE:,} are read. Save fewer images."
                )
            if file.read(6) == npy.MAGIC_PREFIX:
                file.seek(0)
                return (label, *_rows(file, size, most, label, label)), None
            file.seek(0)
            with zipfile.ZipFile(file) as archive:
                return _of_archive(archive, names, most, label)
    except ForeignError:
        raise
    except OSError as error:
        raise ForeignError(f"{label} cannot be read ({error.strerror or error}). Check its name.") from error
    except Exception as error:  # zipfile and zlib raise a dozen types for a damaged archive
        raise ForeignError(
            f"{label} is no npz that can be read ({error}). "
            "Save the images with numpy.savez(file, images=..., labels=...)."
        ) from error


def _of_archive(
    archive: zipfile.ZipFile, names: tuple[Sequence[str], Sequence[str]], most: int, label: str
) -> tuple[tuple[str, NDArray[Any], int], tuple[str, NDArray[Any], int] | None]:
    members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    chosen: list[str | None] = [_called(members, wanted) for wanted in names]
    pictures, labels = chosen
    if pictures is None and len(members) == 1:
        pictures = next(iter(members))
    if pictures is None:
        held = ", ".join(list(members)[:8]) or "nothing"
        raise ForeignError(
            f"{label} has no array named as images are ({', '.join(names[0][:3])}, ...); it holds {held}. "
            "Save them with numpy.savez(file, images=..., labels=...)."
        )
    found: list[tuple[str, NDArray[Any], int]] = []
    for name in (pictures, labels):
        if name is not None:
            with archive.open(members[name]) as file:
                rows = _rows(file, members[name].file_size, most, label, name)  # type: ignore[arg-type]
            found.append((name, *rows))
    return found[0], found[1] if len(found) > 1 else None


def _called(members: dict[str, zipfile.ZipInfo], wanted: Sequence[str]) -> str | None:
    for name in wanted:
        for member in members:
            if member == name:
                return member
    lower = {member.lower(): member for member in members}
    return next((lower[name.lower()] for name in wanted if name.lower() in lower), None)


def _rows(file: BinaryIO, size: int, most: int, label: str, name: str) -> tuple[NDArray[Any], int]:
    version = npy.read_magic(file)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_header is None:
        raise ForeignError(f"{label}: {name} is of an npy format that is not read ({version}). Save it again.")
    shape, fortran, dtype = read_header(file)
    if dtype.kind not in "fiub" or dtype.hasobject:
        raise ForeignError(f"{label}: {name} is of type {dtype}, expected plain numbers.")
    if not shape or math.prod(shape) * dtype.itemsize > size:
        raise ForeignError(f"{label}: {name} says shape {shape}, more than its {size:,} bytes. Save it again.")
    count = shape[0] if fortran else min(shape[0], most)  # Fortran's order has its first rows all over the file
    bytes_wanted = math.prod((count, *shape[1:])) * dtype.itemsize
    if bytes_wanted > MOST_BYTES:
        raise ForeignError(
            f"{label}: the first {count} rows of {name} take {bytes_wanted:,} bytes; at most {MOST_BYTES:,} are read."
        )
    content = file.read(bytes_wanted)
    if len(content) != bytes_wanted:
        raise ForeignError(f"{label}: {name} is truncated: {len(content):,} of {bytes_wanted:,} bytes. Save it again.")
    flat = np.frombuffer(content, dtype=dtype)
    rows = flat.reshape(shape, order="F")[:most] if fortran else flat.reshape(count, *shape[1:])
    return rows.astype(dtype.newbyteorder("=")), shape[0]
