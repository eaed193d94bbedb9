"""Rules about how the rest of the network uses V: does it read it at all, and was it trained on such a sampling?"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from stn_viz.lens.doctor.findings import Finding, found
from stn_viz.lens.doctor.patient import Patient
from stn_viz.lens.doctor.tracks import Track
from stn_viz.lens.doctor.words import at_site, at_step, percent
from stn_viz.runs import RunError, sites

UNCHANGED = 1e-4
"""Probability: answers that change less when V is replaced do not hang on it."""

FOLLOW_U = 0.9
"""Share of the images whose answer stays their own although V is another image's, from which on U is looked at."""

ENOUGH = 16
"""Labelled probes, or pairs of images, below which shares mean little."""

BETTER, SIGMAS = 0.7, 3.0
"""The other align_corners must bring the loss below this part of it, by so many standard errors, to be told."""

_aten = torch.ops.aten
_SAMPLERS = frozenset({_aten.grid_sampler, _aten.grid_sampler_2d, _aten.grid_sampler_3d})


def bypass(patient: Patient, track: Track) -> Finding | None:
    """The classifier's answer hangs on U and not on V. Raises: RunError if there is no answer."""
    if patient.logits is None:
        raise RunError("The network gives no classes, so nothing tells what it reads.")
    own = patient.logits.softmax(-1)
    V = patient.calls[track.index].V
    place = patient.places[track.index]
    mine = own.argmax(-1)
    turn = _of_another_class(mine)
    noise = torch.rand(V.shape, generator=torch.Generator().manual_seed(0)).to(V)
    noise = V.min() + noise * max(float(V.max() - V.min()), 1.0)
    changed, answers = 0.0, []
    for other in (V[turn], noise):
        logits = patient.answer(partial(sites.answer, patient.model, patient.U, other, site=place))
        if logits is None:
            raise RunError("The network gives no classes when V is replaced.")
        answers.append(logits.argmax(-1))
        changed = max(changed, float((logits.softmax(-1) - own).abs().max()))
    image = int(own.max(-1).values.argmax())
    where = f"At {at_step(patient.run, patient.snapshot)} the answer"
    if changed < UNCHANGED and len(own) > 1 and float((own - own[0]).abs().max()) < UNCHANGED:
        return _same_answer(patient, track)
    if changed < UNCHANGED:
        return found(
            patient.run,
            "bypass",
            "fault",
            step=patient.snapshot,
            image=image,
            site=track.index,
            sentence=f"{where} does not change when V{at_site(patient.run, track.index)} is replaced by another "
            f"image's or by noise (no probability by more than {changed:.1g}).",
            cause="The rest of the network does not read V: the classifier was handed U, or what it is handed does not "
            "depend on V.",
            cure="Hand the transformer's output to the classifier: x = stn(x) before it.",
        )
    other = mine[turn] != mine
    if int(other.sum()) < ENOUGH or len(patient.calls) > 1:
        return None
    stays = float((answers[0] == mine)[other].float().mean())
    if stays < FOLLOW_U or float((answers[1] == mine).float().mean()) < FOLLOW_U:
        return None
    image = int((other & (answers[0] == mine)).nonzero()[0, 0])
    return found(
        patient.run,
        "bypass",
        "warning",
        step=patient.snapshot,
        image=image,
        site=track.index,
        sentence=f"{where} follows U and not V: with another image's V, {percent(stays)} of the images keep their own "
        f"answer, image {image} among them.",
        cause="The classifier reads U beside V (a skip around the transformer, or features taken before it), and has "
        "learned to do without V.",
        cure="Let the classifier see V alone, or train the two branches so that V is needed.",
    )


def _same_answer(patient: Patient, track: Track) -> Finding | None:
    """Nothing changes the answer, U neither: what comes after the transformer is dead, whatever it is handed."""
    assert patient.logits is not None
    if not patient.trained:
        return None
    return found(
        patient.run,
        "same-answer",
        "fault",
        step=patient.snapshot,
        image=0,
        site=track.index,
        sentence=f"At {at_step(patient.run, patient.snapshot)} the network answers the same for all "
        f"{len(patient.logits)} images and whatever V is: class {int(patient.logits[0].argmax())} with probability "
        f"{float(patient.logits[0].softmax(-1).max()):.2f}.",
        cause="The classifier behind the transformer is dead (its ReLUs are 0 for every image), most often after a "
        "step that was too large; then the transformer learns nothing either.",
        cure="Start anew, or from weights before the loss rose, with a lower rate or clipped gradients; dead units do "
        "not come back by training on.",
    )


