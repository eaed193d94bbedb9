"""Networks that come whole: programs of torch.export, TorchScript archives, and what a user's own factory makes.

The first two are code in a file. Such a file opens only after an explicit yes to its very content; the bytes that are
hashed are the bytes that are loaded, so nothing can be put in its place between the two.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stn_viz.runs.trust import is_trusted

from .kinds import Checkpoint, CodeError, ForeignError, Weights

if TYPE_CHECKING:
    from torch import nn

MOST_BYTES = 4 * 2**30

WARNING = (
    "Opening it runs code that is in the file, with all that you yourself may do on this computer: "
    "say yes only if you made it, or trust who did."
)
"""What a yes means, in one sentence: shown wherever it is asked for."""

Kind = Literal["program of torch.export", "TorchScript archive"]


def open_program(path: Path) -> nn.Module:
    """The network in a .pt2 program or a TorchScript archive, if this user has said yes to that very content.

    Raises: CodeError, with the content's digest, if nobody has said yes to it. ForeignError if it cannot be read, is
            neither of the two, or torch cannot load it.
    """
    content, _ = open_bytes(path)
    kind = program_kind(content)
    assert kind is not None  # open_bytes has looked
    return _load(content, kind, path.name)


def open_bytes(path: Path) -> tuple[bytes, str]:
    """The content of a program that this user has said yes to, and its SHA-256. Raises: as `open_program`."""
    content = _read(path)
    digest = hashlib.sha256(content).hexdigest()
    kind = program_kind(content)
    if kind is None:
        raise ForeignError(f"{path.name} is neither a program of torch.export nor a TorchScript archive.")
    if not is_trusted(digest):
        raise CodeError(f"{path.name} is a {kind}, which is code. {WARNING}", digest)
    return content, digest


def program_kind(content: bytes) -> Kind | None:
    """Which of the two an archive is, told by the names in it alone; None for neither."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name.split("/", 1)[-1] for name in archive.namelist()]
    except Exception:  # zipfile raises a dozen types for a damaged archive
        return None
    if any(name.startswith("models/") and name.endswith(".json") for name in names) or any(
        name.endswith("serialized_exported_program.json") for name in names
    ):
        return "program of torch.export"
    if any(name.startswith("code/") for name in names) or "constants.pkl" in names:
        return "TorchScript archive"
    return None


def program_checkpoint(path: Path, model: nn.Module) -> Checkpoint:
    """What a program's own weights are as a checkpoint, so that a folder of programs is replayed like any other."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    kind = "TorchScript archive" if type(model).__module__.startswith("torch.jit") else "program of torch.export"
    return Checkpoint(path=path, kind=kind, weights=(Weights(place="", prefix="", tensors=tensors),))


def from_factory(words: str) -> nn.Module:
    """The network that the user's own code makes: "package.module:factory", a class, function or module.

    The current folder is searched first, as `python -m` does. Their code runs: naming it is their wish.

    Raises: ForeignError saying what is not there, or what their code raised.
    """
    from torch import nn

    module_name, _, name = words.partition(":")
    if not module_name or not name:
        raise ForeignError(f"--model {words!r}: write it as package.module:factory, such as mynet.models:Net.")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ForeignError(
                f"There is no module {error.name!r}, in this folder or installed. Start from the folder that has it."
            ) from error
        raise ForeignError(f"{module_name} needs the module {error.name!r}, which is not installed.") from error
    except Exception as error:
        raise ForeignError(f"{module_name} cannot be imported: {_words(error)}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise ForeignError(f"{module_name} has no {name!r}. Name a class or function that makes the network.")
        found = getattr(found, part)
    if callable(found) and not isinstance(found, nn.Module):
        try:
            found = found()
        except Exception as error:
            raise ForeignError(
                f"{words} cannot be called without arguments: {_words(error)} "
                "Name a function that makes the network as it was trained."
            ) from error
    if not isinstance(found, nn.Module):
        raise ForeignError(f"{words} gives a {type(found).__name__}, expected a torch.nn.Module.")
    return found


def input_shape(model: nn.Module) -> tuple[int | None, ...] | None:
    """The shape of the one input of an exported program, None where a side is free; None for other networks.

    Raises: ForeignError for a program that takes several inputs.
    """
    import torch

    if not isinstance(model, torch.fx.GraphModule):
        return None
    inputs = [node for node in model.graph.nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        raise ForeignError(
            f"The program takes {len(inputs)} inputs, but only one, the images, can be given to "
            "it. Export a module that takes them alone and fills the rest in."
        )
    value = inputs[0].meta.get("val")
    if not isinstance(value, torch.Tensor):
        return None
    return tuple(side if isinstance(side, int) else None for side in value.shape)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ForeignError(f"{path.name} is {size:,} bytes long; programs up to {MOST_BYTES:,} are read.")
        with open(path, "rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise ForeignError(f"{path.name} cannot be read ({error.strerror}). Check the file's permissions.") from error


def _load(content: bytes, kind: Kind, name: str) -> nn.Module:
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated; its archives are still there
            if kind == "TorchScript archive":
                scripted: nn.Module = torch.jit.load(io.BytesIO(content), map_location="cpu")  # type: ignore[no-untyped-call]
                return scripted
            program: nn.Module = torch.export.load(io.BytesIO(content)).module()
            return program
    except Exception as error:
        raise ForeignError(
            f"{name} is a {kind} that this torch ({torch.__version__}) cannot open: {_words(error)} "
            "Save it again with this version, on the CPU."
        ) from error


def _words(error: Exception) -> str:
    """An exception in one line of bounded length: torch's own can be pages."""
    line = " ".join(str(error).split())
    return f"{type(error).__name__}: {line[:200]}{'...' if len(line) > 200 else '.' if line[-1:] not in '.!?' else ''}"
