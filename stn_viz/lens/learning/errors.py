"""What a network gets wrong at one snapshot: the confusion matrix, and the images with what theta did there.

    options   count: images of the test set, 1,000 unless more are asked for; cell: "3-5" for the 3s read as 5 alone

`shown` are at most 200 images, the surest mistakes first: all that are wrong, or all of one cell, which may be one of
the diagonal and then holds images that are read rightly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.learning.answer import Answer, whole
from stn_viz.lens.learning.habit import apart_px, habit_of, habitual, only, told
from stn_viz.lens.learning.part import Part, grids_of, part_of
from stn_viz.lens.learning.sampling import sampled
from stn_viz.lens.question import LensError
from stn_viz.runs import Run
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 200
UNSURE = -1
"""The answer for an image for which the network gave no finite probabilities."""

_CELL = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")


def answer(run: Run, view: View, options: Mapping[str, str]) -> Answer:
    """Labels and answers of every image, the confusion matrix, and of the images shown what theta did.

    Shapes: confusion (K, K) int32, true class by answer; labels, answers (n,) int32, -1 for unknown; p_true, p_answer
            (n,) float32, nan where the label is unknown; theta (n, P). Of the m shown: indices (m,) int32, U (m, C, h,
            w) and V bytes, of volumes the middle slice of U and no V; outside (m,), share of the grid's points that lie
            outside U; astray (m,), how many pixels of U the grid lies from where the network's habit would put it.
            theta, V, outside and astray are there where the site has them.
    Facts:  error, wrong, known (images with a label), count, most, source, snapshot, classes, of (task and seed of the
            test set, "held:rts:0", or null), ids of the shown (or null), low and high (values of U that bytes 0 and 255
            stand for), astray_right (median over right images).
    Raises: LensError for a run without classes or labels.
    """
    part = part_of(run, view, count=whole(options, "count", 1000, least=1, most=10_000))
    labels, answers, probabilities = said_by(part)
    K = probabilities.shape[1]
    known = (labels >= 0) & (labels < K)
    if not known.any():
        raise LensError("The labels of this run's images are not known, so nobody can say which answers are wrong.")
    confusion = np.zeros((K, K), np.int32)
    counted = known & (answers != UNSURE)
    np.add.at(confusion, (labels[counted], answers[counted]), 1)
    wrong = known & (answers != labels)

    rows = np.arange(len(labels))
    p_true = np.where(known, probabilities[rows, np.where(known, labels, 0)], np.nan).astype(np.float32)
    p_answer = np.where(answers == UNSURE, np.nan, probabilities[rows, np.maximum(answers, 0)]).astype(np.float32)
    within = _of_cell(options, labels, answers, K)
    indices = np.flatnonzero(wrong if within is None else within)
    indices = indices[np.argsort(np.nan_to_num(p_true[indices], nan=-1.0), kind="stable")][:SHOWN]

    U, low, high = _bytes_of_pictures(part, indices)
    arrays: dict[str, NDArray[Any]] = {
        "confusion": confusion,
        "labels": labels.astype(np.int32),
        "answers": answers.astype(np.int32),
        "p_true": p_true,
        "p_answer": p_answer,
        "indices": indices.astype(np.int32),
        "U": U,
    }
    facts: dict[str, Any] = {
        "error": float(wrong.sum() / known.sum()),
        "wrong": int(wrong.sum()),
        "known": int(known.sum()),
        "count": len(labels),
        "most": 10_000 if part.source == "test set" else len(labels),
        "source": part.source,
        "of": None if part.ids is None else part.ids[0].partition(":")[2],
        "snapshot": part.snapshot,
        "classes": list(run.info.classes) or [str(number) for number in range(K)],
        "ids": None if part.ids is None else [part.ids[index] for index in indices],
        "low": low,
        "high": high,
        "astray_right": None,
    }
    if part.theta is not None:
        arrays["theta"] = part.theta
        drawn = np.isfinite(part.theta[indices]).all(1).any()  # else the training had gone astray
        if drawn and part.site is not None and len(part.site.output_size) == 2:
            arrays |= _grids(part, indices, low, high)
            astray, facts["astray_right"] = _astray(part, indices, known & ~wrong)
            arrays |= {} if astray is None else {"astray": astray}
    return Answer(arrays, facts)


def said_by(part: Part) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Labels and answers, both (n,), -1 for unknown, and probabilities (n, K). Raises: LensError without classes."""
    if part.probabilities is None:
        raise LensError("This network gives no classes, so there is no answer of it that could be wrong.")
    probabilities = np.asarray(part.probabilities, np.float32)
    finite = np.isfinite(probabilities).all(1)
    answers = np.where(finite, np.nan_to_num(probabilities).argmax(1), UNSURE)
    return part.labels, answers, probabilities


def _of_cell(
    options: Mapping[str, str], labels: NDArray[np.int64], answers: NDArray[np.int64], K: int
) -> NDArray[np.bool_] | None:
    if "cell" not in options:
        return None
    match = _CELL.fullmatch(options["cell"])
    if match is None or int(match[1]) >= K or int(match[2]) >= K:
        raise LensError(f"cell is {options['cell'][:40]!r}; it must be a true class and an answer, such as 3-5.")
    within: NDArray[np.bool_] = (labels == int(match[1])) & (answers == int(match[2]))
    return within


def _bytes_of_pictures(part: Part, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], float, float]:
    """U of some images as bytes, of volumes the middle slice, with the values that 0 and 255 stand for."""
    U = part.U[indices]
    if U.ndim == 5:
        U = U[:, :, U.shape[2] // 2]
    least, most = (float(U.min()), float(U.max())) if U.size else (0.0, 1.0)
    # Pictures from 0 to 1 keep that range, whatever is in them: a grey image is not stretched.
    low, high = (0.0, 1.0) if least >= 0 and most <= 1 else (least, most)
    return _scaled(U, low, high), low, high


def _scaled(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    share = (np.nan_to_num(np.asarray(values, np.float32)) - low) / (high - low or 1.0)
    as_bytes: NDArray[np.uint8] = np.clip(np.rint(share * 255), 0, 255).astype(np.uint8)
    return as_bytes


def _grids(part: Part, indices: NDArray[np.intp], low: float, high: float) -> dict[str, NDArray[Any]]:
    """V of some images as bytes, and the share of each grid's points that lie outside of U."""
    import torch

    assert part.site is not None
    assert part.theta is not None
    grids: Tensor = grids_of(part.site, torch.from_numpy(part.theta[indices]))
    outside = ~(grids.abs() <= 1).all(-1)  # nan lies outside too
    arrays: dict[str, NDArray[Any]] = {"outside": outside.flatten(1).float().mean(1).numpy()}
    if part.site.on_image and part.U.ndim == 4:
        V = sampled(part.site, torch.from_numpy(part.U[indices]), grids)
        arrays["V"] = _scaled(V.numpy(), low, high)
    return arrays


def _astray(
    part: Part, indices: NDArray[np.intp], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float32] | None, float | None]:
    """Pixels of U from each shown image's grid to the one the habit would give it, and the median of right images."""
    import torch

    r = habit_of(part, right)
    if r is None:
        return None, None

    def astray(chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        some = only(part, chosen)
        assert some.site is not None
        assert some.theta is not None
        own = told(some.site, grids_of(some.site, torch.from_numpy(some.theta)))
        return apart_px(some.site, own, habitual(some, r))

    of_right = astray(np.flatnonzero(right)[:SHOWN]) if right.any() else np.empty(0, np.float32)
    of_right = of_right[np.isfinite(of_right)]
    return astray(indices), float(np.median(of_right)) if len(of_right) else None
