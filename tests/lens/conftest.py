"""Runs to ask: one with a transformer, one without, made once."""

from pathlib import Path

import pytest
from small_run import make_run

from stn_viz.runs import Run, open_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "transformed")
    make_run(folder / "plain", "cnn")
    make_run(folder / "spline", family="tps", points=3)
    return folder


@pytest.fixture(scope="session")
def run(runs: Path) -> Run:
    return open_run(runs / "transformed")


@pytest.fixture(scope="session")
def plain(runs: Path) -> Run:
    return open_run(runs / "plain")


@pytest.fixture(scope="session")
def spline(runs: Path) -> Run:
    return open_run(runs / "spline")
