"""Theta over training: the way of one image's theta or of all, in units a person reads where there are some."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.question import image_of, own_theta, site_of
from stn_viz.runs import Run, Site
from stn_viz.view import View

UNITS = {"rotation": "°", "zoom": "×"}

MOST_RECORDS = 120
"""Of each line where those of all images are drawn: more are finer than its panel."""


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


@dataclass(frozen=True)
class ThetaOfAll:
    """Theta of all n images at some of the records, the first and the last among them.

    Shapes: records (R,) indices of steps, values (R, n, G) and their median over the images (R, G); the names and units
            are ThetaOverTime's.
    """

    records: NDArray[np.intp]
    values: NDArray[np.float64]
    median: NDArray[np.float64]


def has_gauge(site: Site) -> bool:
    """Whether theta of this site can be told in other units than its own. Needs torch."""
    from stn_viz.transformer import gauge

    return gauge(str(site.family)) is not None


def theta_over_time(run: Run, view: View, *, raw: bool = False) -> ThetaOverTime:
    """Gauge units for affine, attention and similarity; the entries of theta themselves for others, or where raw.

    Raises: LensError if the network has no transformer, or its grid is of no family.
    """
    image = image_of(run, view)
    site = site_of(run, view)
    theta = own_theta(run, view)[:, image].astype(np.float64)
    known = run.probes.pose is not None and run.info.pose_family == site.family
    pose = run.probes.pose[image].astype(np.float64) if known and run.probes.pose is not None else None
    names, values = _told(str(site.family), theta, raw)
    pose_values = None if pose is None else _told(str(site.family), pose[None], raw)[1][0]
    if "rotation" in names:
        column = names.index("rotation")
        values[:, column] = _continuous(values[:, column])
        if pose_values is not None:
            pose_values[column] = _at_the_end_of(values[:, column], pose_values[column])
    return ThetaOverTime(
        steps=run.steps,
        names=tuple(name.replace("_", " ") for name in names),
        units=tuple(UNITS.get(name, "") for name in names),
        values=values,
        pose=pose_values,
    )


def theta_of_all(run: Run, view: View, *, raw: bool = False, most: int = MOST_RECORDS) -> ThetaOfAll:
    """The same of every image of the run, at no more than `most` records.

    Raises: LensError as theta_over_time.
    """
    site = site_of(run, view)
    theta = own_theta(run, view).astype(np.float64)
    names, values = _told(str(site.family), theta, raw)
    if "rotation" in names:
        column = names.index("rotation")
        values[:, :, column] = _continuous(values[:, :, column])
    S = len(values)
    records = np.unique(np.linspace(0, S - 1, min(S, most)).round().astype(np.intp))
    values = values[records]
    finite = np.isfinite(values)
    some = finite.any(1)
    median = np.full(some.shape, np.nan)
    # Where no image has a number there is no median; numpy would warn of it.
    median[some] = np.nanmedian(np.where(finite, values, np.nan).transpose(0, 2, 1)[some], axis=-1)
    return ThetaOfAll(records=records, values=values, median=median)


def _told(family: str, theta: NDArray[np.float64], raw: bool) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names and values (..., G) of theta (..., P): in gauge units where there are some; nan for nan."""
    import torch

    from stn_viz.transformer import FAMILIES, VOLUME_FAMILIES, gauge

    over = gauge(family)
    if over is None or raw:
        made = FAMILIES.get(family) or VOLUME_FAMILIES.get(family)
        names = getattr(made, "parameter_names", None)
        if not isinstance(names, tuple) or len(names) != theta.shape[-1]:
            names = tuple(f"theta {place + 1}" for place in range(theta.shape[-1]))
        return names, theta.copy()
    fine = np.isfinite(theta).all(-1)
    values = np.full((*theta.shape[:-1], len(over.names)), np.nan)
    values[fine] = over.from_theta(torch.from_numpy(theta[fine])).numpy()
    return over.names, values


def _continuous(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles (S, ...) over the records, running on past 180 degrees rather than jumping; nan stays where it is."""
    if np.isfinite(angles).all():
        return np.asarray(np.unwrap(angles, period=360.0, axis=0))
    made = angles.copy()
    for column in made.reshape(len(made), -1).T:
        finite = np.isfinite(column)
        column[finite] = np.unwrap(column[finite], period=360.0)
    return made


def _at_the_end_of(angles: NDArray[np.float64], angle: Any) -> Any:
    """The true angle on the turn where the curve ends."""
    finite = angles[np.isfinite(angles)]
    return angle + 360.0 * np.round((finite[-1] - angle) / 360.0) if finite.size else angle
