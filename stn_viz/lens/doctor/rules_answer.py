"""Rules about what theta does when the input is moved: by a shift or a turn of our own, or by its known pose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from stn_viz.lens.doctor.findings import Finding, found
from stn_viz.lens.doctor.patient import Patient
from stn_viz.lens.doctor.tracks import Track
from stn_viz.lens.doctor.words import at_site, at_step
from stn_viz.runs import RunError

SHIFT = 0.1
"""Of the image's side: how far an input is shifted."""

TURN_DEG = 10.0

NOTHING = 0.02
"""Share of a shift or turn that theta follows, below which it follows none; 1 is a perfect localiser."""

CROSSED, STRAIGHT = 0.4, 0.15
"""A shift in x that moves the grid so much in y, and so little in x, has its axes swapped."""

EARLY = 100
"""Steps of a recorded training before which no answer is no fault."""

OVER = 4.0
"""Times the shift: theta that answers in pixels answers half an image's side times too much."""


def answers(patient: Patient, track: Track) -> Finding | None:
    """Theta does not follow the input, follows it along the wrong axis, the wrong way round or in other units.

    Raises: RunError if the images cannot be moved.
    """
    U = patient.U
    if U.dim() != 4:
        raise RunError("The probes are volumes; moving them is not done yet.")
    if not patient.trained:
        raise RunError("Its only weights are of the start.")
    own = patient.calls[track.index].grid.flatten(1, -2)
    shifts = np.stack([_follows_shift(patient, track, axis) for axis in (0, 1)], -1)  # [i, j]: in i, of a shift in j
    turn = _follows_turn(patient, track, own)
    told = f"{_two(shifts[0, 0])} of a shift in x, {_two(shifts[1, 1])} of one in y and {_two(turn)} of a turn"
    straight, crossed = np.diag(shifts), np.array([shifts[1, 0], shifts[0, 1]])
    where = f"At {at_step(patient.run, patient.snapshot)} the grid{at_site(patient.run, track.index)}"
    image = int(track.apart[-1].argmax())

    def say(rule: str, severity: Any, sentence: str, cause: str, cure: str) -> Finding:
        return found(
            patient.run,
            rule,
            severity,
            step=patient.snapshot,
            image=image,
            site=track.index,
            sentence=sentence,
            cause=cause,
            cure=cure,
        )

    if (straight >= OVER).all():
        return say(
            "pixels",
            "fault",
            f"{where} moves {straight.mean():.1f} times as far as the input is shifted (half an image's side is "
            f"{max(track.site.input_size) / 2:g} pixels).",
            "Theta's shift is in pixels: the sampler's coordinates go from -1 to 1 whatever the image's size.",
            "Divide a shift in pixels by half the image's side before the grid is made.",
        )
    if (np.abs(crossed) >= CROSSED).all() and (np.abs(straight) <= STRAIGHT).all():
        return say(
            "swapped",
            "fault",
            f"{where} answers a shift of the input in x by moving in y ({crossed[0]:.2f} of it), and one in y by "
            f"moving in x ({crossed[1]:.2f}).",
            "Theta is in the order (y, x), as arrays are indexed, but the sampler takes (x, y).",
            "Swap theta's two rows (and its first two columns) before the grid is made.",
        )
    if (straight <= -CROSSED).all():
        return say(
            "answer",
            "warning",
            f"{where} moves against the input: it follows {told}, where 1 is all of it.",
            "Theta is taken the wrong way round: it must lead from V to where U is read, not from U to V.",
            "Invert theta's matrix before the grid is made.",
        )
    if max(np.abs(straight).max(), abs(turn)) < NOTHING:
        if patient.snapshot < EARLY and patient.run.info.counter == "step" and not _imported(patient):
            raise RunError(f"After {patient.snapshot} steps it is too early to expect an answer.")
        return say(
            "answer",
            "warning",
            f"{where} does not answer when the input is moved: it follows {told}, where 1 is all of it.",
            "The localisation network has not learned where to look; theta hardly changes when the object moves.",
            "Train longer or with a higher rate for the localisation network, and show it inputs that are moved; if "
            "they never are, the transformer has nothing to do.",
        )
    return None


def _imported(patient: Patient) -> bool:
    """Its steps may be numbers of files, and then say nothing of how long was trained."""
    return patient.run.info.source.startswith("imported")


def _two(share: float) -> str:
    """Two digits, and no minus before 0.00."""
    return f"{round(float(share), 2) + 0.0:.2f}"


def _follows_shift(patient: Patient, track: Track, axis: int) -> NDArray[Any]:
    """Share of a shift of the content along an axis (0: x) that the grid makes in x and in y, (2,)."""
    moved = []
    for sign in (1, -1):
        theta = torch.eye(2, 3)
        theta[axis, 2] = -sign * 2 * SHIFT  # the content goes against the sample points
        moved.append(_grid(patient, track, theta))
    response = (moved[0] - moved[1]).mean(1) / (4 * SHIFT)  # (m, 2)
    return response.median(0).values.double().numpy()


def _follows_turn(patient: Patient, track: Track, own: Tensor) -> float:
    """Share of a turn of the content about the image's centre that the grid makes with it."""
    h, w = patient.U.shape[2:]
    angle = math.radians(TURN_DEG)
    moved = []
    for sign in (1, -1):
        c, s = math.cos(angle), math.sin(-sign * angle)  # backwards: from V to U
        moved.append(_grid(patient, track, torch.tensor([[c, -s * h / w, 0], [s * w / h, c, 0]])))
    sides = torch.tensor([w, h]) / 2  # a turn is one in pixels
    change = (moved[0] - moved[1]) * sides
    points = own * sides
    expected = 2 * math.sin(angle) * torch.stack([-points[..., 1], points[..., 0]], -1)
    share = (change * expected).sum((-1, -2)) / expected.square().sum((-1, -2)).clamp(min=1e-9)
    return float(share.median())


def _grid(patient: Patient, track: Track, theta: Tensor) -> Tensor:
    """The site's sample points (m, p, 2) for the probes moved by theta (2, 3); what comes in is the image's own rim."""
    U = patient.U
    grid = F.affine_grid(theta.to(U)[None].expand(len(U), 2, 3), list(U.shape), align_corners=False)
    moved = F.grid_sample(U, grid, padding_mode="border", align_corners=False)
    return patient.grids(moved)[track.index].flatten(1, -2)
