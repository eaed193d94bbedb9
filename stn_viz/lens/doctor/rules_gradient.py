"""Rules about what can still be learned: does a gradient reach theta, and the localisation network behind it?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from stn_viz.lens.doctor.findings import Finding, found
from stn_viz.lens.doctor.patient import AT_ONCE_BACK, Kept, Patient
from stn_viz.lens.doctor.tracks import Track
from stn_viz.lens.doctor.words import at_site, at_step, of_images
from stn_viz.runs import RunError
from stn_viz.runs.answers import first_table

NONE = 1e-6
"""Gradient to the grid, by pixel, over the gradient to V: a picture's own slope is a tenth, rounding is 1e-7."""

NEARLY_ALL = 0.9
"""Share of the probes without a gradient that makes a fault."""

DEAD = 0.95
"""Share of the last hidden layer that must be dead to be the reason."""

_aten = torch.ops.aten
_RECTIFIERS = frozenset({_aten.relu, _aten.relu_, _aten.clamp_min, _aten.clamp_min_, _aten.threshold, _aten.hardtanh})
_SATURATING = frozenset({_aten.tanh, _aten.tanh_, _aten.sigmoid, _aten.sigmoid_})
_SAMPLERS = frozenset({_aten.grid_sampler, _aten.grid_sampler_2d, _aten.grid_sampler_3d, _aten.cudnn_grid_sampler})


