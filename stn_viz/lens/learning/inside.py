"""Inside the localisation network: what each layer makes of one image, and the last sum, theta = W h + b.

The layers are those on which the site's grid depends in the very pass that makes it (`following.py`), in any network
that comes with its weights. Entry p of theta is the bias and what each hidden unit pulls: W_pj h_j.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.laying import Newest, laid
from stn_viz.lens.learning.answer import Answer
from stn_viz.lens.learning.layered import MOST_LAYERS, sent, silent_units
from stn_viz.lens.predictions import _network, _one_at_a_time
from stn_viz.lens.question import LensError, image_of, site_of
from stn_viz.runs import Run, Site
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stn_viz.lens.learning.following import Passed

MOST_WEIGHTS = 2**18
"""Of the last sum: 1 MB. A layer with more of them is no sum that a person looks into."""

MOST_PIXELS = 2**19
"""Numbers of the images by which units are called dead: 64 images of 42 x 42 fit four times."""


def answer(run: Run, view: View, options: Mapping[str, str]) -> Answer:
    """The layers before one site for one image of the run, by the weights in force at the view's step.

    Arrays: layer_i and filters_i (see `layered.sent`); where a linear layer ends the way: weight (P, m), hidden (m,),
            bias (P,) and theta (P,), float32, with theta = weight hidden + bias.
    Facts:  snapshot; layers, each with name, kind, shape, low, high, silent (units at 0 for this image) and dead (at 0
            for each of `images` images; None where it is not known); left_out, layers before the first that is sent;
            sum, None or {names, layers, direct, after, hidden_layer}: direct says whether its outputs are the
            family's theta itself, else theta is made of them further on; why, a sentence where there is no sum.
    Raises: LensError if the run has no such image or site, or is without its network.
    """
    image, site = image_of(run, view), site_of(run, view)
    if run.info.network is None:
        raise LensError(
            "This run came without its network, so its layers cannot be seen. Record a training with "
            "stn_viz.record, or import its checkpoints, and the network comes along."
        )
    snapshot = run.snapshot_at(view.step)
    model = _network(run, snapshot)
    layers, ends, grid = _passed(model, run.probes.U[image : image + 1], view.site)
    shown = layers[-MOST_LAYERS:]
    arrays, told = sent(shown)
    dead, images = _DEAD.get((run.path, run.version, snapshot, view.site), lambda: _dead(run, model, view.site))
    if len(dead) != len(layers):
        dead = [None] * len(layers)  # another way through the network than this image takes
    for entry, count in zip(told, dead[-MOST_LAYERS:], strict=True):
        entry["dead"] = count
    facts: dict[str, Any] = {
        "snapshot": snapshot,
        "layers": told,
        "left_out": len(layers) - len(shown),
        "images": images,
        "sum": None,
        "why": None if layers else _nothing_leads(grid),
    }
    if layers:
        found, facts["why"] = _sum(shown, ends, site, grid)
        if found is not None:
            facts["sum"], sums = found
            arrays |= sums
    return Answer(arrays, facts)


def _passed(model: nn.Module, images: NDArray[np.float32], site: int) -> tuple[list[Passed], list[Passed], Tensor]:
    """The layers that lead to a site's grid, the linear ones at their end, and the grid."""
    import torch

    from stn_viz.lens.learning.following import follow, last_linear, leading_to

    with _one_at_a_time:
        try:
            layers, calls = follow(model, torch.tensor(images))
        except ValueError as error:  # the family's own check of theta
            raise LensError(f"The network has no grid for this image: {error}") from error
    if len(calls) <= site:
        raise LensError(f"The network samples {len(calls)} grid(s) here, but run.json says site {site}.")
    grid = calls[site].grid
    leading = leading_to(grid, layers)
    return leading, last_linear(grid, leading), grid.detach()


