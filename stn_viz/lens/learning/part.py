"""The part of the test set that lenses over a training look at, with what the network makes of it at one snapshot.

Runs of our own tasks: the first images of the distorted test set, passed through the network of the snapshot in force.
Any other run: its own images. A run without its network: its own images with what the trace recorded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.laying import Newest, laid
from stn_viz.lens.question import LensError, record_of, site_of
from stn_viz.runs import Run, Site
from stn_viz.view import View

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stn_viz.runs.sites import SiteCall
    from stn_viz.transformer import SpatialTransformer

Source = Literal["test set", "images of the run"]

CHUNK = 100
MOST_NUMBERS = 2**21
"""Images, and numbers of U, in one pass: 100 of 1 x 42 x 42, 13 of 3 x 224 x 224."""


@dataclass(frozen=True, eq=False)
class Part:
    """Images and the network's answers at one snapshot. Arrays are shared: never write into them.

    Shapes: U (n, C, h, w) float32, volumes (n, C, D, h, w); labels (n,) int64, -1 where unknown; pose (n, P') of
            pose_family, or None; theta (n, P) of the site, nan where the grid is not finite, None where the network has
            no site or its grid is of no family; probabilities (n, K), None where the network gives no classes.
    Units:  U as the network sees it; pose and theta normalised, target to source, pose under align_corners False.
    `snapshot` is the step whose weights answered, or the recorded step where the trace did. `ids` are the names by
    which pictures.py gives each image; None for images of the run, which are opened by their number.
    """

    U: NDArray[np.float32]
    labels: NDArray[np.int64]
    pose: NDArray[np.float32] | None
    pose_family: str | None
    theta: NDArray[np.float32] | None
    probabilities: NDArray[np.float32] | None
    snapshot: int
    source: Source
    ids: tuple[str, ...] | None
    site: Site | None


def part_of(run: Run, view: View, *, count: int = 1000) -> Part:
    """The images and what the network makes of them at the snapshot in force at the view's step; each asked once.

    Raises: LensError if the view's site is none of the run's, or the network cannot answer.
    """
    images = images_of(run, count)
    site = site_of(run, view) if run.sites else None
    if not has_network(run):
        record = record_of(run, view)
        recorded = None if site is None else run.theta(view.site)
        theta = None if recorded is None else recorded[record]
        probabilities = None if run.probabilities is None else run.probabilities[record]
        return replace(images, theta=theta, probabilities=probabilities, snapshot=int(run.steps[record]), site=site)
    snapshot = run.snapshot_at(view.step)
    key = (run.path, run.version, snapshot, view.site, images.source, len(images.U))
    theta, probabilities = _ANSWERS.get(key, lambda: _answers(run, snapshot, images, view.site))
    return replace(images, theta=theta, probabilities=probabilities, snapshot=snapshot, site=site)


def located(run: Run, view: View, *, count: int = 1000) -> Part:
    """As part_of, but without probabilities: a localisation network of ours answers alone, in a third of the time.

    Raises: LensError, as part_of.
    """
    if not has_network(run) or not run.sites or not site_of(run, view).on_image:
        return part_of(run, view, count=count)
    snapshot = run.snapshot_at(view.step)
    ours = _only_transformer(run, network(run, snapshot))
    if ours is None:
        return part_of(run, view, count=count)
    images = images_of(run, count)

    def locate() -> NDArray[np.float32]:
        import torch

        thetas = [output.float().clone() for _, _, output in passes(ours.localisation, images.U)]
        return torch.cat(thetas).numpy()

    key = ("located", run.path, run.version, snapshot, images.source, len(images.U))
    return replace(images, theta=_ANSWERS.get(key, locate), snapshot=snapshot, site=run.sites[0])


def has_network(run: Run) -> bool:
    """Whether the run's network may be asked: there is one, with weights, and a program is one that is trusted."""
    from stn_viz.runs import trust

    network = run.info.network
    if network is None or not run.snapshots:
        return False
    return network.get("name") != "program" or trust.is_trusted(str(network.get("sha256", "")))


def network(run: Run, snapshot: int) -> nn.Module:
    """The network at a snapshot, this package's own copy and kept a while. Raises: RunError, as network_of."""

    def load() -> nn.Module:
        from stn_viz.foreign.network import network_of

        return network_of(run, snapshot)

    return _NETWORKS.get((run.path, run.version, snapshot), load)


def passes(model: nn.Module, U: NDArray[np.float32]) -> Iterator[tuple[slice, list[SiteCall], Any]]:
    """Pass images through a network, some at a time: which ones, the sites that they went through, the output.

    In inference mode. The tensors are the network's own: copy what is to be kept.

    Raises: LensError if the network's theta is not finite.
    """
    import torch

    from stn_viz.runs import sites

    several = max(1, min(CHUNK, MOST_NUMBERS // max(1, U[0].size)))
    for start in range(0, len(U), several):
        images = torch.from_numpy(U[start : start + several])
        with torch.inference_mode(), _one_at_a_time:
            try:
                with sites.watch() as seen:
                    output = model(images)
            except ValueError as error:  # the family's own check of theta
                raise LensError(f"The network has no grid for these images: {error}") from error
        yield slice(start, start + len(images)), sites.recorded(seen, len(images)), output


def grids_of(site: Site, theta: Tensor) -> Tensor:
    """The grids (n, H', W', 2) of the site's family. Rows of theta that are not finite give points that are nan.

    Raises: LensError at a site of no family, or of one that cannot be laid over so large a grid.
    """
    import torch

    over = laid(site.family, site.output_size, site.align_corners, site.options).family
    finite = theta.isfinite().all(1, keepdim=True)
    if bool(finite.all()):
        return over.grid(theta)
    grids = over.grid(theta.where(finite, over.identity.to(theta.dtype)))
    return grids.masked_fill(~finite.view(-1, *[1] * (grids.dim() - 1)), torch.nan)


def pose_grids(part: Part) -> Tensor | None:
    """The grids of a perfect localiser over the part's site, under align_corners False; None where it is not known."""
    import torch

    if part.pose is None or part.pose_family is None or part.site is None or not part.site.on_image:
        return None
    P = part.pose.shape[1]
    options = {"points": round((P / 2) ** 0.5)} if part.pose_family in ("tps", "free") else {}
    try:
        over = laid(part.pose_family, part.site.output_size, False, options).family
    except LensError:
        return None
    if len(over.parameter_names) != P or not np.isfinite(part.pose).all():
        return None
    return over.grid(torch.from_numpy(part.pose))


def own_images(run: Run) -> Part:
    """The run's own images, without what a network says of them."""
    probes = run.probes
    return Part(
        U=probes.U,
        labels=probes.labels,
        pose=probes.pose,
        pose_family=run.info.pose_family if probes.pose is not None else None,
        theta=None,
        probabilities=None,
        snapshot=0,
        source="images of the run",
        ids=None,
        site=None,
    )


def images_of(run: Run, count: int) -> Part:
    """The images, without what a network says of them: the test set's where the run is of one of our tasks."""
    own = own_images(run)
    if not has_network(run):
        return own
    from stn_viz.data import TASKS, held_out
    from stn_viz.networks import NAMES

    task, seed = run.info.task, run.info.seed
    name = run.info.network.get("name") if run.info.network is not None else None
    if task not in TASKS or name not in NAMES or seed is None or own.U.shape[1:] != (1, *TASKS[task].size):
        return own
    made = _IMAGES.get((task, seed, count), lambda: held_out(task, count, seed))
    return replace(
        own,
        U=made.U.numpy(),
        labels=made.labels.numpy(),
        pose=made.pose.numpy(),
        pose_family=made.family,
        source="test set",
        ids=tuple(f"{index}:held:{task}:{seed}" for index in range(count)),
    )


def _answers(
    run: Run, snapshot: int, images: Part, site: int
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Theta (n, P) of the site and class probabilities (n, K) of all the images, either None where there are none."""
    import torch

    from stn_viz.runs.answers import Answers

    reads = Answers(run.probes.labels, run.info.classes)
    model = network(run, snapshot)
    thetas: list[Tensor] = []
    said: list[Tensor] = []
    for chosen, calls, output in passes(model, images.U):
        n = chosen.stop - chosen.start
        if run.sites:
            if len(calls) <= site:
                raise LensError(f"The network samples {len(calls)} grid(s) here, but run.json says site {site}.")
            theta = _theta_of(run, model, calls[site], snapshot, site, chosen)
            thetas += [] if theta is None else [theta]
        logits = reads.logits(output, n) if run.info.classes else None
        said += [] if logits is None else [logits.double().softmax(-1).float()]
    probabilities = torch.cat(said).numpy() if sum(map(len, said)) == len(images.U) else None
    return torch.cat(thetas).numpy() if thetas else None, probabilities


def _theta_of(run: Run, model: nn.Module, call: SiteCall, snapshot: int, index: int, chosen: slice) -> Tensor | None:
    """Theta of the grids that a site just sampled: told by our own module, else fitted; nan where one is not finite."""
    import torch

    site = run.sites[index]
    if site.family is None:
        return None
    ours = _only_transformer(run, model)
    if ours is not None and ours.theta is not None:
        return ours.theta.float().clone()
    if len(site.output_size) == 3:  # a volume's basis takes long to lay; these weights' theta stands in the trace
        recorded = run.theta(index)
        at = record_of(run, View(run=run.name, step=snapshot))
        return None if recorded is None else torch.tensor(recorded[at, chosen])
    over = laid(site.family, site.output_size, site.align_corners, site.options).family
    finite = call.grid.isfinite().flatten(1).all(1)
    theta = torch.full((len(call.grid), len(over.parameter_names)), torch.nan)
    if bool(finite.any()):
        theta[finite] = over.fit(call.grid[finite].float()).theta
    return theta


def _only_transformer(run: Run, model: nn.Module) -> SpatialTransformer | None:
    """The network's transformer if it is one of ours and the only one, and of the family that the run recorded."""
    from stn_viz.transformer import SpatialTransformer

    ours = [module for module in model.modules() if isinstance(module, SpatialTransformer)]
    if len(ours) != 1 or len(run.sites) != 1 or ours[0].family.name != run.sites[0].family:
        return None
    return ours[0]


_one_at_a_time = threading.Lock()  # a network keeps the theta of its last pass
_NETWORKS = Newest(most=4)
_IMAGES = Newest(most=3)  # 14 MB each for 2,000 images of 42 x 42
_ANSWERS = Newest(most=256)  # 64 kB each for 1,000 images: two trainings of a hundred snapshots
