"""Keep a network inside its run as a program of torch.export, so that it answers later without its author's code.

A program is code: it is loaded only where its SHA-256 is trusted, and the hash is that of the very bytes which are
loaded. What is kept here is trusted at once, since it came from this user's own process.
"""

import copy
import hashlib
import io
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor, nn

from . import files
from .info import RunError
from .passing import Forward
from .trust import is_trusted, trust
from .untouched import same_randomness
from .writing import write_whole

FILE = "network.pt2"
MAX_PROGRAM = 4 * 2**30
TOLERANCE = 1e-3  # of the largest number: what another order of summation changes, not another network


def keep(model: nn.Module, U: Tensor, folder: Path, *, forward: Forward | None = None) -> Mapping[str, Any] | str:
    """Write the network into the run, in eval mode, float32 and on the CPU, for any number of images.

    The model is copied and left as it is. forward, where given, is how the model is called: forward(model, U).

    Shapes: U (n, C, h, w), a few images as the network gets them.
    Returns: what run.json says as "network"; or, where export fails, one or two sentences that say why.
    Raises: RunError if the file, or the list of what is trusted, cannot be written.
    """
    try:
        with _quiet(), same_randomness(), torch.inference_mode(False), torch.no_grad():
            # Two different images at least: one alone would be taken for a size that never changes.
            U = U.detach().float().cpu()[:3]
            U = U if len(U) > 1 else torch.cat([U, U.flip(0) * 0.5])
            module, prefix = _called(_copied(model), forward)
            with torch.autocast("cpu", enabled=False):
                own = module(U)
                exported = _exported(module, U)
            for part in (exported.graph_module, *exported.graph_module.modules()):
                for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
                    node.meta.pop("stack_trace", None)  # paths on this machine, which no reader needs
            content = io.BytesIO()
            torch.export.save(exported, content)
            if not _alike(_loaded(content.getvalue())(U), own):
                return "The network is not kept with the run: exported, it gives other answers than it gives itself."
    except Exception as error:  # whatever the network's own code raises while torch follows it
        return (
            f"The network is not kept with the run: torch.export cannot follow it ({_why(error)}). "
            "Its trace can be seen; to ask it anew, import the training's own checkpoints with --model."
        )
    digest = hashlib.sha256(content.getbuffer()).hexdigest()
    trust(digest, f"the network of the run {folder.resolve().name}, kept by this user's own training")
    write_whole(folder / FILE, lambda file: file.write(content.getbuffer()))
    return {"name": "program", "file": FILE, "sha256": digest} | ({"prefix": prefix} if prefix else {})


def load(folder: Path, network: Mapping[str, Any]) -> nn.Module:
    """Load the program that a run brings, if its content is trusted: what is hashed is what is loaded.

    Raises: RunError if nobody has said yes to this content, or it is not what run.json says, missing or damaged.
    """
    name = network.get("file", FILE)
    if name != FILE:  # the one name that this writes; a stranger's run.json says no paths
        raise RunError(f"run.json names {str(name)[:60]!r} as its program; expected {FILE}. Correct this entry.")
    content = files.read_file(folder, FILE, MAX_PROGRAM)
    digest = hashlib.sha256(content).hexdigest()
    if not is_trusted(digest):
        raise RunError(
            f"This run brings its network as a program ({FILE}), which is code, and you have not said yes to it. "
            "If you know where it comes from, say yes on the Runs page; its trace can be seen without."
        )
    try:
        with _quiet():
            return _loaded(content)
    except Exception as error:  # of the archive, or of a torch that is older than the file
        words = next(iter(str(error).splitlines()), "")[:200]
        raise RunError(
            f"{FILE} cannot be opened by torch {torch.__version__} ({type(error).__name__}: {words}). "
            "Open it with the version that run.json names, or record the run again."
        ) from error


