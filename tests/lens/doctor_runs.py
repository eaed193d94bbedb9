"""Runs with a fault made to measure: thetas or grids of our own choice, or a small network with its weights."""

from pathlib import Path

import numpy as np

from stn_viz.lens.doctor import examination
from stn_viz.runs import Probes, Run, RunInfo, RunWriter, Site, open_run
from stn_viz.transformer import family
from stn_viz.transformer.drawing import drawing_basis

IDENTITY = np.array([1.0, 0, 0, 0, 1, 0])
SIDES = (28, 28)


def a_site(**changes) -> Site:
    settings = {
        "name": "stn",
        "family": "affine",
        "options": {},
        "kernel": "bilinear",
        "padding": "zeros",
        "align_corners": False,
        "input_size": SIDES,
        "output_size": SIDES,
        "channels": 1,
    }
    return Site(**(settings | changes))


def pictures(n: int, sides=SIDES, *, background: float = 0.0) -> np.ndarray:
    """n pictures (n, 1, *sides), each with a bright blob at another place on an even background."""
    rng = np.random.default_rng(0)
    U = np.full((n, 1, *sides), background, np.float32)
    for image in range(n):
        corner = [rng.integers(3, side - 8) for side in sides]
        U[(image, 0, *(slice(at, at + 5) for at in corner))] = rng.uniform(0.5, 1)
    return U


def write(
    folder: Path, thetas, *, steps=None, U=None, labels=None, pose=None, site=None, raw=False, weights=None, **info
) -> Run:
    """A run of one site whose trace says thetas (S, n, P), or raw grids (S, n, H', W', 2)."""
    thetas = np.asarray(thetas, np.float32)
    S, n = thetas.shape[:2]
    site = a_site() if site is None else site
    if U is None:
        U = pictures(n, site.input_size)
    probes = Probes(U=U, labels=np.full(n, -1) if labels is None else labels, pose=pose)
    about = {"source": "a test", "task": "made", "classes": (), "network": None, "seed": None, "training": {}}
    writer = RunWriter(folder, RunInfo(name=folder.name, **(about | info)), probes)
    basis = None
    if site.family is not None:
        made = family(site.family, size=site.output_size, align_corners=site.align_corners, **site.options)
        basis = drawing_basis(made)
    writer.describe([site], [basis])
    for step, rows in zip(range(0, 10 * S, 10) if steps is None else steps, thetas, strict=True):
        given = {"grids": {0: rows}} if raw else {"thetas": {0: rows}}
        writer.record(step=step, images=step, loss=1.0, error=0.5, rate=1e-3, **given)
    if weights is not None:
        writer.snapshot(int(writer.steps[-1]), weights)
    writer.finish("finished")
    return open_run(folder)


def healthy(S: int = 30, n: int = 12, seed: int = 1) -> np.ndarray:
    """Affine thetas (S, n, 6) that leave the identity and find their own places, as a good training's do."""
    rng = np.random.default_rng(seed)
    end = IDENTITY * 0.8 + rng.normal(0, 0.1, (n, 6))
    way = (1 - np.exp(-np.arange(S) / 8))[:, None, None]
    return IDENTITY + way * (end - IDENTITY)


def rules(run: Run, *, network: bool = False) -> dict:
    """The findings by rule."""
    return {finding.rule: finding for finding in examination(run, network=network).findings}