def gradient(patient: Patient, track: Track) -> Finding | None:
    """No gradient reaches theta, or none gets from theta into the localisation network.

    Without labelled probes there is no loss, and only the way behind theta is looked at.
    Raises: RunError if autograd cannot follow the network.
    """
    most = max(2, AT_ONCE_BACK // patient.U[0].numel())
    known = patient.known[:most]
    some = known if len(known) else torch.arange(min(most, len(patient.U)))
    weights = {name: tensor.detach().clone() for name, tensor in patient.model.named_parameters()}
    for tensor in weights.values():
        tensor.requires_grad_(tensor.is_floating_point())
    try:
        with torch.enable_grad(), Kept() as kept:
            output = torch.func.functional_call(patient.model, weights, (patient.U[some],))
    except Exception as error:  # a scripted network may refuse
        raise RunError(f"Autograd cannot follow the network ({type(error).__name__}).") from error
    samples = [(grid, V) for grid, V in kept.samples if len(grid) == len(some)]
    if len(samples) != len(patient.calls):
        raise RunError("The network hides its sampler from autograd.")
    grid, V = samples[track.index]
    if not grid.requires_grad:
        return _detached(patient, track) if weights else None
    logits = first_table(output, len(some)) if len(known) else None
    finding = None
    if logits is not None and logits.requires_grad:
        loss = F.cross_entropy(logits.float(), patient.labels[known], reduction="sum")
        to_V, to_grid = torch.autograd.grad(loss, (V, grid), retain_graph=True, allow_unused=True)
        # None: nothing reads V, and another rule says so.
        if to_V is not None and to_grid is not None:
            finding = _none_to_theta(patient, track, known, to_V, to_grid)
    return finding or _none_behind_theta(patient, track, grid, list(weights.values()))


def _none_to_theta(patient: Patient, track: Track, known: Tensor, to_V: Tensor, to_grid: Tensor) -> Finding | None:
    sides = torch.tensor(track.site.input_size[::-1]).float()
    by_pixel = (to_grid * (2 / sides)).flatten(1).norm(dim=1)
    of_V = to_V.flatten(1).norm(dim=1)
    usable = of_V > 1e-12  # a loss of exactly 0 asks for nothing
    dead = usable & (by_pixel <= NONE * of_V)
    if int(usable.sum()) == 0 or float(dead.sum()) < NEARLY_ALL * float(usable.sum()):
        return None
    image = int(known[int((dead * of_V).argmax())])
    outside = float(track.inside[-1].max()) == 0
    if track.site.kernel == "nearest":
        cause = "The kernel is nearest: its output does not change when a sample point moves a little, so its gradient "
        cause += "to theta is exactly 0, and the localisation network cannot learn."
        cure = "Train with the bilinear kernel; nearest is for looking only."
    elif outside:
        cause = "All sample points lie outside the image, where the padding has no slope."
        cure = "Go back to weights whose grid still met the image, and train on with a lower rate for the localisation "
        cure += "network."
    else:
        cause = "The image is flat where it is sampled (nothing but background, or one pixel seen by all points)."
        cure = "Start from the identity, so that the grid meets what is to be found; blur the images at first."
    return found(
        patient.run,
        "gradient",
        "fault",
        step=patient.snapshot,
        image=image,
        site=track.index,
        sentence=f"At {at_step(patient.run, patient.snapshot)} the loss has no gradient to theta"
        f"{at_site(patient.run, track.index)} for {of_images(int(dead.sum()), int(usable.sum()))}, though it has one "
        f"to V (of image {image} {float(of_V[dead].max()):.2g}, and {float(by_pixel[dead].max()):.1g} to the grid).",
        cause=cause,
        cure=cure,
    )


def _none_behind_theta(patient: Patient, track: Track, grid: Tensor, weights: list[Tensor]) -> Finding | None:
    """Follow theta itself back: into matrices and kernels, since a bias alone learns one theta for all."""
    direction = torch.randn(grid.shape, generator=torch.Generator().manual_seed(0)).to(grid)
    given = [tensor for tensor in weights if tensor.requires_grad]
    grads = torch.autograd.grad((grid * direction).sum(), given, allow_unused=True)
    reached = [slope for slope in grads if slope is not None and slope.dim() >= 2]
    if not reached or max(float(slope.abs().max()) for slope in reached) > NONE:
        return None
    return found(
        patient.run,
        "gradient",
        "fault",
        step=patient.snapshot,
        image=0,
        site=track.index,
        sentence=f"At {at_step(patient.run, patient.snapshot)} no weight of the localisation network"
        f"{at_site(patient.run, track.index)} has a gradient from theta (all {len(reached)} weight tensors: 0).",
        cause=units(patient, track.index) or "Its hidden units are dead or its last activation is saturated.",
        cure="Start anew with a lower rate for the localisation network, a leaky ReLU or BatchNorm in it, and small "
        "weights before a tanh or sigmoid: training on does not bring it back.",
    )


def _detached(patient: Patient, track: Track) -> Finding | None:
    return found(
        patient.run,
        "gradient",
        "fault",
        step=patient.snapshot,
        image=0,
        site=track.index,
        sentence=f"At {at_step(patient.run, patient.snapshot)} the grid{at_site(patient.run, track.index)} is cut off "
        "from the localisation network's weights: no gradient can reach them.",
        cause="A detach(), a no_grad() or a way through numpy lies between theta and the sampler, or theta is fixed.",
        cure="Build the grid from theta with torch alone, within autograd.",
    )


def units(patient: Patient, site: int) -> str | None:
    """Why theta cannot move, in a sentence: its last hidden units that are 0 for every image, or a saturated end."""
    # In watch's order: the calls of the sampler that have one grid an image are the sites.
    with torch.no_grad(), _Units(len(patient.U)) as seen:
        patient.model(patient.U)
    if len(seen.before) <= site:
        return None
    rectified, bounded = seen.before[site]
    if bounded is not None and bounded == 1.0:
        return "Its last activation is saturated for every image: its slope is 0."
    # Half of a healthy network's units are dead, too: only where nearly none is left does theta stand still.
    if rectified is not None and rectified[0] >= DEAD * rectified[1]:
        dead, count = rectified
        return f"{dead} of {count} hidden units before theta are dead: 0 for every image."
    return None


class _Units(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Before each site: (dead, all) of the last hidden layer with a ReLU, and the saturated share of the last bound."""

    def __init__(self, n: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n = n
        self.rectified: tuple[int, int] | None = None
        self.bounded: float | None = None
        self.before: list[tuple[tuple[int, int] | None, float | None]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        operator = func.overloadpacket
        if operator in _SAMPLERS and len(args[1]) == self.n:
            self.before.append((self.rectified, self.bounded))
            self.rectified, self.bounded = None, None
        elif isinstance(output, Tensor) and output.dim() == 2 and len(output) == self.n:
            if operator in _RECTIFIERS:
                self.rectified = int((output == 0).all(0).sum()), output.shape[1]
            elif operator in _SATURATING:
                low = 0.0 if operator in (_aten.sigmoid, _aten.sigmoid_) else -1.0
                self.bounded = float(((output - low < 1e-5) | (1 - output < 1e-5)).float().mean())
        return output


def hidden_units(patient: Patient, track: Track, finding: Finding) -> Finding:
    """The finding that theta is the same for every image, with what the network tells of the reason."""
    told = units(patient, track.index)
    return finding if told is None else replace(finding, cause=told)
