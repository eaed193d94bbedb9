"""Rules about theta itself: one for all inputs, a start that is no identity, a jump, other units, another order."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.doctor.findings import Finding, Severity, found, onset
from stn_viz.lens.doctor.tracks import Track
from stn_viz.lens.doctor.words import at_site, at_step, effect
from stn_viz.runs import Run

SAME_PX, NEARLY_SAME_PX = 1e-3, 0.1
"""Pixels of U: sample points that differ less over all images are the same, or as good as the same."""

ENOUGH_RECORDS = 20
"""Records from which on a training has had its time to make thetas differ."""

AT_IDENTITY = 0.02
"""Root mean square distance from the target grid, a hundredth of the image's side, that counts as none."""

FAR_FROM_IDENTITY = 0.08
"""The same from which on it counts: a 1.1x zoom has 0.08."""

JUMP, TIMES_USUAL, NEIGHBOURS = 0.6, 6.0, 15
"""Of the middle probe between two records: normalised distance (the image is 2 wide), times what is usual around it."""

IN_PIXELS = 3.0
"""Normalised; a shift larger than that looks three half images away, which no training wants and pixels are."""

ACTIVATIONS = {"tanh(1) = 0.7616": float(np.tanh(1)), "sigmoid(1) = 0.7311": 0.73106, "sigmoid(0) = 0.5": 0.5}
"""What an activation after the last layer makes of the identity's 1 (or of a 0): the scale that it starts from."""


UNTOUCHED = (
    "The localisation network learns nothing: its weights are not given to the optimiser, it is frozen or detached, or "
    "no gradient reaches it."
)


def constant(run: Run, track: Track) -> Finding | None:
    """Theta is the same for every input."""
    U = run.probes.U
    if len(U) < 2 or not np.ptp(U, axis=0).any():
        return None
    px = track.spread * max(track.site.input_size) / 2
    same = px < NEARLY_SAME_PX
    S = len(px)
    if not same[-1]:
        return None
    exactly = bool(px[-1] < SAME_PX)
    last = at_step(run, run.steps[-1])
    if run.info.status == "running" and S < ENOUGH_RECORDS:
        return None
    if not exactly and S < ENOUGH_RECORDS:
        return None
    untouched = bool(np.median(track.apart[-1]) < AT_IDENTITY)
    start = int(run.steps[-1]) == 0  # a lone checkpoint, or a training that has not begun
    if start and (untouched or activation(track, -1) is not None):
        return None
    record = onset(same)
    done = effect(track.linear[-1].mean(0), track.centre[-1].mean(0))
    what = f"a fixed {done}" if done else "the identity, nothing is done to any"
    if untouched:
        cause = UNTOUCHED
        cure = "Look whether its parameters are in the optimiser and its gradients are not 0 after loss.backward()."
    else:
        cause = "Its hidden units are dead (a ReLU that is 0 for every image) or its activation is saturated: only the "
        cause += "last layer's bias still speaks."
        cure = "Start anew with a lower rate for the localisation network, BatchNorm or a leaky ReLU in it, and the "
        cure += "identity in the last bias; dead units do not come back by training on."
    return found(
        run,
        "constant",
        "fault" if exactly else "warning",
        step=run.steps[record],
        image=0,
        site=track.index,
        sentence=f"{'At' if record == S - 1 else f'From {at_step(run, run.steps[record])} to'} {last} theta"
        f"{at_site(run, track.index)} does not depend on the image (standard deviation {_deviation(px[-1])} at the "
        f"last record), so it is the same crop for every image: {what}.",
        cause=cause,
        cure=cure,
    )


def start(run: Run, track: Track) -> Finding | None:
    """The first grid is not the target grid: training does not start from "do nothing"."""
    if int(run.steps[0]) != 0 or not track.whole[0].all():
        return None
    apart = float(np.median(track.apart[0]))
    if apart < FAR_FROM_IDENTITY:
        return None
    bend = activation(track, 0)
    if len(run.steps) == 1 and bend is None:
        return None  # a lone checkpoint: nothing says that this is a start
    linear, centre = track.linear[0].mean(0), track.centre[0].mean(0)
    px = float(track.spread[0]) * max(track.site.input_size) / 2
    image = int(track.apart[0].argmax())
    what = f"a {effect(linear, centre, digits=3) or 'bent grid'}" if px < 1 else "another grid for every image"
    # A crop of its own for each of several transformers is somebody's plan, not a slip.
    planned = bend is None and px < SAME_PX and _is_crop(linear)
    severity: Severity = "note" if planned else "warning"
    if bend is not None:
        cause = f"An activation after the last layer bends the identity: {bend}, so the scale can never reach 1."
        cure = "Leave the last layer without an activation, or add the identity after it: theta = identity + "
        cure += "activation(output), with weight 0 at the start."
    else:
        cause = "The last layer does not start with weight 0 and the identity in its bias"
        cause += "." if planned or px < SAME_PX else ", so that each image starts with a random grid."
        cure = "Set the last layer's weight to 0 and its bias to the family's identity; if the crop is meant, nothing "
        cure += "is to be done."
        if run.info.source == "stn_viz.record" and not planned:
            cause += " Or recorder.step came after optimizer.step(), so that the first record has one update behind it."
    size = f"; its scale is {_scale(linear):.4f}" if bend is not None else ""
    return found(
        run,
        "start",
        severity,
        step=run.steps[0],
        image=image,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[0])}, the start, the grid{at_site(run, track.index)} is not the "
        f"identity: {what}{size} (sample points are {apart:.2f} away from their places; the image is 2 wide).",
        cause=cause,
        cure=cure,
    )


