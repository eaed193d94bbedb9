"""One image's iteration taken apart: localise, make the grid, sample, classify, the loss, the gradient on its way back.

All of it is one forward and one backward pass of the run's own network, in eval mode, with the weights of one snapshot.
Whoever made the network, the gradient at the grid is found by watching torch's dispatcher, and from there on it is the
site's family that turns it into dL/dtheta: dL/dtheta = J^T dL/dgrid. The step that follows is plain SGD on this image
alone, so that somebody sees where its gradient pulls; the training's own steps are means over a batch, through Adam.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.laying import Laid, laid
from stn_viz.lens.learning.answer import Answer
from stn_viz.lens.learning.descent import one_step
from stn_viz.lens.question import LensError, image_of, site_of
from stn_viz.runs import Run, RunError, Site
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor, nn

LATTICE = 7
"""Arrows a side: each is what the samples of its block are pulled by together."""

MOST_CHANNELS = 4
"""Of V and of its gradient that are sent: an image has no more, and of a feature map these are enough to be drawn."""


def answer(run: Run, view: View, options: Mapping[str, str]) -> Answer:
    """The view's probe through the view's site, with the weights in force at its step.

    Returns: arrays of the site's own sizes:
            grid (H', W', 2) normalised, V (C, H', W'), and, where there is one, theta (P,) of the site's family;
            probabilities (K,), where the network gives classes; and where the image's label is known
            dV (C, H', W') = dL/dV, dtheta (P,) = dL/dtheta;
            pull (h, w, 2), -dL/dgrid for each pixel of U, the sum over each of h x w blocks of samples, and pull_at
            (h, w, 2), the blocks' middles on U, normalised;
            next_grid (H', W', 2) and next_theta (P,) after one step of SGD at facts["rate"] on this image alone.
            facts: snapshot, label, loss and next_loss (nats), rate, moved (root mean square, pixels of U),
            norm_localisation and norm_rest, norms of dL/dw of what comes through the grid and of what comes otherwise,
            channels of V, and "without", a sentence where the loss and all after it are unknown, else None.
    Raises: LensError if the run has no network or no transformer, the site samples a volume, or the network's program
            lets no gradient through.
    """
    import torch

    site = site_of(run, view)
    image = image_of(run, view)
    if len(site.output_size) != 2:
        raise LensError("This site samples a volume. The beats of one iteration are shown of flat images only.")
    if run.info.network is None or not run.snapshots:
        raise LensError("This run came without its network, so no iteration of it can be replayed: its trace is all.")
    snapshot = run.snapshot_at(view.step)
    with torch.inference_mode(False), torch.enable_grad():
        model = _model(run, snapshot)
        picture = torch.from_numpy(np.ascontiguousarray(run.probes.U[image : image + 1])).requires_grad_()
        label = int(run.probes.labels[image])
        passed = _forward(run, view, model, picture)
        laid_over = None if site.family is None else _laid(site)
        arrays: dict[str, NDArray[Any]] = {
            "grid": _array(passed.grid[0]),
            "V": _array(passed.V[0, :MOST_CHANNELS]),
        }
        if laid_over is not None:
            arrays["theta"] = _theta(laid_over, passed.grid)
        facts: dict[str, Any] = {
            "snapshot": snapshot, "label": label, "channels": passed.V.shape[1], "loss": None, "without": None,
        }  # fmt: skip
        if passed.logits is not None:
            arrays["probabilities"] = passed.logits.detach().double().softmax(-1)[0].numpy()
        if without := _without(passed, label):
            return Answer(arrays, facts | {"without": without})
        _backward(run, view, model, picture, passed, label, laid_over, arrays, facts)
    return Answer(arrays, facts)


@dataclass(frozen=True)
class _Passed:
    """One forward pass: the site's grid (1, H', W', 2) and V, the class scores (1, K), all on the tape."""

    grid: Tensor
    V: Tensor
    logits: Tensor | None


def _model(run: Run, snapshot: int) -> nn.Module:
    """A network of this question's own: the shared ones answer others meanwhile, and keep no gradients."""
    from stn_viz.foreign.network import network_of

    try:
        model = network_of(run, snapshot)
    except RunError as error:
        raise LensError(str(error)) from error
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.requires_grad_()
    return model


def _forward(run: Run, view: View, model: nn.Module, picture: Tensor) -> _Passed:
    from stn_viz.runs import sites
    from stn_viz.runs.answers import Answers

    try:
        with sites.watch() as seen:
            output = model(picture)
    except (ValueError, RuntimeError) as error:  # the family's own check of theta; a program that keeps no tape
        raise LensError(f"The network cannot be followed here: {str(error)[:200]} Choose another step.") from error
    calls = sites.recorded(seen, 1)
    if len(calls) <= view.site:
        raise LensError(f"The network samples {len(calls)} grid(s) here, but run.json says site {view.site}.")
    call = calls[view.site]
    if not bool(call.grid.isfinite().all()):
        raise LensError("The network's grid is not finite for this image at this step. Choose another step.")
    try:
        logits = Answers(run.probes.labels, run.info.classes).logits(output, 1) if run.info.classes else None
    except RunError as error:
        raise LensError(str(error)) from error
    return _Passed(call.grid, call.V, logits)


