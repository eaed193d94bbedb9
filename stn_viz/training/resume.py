"""resume.pt: what a training needs beside its run to go on, bit for bit, as if it had never stopped.

The schedule and all random numbers are functions of (seed, step), so the weights, the optimiser's moments, the step and
the recorder's sums for its next record are everything.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stn_viz.runs import RunError
from stn_viz.runs.writing import write_whole

FILE = "resume.pt"


@dataclass(frozen=True)
class State:
    """A training after `step` batches: state dicts of the model and the optimiser, the state of the recorder."""

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    recorder: dict[str, Any]


def save(folder: Path, state: State) -> None:
    """Write resume.pt, whole or not at all."""
    content = io.BytesIO()
    torch.save(vars(state), content)
    write_whole(folder / FILE, lambda file: file.write(content.getbuffer()))


def load(folder: Path) -> State:
    """Read resume.pt without executing anything from it.

    Raises: RunError if it is missing or cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        raise RunError(
            f"{folder} has no {FILE}, so this training cannot go on: it was killed before its first step, "
            "or the folder was copied without it. Start it anew with --force."
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return State(**content)
    except Exception as error:  # torch.load raises what its parsers raise
        raise RunError(
            f"{path} cannot be read ({type(error).__name__}). Start the training anew with --force."
        ) from error
