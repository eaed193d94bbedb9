"""Rules about where the grid lies: has it left the image, does a horizon cross it?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.doctor.findings import Finding, found, onset
from stn_viz.lens.doctor.grids import inside_share, whole
from stn_viz.lens.doctor.tracks import Track
from stn_viz.lens.doctor.words import BESIDE, at_site, at_step, of_images, percent
from stn_viz.runs import Run

SOME = 0.1
"""Share of the probes from which on a thing is the network's, and not one odd image's."""

MANY = 0.25
"""Share of the probes whose grids are lost at the last record, from which on the training is."""

MOSTLY_OUT = 0.25
"""Share of the sample points inside the image, of the middle probe, below which most of V is padding."""


def outside(run: Run, track: Track) -> Finding | None:
    """The whole grid lies beyond one side of the image, so that V is padding and the sampler has no gradient."""
    # By how much the grid lies beyond each side; above 0 none of it is left inside. (S, n, d) each.
    past = np.stack([-1 - track.high, track.low - 1], -1)  # before the image, after it
    out = (past.max((-1, -2)) > 0) & track.whole
    n = out.shape[1]
    now = int(out[-1].sum())
    if now == 0:
        return _was_outside(run, track, out, past) or _mostly(run, track)
    firsts = np.array([onset(column) for column in out.T])
    firsts[~out[-1]] = len(out)
    record = int(firsts.min())
    depth = np.where(firsts == record, past[record].max((-1, -2)), -np.inf)
    image = int(depth.argmax())
    tail = "" if n == 1 else f". At the last record it is so for {of_images(now, n)}"
    return found(
        run,
        "outside",
        "fault" if now >= MANY * n else "warning",
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"{_where(run, track, record, image, past)}{_before(run, track, record, image)}{tail}.",
        cause="Theta was pushed too far: a learning rate too high for the localisation network. Outside the image V is "
        "padding alone, the sampler's gradient is 0, and nothing brings the grid back.",
        cure=f"Go back to the weights before {at_step(run, run.steps[record])} and train on with a lower rate for the "
        "localisation network (a tenth), or clip its gradients, or bound theta (a penalty on its distance from the "
        "identity).",
    )


def _where(run: Run, track: Track, record: int, image: int, past: NDArray[Any]) -> str:
    """ "At step 800 the whole grid of image 3 lies above the image (largest y = -1.056)"."""
    coordinate, after = np.unravel_index(int(past[record, image].argmax()), past.shape[2:])
    value = (track.low if after else track.high)[record, image, coordinate]
    side = BESIDE[int(coordinate), 1 if after else -1]
    return (
        f"At {at_step(run, run.steps[record])} the whole grid of image {image}{at_site(run, track.index)} lies {side} "
        f"the image ({'least' if after else 'largest'} {'xyz'[coordinate]} = {value:.3f})"
    )


def _before(run: Run, track: Track, record: int, image: int) -> str:
    """How it was one record earlier."""
    if record == 0:
        return ""
    points, _ = whole(run, track.index, record - 1, image)
    det, then = track.det[record, image], track.det[record - 1, image]
    return (
        f"; at {at_step(run, run.steps[record - 1])}, {percent(inside_share(points))} of its points lay inside "
        f"(determinant {then:.3f}, now {det:.3f})"
    )


def _was_outside(run: Run, track: Track, out: NDArray[np.bool_], past: NDArray[Any]) -> Finding | None:
    """Images whose grid was outside for a while and came back."""
    n = out.shape[1]
    many = out.sum(1)
    if many.max() < SOME * n or many.max() == 0:
        return None
    record = int(many.argmax())
    image = int(np.where(out[record], past[record].max((-1, -2)), -np.inf).argmax())
    later = record + int(np.argmin(out[record:, image]))
    return found(
        run,
        "outside",
        "note",
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"{_where(run, track, record, image, past)}, as for {of_images(int(many[record]), n)}, and is back at "
        f"{at_step(run, run.steps[later])}.",
        cause="The localisation network moves too fast for a while; it found its way back.",
        cure="If the result is good, nothing is to be done; a lower rate for the localisation network avoids the way.",
    )


def _mostly(run: Run, track: Track) -> Finding | None:
    """Nothing is wholly outside, but most of V is padding, though the grid is no larger than the image."""
    small = (np.abs(track.det) < 2) & track.whole
    few = (track.inside < MOSTLY_OUT) & small
    n = few.shape[1]
    if few[-1].sum() < max(n / 2, 1):
        return None
    record = onset(few.sum(1) >= n / 2)
    image = int(np.where(few[record], track.inside[record], np.inf).argmin())
    share = inside_share(whole(run, track.index, record, image)[0])
    return found(
        run,
        "outside",
        "warning",
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"From {at_step(run, run.steps[record])} on most of the grid lies outside the image: of image {image} "
        f"{percent(share)} of the sample points are inside, and at the last record it is so for "
        f"{of_images(int(few[-1].sum()), n)}.",
        cause="The grid drifts out of the image, and what is outside has no gradient to bring it back.",
        cure="Train with a lower rate for the localisation network, or start it nearer to the identity.",
    )


def horizon(run: Run, track: Track) -> Finding | None:
    """H_w is 0 or below somewhere in the target square: there the image comes back from behind."""
    behind = ~track.whole
    n = behind.shape[1]
    if not behind.any():
        return None
    now = int(behind[-1].sum())
    record = onset(behind.any(1)) if now else int(behind.sum(1).argmax())
    image = int(track.w[record].argmin())
    share = _behind(run, track, record, image)
    if now:
        rest = f"; at the last record it is so for {of_images(now, n)}" if n > 1 else ""
        severity = "fault"
    else:
        rest = f"; so it is for {of_images(int(behind[record].sum()), n)} there, and for none at the last record"
        severity = "warning"
    return found(
        run,
        "horizon",
        "fault" if severity == "fault" else "warning",
        step=run.steps[record],
        image=image,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[record])} a horizon crosses the grid of image {image}"
        f"{at_site(run, track.index)}: H_w falls to {track.w[record, image]:.3g}, and {percent(share)} of the sample "
        f"points lie behind it{rest}.",
        cause="The last row of the projective matrix (h31, h32) has become so large that the division by H_w turns "
        "over inside the picture: |h31| + |h32| is 1 or more.",
        cure="Bound h31 and h32 so that their sizes add to less than 1 (tanh times 0.4), lower the rate of the "
        "localisation network, or take the affine family.",
    )


def _behind(run: Run, track: Track, record: int, image: int) -> float:
    w = whole(run, track.index, record, image)[1]
    return float((w <= 0).mean())
