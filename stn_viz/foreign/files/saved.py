"""Files that torch.save wrote, the zip of today and the older format: a tree of plain data, and the way to its numbers.

zip:    <folder>/data.pkl, <folder>/data/0, data/1, ... one member for each storage
older:  five pickles (a magic number, 1001, the machine, the tree, the keys of the storages), then for each key
        the count of its numbers in 8 bytes and the numbers
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from ..kinds import ForeignError
from .archives import AGAIN, Archive
from .leaves import Storage
from .pickles import MAX_PICKLE, MAX_STEPS, PickleError, unpickle
from .tensors import ITEM_SIZES, STORAGE_TYPES, Bytes, UnfitError

_FEW_STEPS = 1000  # of a pickle of one number, and of the one that tells of the machine
MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True, eq=False)
class Saved:
    """What a file holds: `tree` of plain values and of the classes in pickles.py; `read` gives a storage's bytes.

    names: the classes and functions that it names. storages: all that it uses, the optimiser's too.
    """

    kind: str
    tree: Any
    read: Bytes
    names: frozenset[str]
    storages: tuple[Storage, ...]


def read_zip(archive: Archive) -> Saved:
    """Read the pickle of a zip that torch.save wrote. Raises: ForeignError naming the part that is damaged."""
    name = archive.name
    if "byteorder" in archive.members and bytes(archive.read("byteorder", 16)) == b"big":
        raise ForeignError(_big_endian(name))
    names: set[str] = set()
    storages: list[Storage] = []
    cache: dict[str, bytearray] = {}
    tree = _unpickled(io.BytesIO(archive.read("data.pkl", MAX_PICKLE)), name, names, storages)

    def read(storage: Storage) -> bytearray:
        label = f"data/{storage.key}"
        if label not in archive.members:
            raise UnfitError(f"has its numbers in {label}, which the file does not hold. {AGAIN}")
        needed = storage.numel * _item_size(storage)
        if archive.members[label].size < needed:
            raise UnfitError(
                f"needs {needed:,} bytes of {label}, but the file holds {archive.members[label].size:,}. {AGAIN}"
            )
        if label not in cache:
            cache[label] = archive.read(label)
        return cache[label]

    return Saved("PyTorch checkpoint", tree, read, frozenset(names), tuple(storages))


def is_older(head: bytes) -> bool:
    """Whether a file begins as the older format of torch.save does, with its magic number."""
    return MAGIC.to_bytes(10, "little") in head[:24]


def read_older(file: IO[bytes], name: str, size: int) -> Saved:
    """Read the older format of torch.save. Raises: ForeignError if it is cut, damaged, or of another machine."""
    file.seek(0)
    stream = io.BytesIO(file.read(MAX_PICKLE))
    names: set[str] = set()
    storages: list[Storage] = []
    magic, protocol, machine = (_unpickled(stream, name, names, storages, steps=_FEW_STEPS) for _ in range(3))
    tree = _unpickled(stream, name, names, storages)
    keys = _unpickled(stream, name, names, storages, steps=MAX_STEPS // 4)
    if magic != MAGIC or protocol != 1001 or type(machine) is not dict or type(keys) is not list:
        raise ForeignError(f"{name} is damaged: it begins as a checkpoint of torch.save, and then is none. {AGAIN}")
    if machine.get("little_endian") is False:
        raise ForeignError(_big_endian(name))
    places = _places(file, name, size, stream.tell(), [_text(key) for key in keys], storages)
    cache: dict[str, bytearray] = {}

    def read(storage: Storage) -> "bytearray | memoryview":
        if storage.key not in places:
            raise UnfitError(f"has its numbers in a part that the file does not hold. {AGAIN}")
        start, count, item = places[storage.key]
        if (storage.shift + storage.numel) > count or item != _item_size(storage):
            raise UnfitError(f"needs {storage.numel:,} numbers of a part that holds {count:,}. {AGAIN}")
        if storage.key not in cache:
            file.seek(start)
            cache[storage.key] = bytearray(file.read(count * item))
        return memoryview(cache[storage.key])[storage.shift * item :]

    return Saved("PyTorch checkpoint of the older format", tree, read, frozenset(names), tuple(storages))


def read_plain_pickle(file: IO[bytes], name: str) -> Saved:
    """Read a pickle that was not written by torch.save: only its numpy arrays have numbers that can be had."""
    file.seek(0)
    names: set[str] = set()
    storages: list[Storage] = []
    content = file.read(MAX_PICKLE + 1)
    if len(content) > MAX_PICKLE:
        raise ForeignError(f"{name} is a plain pickle of more than {MAX_PICKLE:,} bytes. Save it with torch.save.")
    tree = _unpickled(io.BytesIO(content), name, names, storages)

    def read(storage: Storage) -> bytearray:
        raise UnfitError("has its numbers outside this file")

    return Saved("pickle of numpy arrays", tree, read, frozenset(names), tuple(storages))


def _places(
    file: IO[bytes], name: str, size: int, start: int, keys: list[str], storages: list[Storage]
) -> Mapping[str, tuple[int, int, int]]:
    """Where each storage's numbers begin, how many there are and the bytes of each; the file's length is checked."""
    items = {storage.key: _item_size(storage) for storage in storages}
    places: dict[str, tuple[int, int, int]] = {}
    for key in keys:
        file.seek(start)
        told = file.read(8)
        count, item = int.from_bytes(told, "little", signed=True), items.get(key, 0)
        if len(told) == 8 and (count < 0 or not item or key in places):
            raise ForeignError(f"{name} is damaged: its list of parts does not agree with its numbers. {AGAIN}")
        start += 8
        if len(told) < 8 or start + count * item > size:
            raise ForeignError(
                f"{name} is cut: {size:,} bytes are here, and at least {start + count * item:,} belong to it. {AGAIN}"
            )
        places[key] = (start, count, item)
        start += count * item
    return places


def _item_size(storage: Storage) -> int:
    if storage.type.startswith("Q"):  # quantised: set aside later, but its place counts
        return 4 if storage.type.startswith("QInt32") else 1
    return ITEM_SIZES.get(STORAGE_TYPES.get(storage.type, ""), 1)


def _unpickled(
    stream: IO[bytes], name: str, names: set[str], storages: list[Storage], *, steps: int | None = None
) -> Any:
    try:
        return unpickle(stream, names=names, storages=storages, steps=steps)
    except PickleError as error:
        again = "" if "runs commands" in str(error) else f" {AGAIN}"
        raise ForeignError(f"{name}: the pickle in it {error}.{again}") from error


def _text(key: Any) -> str:
    return (key.decode("latin1") if type(key) is bytes else str(key) if type(key) in (str, int) else "")[:200]


def _big_endian(name: str) -> str:
    return f"{name} was saved on a big-endian machine, which is not read. Load it there and save it as safetensors."
