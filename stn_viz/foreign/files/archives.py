"""Zip archives, read by their table of contents and checked before any member is: sizes, places, check sums."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from typing import IO, cast

from ..kinds import ForeignError

MAX_MEMBERS = 200_000
MAX_UNPACKED = 4 * 2**30
MAX_TABLE = 16 * 2**20  # a hundred bytes for each of 160,000 parts
_FREELY = 64 * 2**20  # a packed archive may unpack to this or to twenty times itself, whichever is more
_LOCAL_HEADER = 30

AGAIN = "Copy or download it again."


@dataclass(frozen=True)
class Member:
    """One file in an archive: where its bytes begin, how many there are, their sum; `packed` where not as they are."""

    start: int
    size: int
    crc: int
    packed: bool


@dataclass(frozen=True, eq=False)
class Archive:
    """An open zip archive: its members by their names below `folder`, the one that all of them lie in ("" for none).

    summed: whether the check sums mean anything. torch can be told not to compute them, and then writes zeros.
    """

    name: str
    file: BufferedReader
    table: zipfile.ZipFile
    folder: str
    members: Mapping[str, Member]
    summed: bool

    def read(self, name: str, limit: int = MAX_UNPACKED) -> bytearray:
        """Read one member and compare its check sum.

        Raises: ForeignError if it is larger than `limit` bytes, or damaged.
        """
        member = self.members[name]
        if member.size > limit:
            raise ForeignError(
                f"{self.name}: {name} in it is {member.size:,} bytes long; at most {limit:,} are read of such a part, "
                "and no network's checkpoint needs more."
            )
        if member.packed:
            content = self._unpacked(name, member.size)
        else:
            self.file.seek(member.start)
            content = bytearray(member.size)
            del content[self.file.readinto(content) :]
        if len(content) != member.size or (self.summed and zlib.crc32(content) != member.crc):
            raise ForeignError(f"{self.name} is damaged: the check sum of {name} in it does not agree. {AGAIN}")
        return content

    def _unpacked(self, name: str, size: int) -> bytearray:
        try:
            with self.table.open(self.folder + name) as part:
                return bytearray(part.read(size))  # no more than it says, whatever is packed there
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError):
            return bytearray()


def open_archive(file: BufferedReader, name: str, size: int) -> Archive:
    """Read a zip archive's table of contents. `name` is for the sentences, `size` the file's bytes.

    Raises: ForeignError if the table is missing (the file is cut), damaged, or tells more than the file can hold.
    """
    try:
        bounded = _Bounded(file, name)
        table = zipfile.ZipFile(cast("IO[bytes]", bounded))  # the file is the caller's, who closes it
        bounded.most = None
        infos = [info for info in table.infolist() if not info.is_dir()]
    except ForeignError:
        raise
    except Exception as error:  # zipfile raises half a dozen types for a damaged table
        raise ForeignError(_no_table(file, name, size)) from error
    if len(infos) > MAX_MEMBERS:
        raise ForeignError(f"{name} is a zip archive of {len(infos):,} parts; at most {MAX_MEMBERS:,} are read.")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > min(MAX_UNPACKED, max(_FREELY, 20 * size)) and unpacked > size:
        raise ForeignError(
            f"{name} is a zip archive of {size:,} bytes that would unpack to {unpacked:,}: it is not unpacked. "
            "A checkpoint's parts are stored as they are."
        )
    plain = [info for info in infos if info.compress_type == zipfile.ZIP_STORED]
    if sum(info.file_size for info in plain) > size:
        raise ForeignError(f"{name} is damaged: its parts are longer than the file's {size:,} bytes. {AGAIN}")
    folders = {info.filename.partition("/")[0] if "/" in info.filename else "" for info in infos}
    folder = f"{folders.pop()}/" if len(folders) == 1 and "" not in folders else ""
    members: dict[str, Member] = {}
    for info in infos:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ForeignError(f"{name} is a zip archive packed in an unusual way. Unpack it, and open what is in it.")
        if info.flag_bits & 1:
            raise ForeignError(f"{name} is a zip archive with a password. Unpack it, and open what is in it.")
        label = info.filename[len(folder) :]
        if label in members:
            raise ForeignError(f"{name} is damaged: two of its parts have the name {label[:80]}. {AGAIN}")
        members[label] = _member(file, info, name, label, size)
    return Archive(name, file, table, folder, members, any(info.CRC for info in infos))


def _member(file: BufferedReader, info: zipfile.ZipInfo, name: str, label: str, size: int) -> Member:
    header = b""
    if 0 <= info.header_offset < size:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise ForeignError(f"{name} is damaged: {label[:80]} is not where its table of contents says. {AGAIN}")
    lengths = struct.unpack("<HH", header[26:30])
    start = info.header_offset + _LOCAL_HEADER + sum(lengths)
    return Member(start, info.file_size, info.CRC, info.compress_type != zipfile.ZIP_STORED)


class _Bounded:
    """The file as zipfile reads it: the whole table at once, of which it makes an object of a kilobyte for each entry.

    How long the table is, is told in places that zipfile finds in its own way, so it is what it asks for that counts.
    """

    def __init__(self, file: BufferedReader, name: str) -> None:
        self.file, self.name = file, name
        self.most: int | None = MAX_TABLE  # None once the table is read
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """As a file's, of bounded length."""
        if self.most is not None and size > self.most:
            raise ForeignError(
                f"{self.name} is a zip archive whose table of contents has {size:,} bytes; "
                f"at most {self.most:,} are read."
            )
        return self.file.read(size)


def _no_table(file: BufferedReader, name: str, size: int) -> str:
    file.seek(max(0, size - 66_000))
    if b"PK\x05\x06" in file.read():
        return f"{name} is damaged: the table of contents at its end cannot be read. {AGAIN}"
    return (
        f"{name} is cut: {size:,} bytes are here, but the table of contents, which stands at the end of such a file, "
        f"is missing. {AGAIN}"
    )
