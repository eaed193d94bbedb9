"""What sites deep in a network sample from, small enough to be kept: three channels, at the snapshots alone.

A feature map of more channels is seen through three fixed directions in channel space, the strongest uncentred
principal components of what it was at the first snapshot. That is linear in the channels, pixel by pixel, so sampling
it and padding it with zeros give what sampling the whole map and projecting V would give.
"""

from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import files
from .info import RunError
from .passing import FLOAT16_MAX, Found

FILE = "features.npz"
MOST_BYTES = 64 * 2**20
CHANNELS = 3


class SiteInputs:
    """The inputs of a run's deep sites, by snapshot. `see` is for the probe pass, `arrays` is what is written."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._projections: dict[int, Tensor] = {}
        self._rows: dict[int, dict[int, NDArray[np.float16]]] = {}

    def see(self, index: int, U: Tensor) -> Tensor | None:
        """A site's input as it is kept; None where it is not finite.

        Shapes: U (k, C, ...) -> (k, c, ...), c the smaller of C and 3, float16 on the CPU.
        """
        if not bool(U.isfinite().all()):
            return None
        projection = self._projections.get(index)
        if projection is None:
            projection = self._projections[index] = _projection(U)
        if U.shape[1] > CHANNELS:
            U = torch.einsum("kC...,cC->kc...", U.float(), projection.to(U.device, torch.float32))
        return U.float().clamp(-FLOAT16_MAX, FLOAT16_MAX).half().cpu()

    def add(self, step: int, sites: list[Found]) -> bool:
        """Keep what was seen at a snapshot. False if one snapshot alone is too large to be kept."""
        seen = {index: one.seen.numpy() for index, one in enumerate(sites) if one.seen is not None}
        if len(seen) < sum(not one.site.on_image for one in sites) or not seen:
            return True
        if _bytes(seen) > MOST_BYTES:
            return False
        self._rows[step] = seen
        while len(self._rows) * _bytes(seen) > MOST_BYTES:
            steps = sorted(self._rows)
            self.keep({steps[0], *steps[::-2]} if len(steps) > 2 else {steps[-1]})
        return True

    def keep(self, steps: Container[int]) -> None:
        """Forget what is of no snapshot any more."""
        self._rows = {step: seen for step, seen in self._rows.items() if step in steps}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What features.npz holds: "step" (F,), "features_k" (F, n, c, ...), "projection_k" (c, C); empty if none."""
        if not self._rows:
            return {}
        steps = sorted(self._rows)
        arrays: dict[str, NDArray[Any]] = {"step": np.array(steps, np.int64)}
        for index in self._rows[steps[0]]:
            arrays[f"features_{index}"] = np.stack([self._rows[step][index] for step in steps])
            arrays[f"projection_{index}"] = self._projections[index].float().numpy()
        return arrays

    def go_on(self, folder: Path, steps: Container[int]) -> None:
        """Take up what a run that is gone on with holds, at those of its snapshots that remain."""
        if not (folder / FILE).exists():
            return
        try:
            arrays = files.read_npz(folder, FILE)
        except RunError:
            return  # what is lost there is a view, not the run
        places = [int(name.split("_")[1]) for name in arrays if name.startswith("features_")]
        for place in places:
            self._projections[place] = torch.from_numpy(arrays[f"projection_{place}"])
        for row, step in enumerate(arrays["step"].tolist()):
            if step in steps:
                self._rows[step] = {place: arrays[f"features_{place}"][row] for place in places}


def _projection(U: Tensor) -> Tensor:
    """The directions (c, C) in channel space; C of 3 and fewer stay as they are."""
    C = U.shape[1]
    if C <= CHANNELS:
        return torch.eye(C)
    flat = U.detach().double().cpu().transpose(0, 1).flatten(1)
    _, vectors = torch.linalg.eigh(flat @ flat.T)
    strongest = vectors.T.flip(0)[:CHANNELS]
    # The sign is free: what is bright in the map shall be bright in the picture.
    signs = (strongest @ flat).sum(1, keepdim=True).sign()
    directions: Tensor = (strongest * torch.where(signs == 0, 1.0, signs)).float()
    return directions


def _bytes(seen: dict[int, NDArray[np.float16]]) -> int:
    return sum(array.nbytes for array in seen.values())
