"""Record a training from outside: a forward pass on the probes now and then, watched at its sites, and some weights.

Needs nothing from the network but that forward pass. Whatever the pass could leave behind (mode, random state, weights)
is put back, so a training ends with the same weights, bit for bit, with and without its recorder.
"""

import math
import random
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from stn_viz.transformer import FAMILIES, Family, SpatialTransformer, family
from stn_viz.transformer.drawing import drawing_basis

from .info import Probes, RunError, Site
from .sites import SiteCall, watch
from .writing import RunWriter

FIT_TOLERANCE = 1e-4  # of a float32 grid from a family, normalised units: rounding is ten times smaller, a pixel larger
FLOAT16_MAX = 65504.0


class Recorder:
    """Decides which steps of a training are worth a record, and makes it.

    `step` counts updates of the weights: call it with 0 and the first batch's loss before the first update, or after
    each update with its number; both are understood. `seconds` is what recording has taken so far.
    """

    def __init__(
        self,
        writer: RunWriter,
        model: nn.Module,
        probes: Probes,
        total_steps: int,
        *,
        records: int = 300,
        snapshots: int = 20,
    ) -> None:
        """Follow `model` on the probes; a reopened writer is gone on with."""
        start = time.perf_counter()
        self.writer = writer
        self.schedule = schedule(total_steps, records)
        spaced = np.linspace(0, len(self.schedule) - 1, min(max(snapshots, 2), len(self.schedule)))
        self.snapshot_steps = tuple(self.schedule[round(index)] for index in spaced)
        self._model = _plain(model)
        self._labels = torch.from_numpy(probes.labels)
        self._U = torch.from_numpy(probes.U)
        self._families: list[Family | None] | None = None  # known after the first pass
        self._loss = _Mean()
        self._error = _Mean()
        self._recorded = max(writer.steps, default=-1)
        self._images = 0
        self.seconds = time.perf_counter() - start

    def step(
        self,
        step: int,
        *,
        loss: Tensor | float | None = None,
        error: Tensor | float | None = None,
        images: int = 0,
        rate: float = math.nan,
    ) -> None:
        """Tell the recorder of a training step; it records when the step is one of its schedule.

        Shapes: loss and error scalars of this step's batch (tensors stay on their device until a record needs them).
        Units:  images seen so far, rate is the learning rate.
        Raises: RunError if the network samples other grids than at its first record, or the run cannot be written.
        """
        start = time.perf_counter()
        self._loss.add(loss)
        self._error.add(error)
        if self._due(self.schedule, step):
            parameter = next(self._model.parameters(), None)
            if parameter is not None and parameter.is_cuda:
                torch.cuda.synchronize(parameter.device)  # the training's own queue is not recording's cost
                start = time.perf_counter()
            self._record(step, images=images, rate=rate)
        self.seconds += time.perf_counter() - start

    def share(self, seconds: float) -> float:
        """Give recording's part of a training that took `seconds` in all, as a fraction of the training without it."""
        return self.seconds / max(seconds - self.seconds, 1e-9)

    def state(self) -> dict[str, Any]:
        """What a resumed training must hand to `restore`, so that its next record is the one it would have been."""
        return {"loss": self._loss.state(), "error": self._error.state(), "seconds": self.seconds}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self._loss.restore(state["loss"])
        self._error.restore(state["error"])
        self.seconds += float(state["seconds"])

    def _due(self, steps: Sequence[int], step: int) -> bool:
        # A counter that leaps over a scheduled step is recorded at the next chance.
        return any(self._recorded < scheduled <= step for scheduled in steps)

    def _record(self, step: int, *, images: int, rate: float) -> None:
        snapshot = self._due(self.snapshot_steps, step)
        with ExitStack() as stack:
            if snapshot:
                weights = {name: _rounded(tensor) for name, tensor in self._model.state_dict().items()}
                stack.enter_context(_with_weights(self._model, weights))
            passed = _pass(self._model, self._U)
        thetas, grids = self._sites(step, passed.sites)
        probe_loss, probabilities = self._answers(passed.output)
        self.writer.record(
            step=step,
            images=images,
            loss=self._loss.take(),
            error=self._error.take(),
            rate=rate,
            thetas=thetas,
            grids=grids,
            probe_loss=probe_loss,
            probabilities=probabilities,
        )
        self._recorded = step
        if snapshot:
            self.writer.snapshot(step, weights)

    def _answers(self, output: Any) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """Loss and class probabilities of the probes, where the network gives classes."""
        logits = output[0] if isinstance(output, tuple | list) and output else output
        n = len(self._labels)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != n or not logits.is_floating_point():
            return None, None
        K = len(self.writer.info.classes)
        if K and logits.shape[1] != K:
            raise RunError(
                f"the network gives {logits.shape[1]} numbers an image, but the run names {K} classes. "
                "Name one class for each, or none."
            )
        logits = logits.float().cpu()
        # softmax and cross entropy are the same for logits and for their log_softmax, which many networks end in
        known = (self._labels >= 0) & (self._labels < logits.shape[1])
        losses = F.cross_entropy(logits, self._labels.where(known, -100), reduction="none", ignore_index=-100)
        return losses.numpy(), logits.softmax(1).numpy()

    def _sites(self, step: int, found: list["_Found"]) -> tuple[dict[int, NDArray[Any]], dict[int, NDArray[Any]]]:
        if self._families is None:
            stored = self.writer.info.sites if self.writer.steps else ()
            if len(stored) == len(found):
                self._families = [one.family or _stored_family(site) for one, site in zip(found, stored, strict=True)]
            elif not stored:
                self._families = [_first_family(one) for one in found]
                self._describe(found)
        known = self.writer.info.sites
        if [one.shape for one in found] != [(site.input_size, site.output_size, site.channels) for site in known]:
            raise RunError(
                f"step {step}: the network samples {len(found)} grid(s) of other sizes than at its first record, "
                f"where there were {len(known)}. A run follows a network whose sites stay the same."
            )
        thetas, grids = {}, {}
        for index, one in enumerate(found):
            theta = self._theta(index, one, found)
            if theta is None:
                grids[index] = one.grid.numpy()
            else:
                thetas[index] = theta.numpy()
        return thetas, grids

    def _theta(self, index: int, one: "_Found", found: list["_Found"]) -> Tensor | None:
        """Theta of the site's family; a grid that has left the family moves the whole site to a larger one."""
        assert self._families is not None
        current = self._families[index]
        if one.family is not None or current is None:
            return one.theta if current is not None else None
        if not one.grid.isfinite().all():
            return torch.full((len(one.grid), len(current.parameter_names)), math.nan)
        theta = _fitted(current, one.grid, given=one.theta)
        return self._moved(index, one, found) if theta is None else theta

    def _moved(self, index: int, one: "_Found", found: list["_Found"]) -> Tensor | None:
        # At the identity every family fits, so a network's own family shows only once it moves.
        assert self._families is not None
        current = self._families[index]
        assert current is not None
        rows = [torch.from_numpy(row) for row in self.writer.columns.pop(f"theta_{index}", [])]
        nothing = torch.full_like(one.grid, math.nan)  # a step that had diverged
        earlier = [current.grid(row) if row.isfinite().all() else nothing for row in rows]
        larger = _smallest([one.grid, *earlier], one.site.align_corners)
        self._families[index] = larger
        if larger is None:
            moved = {f"grid_{index}": [grid.numpy().astype(np.float16) for grid in earlier]}
        else:
            unknown = torch.full((len(one.grid), len(larger.parameter_names)), math.nan)
            thetas = [_fitted(larger, grid) if grid.isfinite().all() else unknown for grid in earlier]
            moved = {f"theta_{index}": [theta.numpy() for theta in thetas if theta is not None]}
        self.writer.columns.update({name: column for name, column in moved.items() if column})
        self._describe(found)
        return None if larger is None else _fitted(larger, one.grid, given=one.theta)

    def _describe(self, found: list["_Found"]) -> None:
        assert self._families is not None
        sites, bases = [], []
        for one, fam in zip(found, self._families, strict=True):
            options = {} if fam is None else dict(fam.options)
            settings = {**vars(one.site), "family": None if fam is None else fam.name, "options": options}
            sites.append(Site(**settings))
            bases.append(None if fam is None else drawing_basis(fam))
        self.writer.describe(sites, bases)


