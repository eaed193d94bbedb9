"""Which moment a run opens on, on traces made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from stn_viz.lens import opening, within
from stn_viz.view import View

IDENTITY = np.array([1, 0, 0, 0, 1, 0], np.float32)


def traced(run, way, likely, far):
    """The run with theta of image i going `far[i]` along t13 by `way` (S,), and `likely` (S,) for each true class."""
    S, n = len(way), len(run.probes.labels)
    theta = np.tile(IDENTITY, (S, n, 1))
    theta[..., 2] += np.outer(way, far)
    probabilities = np.full((S, n, 10), 0.0, np.float32)
    for image, label in enumerate(run.probes.labels):
        probabilities[:, image, label] = likely
    steps = np.arange(S) * 10
    return replace(
        run,
        steps=steps,
        snapshots=(0,),
        rows={"theta_0": theta, "probabilities": probabilities, "probe_loss": np.ones((S, n), np.float32)},
    )


def test_it_is_the_image_that_travels_farthest_at_two_thirds_of_its_way(run):
    way = np.linspace(0, 1, 21)
    view = opening(traced(run, way, likely=np.full(21, 0.6), far=[0.1, 0.2, 0.9, 0.3, -0.4]))
    assert view == View(run.name, image=2, step=130)  # 13 of 20 is 0.65


def test_a_certain_answer_is_less_worth_than_an_open_one(run):
    way = np.array([0, 0.5, 0.6, 0.7, 1.0])
    sure_later = opening(traced(run, way, likely=np.array([0.1, 0.3, 0.6, 0.99, 1.0]), far=[1, 0, 0, 0, 0]))
    assert sure_later.step == 20


def test_a_snapshot_is_preferred_where_one_is_nearly_as_good(run):
    way = np.linspace(0, 1, 21)
    trace = traced(run, way, likely=np.full(21, 0.6), far=[1, 0, 0, 0, 0])
    assert opening(replace(trace, snapshots=(0, 120, 200))).step == 120
    assert opening(replace(trace, snapshots=(0, 200))).step == 130


@pytest.mark.parametrize("far", [[0, 0, 0, 0, 0], [np.nan] * 5])
def test_a_run_that_never_moved_opens_all_the_same(run, far):
    view = opening(traced(run, np.linspace(0, 1, 5), likely=np.full(5, 0.1), far=far))
    assert view.run == run.name
    assert 0 <= view.image < 5


def test_real_runs_open_the_same_way_each_time(run, plain, spline):
    for each in (run, plain, spline):
        view = opening(each)
        assert view == opening(each)
        assert view.step in each.steps
    bare = replace(run, rows={"theta_0": run.theta(0)})
    assert opening(bare).step in run.steps


def test_a_link_is_brought_within_what_the_run_has(run, plain):
    first = View(run.name, image=1, step=4)
    asked = View("another", image=99, step=10_000, site=3, theta=(1.0, 0, 0), kernel="nearest")
    assert within(run, asked, first) == View(run.name, image=1, step=12, kernel="nearest")
    other = View(run.name, image=2, step=3, family="attention", theta=(1.0, 0, 0))
    assert within(run, other, first) == other
    assert within(plain, other, first) == View(plain.name, image=2, step=3)
    looked_at = View(plain.name, image=2, step=3, picture="mnist:7", lens="pictures", size=(20, 20), area=2, way=0.5)
    assert within(run, looked_at, first) == replace(looked_at, run=run.name)
    kept = View(plain.name, image=2, step=3, picture="mnist:7", lens="pictures")  # without a grid the rest says nothing
    assert within(plain, looked_at, first) == kept
