"""What the network says: class probabilities and loss of the snapshot, for its own theta or for one set by hand.

By hand, the rest of the network answers on V and on nothing but V: grid = T_theta(G), V = sample(U, grid), and V takes
the place of what the site's sampler gave. U is one of the run's probe images, or any image of their shape.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.laying import Laid, Newest, laid
from stn_viz.lens.preparing import prepared
from stn_viz.lens.question import LensError, image_of, own_theta, record_of, site_of
from stn_viz.runs import Run, RunError, Site
from stn_viz.view import POINTS, View

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stn_viz.runs.sites import SiteCall
    from stn_viz.transformer import SpatialTransformer


def predictions(run: Run, view: View, U: NDArray[np.float32] | None = None) -> dict[str, Any]:
    """Probabilities (K numbers), loss (cross-entropy against the label, nats), theta, and the snapshot that answered.

    theta None with the site's own rule: the network's own forward. At a step with a snapshot that is what the trace
    recorded, to float16's rounding; between two snapshots the older one answers. Of an image that is no probe, the
    label and so the loss are unknown.

    probabilities and loss are None of a network that gives no classes: a transformer that came alone, a regression.

    The answer's theta is the network's own, where it was asked for; None where the view brings one, or the site has
    none. An image that nobody recorded cannot be drawn without it, so it is given also where V has a size that the rest
    of the network cannot read: then probabilities are None and "error" says why.

    Shapes: U (C, H, W) as the run's probes, or None for the view's probe image.
    Units:  U from 0 to 1.
    Raises: LensError if the run has no network, or has not what the view asks for, or the answer is not finite (a
            projective horizon inside the grid).
    """
    import torch

    picture = torch.from_numpy(_picture(run, view, U))
    snapshot = run.snapshot_at(view.step)
    model = _network(run, snapshot)
    label = int(run.probes.labels[view.image]) if U is None else -1
    with torch.inference_mode(), _one_at_a_time:
        if _is_networks_own(run, view):
            output, theta = _forward(run, view, model, picture, snapshot)
        else:
            site = site_of(run, view)
            theta = None
            if view.theta is None:
                theta = _networks_theta(run, view, model, picture, snapshot, foreign=U is not None)
            if U is not None and theta is not None and (problem := _size_problem(site, view)):
                return {"probabilities": None, "loss": None, "theta": theta, "snapshot": snapshot, "error": problem}
            output = _by_hand(run, view, model, snapshot, picture, theta, foreign=U is not None)
        logits = _logits(run, output)
        if logits is None:
            return {"probabilities": None, "loss": None, "theta": theta, "snapshot": snapshot}
        probabilities = logits.double().softmax(-1)[0]
        loss = -float(logits.double().log_softmax(-1)[0, label]) if 0 <= label < len(probabilities) else None
    if not bool(probabilities.isfinite().all()):
        raise LensError("The network's answer is not finite here: the grid meets a horizon. Move theta away from it.")
    return {"probabilities": probabilities.tolist(), "loss": loss, "theta": theta, "snapshot": snapshot}


def _logits(run: Run, output: Any) -> Tensor | None:
    """The class scores (1, K) in whatever the network gave; None of one that gives none: a transformer alone, say."""
    from stn_viz.runs.answers import Answers

    if not run.info.classes:
        return None
    try:
        return Answers(run.probes.labels, run.info.classes).logits(output, 1)
    except RunError as error:
        raise LensError(str(error)) from error


def _picture(run: Run, view: View, U: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """The network's input, (1, C, H, W): the image that was sent, prepared as the run's own, or the probe."""
    probes = run.probes.U
    if U is None:
        if view.picture is not None:
            raise LensError(f"picture is {view.picture!r}, which is no image of this run. Send it along as U.")
        image = image_of(run, view)
        return probes[image : image + 1]
    if U.shape != probes.shape[1:]:
        found, expected = (" x ".join(str(side) for side in shape) for shape in (U.shape, probes.shape[1:]))
        if probes.ndim == 5:
            raise LensError(f"U is {found}, but this network takes volumes of {expected}: look at the run's own.")
        raise LensError(f"U is {found}, but this network takes {expected} (channels, height, width). Resize it first.")
    if probes.ndim == 5:
        raise LensError("This network takes volumes, and can be asked about the run's own alone.")
    if run.info.preparation is not None:
        return np.ascontiguousarray(prepared(U, run.info.preparation)[None])
    least, most = float(probes.min()), float(probes.max())
    if least < 0 or most > 1:
        raise LensError(
            f"This network was trained on values from {least:.3g} to {most:.3g}, and U has values from 0 to 1: what it "
            "would say of U means nothing. Look at one of the run's own images."
        )
    return np.ascontiguousarray(U[None], np.float32)


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
        and view.grid_align in (None, site.align_corners)
        and view.size in (None, site.output_size)
        and view.area in (None, 1)
    )


def _size_problem(site: Site, view: View) -> str | None:
    """Why the rest of the network cannot read a V of the view's size; None if it can."""
    if view.size is None or view.size == site.output_size:
        return None
    takes, is_ = (" x ".join(str(side) for side in size) for size in (site.output_size, view.size))
    return f"The network takes {takes}; this V is {is_}."