def schedule(total_steps: int, records: int) -> tuple[int, ...]:
    """Which steps to record: every one at first, then farther and farther apart, evenly for the last two thirds.

    Units: steps from 0 to total_steps, both among them; at most `records` of them.
    """
    if total_steps < records:
        return tuple(range(total_steps + 1))
    gaps = max(records - 1, 1)
    growing = gaps * 2 // 5

    def spacings(last: float) -> NDArray[np.float64]:
        ramp = last ** (np.arange(growing) / max(growing, 1))
        return np.concatenate([ramp, np.full(gaps - growing, last)])

    low, high = 1.0, float(total_steps)
    for _ in range(60):  # the last spacing for which they add up to the whole
        middle = (low + high) / 2
        low, high = (middle, high) if spacings(middle).sum() < total_steps else (low, middle)
    steps = np.rint(np.cumsum(spacings(low))).astype(int)
    return tuple(sorted({0, *(int(step) for step in steps if step < total_steps), total_steps}))


class _Mean:
    """A mean that stays on the device: adding costs no wait for it, taking does."""

    def __init__(self) -> None:
        self.total: Tensor | float = 0.0
        self.count = 0
        self.last = math.nan

    def add(self, value: Tensor | float | None) -> None:
        if value is not None:
            self.total = self.total + (value.detach().float() if isinstance(value, Tensor) else float(value))
            self.count += 1

    def take(self) -> float:
        """The mean since the last one; the last one again where nothing came since (the record after the last step)."""
        if self.count:
            self.last = float(self.total) / self.count
        self.total, self.count = 0.0, 0
        return self.last

    def state(self) -> dict[str, Any]:
        return {"total": float(self.total), "count": self.count, "last": self.last}

    def restore(self, state: dict[str, Any]) -> None:
        self.total, self.count, self.last = float(state["total"]), int(state["count"]), float(state["last"])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """A site in one probe pass: what it is, its grid (float32, CPU), theta where a module or affine_grid tells it."""

    site: Site
    grid: Tensor
    family: Family | None
    theta: Tensor | None

    @property
    def shape(self) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        return self.site.input_size, self.site.output_size, self.site.channels


