"""What the first probe looks like under the choices of the form: computed at once, while it is being filled in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stn_viz.runs import RunError

from .kinds import Checkpoint, Choices, ForeignError, Transformer
from .probes import ProbeImages
from .recognising import Recognised
from .replay import put_found, put_whole

if TYPE_CHECKING:
    from torch import nn

JUDGED = 8
"""Probes whose thetas are looked at for what is strange: one alone cannot show that theta is the same for all."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Preview:
    """What a checkpoint's transformer does with the first probe image.

    Shapes: U (C, h, w), V (C, H', W'), theta (P,) of `family`, grid (H', W', 2); a side more for volumes. Of a whole
            network whose grid fits no family, theta is empty.
    suspicion: one or two sentences if theta is absurd, None if it is not.
    """

    U: NDArray[np.float32]
    V: NDArray[np.float32]
    theta: NDArray[np.float32]
    grid: NDArray[np.float32]
    family: str | None
    suspicion: str | None


def preview(
    recognised: Recognised,
    transformer: Transformer | None,
    choices: Choices,
    probes: ProbeImages | NDArray[np.float32],
    *,
    checkpoint: Checkpoint | None = None,
) -> Preview:
    """Look at the first probe through the last checkpoint (or another one whose tensors are held).

    `transformer` None takes the whole network that was recognised.

    Shapes: probes (n, C, h, w), as the network sees them; the first is drawn, theta of the first few is judged.
    Raises: ForeignError if shapes, choices and probes do not fit, or the weights hold nan.
    """
    checkpoint = checkpoint or (recognised.checkpoints[-1] if recognised.checkpoints else None)
    if checkpoint is None:
        raise ForeignError("There is nothing to look at: no file could be used.")
    images = np.ascontiguousarray((probes.U if isinstance(probes, ProbeImages) else probes)[:JUDGED])
    if transformer is not None:
        return _of_transformer(transformer, checkpoint, choices, images)
    if recognised.model is None:
        raise ForeignError("No transformer was found in the files. Give the whole network (--model).")
    put_whole(recognised.model, checkpoint)
    return _of_network(recognised.model, images[:1])


def _of_transformer(
    transformer: Transformer, checkpoint: Checkpoint, choices: Choices, images: NDArray[np.float32]
) -> Preview:
    import torch
    from torch.nn import functional as F

    from .shapes import finding as shapes

    model = shapes.rebuild(transformer, choices)
    put_found(model, [transformer], checkpoint)
    U = torch.from_numpy(images)
    # The parts one by one rather than a watched forward: theta need not be fitted to the grid then.
    with torch.inference_mode(), _said():
        theta = model.theta(U)
        grid = model.grid(theta[:1], choices.output_size or U.shape[2:])
        V = F.grid_sample(
            U[:1], grid, mode=choices.kernel, padding_mode=choices.padding, align_corners=choices.align_corners
        )
    return Preview(
        U=images[0],
        V=V[0].numpy(),
        theta=theta[0].numpy(),
        grid=grid[0].numpy(),
        family=model.reading.family,
        suspicion=shapes.suspicion(theta.numpy(), choices),
    )


def _of_network(model: nn.Module, image: NDArray[np.float32]) -> Preview:
    import torch

    from stn_viz.runs.fitting import first_family, fitted
    from stn_viz.runs.passing import probe_pass
    from stn_viz.runs.sites import watch

    with _said(), watch() as seen:
        found, _ = probe_pass(model, torch.from_numpy(image), read=lambda output, n: None)
    if not found or not seen:
        raise ForeignError("The network samples no grid for this image, so there is nothing to show.")
    site = found[0]
    family = first_family(site) if bool(site.grid.isfinite().all()) else None
    theta = None if family is None else fitted(family, site, given=True)
    return Preview(
        U=seen[0].U[0].float().numpy(),
        V=seen[0].V[0].float().numpy(),
        theta=np.zeros(0, np.float32) if theta is None else theta[0].numpy(),
        grid=site.grid[0].numpy(),
        family=None if family is None or theta is None else family.name,
        suspicion=None,
    )


@contextmanager
def _said() -> Iterator[None]:
    """What a network raises, in a sentence: of its author's own code, or of shapes that no check foresaw."""
    try:
        yield
    except RunError:
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:200]
        raise ForeignError(f"The network cannot read this image: {type(error).__name__}: {words}") from error
