"""What the page hands to the stage: names and numbers in one small JSON object, arrays by their content's hash."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit import config

from stn_viz import asks, parts, pictures
from stn_viz.lens.learning.spread import spread
from stn_viz.pages import runrows, volumes
from stn_viz.pages.session import with_name
from stn_viz.paper import beside_paper
from stn_viz.runs import Listed, Probes, Run, trust
from stn_viz.stage import assets
from stn_viz.view import View, families


def data_for_stage(run: Run, listed: Sequence[Listed], view: View, problems: Sequence[str]) -> dict[str, Any]:
    """All that the stage draws. JSON only, and the same from rerun to rerun until the run changes."""
    classes = 0 if run.probabilities is None else run.probabilities.shape[-1]
    closed = _closed(run)
    return {
        "runs": [
            {
                "name": entry.name,
                "title": entry.title,
                "problem": entry.problem and with_name(entry.name, entry.problem),
                "usable": entry.usable,
            }
            for entry in listed
        ],
        "run": {
            "name": run.name,
            "classes": list(run.info.classes) or [str(number) for number in range(classes)],
            "has_network": run.info.network is not None and bool(run.snapshots) and closed is None,
            "closed": closed,
            "snapshots": list(run.snapshots),
            "task": run.info.task,
            "pose_family": run.info.pose_family,
            "version": run.version,
            "preparation": run.info.preparation,
            "counter": run.info.counter,
            "status": run.info.status,
            "records": len(run.steps),
        },
        "result": beside_paper(run.info),
        "sites": _sites(run),
        "assets": _held_assets(run),
        "routes": routes(),
        "view": view.to_message(),
        "problems": [*problems, *run.problems, *filter(None, [volumes.problem(run.probes)])],
    }


def routes() -> dict[str, str]:
    """Where the stage fetches and asks; Streamlit's base path is not put before routes of our own."""
    base = (config.get_option("server.baseUrlPath") or "").strip("/")
    line = f"/{base}/live" if base else "/live"
    return assets.paths(base) | {
        "line": line,
        "picture": pictures.path(base),
        "part": parts.path(base),
        "ask": asks.path(base),
    }


def _closed(run: Run) -> str | None:
    """Why nobody asks the run's network: it is code that this user has not said yes to. None where it may be asked."""
    digest = runrows.program_of(run.info)
    if digest is None or trust.is_trusted(digest):
        return None
    return (
        "This run brings its network as a program, which is code, and nobody here has said yes to it: answers are the "
        "recorded ones alone. The Runs page is where to say yes."
    )


def _sites(run: Run) -> list[dict[str, Any]]:
    """What run.json says of each, whether the run keeps its feature maps, and which sites share its U."""
    shared = _inputs(str(run.path), run.version, run)
    return [
        asdict(site)
        | {"options": dict(site.options), "families": list(families(len(site.output_size)))}
        | {"input": shared[index], "features": not site.on_image and shared[index] is not None}
        for index, site in enumerate(run.sites)
    ]


@st.cache_resource(show_spinner=False, max_entries=64)
def _inputs(path: str, version: str, _run: Run) -> list[int | None]:
    """Compared once for each version of a run: feature maps may be large."""
    return parts.inputs(_run)


def _held_assets(run: Run) -> dict[str, Any]:
    keys = _put(str(run.path), run.version, run)
    if any(assets.get(key) is None for key in (keys["probes"], keys["trace"], *filter(None, keys["bases"]))):
        _put.clear()  # the store is bounded: what was put long ago may be gone
        keys = _put(str(run.path), run.version, run)
    return keys


@st.cache_resource(show_spinner=False, max_entries=64)
def _put(path: str, version: str, _run: Run) -> dict[str, Any]:
    """Keys of the run's assets. The path and the version stand for the run."""
    return {
        "probes": assets.put(assets.pack(_probes(_run.probes))),
        "trace": assets.put(assets.pack(_trace(_run))),
        "bases": [
            None if (basis := _run.basis(site)) is None else assets.put(basis) for site in range(len(_run.sites))
        ],
    }


def _probes(probes: Probes) -> dict[str, NDArray[Any]]:
    """The probe images, what is on them, and their true pose where it is known."""
    arrays: dict[str, NDArray[Any]] = {"U": volumes.shown(probes), "labels": probes.labels.astype(np.int32)}
    return arrays if probes.pose is None else arrays | {"pose": probes.pose.astype(np.float32)}


def _trace(run: Run) -> dict[str, NDArray[Any]]:
    """The trace as the stage reads it; where the network gives no classes there are none for any probe."""
    S, n = len(run.steps), len(run.probes.labels)
    unknown = np.full((S, n), np.nan, np.float32)
    arrays: dict[str, NDArray[Any]] = {
        "step": run.steps.astype(np.float32) if run.steps[-1] < 2**24 else run.steps.astype(np.float64),
        "loss": run.loss,
        "error": run.error,
        "probe_loss": unknown if run.probe_loss is None else run.probe_loss,
        "probabilities": np.zeros((S, n, 0), np.float32) if run.probabilities is None else run.probabilities,
    }
    if "images" in run.rows:  # else nobody counted them
        arrays["images"] = run.images.astype(np.float64)
    if np.isfinite(spread_left := spread(run)).any():
        arrays["spread"] = spread_left
    for site in range(len(run.sites)):
        theta = run.theta(site)
        if theta is not None:
            arrays[f"theta_{site}"] = theta
    return arrays
