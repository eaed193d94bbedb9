"""Open other people's checkpoint files: one door for all kinds, and nothing of a file is ever run.

file -> checked (size, link, first bytes) -> tree of plain data -> state_dicts -> tensors, facts, notes
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..kinds import Checkpoint, CodeError, ForeignError, Weights
from . import arrays, saved, sniffing
from .archives import AGAIN, Archive, open_archive
from .facts import facts_of, where_in_training
from .gathering import gather, gathered
from .tree import describe, printable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["checkpoint_files", "describe", "digest", "read_checkpoint"]

SUFFIXES = frozenset(
    (
        *(".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".npz", ".pt2", ".ptl", ".pkl", ".pickle", ".tar", ".model"),
        *(".weights", ".ts", ".torchscript"),
    )
)
INDEX = ".index.json"
MAX_FILES = 10_000
MAX_SEEN = 200_000
"""Files of any kind and folders that are passed while checkpoints are looked for."""
_BESIDE = re.compile(r"(optimizer|scheduler|scaler|rng_state.*|training_args)\.(pt|pth|bin)")
"""What Hugging Face's Trainer puts beside the weights in each of its folders."""


def read_checkpoint(path: Path, *, root: Path | None = None) -> Checkpoint:
    """Read the weights in a checkpoint file, or in several that a `*.index.json` names. Nothing in it is run.

    `root`: a folder that no link may lead out of; None is no such limit.

    Raises: CodeError for a program (.pt2, TorchScript), which `open_program` opens after a yes; ForeignError for all
            else that cannot be read: a sentence that names the file and says what to do.
    """
    return _door(Path(path), root, index=True)


