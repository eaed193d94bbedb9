"""A run's network on the couch: its newest snapshot with the probes, to be asked without leaving a trace in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from stn_viz.foreign.network import network_of
from stn_viz.runs import Run, RunError, sites
from stn_viz.runs.answers import first_table
from stn_viz.runs.sites import SiteCall

AT_MOST = 64
"""Probes that the network is asked about, where they are small."""

AT_ONCE, AT_ONCE_BACK = 2**22, 2**20
"""Numbers of U in one pass, and in one with a way back: 27 and 6 images of 3 x 224 x 224."""

IN_A_LAYER = 2**26
"""Numbers that one layer of a network which was rebuilt from a run.json may give for all images of a pass."""

_aten = torch.ops.aten
_SAMPLERS: frozenset[Any] = frozenset(
    {
        torch.nn.functional.grid_sample,
        torch.grid_sampler,
        torch.grid_sampler_2d,
        torch.grid_sampler_3d,
        _aten.grid_sampler.default,
        _aten.grid_sampler_2d.default,
        _aten.grid_sampler_3d.default,
    }
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Patient:
    """The network of a snapshot, its probes, and one forward pass of them.

    Shapes: U (m, C, h, w); labels (m,), -1 unknown; logits (m, K) or None where it gives no classes; calls: one for
            each of the run's sites; places: which call of a sampler that is, counted over all of a forward pass.
    """

    run: Run
    model: nn.Module
    snapshot: int
    U: Tensor
    labels: Tensor
    logits: Tensor | None
    calls: Sequence[SiteCall]
    places: Sequence[int]

    @property
    def known(self) -> Tensor:
        """Indices of the probes whose label is one of the classes."""
        if self.logits is None:
            return torch.zeros(0, dtype=torch.long)
        return ((self.labels >= 0) & (self.labels < self.logits.shape[1])).nonzero()[:, 0]

    @property
    def trained(self) -> bool:
        """The snapshot is of after the start."""
        return self.snapshot > 0

    def grids(self, U: Tensor) -> list[Tensor]:
        """The grids that it makes for other images of the same shape, one (m, H', W', 2) for each site."""
        with torch.no_grad(), sites.watch() as seen:
            self.model(U)
        return [call.grid for call in seen if len(call.grid) == len(U)]

    def answer(self, ask: Callable[[], Any]) -> Tensor | None:
        """Class scores of what `ask` gives, without gradients."""
        with torch.no_grad():
            return first_table(ask(), len(self.U))


def _largest(run: Run) -> int:
    """Numbers that the largest layer gives for one image, where run.json tells the layers."""
    network = run.info.network or {}
    if network.get("name") != "found":
        return 1
    from stn_viz.foreign.shapes.layers import shapes_through
    from stn_viz.foreign.shapes.stored import from_json

    largest = 1
    beside = network.get("beside")
    for one in (network, *(beside if isinstance(beside, list) else ())):
        transformer, choices = from_json({**one, "name": "found"})
        largest = max(largest, (transformer.channels + 2) * math.prod(choices.output_size or choices.size))  # grid, V
        for shape in shapes_through(transformer.layers, channels=transformer.channels, size=choices.size):
            largest = max(largest, math.prod(shape))
    return largest


def called(run: Run) -> Patient:
    """The network of the run's newest snapshot.

    Raises: RunError, in a sentence, if there is none, it may not be opened, or it does not do what the trace says.
    """
    if run.info.network is None:
        raise RunError("This run came without its network.")
    if not run.snapshots:
        raise RunError("This run has no weights that can be read.")
    snapshot = run.snapshots[-1]
    model = network_of(run, snapshot)
    most = min(AT_MOST, max(2, AT_ONCE // run.probes.U[0].size), max(2, IN_A_LAYER // _largest(run)))
    U = torch.from_numpy(np.ascontiguousarray(run.probes.U[:most]))
    labels = torch.from_numpy(run.probes.labels[:most].copy())
    try:
        with torch.no_grad(), sites.watch() as seen:
            output = model(U)
    except Exception as error:  # whatever a stranger's network raises
        words = next(iter(str(error).splitlines()), "")[:160]
        raise RunError(f"The network does not run on the probes ({type(error).__name__}: {words}).") from error
    places = [place for place, call in enumerate(seen) if len(call.grid) == len(U)]
    calls = [seen[place] for place in places]
    if len(calls) != len(run.sites):
        raise RunError(f"The network samples {len(calls)} grid(s) here, but the trace has {len(run.sites)} site(s).")
    return Patient(
        run=run,
        model=model,
        snapshot=snapshot,
        U=U,
        labels=labels,
        logits=first_table(output, len(U)),
        calls=calls,
        places=places,
    )


class Kept(TorchFunctionMode):
    """Keeps what each sampler took and gave, with autograd's graph behind it: [(grid, V)], in order of use."""

    def __init__(self) -> None:
        """Nothing kept yet."""
        super().__init__()
        self.samples: list[tuple[Tensor, Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call it, and keep a sampler's grid and output."""
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        if func in _SAMPLERS:
            self.samples.append((args[1] if len(args) > 1 else kwargs["grid"], output))
        return output