def _dead(run: Run, model: nn.Module, site: int) -> tuple[Sequence[int | None], int]:
    """How many units of each layer are 0 for every one of the run's first images, and how many images that are."""
    U = run.probes.U
    count = int(np.clip(MOST_PIXELS // max(1, math.prod(U.shape[1:])), 8, 64))
    layers, _, _ = _passed(model, U[:count], site)
    return [silent_units(layer.values.numpy()) for layer in layers], min(count, len(U))


def _sum(
    layers: list[Passed], ends: list[Passed], site: Site, grid: Tensor
) -> tuple[tuple[dict[str, Any], dict[str, NDArray[Any]]] | None, str | None]:
    """The last linear layer as a sum, or why there is none. Several side by side are one, with zeros between them."""
    whole = [(end, end.weight, end.input) for end in ends]
    parts = [
        (end, weight.detach().double().numpy(), h[0].double().numpy())
        for end, weight, h in whole
        if weight is not None and h is not None and h.ndim == 2
    ]
    if not parts:
        return (
            None,
            "No linear layer stands at the end here: the grid is no sum of hidden units. Its layers can be seen.",
        )
    same = all(np.array_equal(h, parts[0][2]) for _, _, h in parts)
    inputs = [h for _, _, h in (parts[:1] if same else parts)]
    weights = [weight for _, weight, _ in parts]
    ends = [end for end, _, _ in parts]
    P, m = sum(len(weight) for weight in weights), sum(len(h) for h in inputs)
    if P * m > MOST_WEIGHTS:
        return None, f"The last linear layer has {P:,} x {m:,} weights, too many to be looked into: see its layers."
    weight = np.zeros((P, m))
    row = column = 0
    for own in weights:
        weight[row : row + own.shape[0], column : column + own.shape[1]] = own
        row, column = row + own.shape[0], column if same else column + own.shape[1]
    bias = np.concatenate([_bias(end) for end in ends])
    theta = np.concatenate([end.values[0].double().numpy() for end in ends])
    names = _names(site, theta, grid)
    last = layers.index(max(ends, key=layers.index))
    hidden = np.concatenate(inputs)
    arrays = {"weight": weight, "hidden": hidden, "bias": bias, "theta": theta}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        return None, "The activations are not finite here: the training had gone astray. Choose an earlier step."
    fact = {
        "names": list(names or (f"output {row}" for row in range(P))),
        "layers": [end.name for end in ends],
        "direct": names is not None,
        "after": [layer.name for layer in layers[last + 1 :]],
        "hidden_layer": _holding(layers[:last], hidden),
    }
    return (fact, {name: array.astype(np.float32) for name, array in arrays.items()}), None


def _bias(end: Passed) -> NDArray[np.float64]:
    if end.bias is None:
        return np.zeros(end.values.shape[1])
    bias: NDArray[np.float64] = end.bias.detach().double().numpy()
    return bias


def _holding(layers: list[Passed], hidden: NDArray[np.float64]) -> int | None:
    """The layer whose values are the hidden units, the last where several are."""
    for index in reversed(range(len(layers))):
        values = layers[index].values[0].double().numpy().reshape(-1)
        if values.shape == hidden.shape and bool((values == hidden).all()):
            return index
    return None


def _names(site: Site, theta: NDArray[np.float64], grid: Tensor) -> tuple[str, ...] | None:
    """The family's names of the entries, if these numbers laid as its theta give the very grid that was sampled."""
    if site.family is None:
        return None
    try:
        over = laid(site.family, site.output_size, site.align_corners, site.options)
        own = over.grid(theta.tolist())
    except LensError:
        return None
    if own.shape != grid.shape or not bool((own - grid).abs().max() <= 1e-4 * max(1.0, float(grid.abs().max()))):
        return None
    return tuple(over.family.parameter_names)


def _nothing_leads(grid: Tensor) -> str:
    return (
        f"No layer leads to this grid of {' x '.join(map(str, grid.shape[1:-1]))} points: it is a constant, or the "
        "network cuts its gradient. Its theta over training is what can be seen."
    )


_DEAD = Newest(most=256)