def _door(path: Path, root: Path | None, *, index: bool) -> Checkpoint:
    """As `read_checkpoint`; a shard of an index is none itself (`index` False), or they could name one another."""
    try:
        size = sniffing.check_file(path, root)
        with path.open("rb") as file:
            head = file.read(sniffing.HEAD)
            kind = sniffing.kind_of(head, path.name, size)
            if kind == "json" and not index:
                raise ForeignError(f"{path.name}, one of several shards, is an index itself. Take the original files.")
            if kind == "json":
                return _sharded(path, file, root)
            return _read(path, file, size, kind, head)
    except CodeError:
        raise
    except ForeignError as error:
        if str(error).isprintable():
            raise
        raise ForeignError(printable(str(error))) from error
    except MemoryError as error:
        raise ForeignError(f"{path.name} does not fit into this machine's memory.") from error
    except OSError as error:
        raise ForeignError(f"{path.name} cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # a door for strangers' files: whatever else a library says of one, it is damaged
        raise ForeignError(f"{path.name} is damaged ({type(error).__name__} while it was read). {AGAIN}") from error


def digest(path: Path) -> str:
    """Give the SHA-256 of a file's content, in hex. Raises: ForeignError if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ForeignError(f"{Path(path).name} cannot be read ({error.strerror or error}).") from error


def checkpoint_files(paths: Sequence[Path]) -> list[Path]:
    """List the checkpoint files among files and in folders, below them too, by name; each once.

    A file that is named is taken whatever its name; of a folder, those whose names end as checkpoints do. Shards are
    left to their index. Links are listed and not followed into folders: reading says where one leads out.
    """
    listed: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            listed.update(dict.fromkeys(_in_folder(path)))
        else:
            listed[path] = None
    sharded = {shard for path in listed if path.name.endswith(INDEX) for shard in _shards(path)}
    return [path for path in listed if path not in sharded]


def _in_folder(folder: Path) -> list[Path]:
    found: list[Path] = []
    seen = 0
    for place, folders, names in os.walk(folder):
        seen += len(folders) + len(names)
        if seen > MAX_SEEN:
            raise ForeignError(
                f"{folder.name or folder} has more than {MAX_SEEN:,} files and folders in it. Choose a folder below."
            )
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(place) / name
            for name in sorted(names)
            if not name.startswith(".")
            and (Path(name).suffix.lower() in SUFFIXES or name.endswith(INDEX))
            and not _BESIDE.fullmatch(name)
        ]
        if len(found) > MAX_FILES:
            raise ForeignError(f"{folder.name} holds more than {MAX_FILES:,} checkpoints. Choose a folder with fewer.")
    return found


def _shards(path: Path) -> list[Path]:
    try:
        sniffing.check_file(path, None)  # a pipe with this name would be waited for without end
        with path.open("rb") as file:
            _, shards = arrays.read_index(path, file.read(arrays.MAX_INDEX))
    except (OSError, ForeignError):
        return []  # reading the index says what is wrong with it
    return [path.parent / shard for shard in shards]


def _read(path: Path, file: BufferedReader, size: int, kind: str, head: bytes) -> Checkpoint:
    if kind == "safetensors":
        tensors, words = arrays.read_safetensors(file, path.name, size)
        return _plain(path, "safetensors", tensors, words)
    if kind == "pickle":
        if saved.is_older(head):
            return _of_tree(path, saved.read_older(file, path.name, size), size)
        return _of_tree(path, saved.read_plain_pickle(file, path.name), size)
    archive = open_archive(file, path.name, size)
    _refuse_programs(path, archive)
    if "data.pkl" in archive.members:
        return _of_tree(path, saved.read_zip(archive), size)
    if archive.members and all(name.endswith(".npy") for name in archive.members):
        return _plain(path, "numpy arrays (.npz)", dict(arrays.read_npz(archive)), {})
    inside = ", ".join(name[:40] for name in list(archive.members)[:3])
    raise ForeignError(
        f"{path.name} is a zip archive of other things ({inside}), not a checkpoint. Unpack it, and open what is in it."
        if inside
        else f"{path.name} is an empty zip archive. {AGAIN}"
    )


def _refuse_programs(path: Path, archive: Archive) -> None:
    names = archive.members
    if "archive_format" in names or any(name.startswith(("models/", "serialized_exported_program")) for name in names):
        what = "a program of torch.export"
    elif "constants.pkl" in names or any(name.startswith("code/") for name in names):
        what = "a TorchScript program"
    else:
        return
    raise CodeError(
        f"{path.name} is {what}: opening it runs what its author wrote. "
        "Say yes to it only if you trust where it comes from.",
        digest(path),
    )


def _of_tree(path: Path, file: saved.Saved, size: int) -> Checkpoint:
    weights, facts, notes = gather(file, path.name, size)
    return _checkpoint(path, file.kind, weights, facts, notes)


def _plain(path: Path, kind: str, tensors: Mapping[str, "Tensor"], facts: Mapping[str, Any]) -> Checkpoint:
    weights, notes = gathered(tensors, path.name)
    if path.suffix.lower() in (".pt", ".pth", ".ckpt", ".bin"):
        notes.insert(0, f"Named {path.suffix}, but it is of another kind and was read as that: {kind}.")
    return _checkpoint(path, kind, (weights,), facts_of(dict(facts)), notes)


def _sharded(path: Path, file: BufferedReader, root: Path | None) -> Checkpoint:
    file.seek(0)
    places, shards = arrays.read_index(path, file.read(arrays.MAX_INDEX))
    tensors: dict[str, Tensor] = {}
    for shard in shards:
        beside = path.parent / shard
        if not beside.exists():
            raise ForeignError(
                f"{path.name} names {shard}, which is missing. Take all {len(shards)} files of the original."
            )
        if shard.endswith(".json"):
            raise ForeignError(f"{path.name} names {shard}, which is an index itself. Take all files of the original.")
        part = _door(beside, root, index=False)
        for weights in part.weights[:1]:
            tensors.update({weights.prefix + name: tensor for name, tensor in weights.tensors.items()})
    missing = next((name for name in places if name not in tensors), None)
    if missing is not None:
        raise ForeignError(f"{path.name} names {missing[:80]}, which {places[missing]} does not hold. {AGAIN}")
    kind = "safetensors" if shards[0].endswith(".safetensors") else "PyTorch checkpoint"
    return _plain(path, f"{kind}, {len(shards)} shards", tensors, {})


def _checkpoint(
    path: Path, kind: str, weights: tuple[Weights, ...], facts: Mapping[str, Any], notes: Sequence[str]
) -> Checkpoint:
    counter, at = where_in_training(facts, path)
    return Checkpoint(
        path=path, kind=kind, weights=weights, facts=facts, counter=counter, at=at, notes=tuple(map(printable, notes))
    )
