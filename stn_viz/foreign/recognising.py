"""What a folder of somebody's files holds: checkpoints in order, transformers, and what cannot be used and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .kinds import Checkpoint, CodeError, ForeignError, Transformer
from .looking import Looked
from .ordering import ordered

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, eq=False)
class Recognised:
    """Somebody's files, looked through.

    checkpoints: those that belong together, in the order of the training. Only the last one's tensors are held; of the
            others the names, shapes and types are (their tensors are on the "meta" device), so that a folder of a
            hundred large files fits in memory. A replay reads them again.
    numbers, counter: where each stands on the timeline, and what that counts.
    transformers: found in them by their shapes, likeliest first.
    problems: a file that is left out, and the sentence why.
    tree: where no transformer was found and no network given, what the first file does contain.
    waiting: files that are code, and that nobody has said yes to yet.
    model: the whole network, of a factory or a program; None where there is only what shapes tell. model_name: where it
            came from, for a person: "mynet.models:Net", "net.pt2". program: the file it came out of, if it did.
    roots: the folder that each file was found in, out of which no link may lead.
    notes: what was assumed, a sentence each.
    """

    checkpoints: tuple[Checkpoint, ...]
    numbers: tuple[int, ...] = ()
    counter: Literal["step", "epoch"] = "step"
    transformers: tuple[Transformer, ...] = ()
    problems: tuple[tuple[Path, str], ...] = ()
    tree: str | None = None
    waiting: tuple[tuple[Path, CodeError], ...] = ()
    model: nn.Module | None = None
    model_name: str | None = None
    program: Path | None = None
    roots: Mapping[Path, Path | None] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()


def recognise(
    paths: Sequence[Path],
    *,
    model: nn.Module | str | None = None,
    size: Sequence[int] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Recognised:
    """Look through files and folders. What is wrong with one file is a sentence in `problems`; the rest goes on.

    `size` is the network's input's where it is known: it helps to tell what stands between the layers. `model` is the
    whole network, or a factory of the user's own code, "package.module:factory". Of files with differing
    architectures the largest group is kept, and the others are problems.

    Raises: ForeignError if there is no file at all, or the factory does not give a network.
    """
    from stn_viz.runs.passing import plain

    from .files import reading
    from .programs import from_factory

    model_name = model if isinstance(model, str) else type(model).__name__ if model is not None else None
    network = from_factory(model) if isinstance(model, str) else model
    network = None if network is None else plain(network)
    files = reading.checkpoint_files(paths)
    if not files:
        named = ", ".join(str(path) for path in paths[:3]) or "nothing"
        raise ForeignError(
            f"There is no checkpoint in {named}. Give files such as model.pt, or a folder that has some."
        )
    looked = Looked(network, size)
    for index, path in enumerate(files):
        if cancelled():
            break
        progress(index, len(files))
        looked.add(path, _root(path, paths))
    progress(len(files), len(files))
    kept = looked.of_one_architecture()
    program = None
    if network is None and (program := looked.program(kept)) is not None:
        network, model_name = looked.programs[program], program.name
    if network is not None:
        kept = looked.of_network(kept, network)
    transformers = looked.transformers(kept)
    if network is None and not transformers and kept:
        kept = looked.without_transformer(kept)
    in_order = ordered(kept, contents=[looked.contents[checkpoint.path] for checkpoint in kept])
    checkpoints = looked.with_last(in_order.checkpoints)
    return Recognised(
        checkpoints=checkpoints,
        numbers=in_order.numbers,
        counter=in_order.counter,
        transformers=transformers,
        problems=tuple(looked.problems),
        tree=looked.tree,
        waiting=tuple(looked.waiting),
        model=network,
        model_name=model_name if network is not None else None,
        program=program,
        roots=looked.roots,
        notes=in_order.notes,
    )


def _root(path: Path, paths: Sequence[Path]) -> Path | None:
    return next((root for root in paths if root.is_dir() and path.is_relative_to(root)), None)
