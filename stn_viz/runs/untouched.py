"""Run a network in eval mode and leave nothing of it behind: mode, random state, buffers, attributes come back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards the model is what it was, and the random numbers to come are those to come."""
    # Flags one by one, not model.eval(): parts may be frozen in another mode, and exported programs refuse eval().
    modules = list(model.modules())
    modes = [module.training for module in modules]
    kept = [_attributes(module) for module in modules]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers() if not buffer.is_inference()]
    versions = [buffer._version for buffer, _ in buffers]
    try:
        with same_randomness(*{parameter.device for parameter in model.parameters()}):
            for module in modules:
                module.training = False
            yield
    finally:
        for module, training, attributes in zip(modules, modes, kept, strict=True):
            module.training = training
            _put_back(module, attributes)
        for (buffer, content), version in zip(buffers, versions, strict=True):
            if buffer._version != version:  # a counter, or statistics that are taken in eval mode too
                buffer.data.copy_(content)


@contextmanager
def same_randomness(*devices: torch.device) -> Iterator[None]:
    """Whatever is drawn inside, the random state of Python, numpy, torch and these devices is the same afterwards."""
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    on_devices = [(device, torch.cuda.get_rng_state(device)) for device in devices if device.type == "cuda"]
    try:
        yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])
        torch.set_rng_state(state[2])
        for device, device_state in on_devices:
            torch.cuda.set_rng_state(device_state, device)


def _attributes(module: nn.Module) -> dict[str, tuple[Any, Any]]:
    """What a module holds, each with a shallow copy where forward could append to it."""
    return {name: (value, value.copy() if _grows(name, value) else None) for name, value in vars(module).items()}


def _grows(name: str, value: Any) -> bool:
    # Buffers may be replaced by new tensors, and people keep lists of what passed by. Hooks are our own to remove.
    return type(value) in (list, dict) and (not name.startswith("_") or name == "_buffers")


def _put_back(module: nn.Module, attributes: dict[str, tuple[Any, Any]]) -> None:
    now = vars(module)
    for name in [name for name in now if name not in attributes]:
        del now[name]
    for name, (value, content) in attributes.items():
        if now.get(name) is not value:
            now[name] = value
        if isinstance(content, list) and not _same(value, content):
            value[:] = content
        elif isinstance(content, dict) and not (
            value.keys() == content.keys() and _same(list(value.values()), list(content.values()))
        ):
            value.clear()
            value.update(content)


def _same(ones: list[Any], others: list[Any]) -> bool:
    return len(ones) == len(others) and all(one is other for one, other in zip(ones, others, strict=True))