def _forward(run: Run, view: View, model: nn.Module, picture: Tensor, snapshot: int) -> tuple[Any, list[float] | None]:
    """The network's own output, and the theta it chose at the site; None if that has no family.

    Raises: LensError if its theta is not finite, or the network no longer has that site.
    """
    from stn_viz.runs import sites

    try:
        alone = _only_transformer(run, model)
        if alone is not None or not run.sites:
            output = model(picture)
            return output, None if alone is None or alone.theta is None else alone.theta[0].tolist()
        with sites.watch() as seen:
            output = model(picture)
    except ValueError as error:  # the family's own check of theta
        raise LensError(f"The network has no grid for this image: {error}") from error
    calls = sites.recorded(seen, len(picture))
    if len(calls) <= view.site:
        raise LensError(f"The network samples {len(calls)} grid(s) here, but run.json says site {view.site}.")
    return output, _theta_of(run, view, calls[view.site], snapshot)


def _theta_of(run: Run, view: View, call: SiteCall, snapshot: int) -> list[float] | None:
    """Theta (P,) of the site's family for the grid that it just sampled; None where it has no family.

    Raises: LensError if the grid is not finite.
    """
    site = run.sites[view.site]
    if site.family is None:
        return None
    if not bool(call.grid.isfinite().all()):
        raise LensError(
            "The network's grid is not finite for this image: its weights went astray. Choose another step."
        )
    if len(site.output_size) == 3:  # a volume's basis takes long to lay; these weights' theta stands in the trace
        recorded: list[float] = own_theta(run, view)[record_of(run, replace(view, step=snapshot)), view.image].tolist()
        return recorded
    return laid(site.family, site.output_size, site.align_corners, site.options).family.fit(call.grid).theta[0].tolist()


def _networks_theta(
    run: Run, view: View, model: nn.Module, picture: Tensor, snapshot: int, *, foreign: bool
) -> list[float]:
    """The network's own theta: of a probe the one recorded at the view's step, of another image what it says now."""
    recorded = own_theta(run, view)[record_of(run, view)]
    if not foreign:
        own: list[float] = recorded[view.image].tolist()
        if not np.isfinite(own).all():
            raise LensError("theta is not finite at this step: the training had gone astray. Choose an earlier step.")
        return own
    theta = _forward(run, view, model, picture, snapshot)[1]
    if theta is None:
        raise LensError("This site's grid is of no family, so it has no theta of its own.")
    return theta


