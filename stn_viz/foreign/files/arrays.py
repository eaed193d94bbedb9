"""safetensors, one file or several with an index, and numpy's npz: plain numbers behind a header that is checked."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..kinds import ForeignError
from .archives import AGAIN, Archive
from .tensors import ITEM_SIZES, MAX_DIMENSIONS, MAX_TENSORS, from_bytes, in_words
from .tree import MAX_NAME

if TYPE_CHECKING:
    from torch import Tensor

MAX_HEADER = 16 * 2**20
MAX_INDEX = 32 * 2**20
MAX_SHARDS = 1000

_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}


_NPY = re.compile(
    rb"\{\s*'descr':\s*('[^']*'|\[.*\]),\s*'fortran_order':\s*(True|False),\s*"
    rb"'shape':\s*\(([0-9L, ]{0,400})\),?\s*\}\s*"
)
_NPY_NUMBER = re.compile(rb"'([<>|=]?(?:f[248]|[iu][1248]|b1|c8|c16))'")


def read_safetensors(file: IO[bytes], name: str, size: int) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Read a safetensors file: its tensors, and the words of its header's "__metadata__".

    Raises: ForeignError if it is cut, or if its header tells what cannot be.
    """
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > min(MAX_HEADER, size - 8):
        if length > MAX_HEADER:
            raise ForeignError(f"{name} says that its header is {length:,} bytes long, in a file of {size:,}. {AGAIN}")
        raise ForeignError(
            f"{name} is cut: {size:,} bytes are here, and its header alone ends at {8 + length:,}. {AGAIN}"
        )
    try:
        header = json.loads(file.read(length).decode("utf-8"))
        metadata = header.pop("__metadata__", {})
        entries = [_entry(key, entry) for key, entry in header.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ForeignError(f"{name} is damaged: its safetensors header cannot be read. {AGAIN}") from error
    if len(entries) > MAX_TENSORS:
        raise ForeignError(f"{name} holds {len(entries):,} tensors; at most {MAX_TENSORS:,} are read.")
    check_names(header, name)
    place = 0
    for key, told, shape, start, end in sorted(entries, key=lambda entry: entry[3:]):
        dtype = _TYPES.get(told)
        if dtype is None:
            raise ForeignError(f"{name}: {key[:80]} is of the type {told[:20]}, which is not read.")
        few = len(shape) <= MAX_DIMENSIONS  # the product of a million sides takes hours
        if few and math.prod(side for side in shape if side) >= 2**62:
            raise ForeignError(f"{name} is damaged: the shape of {key[:80]} makes no sense. {AGAIN}")
        needed = math.prod(shape) * ITEM_SIZES[dtype] if few else -1
        if needed != end - start:
            raise ForeignError(
                f"{name} is damaged: {key[:80]} of the shape {in_words(shape)} does not fit its {end - start:,} bytes. "
                f"{AGAIN}"
            )
        if start != place:
            how = "lies over another tensor" if start < place else "leaves a gap before it"
            raise ForeignError(f"{name} is damaged: {key[:80]} {how}. {AGAIN}")
        place = end
    if 8 + length + place != size:
        how = "is cut" if 8 + length + place > size else "is damaged"
        raise ForeignError(f"{name} {how}: {size:,} bytes are here, and {8 + length + place:,} belong to it. {AGAIN}")
    tensors: dict[str, Tensor] = {}
    for key, told, shape, start, end in entries:
        file.seek(8 + length + start)
        tensors[key] = from_bytes(bytearray(file.read(end - start)), _TYPES[told]).view(shape)
    words = metadata.items() if type(metadata) is dict else ()
    return tensors, {str(key): value for key, value in words if type(value) is str}


def check_names(keys: Iterable[str], name: str) -> None:
    """Raises: ForeignError if a tensor's name is longer than any module's: names are split and compared."""
    longest = max(keys, key=len, default="")
    if len(longest) > MAX_NAME:
        raise ForeignError(
            f"{name}: a tensor in it has a name of {len(longest):,} letters ({longest[:40]}...); "
            f"at most {MAX_NAME:,} are read."
        )


def _entry(key: str, entry: Any) -> tuple[str, str, tuple[int, ...], int, int]:
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(type(number) is int and 0 <= number < 2**62 for number in (*shape, start, end)) or end < start:
        raise ValueError(key)
    return key, str(entry["dtype"]), shape, start, end


def read_npz(archive: Archive) -> Iterator[tuple[str, "Tensor"]]:
    """Give the arrays of numbers in an npz by name; those of objects or words are left out.

    Raises: ForeignError if one is damaged.
    """
    import torch

    if len(archive.members) > MAX_TENSORS:
        raise ForeignError(f"{archive.name} holds {len(archive.members):,} arrays; at most {MAX_TENSORS:,} are read.")
    check_names(archive.members, archive.name)
    for label in archive.members:
        content = archive.read(label)
        key = label.removesuffix(".npy")
        header = _npy_header(content)
        if header is None:
            raise ForeignError(f"{archive.name}: {key[:80]} in it is no array that can be read. {AGAIN}")
        dtype, shape, fortran, start = header
        if dtype is None:
            continue  # objects, words, records
        count = math.prod(shape)
        if count * dtype.itemsize != len(content) - start:
            raise ForeignError(
                f"{archive.name}: {key[:80]} has the shape {in_words(shape)}, which needs "
                f"{count * dtype.itemsize:,} bytes; the file holds {len(content) - start:,}. {AGAIN}"
            )
        array = np.frombuffer(content, dtype, offset=start).reshape(shape, order="F" if fortran else "C")
        yield key, torch.from_numpy(np.array(array, dtype=dtype.newbyteorder("="), order="C"))


def _npy_header(content: bytearray) -> tuple["np.dtype[Any] | None", tuple[int, ...], bool, int] | None:
    """The header of a .npy: type (None where it is no plain number), shape, Fortran order, where the numbers begin.

    numpy's own reader hands the header to Python's compiler, with the warnings and errors of that.
    """
    if content[:6] != b"\x93NUMPY" or len(content) < 12:
        return None
    wide = 4 if content[6] > 1 else 2
    start = 8 + wide + int.from_bytes(content[8 : 8 + wide], "little")
    told = _NPY.fullmatch(content[8 + wide : start]) if start <= min(len(content), 65_600) else None
    if told is None:
        return None
    sides = [int(side.rstrip(b"L")) for side in told[3].replace(b",", b" ").split()]
    if len(sides) > MAX_DIMENSIONS or math.prod(side for side in sides if side) >= 2**62:
        return None
    plain = _NPY_NUMBER.fullmatch(told[1])
    dtype = np.dtype(plain[1].decode()) if plain else None
    return dtype, tuple(sides), told[2] == b"True", start


def read_index(path: Path, content: bytes) -> tuple[dict[str, str], list[str]]:
    """Read a Hugging Face index: which file each tensor lies in, and those files, in their order.

    Raises: ForeignError if it is none, or if it names files elsewhere than beside itself.
    """
    try:
        places = json.loads(content.decode("utf-8"))["weight_map"]
        shards = list(dict.fromkeys(places.values()))
        names_are_plain = all(type(shard) is str and Path(shard).name == shard for shard in shards)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ForeignError(
            f"{path.name} is a JSON file, not a checkpoint. Of such files, the index of a sharded checkpoint is read."
        ) from error
    if not shards or not names_are_plain or len(shards) > MAX_SHARDS:
        raise ForeignError(
            f"{path.name} names files that do not lie beside it, or none. Take all files of the original."
        )
    return places, shards
