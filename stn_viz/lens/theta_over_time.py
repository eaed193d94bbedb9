"""Theta over training: how one image's theta travelled, in units a person reads where the family has them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.question import image_of, own_theta, site_of
from stn_viz.runs import Run
from stn_viz.view import View

UNITS = {"rotation": "°", "zoom": "×"}


@dataclass(frozen=True)
class ThetaOverTime:
    """Shapes: steps (S,), values (S, G), pose (G,) or None where the image's true pose is not known.

    Units:  names[i] is measured in units[i] ("" for plain numbers). Rotation is continuous: it may pass 180 degrees.
    """

    steps: NDArray[np.int64]
    names: tuple[str, ...]
    units: tuple[str, ...]
    values: NDArray[np.float64]
    pose: NDArray[np.float64] | None


def theta_over_time(run: Run, view: View) -> ThetaOverTime:
    """Gauge units for affine, attention and similarity; the entries of theta themselves for any other family.

    Raises: LensError if the network has no transformer, or its grid is of no family.
    """
    image = image_of(run, view)
    site = site_of(run, view)
    theta = own_theta(run, view)[:, image].astype(np.float64)
    known = run.probes.pose is not None and run.info.pose_family == site.family
    pose = run.probes.pose[image].astype(np.float64) if known and run.probes.pose is not None else None
    names, values, pose_values = _in_gauge(str(site.family), theta, pose)
    if "rotation" in names:
        _make_continuous(values, pose_values, names.index("rotation"))
    return ThetaOverTime(
        steps=run.steps,
        names=tuple(name.replace("_", " ") for name in names),
        units=tuple(UNITS.get(name, "") for name in names),
        values=values,
        pose=pose_values,
    )


def _in_gauge(
    family: str, theta: NDArray[Any], pose: NDArray[Any] | None
) -> tuple[tuple[str, ...], NDArray[Any], NDArray[Any] | None]:
    import torch

    from stn_viz.transformer import FAMILIES, VOLUME_FAMILIES, gauge

    over = gauge(family)
    if over is None:
        made = FAMILIES.get(family) or VOLUME_FAMILIES.get(family)
        names = getattr(made, "parameter_names", None)
        if not isinstance(names, tuple) or len(names) != theta.shape[-1]:
            names = tuple(f"theta {place + 1}" for place in range(theta.shape[-1]))
        return names, theta, pose
    values = over.from_theta(torch.from_numpy(theta)).numpy()
    return over.names, values, None if pose is None else over.from_theta(torch.from_numpy(pose)[None])[0].numpy()


def _make_continuous(values: NDArray[Any], pose: NDArray[Any] | None, column: int) -> None:
    """Let an angle run on past 180 degrees rather than jump, and bring the true one to the turn where it ends."""
    finite = np.isfinite(values[:, column])
    values[finite, column] = np.unwrap(values[finite, column], period=360.0)
    if pose is not None and finite.any():
        turns = np.round((values[finite, column][-1] - pose[column]) / 360.0)
        pose[column] += 360.0 * turns
