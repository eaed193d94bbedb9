"""Congealing: mean and variance of V, class by class, at one snapshot. As the localiser learns, fog becomes a digit.

Beside them stand the same of V under the identity ("raw": what the network would see without its transformer) and under
the true pose (the best there can be), where that is known. The run of a transformer that does nothing equals raw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.laying import Newest
from stn_viz.lens.learning.answer import Answer, whole
from stn_viz.lens.learning.moments import Groups, Moments, Summing, groups_of, names_of
from stn_viz.lens.learning.part import CHUNK, Part, has_network, images_of, located, network, part_of, passes
from stn_viz.lens.learning.sampling import flat_site, of_identity, of_pose, of_theta, traced
from stn_viz.lens.learning.sharpness import number, sharpness_of
from stn_viz.lens.question import LensError, record_of
from stn_viz.runs import Run
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_SIDE = 96
"""Pixels a side of what is sent: a larger V is averaged over blocks, after mean and variance are known."""


@dataclass(frozen=True, eq=False)
class Congealed:
    """Moments (K, C, H', W') of V, of V under the identity, of V under the true pose; None where not known.

    `shown` says in words what the channels are.
    """

    part: Part
    groups: Groups
    V: Moments
    raw: Moments | None
    pose: Moments | None
    shown: str | None


def answer(run: Run, view: View, options: Mapping[str, str]) -> Answer:
    """Arrays mean, variance and, where known, raw_mean, raw_variance, pose_mean, pose_variance: bytes (K, C, H', W').

    Options: count, how many images of the test set, 100 to 2000.
    Facts: snapshot and source, as Part; count; classes, labels and images of the K groups; more, classes left out;
        sharpness, of V, and raw_sharpness, pose_sharpness; low and high, what a byte of 0 and of 255 is in a mean, and
        most, what 255 is in a variance (0 is 0); shown, what the channels are where they are not U's own.

    Raises: LensError for a site that samples volumes, or for inputs that were not kept.
    """
    found = congealed(run, view, count=whole(options, "count", 1000, least=100, most=2000))
    known = {"": found.V, "raw_": found.raw, "pose_": found.pose}
    moments = {name: each for name, each in known.items() if each is not None}
    low, high = _range(found, list(moments.values()))
    most = ((high - low) / 2) ** 2  # no variance of values from low to high is larger
    arrays: dict[str, NDArray[Any]] = {}
    for name, each in moments.items():
        arrays[f"{name}mean"] = _bytes(each.mean, low, high)
        arrays[f"{name}variance"] = _bytes(each.variance, 0.0, most)
    facts = {f"{name}sharpness": None if each is None else number(sharpness_of(each)) for name, each in known.items()}
    return Answer(
        arrays,
        facts
        | {
            "snapshot": found.part.snapshot,
            "source": found.part.source,
            "count": len(found.part.labels),
            "classes": names_of(found.groups.labels, run.info.classes),
            "labels": found.groups.labels.tolist(),
            "images": found.groups.counts.tolist(),
            "more": found.groups.more,
            "low": low,
            "high": high,
            "most": most,
            "shown": found.shown,
        },
    )


def congealed(run: Run, view: View, *, count: int) -> Congealed:
    """Mean and variance of V of each class at the snapshot in force, or, without the network, at the view's record.

    Raises: LensError, as `answer`.
    """
    if not run.sites:
        return _without_site(run, view, count)
    site = flat_site(run, view)
    if not has_network(run):
        part = part_of(run, view, count=count)
        groups = groups_of(part.labels)
        V = traced(run, view.site, record_of(run, view))
        moments = _summed([(slice(0, len(V)), V)], groups)
        if not site.on_image:
            kept = f"{V.shape[1]} directions in its feature map, as the run kept them"
            return Congealed(part, groups, moments, None, None, _words(V.shape[1]) or kept)
        same = tuple(V.shape[2:]) == site.output_size
        still = _still(run, part, groups, view.site) if same else (None, None)
        return Congealed(part, groups, moments, *still, _words(site.channels))
    if not site.on_image or site.family is None:
        return _watched(run, view, count)
    part = located(run, view, count=count)
    groups = groups_of(part.labels)
    V_of = ((chosen, of_theta(site, U, theta)) for chosen, U, theta in _chunks(part))
    return Congealed(part, groups, _summed(V_of, groups), *_still(run, part, groups, view.site), _words(site.channels))


def _without_site(run: Run, view: View, count: int) -> Congealed:
    """A network without a transformer: it sees U itself, whose fog is the same at every step."""
    images = images_of(run, count)
    if images.U.ndim != 4:
        raise LensError("This run's images are volumes; means of a class are taken of flat pictures.")
    step = run.snapshot_at(view.step) if has_network(run) else int(run.steps[record_of(run, view)])
    part = replace(images, snapshot=step)
    groups = groups_of(part.labels)

    def make() -> Moments:
        import torch

        return _summed(((c, torch.from_numpy(part.U[c])) for c in _slices(part)), groups)

    moments: Moments = _STILL.get((run.path, run.version, "U", part.source, len(part.U)), make)
    return Congealed(part, groups, moments, None, None, _words(part.U.shape[1]))


def _watched(run: Run, view: View, count: int) -> Congealed:
    """V as the network itself sampled it: of feature maps, and of grids of no family."""
    part = replace(images_of(run, count), snapshot=run.snapshot_at(view.step), site=run.sites[view.site])
    site = run.sites[view.site]
    groups = groups_of(part.labels)
    V, raw = Summing(groups), Summing(groups)
    for chosen, calls, _ in passes(network(run, part.snapshot), part.U):
        if len(calls) <= view.site:
            raise LensError(f"The network samples {len(calls)} grid(s) here, but run.json says site {view.site}.")
        call = calls[view.site]
        V.add(_seen(call.V.float()), chosen)
        raw.add(_seen(of_identity(site, call.U.float())), chosen)
    pose = _still(run, part, groups, view.site)[1]
    return Congealed(part, groups, V.moments(), raw.moments(), pose, _words(site.channels))


def _still(run: Run, part: Part, groups: Groups, index: int) -> tuple[Moments | None, Moments | None]:
    """Raw and true pose of a site on the image: the same at every snapshot, so they are computed once."""
    site = part.site
    if site is None or not site.on_image:
        return None, None

    def make() -> tuple[Moments, Moments | None]:
        import torch

        raw, pose = Summing(groups), Summing(groups)
        known = True
        for chosen in _slices(part):
            raw.add(_seen(of_identity(site, torch.from_numpy(part.U[chosen]))), chosen)
            posed = of_pose(part, chosen)
            known = known and posed is not None
            if posed is not None:
                pose.add(_seen(posed), chosen)
        return raw.moments(), pose.moments() if known else None

    made: tuple[Moments, Moments | None] = _STILL.get((run.path, run.version, index, part.source, len(part.U)), make)
    return made


def _slices(part: Part) -> Iterator[slice]:
    for start in range(0, len(part.U), CHUNK):
        yield slice(start, min(start + CHUNK, len(part.U)))


def _chunks(part: Part) -> Iterator[tuple[slice, Tensor, Tensor]]:
    import torch

    assert part.theta is not None
    for chosen in _slices(part):
        yield chosen, torch.from_numpy(part.U[chosen]), torch.from_numpy(part.theta[chosen])


def _summed(pictures: Any, groups: Groups) -> Moments:
    summing = Summing(groups)
    for chosen, V in pictures:
        summing.add(_seen(V), chosen)
    return summing.moments()


def _seen(V: Tensor) -> Tensor:
    """What a picture can show of V (n, C, H', W'): one or three channels as they are, of others their mean."""
    return V if V.shape[1] in (1, 3) else V.mean(1, keepdim=True)


def _words(channels: int) -> str | None:
    return None if channels in (1, 3) else f"the mean of its {channels} channels"


def _range(found: Congealed, moments: list[Moments]) -> tuple[float, float]:
    """What black and white stand for: U's own range, the same at every snapshot; of feature maps that of the means."""
    site = found.part.site
    if site is None or site.on_image:
        values = [float(found.part.U.min()), float(found.part.U.max())]
        if site is not None and site.padding == "zeros":
            values.append(0.0)
    else:
        means = np.concatenate([each.mean[np.isfinite(each.mean)] for each in moments])
        values = [float(means.min()), float(means.max())] if means.size else [0.0]
    low, high = min(values), max(values)
    return low, high if high > low else low + 1.0


def _bytes(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    """Values as bytes, shrunk where they are large; what is not finite is 0."""
    step = -(-max(values.shape[2:]) // LARGEST_SIDE)
    if step > 1:
        height, width = (side // step * step for side in values.shape[2:])
        cut = values[..., :height, :width]
        values = cut.reshape(*cut.shape[:2], height // step, step, width // step, step).mean((3, 5))
    scaled = np.nan_to_num((values - low) * (255 / (high - low)), nan=0.0, posinf=255, neginf=0)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


_STILL = Newest(most=16)  # 1 MB each for ten classes of 28 x 28