@dataclass(frozen=True, kw_only=True, eq=False)
class _Passed:
    output: Any
    sites: list[_Found]


def _pass(model: nn.Module, U: Tensor) -> _Passed:
    """One forward pass on the probes in eval mode and float32 that leaves no trace in the model."""
    first = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), None)
    device = torch.device("cpu") if first is None else first.device
    U = U.to(device=device, dtype=U.dtype if first is None else first.dtype)
    with (
        _undisturbed(model, device),
        torch.no_grad(),
        torch.autocast(device.type, enabled=False),
        watch() as seen,
        _owned(model, seen) as owners,
    ):
        output = model(U)
    sites: list[_Found] = []
    names: dict[str, int] = {}
    for index, call in enumerate(seen):
        if len(call.grid) != len(U):
            warnings.warn(
                f"a site samples {len(call.grid)} grids for {len(U)} images and is left out: "
                "only sites with one grid an image are recorded.",
                stacklevel=2,
            )
            continue
        owner = owners.get(index, _Owner())
        name = owner.name or f"site_{len(sites)}"
        names[name] = names.get(name, 0) + 1
        theta = call.theta if owner.family is None else owner.theta
        sites.append(
            _Found(
                site=_site(name if names[name] == 1 else f"{name}_{names[name]}", call),
                grid=call.grid.detach().float().cpu(),
                family=owner.family,
                theta=None if theta is None else theta.detach().float().cpu(),
            )
        )
    return _Passed(output=output, sites=sites)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Owner:
    """The module that samples: its name in the network, and what it knows of theta if it is one of ours."""

    name: str = ""
    family: Family | None = None
    theta: Tensor | None = None


@contextmanager
def _owned(model: nn.Module, seen: list[SiteCall]) -> Iterator[dict[int, _Owner]]:
    """Find the innermost module around each site while the network runs."""
    owners: dict[int, _Owner] = {}
    starts: list[int] = []

    def enter(module: nn.Module, args: Any) -> None:
        starts.append(len(seen))

    def leave(name: str, module: nn.Module) -> None:
        new = [index for index in range(starts.pop(), len(seen)) if index not in owners]
        ours = isinstance(module, SpatialTransformer) and module.theta is not None and len(new) == 1
        for index in new:
            owners[index] = _Owner(
                name=name,
                family=module.family if ours and isinstance(module, SpatialTransformer) else None,
                theta=module.theta if ours and isinstance(module, SpatialTransformer) else None,
            )

    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if name and not isinstance(module, torch.jit.ScriptModule):  # scripted code calls no Python hooks
                hooks.callback(module.register_forward_pre_hook(enter).remove)
                hooks.callback(
                    module.register_forward_hook(lambda module, args, out, name=name: leave(name, module)).remove
                )
        yield owners


