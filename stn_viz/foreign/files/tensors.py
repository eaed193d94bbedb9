"""Numbers out of a file: a tensor is made only when its shape has been compared with what the file holds."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .leaves import Name, StandIn, Storage, Stored, Unusable, number_type

if TYPE_CHECKING:
    import torch

MAX_DIMENSIONS = 16
MAX_TENSORS = 50_000
_ABSURD = 256  # sides that are not even looked at one by one: the same million may be told of a million tensors

ITEM_SIZES = {
    "float32": 4,
    "float64": 8,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
}
"""Bytes of one number, by torch's name of its type: the types that are read."""

STORAGE_TYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}

Bytes = Callable[[Storage], "bytearray | memoryview"]
"""Gives the bytes of a storage, as many as it says: raises UnfitError where the file holds fewer or others."""


class UnfitError(ValueError):
    """A tensor that cannot be made; the message is a clause that follows its name ("needs 12 numbers, but ...")."""


def is_tensor(value: Any) -> bool:
    """Whether a leaf of a pickle's tree is a tensor or an array, one that can be read or not."""
    return type(value) in (Stored, Unusable) or is_array(value)


def is_array(value: Any) -> bool:
    """Whether a stand-in is a numpy array."""
    return type(value) is StandIn and value.name.startswith("numpy") and value.name.endswith(("_reconstruct", "buffer"))


def shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape that the file tells of a tensor, None where it tells none or nonsense."""
    if type(value) is Stored:
        size = value.size
    elif is_array(value):
        size = _array_parts(value)[1]
    else:
        return None
    if type(size) is not tuple or len(size) > _ABSURD:
        return None
    return size if all(type(side) is int and side >= 0 for side in size) else None


def make(value: Any, read: Bytes) -> "torch.Tensor":
    """Make the tensor that a leaf stands for: CPU, contiguous, its stored type; a view of the file's bytes if it can.

    Raises: UnfitError if the file does not hold it, or if it is of a kind that is not read.
    """
    if type(value) is Unusable:
        raise UnfitError(f"is {value.why}, which is not read")
    return _of_array(value) if is_array(value) else _of_storage(value, read)


def from_bytes(content: Any, dtype: str, *, offset: int = 0, count: int = -1) -> "torch.Tensor":
    """A flat tensor over a writable buffer, without a copy. Bytes that stand for a bool are made 0 or 1."""
    import torch

    if not count or not len(content):
        return torch.empty(0, dtype=getattr(torch, dtype))
    if dtype == "bool":
        return torch.frombuffer(content, dtype=torch.uint8, offset=offset, count=count) != 0
    return torch.frombuffer(content, dtype=getattr(torch, dtype), offset=offset, count=count)


def check_shape(size: tuple[int, ...], held: int) -> int:
    """Give how many numbers a shape needs. Raises: UnfitError if they are more than `held`, or too many dimensions."""
    if len(size) > MAX_DIMENSIONS:
        raise UnfitError(f"has {len(size)} dimensions; at most {MAX_DIMENSIONS} are read")
    count = math.prod(size)
    if math.prod(side for side in size if side) >= 2**62:  # an empty one has strides all the same
        raise UnfitError("has a shape that makes no sense")
    if count > held:
        raise UnfitError(
            f"has the shape {in_words(size)}, which needs {_long(count)} numbers, but the file holds {held:,}"
        )
    return count


def in_words(size: tuple[int, ...]) -> str:
    """A shape as people write it, "20 × 10 × 5 × 5"; a single number for a tensor without dimensions."""
    return " × ".join(_long(side) for side in size[:MAX_DIMENSIONS]) or "one number"


def _long(count: int) -> str:
    return f"{count:,}" if count < 10**15 else "more than 10^15"


def _of_storage(value: Stored, read: Bytes) -> "torch.Tensor":
    storage, offset, size, stride = value.storage, value.offset, value.size, value.stride
    if type(storage) is not Storage:
        raise UnfitError("has its numbers outside this file")
    if not (_whole(size) and _whole(stride) and len(size) == len(stride) and type(offset) is int and offset >= 0):
        raise UnfitError("has a shape that makes no sense")
    if type(value.flags) is dict and any(value.flags.values()):
        raise UnfitError("is a view of a complex tensor, which is not read")
    dtype = STORAGE_TYPES.get(storage.type)
    if dtype is None:
        quantised = storage.type.startswith("Q")
        raise UnfitError(
            "is a quantised tensor, which is not read"
            if quantised
            else f"is of the type {storage.type[:40]}, which is not read"
        )
    held = storage.numel
    if value.dtype is not None:
        dtype = value.dtype.last if type(value.dtype) is Name else ""
        if dtype not in ITEM_SIZES:
            raise UnfitError(f"is of a type that is not read ({dtype[:40] or 'no name'})")
        held //= ITEM_SIZES[dtype]
    count = check_shape(size, held)
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    if count and last >= held:
        raise UnfitError(f"ends at number {last + 1:,} of a storage of {held:,}")
    if not count:
        return from_bytes(b"", dtype).view(size)
    # of bools first the view, then what they say: a thousand views of one storage are not a thousand copies of it
    flat = from_bytes(read(storage), "uint8" if dtype == "bool" else dtype)
    view = flat.as_strided(size, stride, offset).contiguous()
    return view != 0 if dtype == "bool" else view


def _whole(numbers: Any) -> bool:
    return (
        type(numbers) is tuple
        and len(numbers) <= _ABSURD
        and all(type(number) is int and 0 <= number < 2**62 for number in numbers)
    )


def _array_parts(value: StandIn) -> tuple[Any, Any, Any, Any]:
    """Content, shape, type and Fortran order of a pickled array, as told."""
    if value.name.endswith("buffer"):  # protocol 5: _frombuffer(content, dtype, shape, order)
        content, dtype, shape, order = (*value.args, None, None, None, None)[:4]
        return content, shape, dtype, order == "F"
    state = value.state if type(value.state) is tuple and len(value.state) == 5 else (None,) * 5
    _, shape, dtype, fortran, content = state
    return content, shape, dtype, fortran is True


def _of_array(value: StandIn) -> "torch.Tensor":
    import torch

    content, shape, dtype, fortran = _array_parts(value)
    plain = number_type(dtype)
    if plain is None or type(content) not in (bytes, bytearray, str):
        raise UnfitError("is an array of objects, which is not read")
    if not _whole(shape):
        raise UnfitError("has a shape that makes no sense")
    if check_shape(shape, len(content) // plain.itemsize) * plain.itemsize != len(content):
        raise UnfitError(
            f"has the shape {in_words(shape)}, but the file holds {len(content) // plain.itemsize:,} numbers"
        )
    if type(content) is str:  # of Python 2
        content = content.encode("latin1", "replace")
    array = np.frombuffer(content, plain).reshape(shape, order="F" if fortran else "C")
    return torch.from_numpy(np.array(array, dtype=plain.newbyteorder("="), order="C"))
