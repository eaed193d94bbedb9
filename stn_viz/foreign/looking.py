"""One file after another is looked at: what is in it, which of them belong together, and which do not and why."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .kinds import Checkpoint, CodeError, ForeignError, Transformer

if TYPE_CHECKING:
    from torch import nn

    Signature = frozenset[tuple[str, tuple[int, ...]]]


class Looked:
    """Files that were looked at, light enough to be kept by the hundred."""

    def __init__(self, network: nn.Module | None, size: Sequence[int] | None) -> None:
        """Look for what fits the network, if there is one; size is its input's, where it is known."""
        self.network = network
        self.size = size
        self.light: list[Checkpoint] = []
        self.roots: dict[Path, Path | None] = {}
        self.problems: list[tuple[Path, str]] = []
        self.waiting: list[tuple[Path, CodeError]] = []
        self.programs: dict[Path, nn.Module] = {}
        self.contents: dict[Path, str] = {}
        self.tree: str | None = None
        self._found: dict[Signature, tuple[Transformer, ...]] = {}
        self._trees: dict[Signature, str] = {}

    def add(self, path: Path, root: Path | None) -> None:
        """Read a file, out of `root` if it was found in a folder, and keep of it what is light."""
        try:
            checkpoint, program = read_any(path, root)
        except CodeError as error:
            self.waiting.append((path, error))
            return
        except ForeignError as error:
            self.problems.append((path, str(error)))
            return
        if program is not None and not any(_alike(program, other) for other in self.programs.values()):
            self.programs[path] = program  # one for each architecture: a hundred of them would not fit in memory
        try:
            self._recognise(checkpoint)
        except Exception as error:  # names and shapes that nobody thought of; the other files go on
            sentence = f"{path.name} cannot be looked through for transformers ({type(error).__name__})."
            self.problems.append((path, sentence))
            return
        self.roots[path] = root
        self.contents[path] = _content(checkpoint)
        self.light.append(_light(checkpoint))

    def of_one_architecture(self) -> list[Checkpoint]:
        """The largest group of files that have the same weights by name and shape, or at least the same transformer."""
        groups: dict[Signature, list[Checkpoint]] = {}
        for checkpoint in self.light:
            groups.setdefault(signature(checkpoint), []).append(checkpoint)
        if self.network is not None or len(groups) < 2:
            return list(self.light)
        # A file with a transformer says more than any number without.
        largest = max(groups.values(), key=lambda group: (bool(self._found[signature(group[0])]), len(group)))
        first = self._found[signature(largest[0])]
        kept = [checkpoint for checkpoint in self.light if checkpoint in largest or self._shares(checkpoint, first)]
        for checkpoint in self.light:
            if checkpoint not in kept:
                self.problems.append((checkpoint.path, self._otherwise(checkpoint, largest[0], len(kept))))
        return kept

    def program(self, kept: list[Checkpoint]) -> Path | None:
        """The program that is the network of at least half of the files, if there is one."""
        from .replay import whole_weights

        for path, program in self.programs.items():
            fits = 0
            for checkpoint in kept:
                with suppress(ForeignError):
                    whole_weights(program, checkpoint)
                    fits += 1
            if fits and 2 * fits >= len(kept):
                return path
        return None

    def of_network(self, checkpoints: list[Checkpoint], network: nn.Module) -> list[Checkpoint]:
        """Those that fit the network; the others are problems."""
        from .replay import whole_weights

        kept = []
        for checkpoint in checkpoints:
            try:
                whole_weights(network, checkpoint)
                kept.append(checkpoint)
            except ForeignError as error:
                self.problems.append((checkpoint.path, str(error)))
        return kept

    def transformers(self, kept: list[Checkpoint]) -> tuple[Transformer, ...]:
        """Those of the file that has most of them."""
        return max((self._found[signature(checkpoint)] for checkpoint in kept), key=len, default=())

    def without_transformer(self, kept: list[Checkpoint]) -> list[Checkpoint]:
        """None is left, each is a problem, and `tree` says what the first contains."""
        self.tree = self._trees[signature(kept[0])]
        for checkpoint in kept:
            self.problems.append((checkpoint.path, f"There is no transformer in {checkpoint.path.name}."))
        return []

    def with_last(self, checkpoints: tuple[Checkpoint, ...]) -> tuple[Checkpoint, ...]:
        """The same with the last one's tensors, for the preview."""
        if not checkpoints:
            return ()
        path = checkpoints[-1].path
        try:
            last, _ = read_any(path, self.roots[path])
        except ForeignError as error:
            self.problems.append((path, str(error)))
            return checkpoints
        return (*checkpoints[:-1], last)

    def _recognise(self, checkpoint: Checkpoint) -> None:
        from .files import reading
        from .shapes import finding as shapes

        key = signature(checkpoint)
        if key in self._found:
            return
        found: list[Transformer] = []
        for weights in checkpoint.weights:
            for one in shapes.find_transformers(weights, size=self.size):
                # An average of the weights beside the weights has the same ones again.
                if not any((one.name, one.layers) == (other.name, other.layers) for other in found):
                    found.append(one)
        self._found[key] = tuple(found)
        if not found:
            self._trees[key] = reading.describe(checkpoint)

    def _shares(self, checkpoint: Checkpoint, transformers: tuple[Transformer, ...]) -> bool:
        here = [(one.name, one.layers) for one in self._found[signature(checkpoint)]]
        return bool(transformers) and all((one.name, one.layers) in here for one in transformers)

    def _otherwise(self, checkpoint: Checkpoint, usual: Checkpoint, count: int) -> str:
        if not self._found[signature(checkpoint)]:
            return f"There is no transformer in {checkpoint.path.name}."
        mine, others = signature(checkpoint), signature(usual)
        name = next(iter(sorted(mine ^ others)))[0]
        return (
            f"{checkpoint.path.name} is of another network than the {count} files that are imported "
            f"({name} differs). Import it by itself."
        )


