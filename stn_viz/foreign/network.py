"""A run's network with the weights of one of its snapshots, whoever made it: ours, found by shapes, or a program.

A program is code and is loaded only where its hash is trusted; the other two are rebuilt from what run.json says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stn_viz.runs import Run, RunError

if TYPE_CHECKING:
    from torch import Tensor, nn


def network_of(run: Run, snapshot: int) -> nn.Module:
    """The network as it stood at a snapshot: eval mode, float32, CPU, no gradients of the weights.

    Called with U (N, C, h, w) it gives what its author's forward gives; one that was found gives V (N, C, H', W').

    Raises: RunError if the run has no network or no such snapshot, if its network is a program that nobody has said
            yes to, or if weights and network do not belong together.
    """
    network = run.info.network
    if network is None:
        raise RunError("This run came without its network: its trace can be seen, but nothing new can be asked.")
    weights: Mapping[str, Tensor] = run.weights(snapshot)
    name = network.get("name")
    if name == "program":
        from stn_viz.runs import program

        model = program.load(run.path, network)
    elif name == "found":
        from .replay import from_network

        model = from_network(network)
    else:
        model = _ours(network)
    try:
        if name == "program":
            program.put(model, weights, network)
        else:
            model.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(
            f"The weights of step {snapshot} do not fit the network that run.json describes, so it cannot answer. "
            "The run was made by another version: train it again, or see its recorded answers."
        ) from error
    if name != "program":  # which is kept in eval mode and float32, and refuses to be told
        model = model.float().eval()
    return model.requires_grad_(False)


MAX_NUMBERS = 2**27
"""Weights of one network of ours: a hundred times as many as any that is trained here."""

MAX_ACTIVATIONS = 2**22
"""Numbers of one layer for one image; 64 images may be asked about at once."""

MAX_V, MAX_WORDS = 2**17, 32


def _ours(network: Mapping[str, Any]) -> nn.Module:
    import torch
    from torch.overrides import TorchFunctionMode

    from stn_viz.networks import build

    class Counted(TorchFunctionMode):
        """Refuses weights before there is memory for them: a run.json of a stranger may ask for any width."""

        left = MAX_NUMBERS

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.empty:
                sides = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
                self.left -= math.prod(int(side) for side in sides)
                if self.left < 0:
                    raise ValueError(f"it has more than {MAX_NUMBERS:,} weights")
            return func(*args, **(kwargs or {}))

    try:
        _check_ours(network)
        with Counted():
            return build(**network)
    except (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError) as error:
        raise RunError(
            f"run.json describes a network that this STN Viz cannot build ({str(error)[:200]}). "
            "Update STN Viz, or see the run's recorded answers."
        ) from error


def _check_ours(network: Mapping[str, Any]) -> None:
    """Raises: ValueError for entries that no network of ours has: what is computed with grows with them."""
    for key, value in network.items():
        values = value if isinstance(value, list | tuple) else [value]
        if len(values) > MAX_WORDS:
            raise ValueError(f"{key} has {len(values):,} entries")
        for each in values:
            if isinstance(each, int | float) and not 0 <= each <= 2**20:
                raise ValueError(f"{key} is {str(each)[:40]}")
    widths = (network.get(key, 1) for key in ("filters", "localisation_filters", "channels"))
    widest = max(each for width in widths for each in (width if isinstance(width, list | tuple) else [width]))
    for key, most in (("size", MAX_ACTIVATIONS), ("output_size", MAX_V)):
        sides = network.get(key, (1, 1))
        if not isinstance(sides, list | tuple) or not all(type(side) is int and side > 0 for side in sides):
            raise ValueError(f"{key} is {str(sides)[:40]}, expected two whole numbers")
        if math.prod(sides) > most:
            raise ValueError(f"{key} is {str(sides)[:40]}: at most {most:,} pixels are taken")
        if math.prod(sides) * widest > MAX_ACTIVATIONS:
            raise ValueError(f"{key} is {str(sides)[:40]} under layers of {widest:,} channels")
