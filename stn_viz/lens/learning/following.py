"""What a network does before it samples a grid: its layers in the order of their use, found by watching one pass.

Leaf modules are hooked; between them the usual functions (F.relu, F.max_pool2d) are seen by torch's function mode. A
program of torch.export has no modules that are called: its graph is run node by node, and its nodes still name them.

Whether a layer leads to a grid is asked of autograd's own graph: it does if the grid's history meets the layer's
output before it meets an earlier sampler. So no name is trusted, and nothing of another site comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

from stn_viz.runs import sites

if TYPE_CHECKING:
    from torch.autograd.graph import Node

    from stn_viz.runs.sites import SiteCall

KINDS = (
    ("convtranspose", "transposed convolution"),
    ("conv_transpose", "transposed convolution"),
    ("conv", "convolution"),
    ("pool", "pooling"),
    ("norm", "normalisation"),
    ("linear", "linear"),
    ("embedding", "embedding"),
    ("leaky_relu", "leaky ReLU"),
    ("leakyrelu", "leaky ReLU"),
    ("prelu", "PReLU"),
    ("relu", "ReLU"),
    ("gelu", "GELU"),
    ("silu", "SiLU"),
    ("elu", "ELU"),
    ("tanh", "tanh"),
    ("sigmoid", "sigmoid"),
    ("softmax", "softmax"),
    ("softplus", "softplus"),
)
"""Part of a module's or a function's name, and what people call it; the first that fits."""

_NO_LAYERS = ("identity", "dropout", "flatten", "unflatten")  # what comes in comes out, in eval mode
_FUNCTIONS = (
    frozenset(("conv1d", "conv2d", "conv3d", "linear", "batch_norm", "layer_norm", "group_norm", "instance_norm"))
    | frozenset(
        ("relu", "relu_", "leaky_relu", "prelu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "max_pool2d")
    )
    | frozenset(("max_pool3d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool2d", "adaptive_max_pool2d"))
)


@dataclass(frozen=True, eq=False)
class Passed:
    """A layer, once passed.

    Shapes: values (N, ...), a copy of what it gave; input (N, ...), of a linear one; weight and bias as its own.
    """

    name: str
    kind: str
    values: Tensor
    node: Node | None
    input: Tensor | None = None
    weight: Tensor | None = None
    bias: Tensor | None = None


def follow(model: nn.Module, U: Tensor) -> tuple[list[Passed], list[SiteCall]]:
    """One pass of a network, with what it passed and where it sampled, both in the order of their use.

    The model is left as it was; U is not changed, and nothing but it is asked for a gradient.

    Shapes: U (N, C, h, w), the network's input.
    """
    layers: list[Passed] = []
    with torch.inference_mode(False), torch.enable_grad(), ExitStack() as stack:
        start = U.detach().clone().requires_grad_()  # a clone of its own once more: a first layer may work in place
        if isinstance(model, fx.GraphModule):
            seen = stack.enter_context(sites.watch())
            _Nodes(model, layers).run(start.clone())
        else:
            inside = stack.enter_context(_hooked(model, layers))
            stack.enter_context(_Functions(layers, inside))
            seen = stack.enter_context(sites.watch())
            model(start.clone())
    return layers, sites.recorded(seen, len(U))


def leading_to(grid: Tensor, layers: list[Passed]) -> list[Passed]:
    """Those of the layers on which a grid depends, other than through what an earlier site sampled."""
    reached = set(_history(grid.grad_fn, until=frozenset()))
    found: list[Passed] = []
    for layer in layers:
        before = {other.node for other in found}
        if layer.node in reached and layer.node not in before:  # a layer that hands on its input is none
            found.append(layer)
    return found


def last_linear(grid: Tensor, layers: list[Passed]) -> list[Passed]:
    """The linear layers on which a grid depends at first hand, through no other: one, or several side by side."""
    linear = [layer for layer in layers if layer.kind == "linear"]
    nodes = frozenset(layer.node for layer in linear)
    reached = set(_history(grid.grad_fn, until=nodes))
    return [layer for layer in linear if layer.node in reached]


def _history(node: Node | None, until: frozenset[Node | None]) -> Iterator[Node]:
    """The nodes of autograd's graph behind one, going through no sampler and through none of `until`."""
    waiting, known = [node], {node}
    while waiting:
        each = waiting.pop()
        if each is None or "GridSampler" in each.name():
            continue
        yield each
        if each in until:
            continue
        for before, _ in each.next_functions:
            if before not in known:
                known.add(before)
                waiting.append(before)


