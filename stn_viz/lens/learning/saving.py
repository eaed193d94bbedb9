"""Could another theta have saved what the network gets wrong? Its weights stay, its grid is moved by somebody else.

    options   indices: "12,40", at most 64 images of the part, or "all" for the first that are wrong; count: as errors
              px: how far a search may move a point of the grid, in pixels of U; steps: of the search
              control: 1 also asks the other way round, whether the same search spoils images that are read rightly;
              "only" asks that alone, of as many images

Three others take theta's place: the true pose, the identity, and a search uphill on log p(true class) from the
network's own theta. The pose is tried twice, as it stands and brought to the network's habit (habit.py); the better
counts. A search that may move any grid also finds grids that fool a network. What that is worth is what the control
says: the same search from images that are read rightly, towards the class that the network finds next likely
("spoiled"), and towards a random wrong one ("random").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stn_viz.lens.learning.answer import Answer, one_of, whole
from stn_viz.lens.learning.errors import said_by
from stn_viz.lens.learning.habit import habit_of
from stn_viz.lens.learning.part import Part, has_network, part_of
from stn_viz.lens.learning.trying import MOST, NEITHER, Tried
from stn_viz.lens.question import LensError
from stn_viz.runs import Run
from stn_viz.view import View

_INDICES = re.compile(r"[0-9]{1,5}(,[0-9]{1,5})*")


def answer(run: Run, view: View, options: Mapping[str, str]) -> Answer:
    """What became of each image under the true pose, under the identity and under the search's theta.

    Shapes: indices (m,) int32, of the part; for each of own, pose, identity and search: p_* (m,) float32, the true
            class's probability, theta_* (m, P), moved_* (m,), by how many pixels of U (root mean square over the grid)
            it lies from the network's own; saved_* (m,) uint8, of the three. nan where there is none. pose_is (m,)
            int32: 0 the habit, 1 the pose itself, -1 none known; first (m,), how far the search had to go until the
            network answered rightly.
    Facts:  asked, wrong (in the whole part), saved (how many by pose, identity, search, hand: any of the three), px,
            steps, snapshot, pose_known, control (null, or asked, spoiled, random, pose_spoiled).
    Raises: LensError for a run without transformer, family or network, or where nothing of what was asked is wrong.
    """
    count = whole(options, "count", 1000, least=1, most=10_000)
    px, steps = whole(options, "px", 4, least=1, most=32), whole(options, "steps", 40, least=1, most=100)
    _check(run)
    part = part_of(run, view, count=count)
    labels, answers, probabilities = said_by(part)
    if part.site is None or part.theta is None or part.site.family is None:
        raise LensError("This site's grid is of no family, so there is no theta that somebody else could set.")
    known = (labels >= 0) & (labels < probabilities.shape[1]) & np.isfinite(part.theta).all(1)
    wrong = known & (answers != labels)
    indices = _asked(options, wrong, known)
    asked = one_of(options, "control", ("0", "1", "only"))
    control = None
    if asked != "0":
        control = _control(run, view, part, known & ~wrong, len(indices), px=px, steps=steps)
    if asked == "only":
        return Answer({}, {"control": control, "px": px, "steps": steps, "snapshot": part.snapshot})

    tried = Tried.of(run, view, part, indices, habit_of(part, known & ~wrong))

    wanted = torch.from_numpy(labels[indices])
    thetas, p, right = {}, {}, {}
    kinds, thetas["pose"] = tried.pose(wanted)
    thetas["own"], thetas["identity"] = tried.own, tried.family.identity.expand_as(tried.own)
    for name, theta in thetas.items():
        p[name], right[name] = tried.read(theta, wanted)
    found = tried.search(wanted, px=px, steps=steps)
    thetas["search"], p["search"], right["search"] = found.theta, found.p, found.reached
    arrays: dict[str, NDArray[Any]] = {
        "indices": indices.astype(np.int32),
        "pose_is": kinds.int().numpy(),
        "first": found.first.float().numpy(),
    }
    for name, theta in thetas.items():
        arrays[f"theta_{name}"] = theta.float().numpy()
        arrays[f"p_{name}"] = p[name].float().numpy()
        arrays[f"moved_{name}"] = tried.moved(theta).float().numpy()
    saved = {name: right[name].numpy() for name in ("pose", "identity", "search")}
    arrays |= {f"saved_{name}": each.astype(np.uint8) for name, each in saved.items()}
    saved["hand"] = saved["pose"] | saved["identity"] | saved["search"]
    facts = {
        "asked": len(indices),
        "wrong": int(wrong.sum()),
        "saved": {name: int(each.sum()) for name, each in saved.items()},
        "px": px,
        "steps": steps,
        "snapshot": part.snapshot,
        "pose_known": bool((kinds != NEITHER).any()),
        "control": control,
    }
    return Answer(arrays, facts)


def _check(run: Run) -> None:
    if not run.sites:
        raise LensError("There is no transformer in this network, so there is no grid that a hand could move.")
    if not has_network(run):
        raise LensError("This run's network cannot be asked, so nobody can say what another theta would have done.")


def _asked(options: Mapping[str, str], wrong: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    text = options.get("indices", "all")
    if text == "all":
        indices = np.flatnonzero(wrong)[:MOST]
    elif _INDICES.fullmatch(text) and text.count(",") < MOST:
        indices = np.unique(np.array([int(word) for word in text.split(",")]))
        if indices[-1] >= len(wrong):
            raise LensError(f"indices has {indices[-1]}, but this part has images 0 to {len(wrong) - 1}.")
        indices = indices[known[indices]]
    else:
        raise LensError(f"indices is {text[:40]!r}; it must be all, or at most {MOST} numbers such as 12,40.")
    if not len(indices):
        raise LensError("None of these images is read wrongly, so there is nothing to save.")
    return indices


def _control(
    run: Run, view: View, part: Part, right: NDArray[np.bool_], count: int, *, px: int, steps: int
) -> dict[str, int] | None:
    """How many of as many images that are read rightly the same doings spoil; None where none is read rightly."""
    indices = np.flatnonzero(right)[:count]
    if not len(indices) or part.probabilities is None or part.probabilities.shape[1] < 2:
        return None
    tried = Tried.of(run, view, part, indices, habit_of(part, right))
    labels = torch.from_numpy(part.labels[indices])
    K = part.probabilities.shape[1]
    next_likely = torch.from_numpy(np.argsort(part.probabilities[indices], 1)[:, -2].copy())
    drawn = torch.randint(1, K, (len(indices),), generator=torch.Generator().manual_seed(0))
    kinds, theta = tried.pose(labels)
    _, still = tried.read(theta, labels)
    return {
        "asked": len(indices),
        "spoiled": int(tried.search(next_likely, px=px, steps=steps).reached.sum()),
        "random": int(tried.search((labels + drawn) % K, px=px, steps=steps).reached.sum()),
        "pose_spoiled": int(((kinds != NEITHER) & ~still).sum()),
    }
