"""Small checkpoint files of every kind, and ways to break them."""

import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class TutorialNet(nn.Module):
    """The transformer of PyTorch's tutorial, for 1 x 28 x 28."""

    def __init__(self) -> None:
        super().__init__()
        self.localization = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=7), nn.MaxPool2d(2, stride=2), nn.ReLU(True),
            nn.Conv2d(8, 10, kernel_size=5), nn.MaxPool2d(2, stride=2), nn.ReLU(True),
        )  # fmt: skip
        self.fc_loc = nn.Sequential(nn.Linear(90, 32), nn.ReLU(True), nn.Linear(32, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc_loc(self.localization(x).flatten(1))


def tutorial_net(seed: int = 0) -> TutorialNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TutorialNet()


def small_weights() -> dict[str, Tensor]:
    numbers = torch.Generator().manual_seed(1)
    return {
        "conv.weight": torch.randn(2, 1, 3, 3, generator=numbers),
        "conv.bias": torch.randn(2, generator=numbers),
        "fc.weight": torch.randn(3, 4, generator=numbers),
    }


def save(what: Any, path: Path, *, older: bool = False, protocol: int = 2) -> Path:
    torch.save(what, path, _use_new_zipfile_serialization=not older, pickle_protocol=protocol)
    return path


def zip_parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(path: Path, parts: Mapping[str, bytes], *, packed: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def with_pickle(path: Path, content: bytes, storages: Mapping[str, bytes] | None = None) -> Path:
    """A zip as torch.save writes it, around any pickle."""
    parts = {"archive/data.pkl": content, "archive/byteorder": b"little", "archive/version": b"3\n"}
    return write_zip(path, parts | {f"archive/data/{key}": data for key, data in (storages or {}).items()})


def older_around(path: Path, content: bytes, keys: tuple[str, ...] = (), rest: bytes = b"") -> Path:
    """A file of the older format, around any pickle."""
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, machine)]
    path.write_bytes(b"".join([*head, content, pickle.dumps(list(keys), 2), rest]))
    return path


def op_text(word: str) -> bytes:
    data = word.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def op_whole(number: int) -> bytes:
    return b"J" + struct.pack("<i", number) if abs(number) < 2**31 else b"\x8a\x0a" + number.to_bytes(10, "little")


def op_tuple(numbers: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(op_whole, numbers)) + b"t"


def op_tensor(
    size: tuple[int, ...],
    stride: tuple[int, ...],
    *,
    numel: int = 4,
    offset: int = 0,
    storage: str = "FloatStorage",
    key: str = "0",
    make: str = "_rebuild_tensor_v2",
) -> bytes:
    """The opcodes of a tensor, as torch.save writes them, with whatever numbers one likes."""
    place = b"(" + op_text("storage") + f"ctorch\n{storage}\n".encode() + op_text(key) + op_text("cpu")
    place += op_whole(numel) + b"tQ"
    rest = op_whole(offset) + op_tuple(size) + op_tuple(stride)
    return f"ctorch._utils\n{make}\n".encode() + b"(" + place + rest + b"\x89}tR"


def op_dict(entries: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(op_text(key) + value for key, value in entries.items()) + b"u"


def a_pickle(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def a_call(function: str, argument: bytes) -> bytes:
    """The opcodes that would call a function with one argument."""
    module, _, name = function.rpartition(".")
    return f"c{module}\n{name}\n".encode() + b"(" + argument + b"tR"


def safetensors_file(path: Path, header: bytes, data: bytes = b"", *, length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


def flipped(path: Path, place: int, bit: int = 0) -> Path:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return path


Maker = Callable[[Path], Any]