def _without(passed: _Passed, label: int) -> str | None:
    """Why there is no loss; None where there is one."""
    if passed.logits is None:
        return "This network gives no classes, so there is no loss, and no gradient comes back."
    if not 0 <= label < passed.logits.shape[1]:
        return "The label of this image is unknown, so there is no loss, and no gradient comes back."
    return None


def _backward(
    run: Run,
    view: View,
    model: nn.Module,
    picture: Tensor,
    passed: _Passed,
    label: int,
    over: Laid | None,
    arrays: dict[str, NDArray[Any]],
    facts: dict[str, Any],
) -> None:
    """The loss, its gradients at V, grid, theta and weights, and the grid after one step, into arrays and facts."""
    import torch

    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    loss = _loss(passed, label)
    if not (loss.requires_grad and passed.V.requires_grad and passed.grid.requires_grad):
        raise LensError(
            "No gradient comes back to the grid in this network: its program keeps no tape, or cuts it on the way. "
            "The film and the recorded answers can be seen without."
        )
    try:
        dV, dgrid, *dweights = torch.autograd.grad(
            loss, [passed.V, passed.grid, *weights], retain_graph=True, allow_unused=True
        )
        dgrid = torch.zeros_like(passed.grid) if dgrid is None else dgrid
        through = torch.autograd.grad(passed.grid, weights, grad_outputs=dgrid, allow_unused=True)
    except RuntimeError as error:
        raise LensError(f"This network lets no gradient through ({str(error)[:160]}).") from error
    site = run.sites[view.site]
    arrays["dV"] = _array((torch.zeros_like(passed.V) if dV is None else dV)[0, :MOST_CHANNELS])
    pixel = _pixel(site)
    arrays["pull"], arrays["pull_at"] = _pull(_array(dgrid[0]), arrays["grid"], pixel)
    if over is not None:
        arrays["dtheta"] = _dtheta(over, arrays["theta"], dgrid[0])
    total = [torch.zeros_like(w) if d is None else d for w, d in zip(weights, dweights, strict=True)]
    part = [torch.zeros_like(w) if d is None else d for w, d in zip(weights, through, strict=True)]
    facts |= {
        "loss": float(loss.detach()),
        "norm_localisation": _norm(part),
        "norm_rest": _norm([whole - d for whole, d in zip(total, part, strict=True)]),
    }
    step = one_step(
        weights,
        total,
        lambda: _forward(run, view, model, picture),
        lambda passed: passed.grid[0],
        passed.grid[0],
        pixel,
    )
    if step is not None:
        after = step.after
        facts |= {"rate": step.rate, "moved": step.moved, "next_loss": float(_loss(after, label))}
        arrays["next_grid"] = _array(after.grid[0])
        if over is not None:
            arrays["next_theta"] = _theta(over, after.grid)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise LensError("The gradient is not finite here: the training had gone astray. Choose an earlier step.")


def _loss(passed: _Passed, label: int) -> Tensor:
    """-log p of the label, nats; in double, since a small loss is a difference of large numbers."""
    assert passed.logits is not None
    return -passed.logits.double().log_softmax(-1)[0, label]


def _pull(
    dgrid: NDArray[np.float32], grid: NDArray[np.float32], pixel: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """-dL/dgrid for each pixel of U, summed over blocks of samples, and the blocks' middles: both (h, w, 2)."""
    height, width = grid.shape[:2]
    rows = np.array_split(np.arange(height), min(LATTICE, height))
    columns = np.array_split(np.arange(width), min(LATTICE, width))
    blocks = [[np.ix_(row, column) for column in columns] for row in rows]
    force = -dgrid * np.asarray(pixel, np.float32)
    summed = np.array([[force[block].sum((0, 1)) for block in line] for line in blocks], np.float32)
    middle = np.array([[grid[block].mean((0, 1)) for block in line] for line in blocks], np.float32)
    return summed, middle


def _dtheta(over: Laid, theta: NDArray[np.float64], dgrid: Tensor) -> NDArray[np.float64]:
    """J^T dL/dgrid at theta, (P,). Shapes: dgrid (H', W', 2)."""
    import torch

    leaf = torch.from_numpy(theta).clone().requires_grad_()
    H = over.b.double() @ (over.M @ leaf + over.m0).view(over.b.shape[1], -1)
    grid = (H[:, :-1] / H[:, -1:]).view(dgrid.shape)
    (dtheta,) = torch.autograd.grad(grid, leaf, grad_outputs=dgrid.double())
    found: NDArray[np.float64] = dtheta.numpy()
    return found


def _theta(over: Laid, grid: Tensor) -> NDArray[np.float64]:
    """Theta (P,) of the family for the grid that the network sampled."""
    found: NDArray[np.float64] = over.family.fit(grid.detach()).theta[0].double().numpy()
    return found


def _laid(site: Site) -> Laid:
    return laid(site.family, site.output_size, site.align_corners, site.options)


def _pixel(site: Site) -> tuple[float, float]:
    """One pixel of U in normalised units of x and y."""
    height, width = site.input_size
    return tuple(2 / max(side - 1 if site.align_corners else side, 1) for side in (width, height))  # type: ignore[return-value]


def _norm(gradients: Sequence[Tensor]) -> float:
    return float(np.sqrt(sum(float(gradient.double().square().sum()) for gradient in gradients)))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.ascontiguousarray(tensor.detach().float().numpy())
    return found