def kind_of(word: str) -> str | None:
    """What people call a module or a function of this name; None for what changes no value."""
    lower = word.lower()
    if any(part in lower for part in _NO_LAYERS):
        return None
    return next((kind for part, kind in KINDS if part in lower), word)


def _note(layers: list[Passed], name: str, kind: str, output: Any, inputs: tuple[Any, ...], weights: Any) -> None:
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return
    weight, bias = weights
    given = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None
    layers.append(
        Passed(
            name=name,
            kind=kind,
            values=output.detach().clone(),
            node=output.grad_fn,
            input=None if given is None or kind != "linear" else given.detach().clone(),
            weight=weight if isinstance(weight, Tensor) else None,
            bias=bias if isinstance(bias, Tensor) else None,
        )
    )


@contextmanager
def _hooked(model: nn.Module, layers: list[Passed]) -> Iterator[list[str | None]]:
    """Hooks on all modules while it lasts; the list holds the paths of those at work, None for a leaf of torch's own.

    A leaf of somebody's own may call functions with weights of its own: these are layers, and what it gives is one too.
    """
    inside: list[str | None] = []
    handles = []

    def entered(name: str | None) -> Callable[..., None]:
        return lambda module, inputs: inside.append(name)

    def left(name: str, is_leaf: bool) -> Callable[..., None]:
        def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            inside.pop()
            kind = kind_of(type(module).__name__)
            if is_leaf and kind is not None:
                weights = getattr(module, "weight", None), getattr(module, "bias", None)
                _note(layers, name, kind, output, inputs, weights)

        return note

    for name, module in model.named_modules():
        is_leaf = next(module.children(), None) is None
        torchs = is_leaf and type(module).__module__.startswith("torch.")
        handles.append(module.register_forward_pre_hook(entered(None if torchs else name)))
        handles.append(module.register_forward_hook(left(name, is_leaf)))
    try:
        yield inside
    finally:
        for handle in handles:
            handle.remove()


class _Functions(TorchFunctionMode):
    """Sees the functions that a network calls by itself, outside torch's own modules."""

    def __init__(self, layers: list[Passed], inside: list[str | None]) -> None:
        super().__init__()
        self.layers = layers
        self.inside = inside

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        word = getattr(func, "__name__", "")
        where = self.inside[-1] if self.inside else ""
        output = func(*args, **(kwargs or {}))
        if word in _FUNCTIONS and where is not None:
            weights = _weights(word, args, kwargs or {})
            _note(self.layers, _joined(where, word), kind_of(word) or word, output, args, weights)
        return output


class _Nodes(fx.Interpreter):
    """Runs a program's graph, and names each layer by the module that it was when the program was made."""

    def __init__(self, module: fx.GraphModule, layers: list[Passed]) -> None:
        super().__init__(module)
        self.layers = layers

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A module of the graph; the one that only checks the inputs' shapes is left out."""
        return None if str(target).endswith("_guards_fn") else super().call_module(target, args, kwargs)

    def run_node(self, n: fx.Node) -> Any:
        """One operation, noted if it is a layer."""
        output = super().run_node(n)
        word = getattr(n.target, "__name__", "").partition(".")[0]
        if n.op == "call_function" and word in _FUNCTIONS:
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            path, module = next(reversed((n.meta.get("nn_module_stack") or {"": ("", "")}).values()))
            name = path if str(module).startswith("torch.") else _joined(path, word)
            _note(self.layers, name, kind_of(word) or word, output, args, _weights(word, args, kwargs))
        return output


def _joined(path: str, word: str) -> str:
    return f"{path}.{word}" if path else word


def _weights(word: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Weight and bias among the arguments of a function that takes them second and third."""
    if word not in ("conv1d", "conv2d", "conv3d", "linear"):
        return None, None
    return tuple(args[place] if len(args) > place else kwargs.get(name) for place, name in ((1, "weight"), (2, "bias")))  # type: ignore[return-value]