def _by_hand(
    run: Run,
    view: View,
    model: nn.Module,
    snapshot: int,
    picture: Tensor,
    theta: list[float] | None,
    *,
    foreign: bool,
) -> Any:
    """The output on the V of the view's theta; where that is None, of the one given."""
    from stn_viz.transformer import sample_area

    site = site_of(run, view)
    if problem := _size_problem(site, view):
        raise LensError(problem)
    align_corners = site.align_corners if view.align_corners is None else view.align_corners
    points = view.area or 1
    over = _laid(site, view, align_corners, points)
    V = sample_area(
        _site_input(run, view, model, snapshot, picture, foreign=foreign),
        over.grid(view.theta or theta or ()),
        points=points,
        kernel=view.kernel or site.kernel,
        padding=view.padding or site.padding,
        align_corners=align_corners,
    )
    return _rest(run, view.site, model, picture, V)


def _laid(site: Site, view: View, align_corners: bool, points: int) -> Laid:
    """The view's family, or the site's own, at the site's output size, or at `points` times that."""
    name = site.family if view.theta is None else view.family or site.family
    options = dict(site.options) if name == site.family else {}
    if view.points is not None and view.theta is not None and name in POINTS:
        options["points"] = view.points
    size = [side * points for side in site.output_size]
    return laid(name, size, align_corners if view.grid_align is None else view.grid_align, options)


def _only_transformer(run: Run, model: nn.Module) -> SpatialTransformer | None:
    """The network's transformer if it is one of ours, the only one, and all that the run recorded."""
    from stn_viz.transformer import SpatialTransformer

    transformers = [module for module in model.modules() if isinstance(module, SpatialTransformer)]
    return transformers[0] if len(transformers) == 1 == len(run.sites) else None


def _rest(run: Run, site: int, model: nn.Module, picture: Tensor, V: Tensor) -> Any:
    """What the rest of the network makes of V.

    Any network answers through `sites.answer`. In a network of ours the transformer stands aside instead, so that its
    localisation network, whose theta nobody wants now, need not run: 1.1 ms a question rather than 1.9.
    """
    from stn_viz.runs import sites

    alone = _only_transformer(run, model)
    if alone is None:
        return sites.answer(model, picture, V, site=site)
    alone.forward = lambda U: V  # type: ignore[method-assign]
    try:
        return model(picture)
    finally:
        del alone.forward  # the class's own again


def _network(run: Run, snapshot: int) -> nn.Module:
    """The run's network with a snapshot's weights, ready to answer. Raises: LensError for a run without its network."""
    if run.info.network is None:
        raise LensError("This run came without its network: its trace can be seen, but nothing new can be asked.")

    def load() -> nn.Module:
        from stn_viz.foreign.network import network_of

        return network_of(run, snapshot)

    try:
        return _NETWORKS.get((run.path, run.version, snapshot), load)
    except RunError as error:
        raise LensError(str(error)) from error


def _site_input(run: Run, view: View, model: nn.Module, snapshot: int, picture: Tensor, *, foreign: bool) -> Tensor:
    """What the site samples from: the image itself, or a feature map deeper in the network.

    Raises: LensError for a feature map of an image that nobody recorded: the stage, which holds the image alone, would
            draw something else than the network reads.
    """
    if _only_transformer(run, model) is not None and run.sites[0].input_size == picture.shape[2:]:
        return picture  # of our networks, whose transformer comes first

    def watch() -> Tensor:
        from stn_viz.runs import sites

        with sites.watch() as seen:
            model(picture)
        return sites.recorded(seen, len(picture))[view.site].U

    if not foreign:
        return _INPUTS.get((run.path, run.version, snapshot, view.site, view.image), watch)
    U = watch()
    if U.shape != picture.shape or not bool((picture == U).all()):
        raise LensError(
            f"Site {view.site} samples a feature map inside the network, which is known for the run's own "
            "images alone. Choose one of these, or the network's first transformer."
        )
    return U


_one_at_a_time = threading.Lock()  # networks are shared, and one whose transformer stands aside answers nobody else
_NETWORKS = Newest(most=64)  # 1.6 MB each for the paper's networks: 30 people at different steps fit
_INPUTS = Newest(most=1024)