def jump(run: Run, track: Track) -> Finding | None:
    """All thetas leap between two records that lie next to each other."""
    moved = np.where(track.whole, track.moved, 0.0)
    middle = np.median(moved, axis=1)
    leaps: list[tuple[float, int]] = []
    # Between the first two records of an imported training lies its whole first epoch.
    for record in range(2, len(middle)):
        if middle[record] < JUMP:
            continue
        around = [*middle[max(1, record - NEIGHBOURS) : record], *middle[record + 1 : record + 1 + NEIGHBOURS]]
        usual = float(np.median(around))
        if middle[record] > TIMES_USUAL * usual:
            leaps.append((middle[record] / max(usual, 1e-3), record))
    if not leaps:
        return None
    times, record = max(leaps)
    image = int(moved[record].argmax())
    more = f"; {len(leaps) - 1} more such jumps" if len(leaps) > 1 else ""
    return found(
        run,
        "jump",
        "warning",
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"Between {at_step(run, run.steps[record - 1])} and {at_step(run, run.steps[record])} theta"
        f"{at_site(run, track.index)} jumps: the grid of image {image} moves by {moved[record, image]:.2f} (the "
        f"image is 2 wide), that of the middle image {times:.0f} times as far as is usual between two records{more}.",
        cause="One step too large for the localisation network: a spike in the loss or the gradient, a rate that "
        "rises, or a training that went on without its optimiser's state.",
        cure="Clip the gradients, lower the rate of the localisation network, and look at the loss at this step.",
    )


def pixels(run: Run, track: Track) -> Finding | None:
    """Shifts are as large as pixels are, where normalised coordinates go from -1 to 1."""
    size = np.abs(track.centre).max(-1)  # (S, n)
    side = max(track.site.input_size)
    plain = (track.stretches[..., 0] < 3) & (track.stretches[..., -1] > 0.2) & track.whole & (size <= side)
    far = np.median(np.where(plain, size, 0.0), axis=1) >= IN_PIXELS
    late = far[1:] if len(far) > 1 else far
    # Grids that ran away ran together; shifts in pixels differ from image to image.
    apart = 1.0 if size.shape[1] == 1 else float(track.centre[-1].std(0).max())
    if not far[-1] or late.mean() < 0.8 or apart < 0.5:
        return None
    image = int(np.where(plain[-1], size[-1], -1).argmax())
    values = ", ".join(f"{value:.3g}" for value in track.centre[-1, image])
    return found(
        run,
        "pixels",
        "fault",
        step=run.steps[onset(far)],
        image=image,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[-1])} theta{at_site(run, track.index)} shifts image {image} by "
        f"({values}) where 2 is the whole image: so from {at_step(run, run.steps[onset(far)])} on.",
        cause="Shifts are in pixels: the sampler's coordinates go from -1 to 1 whatever the image's size.",
        cure=f"Divide a shift in pixels by half the image's side (here {side / 2:g}) before affine_grid.",
    )


def swapped(run: Run, track: Track) -> Finding | None:
    """The grid starts with its axes in another order: (y, x), where the sampler takes (x, y)."""
    d = track.linear.shape[-1]
    linear = track.linear[0]
    for order in permutations(range(d)):
        if order == tuple(range(d)):
            continue
        away = np.abs(linear - np.eye(d)[list(order)]).max((-1, -2))
        if np.median(away) < 0.15 and np.median(np.abs(track.centre[0])) < 0.15:
            names = ", ".join("xyz"[axis] for axis in order)
            right = ", ".join("xyz"[:d])
            return found(
                run,
                "swapped",
                "fault",
                step=run.steps[0],
                image=int(away.argmin()),
                site=track.index,
                sentence=f"At {at_step(run, run.steps[0])} the grid{at_site(run, track.index)} is the identity with "
                f"its axes in the order ({names}): V is the image mirrored at its diagonal.",
                cause=f"The grid is built in the order ({names}), as arrays are; the sampler takes ({right}).",
                cure="Swap the last axis of the grid (grid.flip(-1)), or the rows and columns of theta's matrix, "
                "before sampling.",
            )
    return None


def activation(track: Track, record: int) -> str | None:
    """The activation that made this scale out of the identity's, by its number; None where it is none of them."""
    if track.spread[record] * max(track.site.input_size) / 2 > SAME_PX or not track.whole[record].all():
        return None
    linear = track.linear[record].mean(0)
    scales = np.diag(linear)
    return next((name for name, value in ACTIVATIONS.items() if np.abs(scales - value).max() < 5e-4), None)


def _is_crop(linear: NDArray[Any]) -> bool:
    """A plain zoom in, nothing turned."""
    scales = np.diag(linear)
    return bool(np.abs(linear - np.diag(scales)).max() < 0.01 and scales.min() > 0.05 and scales.max() <= 1.01)


def _scale(linear: NDArray[Any]) -> float:
    return float(np.diag(linear).mean())


def _deviation(px: float) -> str:
    return "0" if px < SAME_PX else f"{px:.2g} pixels"
