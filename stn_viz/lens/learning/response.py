"""The response curve: one image turned, scaled or shifted continuously, and what the transformer answers to it.

Three answers to the same images: with the first weights of the run, with those in force at the view's step, and with
the last. What a network has learned to undo is undone with slope -1: an image turned by 10 degrees more is turned back
by 10 degrees more. What the transformer does to the image as it is belongs to the image's own pose, so a response is
read against the answer at x = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.laying import Newest, laid
from stn_viz.lens.learning.answer import Answer, bytes_of, one_of
from stn_viz.lens.learning.moving import BY, ZERO, By, amounts, moved
from stn_viz.lens.learning.spread import log2_scale_of, turn_of
from stn_viz.lens.question import LensError, image_of, site_of
from stn_viz.runs import Run, RunError, Site
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stn_viz.runs.sites import SiteCall

NAMES = ("turn", "zoom", "shift_x", "shift_y")
UNITS = ("deg", "log2", "px", "px")
CANNOT = {"attention": ("turn",), "translation": ("turn", "zoom")}
"""What a family does to no picture, whatever the network learns."""

LARGEST_SIDE = 64
"""Pixels a side of the pictures that are sent."""

_CHUNK = 2**21  # numbers of one batch
_NETWORKS = Newest(most=4)
_RESPONSES = Newest(most=32)  # 0.8 MB each at most


@dataclass(frozen=True)
class Response:
    """What one snapshot answers to X images. V is small, on a scale of its own; the rest is nan where it is not finite.

    Shapes: theta (X, P) or None for a site of no family, undone (X, 4), likely (X,), V (X, c, H', W') uint8,
            edges (X, 4 m, 2) or None where theta tells the grid.
    """

    theta: NDArray[np.float32] | None
    undone: NDArray[np.float32]
    likely: NDArray[np.float32]
    V: NDArray[np.uint8]
    scale: tuple[float, float]
    edges: NDArray[np.float32] | None


def answer(run: Run, view: View, options: Mapping[str, str]) -> Answer:
    """Options: by, one of turn, scale, shift_x, shift_y.

    Arrays: x (X,) float32; undone (3, X, 4): turn in degrees, log2 zoom, shift x and y in pixels of U, each the
            transformer's own action on the picture, of the affine grid nearest to its own; theta (3, X, P) and, of a
            site of no family, edges (3, X, 4 m, 2) of its grid instead; likely (3, X), the probability of the true
            class, nan where that or classes are unknown; U (X, c, h, w) and V (X, c, H', W') of the middle weights as
            bytes. The rows of 3 are the first weights, those at the view's step, the last.
    Facts:  names and units of undone; main, the entry that answers to `by`; can, whether the family does that to
            any picture; zero, the index of x = 0; snapshots (3); slopes (3), of undone[main] over
            the middle half of x, None where it is not finite; U and V, what their bytes 0 and 255 stand for; mapped,
            whether V is the mean of a feature map's channels; label.
    Raises: LensError for a run without a transformer or without its network, and for volumes.
    """
    by: By = one_of(options, "by", BY)  # type: ignore[assignment]
    site, image = site_of(run, view), image_of(run, view)
    if run.probes.U.ndim != 4 or len(site.output_size) != 2:
        raise LensError("This network takes volumes, which are not turned here: the response is that of flat images.")
    if run.info.network is None:
        raise LensError("This run came without its network: nobody can ask it about an image that was turned.")
    import torch

    U = torch.from_numpy(np.ascontiguousarray(run.probes.U[image], np.float32))
    x = amounts(by, (int(U.shape[1]), int(U.shape[2])))
    images = moved(U, by, x)
    snapshots = (run.snapshots[0] if run.snapshots else 0, run.snapshot_at(view.step), run.snapshots[-1])
    label = int(run.probes.labels[image])
    responses = [_response(run, view, snapshot, by, images, label) for snapshot in snapshots]
    undone = np.stack([each.undone for each in responses])
    main = {"turn": 0, "scale": 1, "shift_x": 2, "shift_y": 3}[by]
    sent, low, high = bytes_of(_small(images).numpy())
    arrays: dict[str, NDArray[Any]] = {
        "x": x.astype(np.float32),
        "undone": undone,
        "likely": np.stack([each.likely for each in responses]),
        "U": sent,
        "V": responses[1].V,
    }
    for name in ("theta", "edges"):
        rows = [getattr(each, name) for each in responses]
        if all(row is not None for row in rows):
            arrays[name] = np.stack(rows)
    facts = {
        "by": by,
        "names": list(NAMES),
        "units": list(UNITS),
        "main": main,
        "can": NAMES[main] not in CANNOT.get(str(site.family), ()),
        "zero": ZERO[by],
        "snapshots": list(snapshots),
        "slopes": [slope(x, each[:, main]) for each in undone],
        "U": [low, high],
        "V": list(responses[1].scale),
        "mapped": not site.on_image,
        "label": label if label >= 0 else None,
    }
    return Answer(arrays, facts)


def slope(x: NDArray[Any], y: NDArray[Any]) -> float | None:
    """Of the least squares line over the middle half of x, from x[0] to x[-1]; None where y has no number."""
    middle = (x >= x[0] / 2 - 1e-9) & (x <= x[-1] / 2 + 1e-9)
    xs, ys = x[middle].astype(np.float64), y[middle].astype(np.float64)
    if not np.isfinite(ys).all():
        return None
    xs = xs - xs.mean()
    return float(xs @ ys / (xs @ xs))


def _response(run: Run, view: View, snapshot: int, by: By, images: Tensor, label: int) -> Response:
    def ask() -> Response:
        return _asked(run, view.site, _network(run, snapshot), images, label, ZERO[by])

    return _RESPONSES.get((run.path, run.version, snapshot, view.site, view.image, by), ask)


def _network(run: Run, snapshot: int) -> nn.Module:
    """A copy of this lens's own: the line's are asked from another thread, some with their transformer set aside."""

    def load() -> nn.Module:
        from stn_viz.foreign.network import network_of

        return network_of(run, snapshot)

    try:
        return _NETWORKS.get((run.path, run.version, snapshot), load)
    except RunError as error:
        raise LensError(str(error)) from error


def _asked(run: Run, index: int, model: nn.Module, images: Tensor, label: int, zero: int) -> Response:
    import torch

    from stn_viz.runs import sites

    site = run.sites[index]
    parts = []
    with torch.inference_mode():
        for chunk in torch.split(images, max(1, _CHUNK // images[0].numel())):
            try:
                with sites.watch() as seen:
                    output = model(chunk)
            except ValueError as error:  # the family's own check of theta
                raise LensError(f"The network has no grid for this image: {error}") from error
            calls = sites.recorded(seen, len(chunk))
            if len(calls) <= index:
                raise LensError(f"The network samples {len(calls)} grid(s) here, but run.json says site {index}.")
            parts.append(_read(run, site, calls[index], output, label))
    theta, affine, likely, V, edges = (None if row[0] is None else torch.cat(row) for row in zip(*parts, strict=True))
    assert affine is not None
    assert likely is not None
    assert V is not None
    picture, low, high = bytes_of(V.numpy())
    return Response(
        theta=None if theta is None else theta.float().numpy(),
        undone=undone_of(affine.numpy(), site, zero),
        likely=likely.float().numpy(),
        V=picture,
        scale=(low, high),
        edges=None if edges is None else edges.float().numpy(),
    )


def _read(run: Run, site: Site, call: SiteCall, output: Any, label: int) -> tuple[Tensor | None, ...]:
    """Theta, the nearest affine theta, the true class's probability, small V, and the grid's edges if theta is none."""
    import torch

    from stn_viz.runs.answers import Answers

    n = len(call.grid)
    fine = call.grid.flatten(1).isfinite().all(1)

    def fitted(name: str, options: Mapping[str, Any]) -> Tensor:
        family = laid(name, site.output_size, site.align_corners, options).family
        theta = torch.full((n, len(family.parameter_names)), torch.nan, dtype=torch.float64)
        if bool(fine.any()):
            theta[fine] = family.fit(call.grid[fine].double()).theta
        return theta

    theta = None if site.family is None else fitted(site.family, site.options)
    affine = theta if theta is not None and site.family == "affine" else fitted("affine", {})
    try:
        logits = Answers(run.probes.labels, run.info.classes).logits(output, n) if run.info.classes else None
    except RunError as error:
        raise LensError(str(error)) from error
    known = logits is not None and 0 <= label < logits.shape[1]
    likely = logits.double().softmax(1)[:, label] if logits is not None and known else torch.full((n,), torch.nan)
    V = call.V if site.on_image else call.V.mean(1, keepdim=True)
    edges = None
    if theta is None:
        grid = call.grid
        edges = torch.cat([grid[:, 0], grid[:, :, -1], grid[:, -1].flip(1), grid[:, :, 0].flip(1)], 1)
    return theta, affine, likely, _small(V.float()), edges


def undone_of(affine: NDArray[np.float64], site: Site, zero: int) -> NDArray[np.float32]:
    """What a transformer does to the picture: the inverse of its affine theta (X, 6), in units of U's pixels, (X, 4).

    The turn is continuous along X, from the one at `zero` outwards. Shift is minus theta's own, since that says where
    the middle of V is fetched from.
    """
    h, w = site.input_size
    half = np.array([w, h]) / 2
    matrix = affine.reshape(-1, 2, 3)
    linear = matrix[:, :, :2] * (half[:, None] / half)  # pixels are square where coordinates are not
    turn, zoom = -turn_of(linear), -log2_scale_of(linear)
    finite = np.isfinite(turn)
    if finite[zero]:
        for way in (slice(zero, None), slice(zero, None, -1)):
            part = turn[way]
            part[finite[way]] = np.unwrap(part[finite[way]], period=360.0)
    shift = -matrix[:, :, 2] * (half - (0.5 if site.align_corners else 0.0))
    return np.stack([turn, zoom, shift[:, 0], shift[:, 1]], -1).astype(np.float32)


def _small(images: Tensor) -> Tensor:
    """Of one channel or three, and no larger than is sent."""
    import torch.nn.functional as F

    sent = images[:, :3] if images.shape[1] >= 3 else images[:, :1]
    h, w = sent.shape[2:]
    if max(h, w) <= LARGEST_SIDE:
        return sent
    share = LARGEST_SIDE / max(h, w)
    return F.adaptive_avg_pool2d(sent, (max(1, round(h * share)), max(1, round(w * share))))