def put(model: nn.Module, weights: Mapping[str, Tensor], network: Mapping[str, Any]) -> None:
    """Put a snapshot's weights into a program that was loaded; what it has no use for (a counter of batches) is left.

    Raises: RuntimeError, as load_state_dict, if one is missing or of another shape.
    """
    prefix = network.get("prefix")
    known = {f"{prefix if isinstance(prefix, str) else ''}{name}": tensor for name, tensor in weights.items()}
    own = model.state_dict()
    model.load_state_dict({name: tensor for name, tensor in known.items() if name in own})


class _Called(nn.Module):
    """The model as its author's function calls it."""

    def __init__(self, model: nn.Module, forward: Forward) -> None:
        super().__init__()
        self.model = model
        self.call = forward

    def forward(self, U: Tensor) -> Any:
        return self.call(self.model, U)


def _called(model: nn.Module, forward: Forward | None) -> tuple[nn.Module, str]:
    return (model, "") if forward is None else (_Called(model, forward), "model.")


def _loaded(content: bytes) -> nn.Module:
    return torch.export.load(io.BytesIO(content)).module()


def _copied(model: nn.Module) -> nn.Module:
    """A copy on the CPU, in float32 and eval mode, that asks the model's device for no memory."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for name, value in (*module._parameters.items(), *module._buffers.items(), *vars(module).items()):
            if not isinstance(value, Tensor) or id(value) in memo:
                continue
            plain = value.detach().to("cpu", torch.float32 if value.is_floating_point() else value.dtype, copy=True)
            # A tensor that hangs in a graph (a theta kept for later) could not be copied by deepcopy at all.
            memo[id(value)] = nn.Parameter(plain, requires_grad=False) if name in module._parameters else plain
    kept = [value for module in model.modules() for value in vars(module).values()]  # no id is used twice meanwhile
    made: nn.Module = copy.deepcopy(model, memo)
    del kept
    for module in made.modules():
        module.training = False
    return made


def _exported(module: nn.Module, U: Tensor) -> torch.export.ExportedProgram:
    batch = ({0: torch.export.Dim("batch", min=1)},)
    try:
        return torch.export.export(module, (U,), dynamic_shapes=batch)
    except Exception as fault:
        try:  # the slower way reads the code itself, and so follows len(U), which is a plain number otherwise
            return torch.export.export(module, (U,), dynamic_shapes=batch, strict=True)
        except Exception:
            raise fault from None


def _alike(one: Any, other: Any) -> bool:
    ones, others = ([t for t in torch.utils._pytree.tree_leaves(x) if isinstance(t, Tensor)] for x in (one, other))
    return len(ones) == len(others) and all(
        a.shape == b.shape
        and torch.allclose(
            a.float(), b.float(), rtol=0, atol=TOLERANCE * max(1.0, float(b.abs().max())), equal_nan=True
        )
        for a, b in zip(ones, others, strict=True)
    )


def _why(error: Exception) -> str:
    """The reason in plain words where it is one of the two usual ones, else torch's first line."""
    told = str(error)
    if "DataDependent" in type(error).__name__ or "data-dependent" in told.lower():
        return "its forward pass takes another way by the values of a tensor, as an if or .item() does"
    if "Constraints violated" in told or "specialized it to be a constant" in told:
        return "its forward pass works for one number of images only, as a loop over them does"
    words = next((line.strip() for line in told.splitlines() if line.strip()), "")[:200]
    return f"{type(error).__name__}: {words}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's warnings, logs and printed graphs about how it traces, which are no matter of the user's."""
    import logging

    def foreign(record: logging.LogRecord) -> bool:
        return record.name.partition(".")[0] != "torch"

    known = [log for name, log in logging.root.manager.loggerDict.items() if name.partition(".")[0] == "torch"]
    logs = [logging.root, *(log for log in known if isinstance(log, logging.Logger))]
    handlers = {handler for log in logs for handler in log.handlers}
    handlers |= {logging.lastResort} if logging.lastResort is not None else set()
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for handler in handlers:
            handler.addFilter(foreign)
            stack.callback(handler.removeFilter, foreign)
        stack.enter_context(redirect_stderr(_Others(sys.stderr)))
        yield


class _Others(io.TextIOBase):
    """A stream that takes what other threads write, and nothing of the one that made it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.thread = threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self.thread else self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()