def _of_another_class(answers: Tensor) -> Tensor:
    """For each image another one, of another answer wherever there are enough of them. Shapes: (m,) -> (m,)."""
    order = answers.argsort(stable=True)
    partner = torch.empty_like(order)
    partner[order] = order.roll(-max(1, len(order) // 2))
    return partner


def align_corners(patient: Patient, track: Track) -> Finding | None:
    """With the other align_corners the labelled probes are answered clearly better.

    Raises: RunError if there are too few of them.
    """
    known = patient.known
    if patient.logits is None or len(known) < ENOUGH:
        raise RunError(f"Fewer than {ENOUGH} probes have a label and an answer, too few to compare.")
    labels = patient.labels[known]
    own = F.cross_entropy(patient.logits[known].float(), labels, reduction="none")
    errors = float((patient.logits[known].argmax(-1) != labels).float().mean())
    place = patient.places[track.index]
    best: tuple[float, str, Tensor, float] | None = None
    for grid, sampler, name in (
        (True, True, "the grid and the sampler"),
        (False, True, "the sampler"),
        (True, False, "the grid"),
    ):

        def ask(grid: bool = grid, sampler: bool = sampler) -> Any:
            with _Flipped(place, grid=grid, sampler=sampler):
                return patient.model(patient.U)

        logits = patient.answer(ask)
        if logits is None:
            raise RunError("The network gives no classes with the other align_corners.")
        losses = F.cross_entropy(logits[known].float(), labels, reduction="none")
        wrong = float((logits[known].argmax(-1) != labels).float().mean())
        if best is None or float(losses.mean()) < best[0]:
            best = float(losses.mean()), name, losses, wrong
    assert best is not None
    loss, name, losses, wrong = best
    gain = own - losses
    error = float(gain.std()) / len(gain) ** 0.5
    if not (loss < BETTER * float(own.mean()) and float(gain.mean()) > SIGMAS * error and wrong <= errors):
        return None
    # A training far on its way errs on a few odd images, whose losses tell little of the sampling.
    if errors - wrong < 0.03 and float((gain > 0).float().mean()) < 0.75:
        return None
    image = int(known[int(gain.argmax())])
    now, then = track.site.align_corners, not track.site.align_corners
    return found(
        patient.run,
        "align-corners",
        "warning",
        step=patient.snapshot,
        image=image,
        site=track.index,
        sentence=f"At {at_step(patient.run, patient.snapshot)} the probes are answered better with "
        f"align_corners={then} in {name}{at_site(patient.run, track.index)} than with {now}: loss {loss:.3g} "
        f"instead of {float(own.mean()):.3g}, error {percent(wrong)} instead of {percent(errors)}.",
        cause="The network was trained with the other align_corners; torch's default changed with version 1.3.",
        cure=f"Import it again with align_corners={then}, and write the value out in affine_grid and grid_sample.",
    )


class _Flipped(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """The other align_corners at one site: for the sampler, and for the target grid that its grid was made over."""

    def __init__(self, place: int, *, grid: bool, sampler: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.place, self.grid, self.sampler = place, grid, sampler
        self.count = -1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket not in _SAMPLERS:
            return func(*args, **kwargs)
        self.count += 1
        if self.count != self.place or len(args) < 5:
            return func(*args, **kwargs)
        U, grid, kernel, padding, align = args
        if self.grid:
            grid = _over_other_targets(grid, align_corners=align)
        return func(U, grid, kernel, padding, align != self.sampler, **kwargs)


def _over_other_targets(grid: Tensor, *, align_corners: bool) -> Tensor:
    """The grid over the pixel centres of the other align_corners: exact for affine maps, in between linear for others.

    Shapes: grid (N, H', W', 2) or (N, D', H', W', 3), and the same out.
    """
    for axis in range(1, grid.dim() - 1):
        n = grid.shape[axis]
        if n < 2:
            continue
        # Target centres are spread by n / (n - 1) under align_corners; drawn together without.
        scale = (n - 1) / n if align_corners else n / (n - 1)
        at = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * scale + (n - 1) / 2
        left = at.floor().clamp(0, n - 2).long()
        part = (at - left).to(grid.dtype)
        weights = torch.zeros(n, n, dtype=grid.dtype)
        rows = torch.arange(n)
        weights[rows, left] = 1 - part
        weights[rows, left + 1] = part
        grid = (grid.transpose(axis, -1) @ weights.T).transpose(axis, -1)
    return grid
