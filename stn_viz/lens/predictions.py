"""What the network says: class probabilities and loss of the snapshot, for its own theta or for one set by hand.

By hand, the rest of the network answers on V and on nothing but V: grid = T_theta(G), V = sample(U, grid), and V takes
the place of what the site's sampler gave.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from stn_viz.lens.question import LensError, image_of, own_theta, record_of, site_of
from stn_viz.runs import Run, Site
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stn_viz.transformer import Family

T = TypeVar("T")


def predictions(run: Run, view: View) -> dict[str, Any]:
    """Probabilities (K numbers), loss (cross-entropy against the probe's label, nats) and the snapshot that answered.

    theta None with the site's own rule: the network's own forward. At a step with a snapshot that is what the trace
    recorded, to float16's rounding; between two snapshots the older one answers.
    Raises: LensError if the run has no network, or has not what the view asks for, or the answer is not finite (a
            projective horizon inside the grid).
    """
    import torch

    image = image_of(run, view)
    snapshot = run.snapshot_at(view.step)
    model = _network(run, snapshot)
    U = torch.from_numpy(run.probes.U[image : image + 1])
    with torch.inference_mode(), _one_at_a_time:
        logits = model(U) if _is_networks_own(run, view) else _by_hand(run, view, model, snapshot, U)
        probabilities = logits.double().softmax(-1)[0]
        label = int(run.probes.labels[image])
        loss = -float(logits.double().log_softmax(-1)[0, label]) if 0 <= label < len(probabilities) else None
    if not bool(probabilities.isfinite().all()):
        raise LensError("The network's answer is not finite here: the grid meets a horizon. Move theta away from it.")
    return {"probabilities": probabilities.tolist(), "loss": loss, "snapshot": snapshot}


def _is_networks_own(run: Run, view: View) -> bool:
    """Whether the view asks for what the network does by itself: its own theta, under the site's own rule."""
    if view.theta is not None:
        return False
    if not run.sites:
        return True
    site = site_of(run, view)
    return (
        view.kernel in (None, site.kernel)
        and view.padding in (None, site.padding)
        and view.align_corners in (None, site.align_corners)
    )


def _by_hand(run: Run, view: View, model: nn.Module, snapshot: int, image: Tensor) -> Tensor:
    """Logits on the V of the view's theta; where that is None, of the theta recorded at its step."""
    import torch

    from stn_viz.transformer import sample

    site = site_of(run, view)
    align_corners = site.align_corners if view.align_corners is None else view.align_corners
    if view.theta is None:
        family = _family(site, site.family, None, align_corners)
        theta = torch.from_numpy(own_theta(run, view)[record_of(run, view), view.image])[None]
    else:
        family = _family(site, view.family or site.family, view.points, align_corners)
        theta = torch.tensor([view.theta], dtype=torch.float32)
    expected = len(family.parameter_names)
    if theta.shape[-1] != expected:
        raise LensError(f"theta has {theta.shape[-1]} entries, but family {family.name!r} has {expected}.")
    grid = family.grid(theta)
    if not bool(grid.isfinite().all()):
        raise LensError("The grid is not finite here: it meets a horizon. Move theta away from it.")
    kernel, padding = view.kernel or site.kernel, view.padding or site.padding
    U = _site_input(run, snapshot, model, view.site, view.image, image)
    V = sample(U, grid, kernel=kernel, padding=padding, align_corners=align_corners)
    return _rest(run, view.site, model, image, V)


def _rest(run: Run, site: int, model: nn.Module, image: Tensor, V: Tensor) -> Tensor:
    """Logits of the rest of the network on V.

    Any network answers through `sites.answer`. In a network of ours the transformer stands aside instead, so that its
    localisation network, whose theta nobody wants now, need not run: 1.1 ms a question rather than 1.9.
    """
    from stn_viz.runs import sites
    from stn_viz.transformer import SpatialTransformer

    transformers = [module for module in model.modules() if isinstance(module, SpatialTransformer)]
    logits: Tensor
    if len(transformers) != 1 or len(run.sites) != 1:
        logits = sites.answer(model, image, V, site=site)
        return logits
    transformers[0].forward = lambda U: V  # type: ignore[method-assign]
    try:
        logits = model(image)
    finally:
        del transformers[0].forward  # the class's own again
    return logits


def _family(site: Site, name: str | None, points: int | None, align_corners: bool) -> Family:
    """A family at the site's output size. Built once for each size, since tps solves a system."""
    from stn_viz.transformer import FAMILIES, family

    if name is None:
        raise LensError("This site has a free grid and no theta of its own. Choose a family first.")
    if name not in FAMILIES:
        raise LensError(f"There is no family {name!r}. Choose one of: {', '.join(FAMILIES)}.")
    options = dict(site.options) if name == site.family else {}
    if points is not None and name == "tps":
        options["points"] = points
    key = (name, site.output_size, align_corners, *sorted(options.items()))
    if len(site.output_size) != 2:
        raise LensError("This site samples a volume; the network can be asked about theta by hand on flat images only.")
    size = (site.output_size[0], site.output_size[1])
    return _FAMILIES.get(key, lambda: family(name, size=size, align_corners=align_corners, **options))


def _network(run: Run, snapshot: int) -> nn.Module:
    """The run's network with a snapshot's weights, ready to answer. Raises: LensError for a run without its network."""
    network = run.info.network
    if network is None:
        raise LensError("This run came without its network: its trace can be seen, but nothing new can be asked.")

    def load() -> nn.Module:
        from stn_viz.networks import build

        model = build(**network)
        try:
            model.load_state_dict(run.weights(snapshot))
        except RuntimeError as error:
            raise LensError(
                f"The weights of step {snapshot} do not fit the network that run.json describes, so it cannot answer. "
                "The run was made by another version: train it again, or see its recorded answers."
            ) from error
        return model.float().eval().requires_grad_(False)

    return _NETWORKS.get((run.path, run.version, snapshot), load)


def _site_input(run: Run, snapshot: int, model: nn.Module, site: int, image: int, picture: Tensor) -> Tensor:
    """What the site samples from: the image itself, or a feature map deeper in the network."""

    def watch() -> Tensor:
        from stn_viz.runs import sites

        with sites.watch() as seen:
            model(picture)
        return seen[site].U

    return _INPUTS.get((run.path, run.version, snapshot, site, image), watch)


class _Newest:
    """The newest of what was made, by key. Bounded, since every snapshot of every run may be asked for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            self._made.move_to_end(key)
            while len(self._made) > self._most:
                self._made.popitem(last=False)
            made: T = self._made[key]
            return made


_one_at_a_time = threading.Lock()  # networks are shared, and one whose transformer stands aside answers nobody else
_NETWORKS = _Newest(most=64)  # 1.6 MB each for the paper's networks: 30 people at different steps fit
_INPUTS = _Newest(most=1024)
_FAMILIES = _Newest(most=32)
