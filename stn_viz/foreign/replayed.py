"""The network that a replay runs: checked once on the probe images, then given one file's weights after another."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .kinds import Checkpoint, Choices, ForeignError, Transformer
from .looking import read_any
from .programs import input_shape, open_bytes
from .recognising import Recognised
from .replay import put_found, put_whole, rebuilt, to_network

if TYPE_CHECKING:
    from torch import Tensor, nn


class Replayed:
    """A whole network, or transformers rebuilt from their shapes, and the files whose weights it is given in turn.

    forward: how it is called where that is not model(U). outputs: how many numbers it gives for an image, where it
    gives numbers, known after `check`. kept_notes: why the network is not kept with the run, if so.
    """

    def __init__(
        self, recognised: Recognised, model: nn.Module | None, transformers: Sequence[Transformer], choices: Choices
    ) -> None:
        """Build the network.

        Raises: ForeignError if there is neither a network nor a transformer, or shapes and choices do not fit.
        """
        if model is None and not transformers:
            raise ForeignError("No transformer was found in the files. Give the whole network (--model).")
        self.recognised = recognised
        self.transformers = tuple(transformers)
        self.choices = choices
        self.whole = model is not None
        self.model = _single(model) if model is not None else rebuilt(transformers, choices)
        self.forward: Callable[[nn.Module, Tensor], Any] | None = None
        self.outputs: int | None = None
        self._checked = False

    @property
    def bytes(self) -> int:
        """What a snapshot of the weights takes on disk, about."""
        return sum(2 * tensor.numel() for tensor in self.model.state_dict().values())

    def put(self, checkpoint: Checkpoint) -> None:
        """Give the network a file's weights. Raises: ForeignError if the file cannot be read, or does not fit."""
        if any(tensor.is_meta for weights in checkpoint.weights for tensor in weights.tensors.values()):
            checkpoint, _ = read_any(checkpoint.path, self.recognised.roots.get(checkpoint.path))
        if self.whole:
            put_whole(self.model, checkpoint)
        else:
            put_found(self.model, self.transformers, checkpoint)

    def check(self, U: NDArray[np.float32], name: str) -> None:
        """Pass the images through it once, before anything is written.

        Raises: ForeignError if it cannot read them, samples no grid, or one that is not finite.
        """
        import torch

        from stn_viz.runs.sites import watch
        from stn_viz.runs.untouched import untouched

        if self._checked:
            return
        shape = input_shape(self.model)
        if shape is not None and isinstance(shape[0], int) and shape[0] != len(U):
            from .batches import in_batches

            self.forward = in_batches(shape[0])
        images = torch.from_numpy(U[:4] if self.forward is None else U)
        first = next((p for p in self.model.parameters() if p.is_floating_point()), None)
        images = images if first is None else images.to(first)
        try:
            with untouched(self.model), torch.no_grad(), warnings.catch_warnings(), watch() as seen:
                warnings.simplefilter("ignore")
                output = self.model(images) if self.forward is None else self.forward(self.model, images)
        except Exception as error:  # whatever their own code raises
            words = " ".join(str(error).split())[:200]
            sides = " x ".join(str(side) for side in U.shape[1:])
            raise ForeignError(
                f"The network cannot read images of {sides} (channels, height, width): {type(error).__name__}: {words} "
                "Give the size that it was trained on (--size), or images of its own (--probes)."
            ) from error
        if not seen:
            raise ForeignError(
                "The network samples no grid: neither grid_sample nor anything that ends in it was called for the "
                "probe images. If its transformer works otherwise, nothing of it can be seen here."
            )
        if not all(bool(call.grid.isfinite().all()) for call in seen):
            raise ForeignError(f"{name}: the grid that it samples is not finite, though its weights are.")
        logits = output[0] if isinstance(output, tuple | list) and output else output
        if isinstance(logits, torch.Tensor) and logits.ndim == 2 and len(logits) == len(images):
            self.outputs = int(logits.shape[1])
        self._checked = True

    def keep(self, U: NDArray[np.float32], folder: Path) -> tuple[Mapping[str, Any] | None, str | None]:
        """What run.json says of the network, and why where it is not kept; a program is laid in the folder."""
        import torch

        from stn_viz.runs import program

        if not self.whole:
            return to_network(self.transformers, self.choices), None
        path = self.recognised.program
        if path is not None and self.model is self.recognised.model and input_shape(self.model) is not None:
            if self.forward is not None and (input_shape(self.model) or (0,))[0] != 1:
                return None, (
                    f"The network is not kept with the run: the program {path.name} takes only batches of "
                    f"{(input_shape(self.model) or (0,))[0]} images. Export it with a free batch size to ask it anew."
                )
            content, digest = open_bytes(path)
            (folder / program.FILE).write_bytes(content)
            return {"name": "program", "file": program.FILE, "sha256": digest}, None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kept = program.keep(self.model, torch.from_numpy(U), folder)
        return (None, kept) if isinstance(kept, str) else (kept, None)


def _single(model: nn.Module) -> nn.Module:
    """Half precision computes on few processors, and coarsely: float32 instead. Programs keep the types they have."""
    import torch

    halves = any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters())
    return model.float() if halves and input_shape(model) is None else model