@contextmanager
def _undisturbed(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Eval mode inside; afterwards mode, random state and our modules' last theta are what they were."""
    # Flags one by one, not model.eval(): parts may be frozen in another mode, and exported programs refuse eval().
    modes = [(module, module.training) for module in model.modules()]
    thetas = [(module, module.theta) for module in model.modules() if isinstance(module, SpatialTransformer)]
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    device_state = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training
        for transformer, theta in thetas:
            transformer.theta = theta
        random.setstate(state[0])
        np.random.set_state(state[1])
        torch.set_rng_state(state[2])
        if device_state is not None:
            torch.cuda.set_rng_state(device_state, device)


@contextmanager
def _with_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Compute with other values of the weights, in place and in their own types; the old bits come back afterwards.

    In place, since a copy of a model can fail (a module that keeps a tensor with a gradient cannot be copied), and
    since scripted and exported modules know no other way.
    """
    live = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    kept = {name: tensor.clone() for name, tensor in live.items()}
    try:
        for name, tensor in live.items():
            tensor.data.copy_(weights[name])  # .data: autograd's version counter must not see it
        yield
    finally:
        for name, tensor in live.items():
            tensor.data.copy_(kept[name])


def _rounded(tensor: Tensor) -> Tensor:
    """Floating weights as float16, where float16 holds them; counters and very large values stay as they are."""
    if tensor.is_floating_point() and tensor.numel() and bool((tensor.abs() <= FLOAT16_MAX).all()):
        return tensor.detach().half()
    return tensor.detach().clone()


def _plain(model: nn.Module) -> nn.Module:
    """The module itself, out of DataParallel and torch.compile."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def _site(name: str, call: SiteCall) -> Site:
    return Site(
        name=name,
        family=None,
        options={},
        kernel=call.kernel,
        padding=call.padding,
        align_corners=call.align_corners,
        input_size=tuple(call.U.shape[2:]),
        output_size=tuple(call.grid.shape[1:-1]),
        channels=call.U.shape[1],
    )


def _stored_family(site: Site) -> Family | None:
    if site.family is None:
        return None
    H, W = site.output_size
    return family(site.family, size=(H, W), align_corners=site.align_corners, **site.options)


def _first_family(one: _Found) -> Family | None:
    if one.family is not None:
        return one.family
    affine = next((fam for fam in _candidates(one.grid, one.site.align_corners) if fam.name == "affine"), None)
    if affine is not None and one.theta is not None and _fitted(affine, one.grid, given=one.theta) is not None:
        return affine
    return _smallest([one.grid], one.site.align_corners)


def _smallest(grids: Sequence[Tensor], align_corners: bool) -> Family | None:
    """The family with the fewest parameters that all these grids are of."""
    return next(
        (
            fam
            for fam in _candidates(grids[0], align_corners)
            if all(_fitted(fam, grid) is not None for grid in reversed(grids) if grid.isfinite().all())
        ),
        None,
    )


def _candidates(grid: Tensor, align_corners: bool) -> list[Family]:
    if grid.ndim != 4:  # the families are planar
        return []
    H, W = grid.shape[1:3]
    # Free form is no more than our own lattice of cubics: nobody else's network makes such a grid but by chance.
    choices: list[dict[str, Any]] = [{"name": name} for name in FAMILIES if name not in ("tps", "free")]
    choices += [{"name": "tps", "points": points} for points in range(2, 9)]
    families = [family(size=(H, W), align_corners=align_corners, **choice) for choice in choices]
    # A family with as many parameters as the grid has numbers fits anything and says nothing.
    families = [fam for fam in families if 2 * len(fam.parameter_names) <= H * W]
    return sorted(families, key=lambda fam: len(fam.parameter_names))


def _fitted(fam: Family, grid: Tensor, *, given: Tensor | None = None) -> Tensor | None:
    """Theta (N, P) in float32 if the grid is of that family, else None; a given theta is taken where it holds."""
    tolerance = FIT_TOLERANCE * max(1.0, float(grid.abs().max()))
    # affine_grid's align_corners may have been another than the sampler's: a known bug, and then theta is not ours
    if given is not None and fam.name == "affine" and given.shape[1] == 6 and given.isfinite().all():
        made = fam.grid(given)
        if made.shape == grid.shape and bool((made - grid).abs().max() <= tolerance):
            return given
    fit = fam.fit(grid.double())
    return fit.theta.float() if bool((fit.residual <= tolerance).all()) else None