def read_any(path: Path, root: Path | None = None) -> tuple[Checkpoint, nn.Module | None]:
    """Read a checkpoint; a file that is code, if somebody has said yes to its content: then its network comes along.

    Raises: CodeError if nobody has. ForeignError if it cannot be read.
    """
    from .files import reading
    from .files.facts import where_in_training
    from .programs import open_program, program_checkpoint

    try:
        return reading.read_checkpoint(path, root=root), None
    except CodeError:
        program = open_program(path)
    checkpoint = program_checkpoint(path, program)
    counter, at = where_in_training({}, path)
    return replace(checkpoint, counter=counter, at=at), program


def signature(checkpoint: Checkpoint) -> Signature:
    """Names and shapes of all its weights: alike for checkpoints of one and the same network."""
    return frozenset(
        (name, tuple(tensor.shape)) for weights in checkpoint.weights for name, tensor in weights.tensors.items()
    )


def _content(checkpoint: Checkpoint) -> str:
    """A word that is the same for the same weights, however they are wrapped."""
    import torch

    digest = hashlib.blake2b(digest_size=16)
    tensors = checkpoint.weights[0].tensors
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous().reshape(-1)
        digest.update(f"{name} {tuple(tensors[name].shape)} {tensor.dtype}".encode())
        digest.update(tensor.view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()


def _light(checkpoint: Checkpoint) -> Checkpoint:
    return replace(
        checkpoint,
        weights=tuple(
            replace(weights, tensors={name: tensor.to("meta") for name, tensor in weights.tensors.items()})
            for weights in checkpoint.weights
        ),
    )


def _alike(one: nn.Module, other: nn.Module) -> bool:
    shapes = ({name: tensor.shape for name, tensor in model.state_dict().items()} for model in (one, other))
    return next(shapes) == next(shapes)
