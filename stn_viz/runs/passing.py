"""One forward pass of the probes through a network that is being trained, as if it had never been made.

In eval mode and the weights' own precision, a few images at a time, watched at the network's sites. Afterwards mode,
random state, buffers and whatever the network keeps of its last forward pass are what they were.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from stn_viz.transformer import Family, SpatialTransformer

from .info import RunError, Site
from .sites import SiteCall, watch
from .untouched import untouched

FLOAT16_MAX = 65504.0
AT_ONCE = 2**20  # numbers of U in one pass: 6 images of 3 x 224 x 224, all 64 of 3 x 64 x 64

Forward = Callable[[nn.Module, Tensor], Any]
See = Callable[[int, Tensor], Tensor | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """A site in one pass: what it is, its grid (float32, CPU), theta where a module or affine_grid tells it.

    epsilon is the precision that the grid was computed in; seen is what `see` made of the site's input.
    """

    site: Site
    grid: Tensor
    family: Family | None
    theta: Tensor | None
    epsilon: float
    seen: Tensor | None

    @property
    def shape(self) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        """What must stay the same from record to record."""
        return self.site.input_size, self.site.output_size, self.site.channels


def probe_pass(
    model: nn.Module,
    U: Tensor,
    *,
    forward: Forward | None = None,
    read: Callable[[Any, int], Tensor | None],
    see: See | None = None,
) -> tuple[list[Found], Tensor | None]:
    """Pass the probes and give the sites that they went through, and what `read` made of the network's output.

    Shapes: U (n, C, h, w); read takes an output and its number of images, and gives a row for each, or None;
            see takes a site's index and its input (k, c, ...), for sites whose input is not U itself.
    Raises: RunError if the network samples other grids from one image to the next.
    """
    first = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), None)
    device = torch.device("cpu") if first is None else first.device
    dtype = U.dtype if first is None else first.dtype
    several = max(1, AT_ONCE // max(1, U[0].numel()))
    passes: list[list[Found]] = []
    answers: list[Tensor | None] = []
    with untouched(model), torch.no_grad(), torch.autocast(device.type, enabled=False), _uncompiled():
        for part in torch.split(U, several):
            images = part.to(device=device, dtype=dtype)
            with watch() as seen, _owned(model, seen) as owners:
                output = model(images) if forward is None else forward(model, images)
            passes.append(_found(seen, owners, images, see))
            answers.append(read(output, len(images)))
    if len({tuple(one.shape for one in found) for found in passes}) > 1:
        raise RunError(
            "The network samples other grids for some of the probes than for the others. "
            "A run follows a network whose sites are the same for every image."
        )
    given = [answer for answer in answers if answer is not None]
    joined = torch.cat(given) if len(given) == len(passes) else None
    return [_joined(parts) for parts in zip(*passes, strict=True)], joined


def plain(model: nn.Module) -> nn.Module:
    """The module itself, out of DataParallel and torch.compile."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights as a run keeps them, on the CPU: a training's GPU may have no room for a second model.

    Parameters are rounded to float16. Buffers are not: the solved matrix of a spline is one, and rounded it would give
    grids that are of no family any more.
    """
    learnt = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return {
        name: (rounded(tensor) if name in learnt else tensor.detach().clone()).cpu()
        for name, tensor in _tensors(model).items()
    }


def rounded(tensor: Tensor) -> Tensor:
    """Floating weights as float16, where float16 holds them; counters and very large values stay as they are."""
    if tensor.is_floating_point() and tensor.numel() and bool((tensor.abs() <= FLOAT16_MAX).all()):
        return tensor.detach().half()
    return tensor.detach().clone()


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """The state_dict without what is no tensor: modules may keep anything there as their extra state."""
    return {name: tensor.detach() for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor)}


@contextmanager
def with_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Compute with other values of the weights, in place and in their own types; the old bits come back afterwards.

    In place, since a copy of a model can fail (a module that keeps a tensor with a gradient cannot be copied), and
    since scripted and exported modules know no other way.
    """
    live = _tensors(model)
    kept = {name: tensor.to("cpu", copy=True) for name, tensor in live.items()}
    try:
        for name, tensor in live.items():
            tensor.data.copy_(weights[name])  # .data: autograd's version counter must not see it
        yield
    finally:
        for name, tensor in live.items():
            tensor.data.copy_(kept[name])


def _found(seen: list[SiteCall], owners: Mapping[int, "_Owner"], U: Tensor, see: See | None) -> list[Found]:
    sites: list[Found] = []
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
        on_image = call.U.shape == U.shape and (call.U.data_ptr() == U.data_ptr() or bool((call.U == U).all()))
        sites.append(
            Found(
                site=_site(name if names[name] == 1 else f"{name}_{names[name]}", call, on_image),
                grid=call.grid.detach().float().cpu(),
                family=owner.family,
                theta=None if theta is None else theta.detach().float().cpu(),
                epsilon=torch.finfo(call.grid.dtype).eps,
                seen=None if see is None or on_image else see(len(sites), call.U.detach()),
            )
        )
    return sites


def _joined(parts: tuple[Found, ...]) -> Found:
    """One site of all the images, from its parts."""
    first = parts[0]
    thetas = [part.theta for part in parts if part.theta is not None]
    views = [part.seen for part in parts if part.seen is not None]
    return replace(
        first,
        site=replace(first.site, on_image=all(part.site.on_image for part in parts)),
        grid=torch.cat([part.grid for part in parts]),
        theta=torch.cat(thetas) if len(thetas) == len(parts) else None,
        seen=torch.cat(views) if len(views) == len(parts) else None,
    )


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
            name = ".".join(word for word in name.split(".") if word != "_orig_mod")  # a part that was compiled
            if name and not isinstance(module, torch.jit.ScriptModule):  # scripted code calls no Python hooks
                hooks.callback(module.register_forward_pre_hook(enter).remove)
                hooks.callback(
                    module.register_forward_hook(lambda module, args, out, name=name: leave(name, module)).remove
                )
        yield owners


def _uncompiled() -> Any:
    """Parts of the network that are compiled run as written: compiled code is not watched, nor compiled anew."""
    compiling = "torch._dynamo" in sys.modules  # loading it takes seconds, and nothing is compiled without it
    return torch.compiler.set_stance("force_eager") if compiling else nullcontext()


def _site(name: str, call: SiteCall, on_image: bool) -> Site:
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
        on_image=on_image,
    )
