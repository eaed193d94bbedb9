"""Figures for plotly: what they hold, on series made by hand."""

import numpy as np
import pytest

from stn_viz.lens import ThetaOverTime
from stn_viz.pages import charts


def series(count, steps, pose=None):
    names = tuple(f"entry {place}" for place in range(count))
    values = np.outer(np.linspace(0, 1, len(steps)), np.arange(count)).astype(float)
    return ThetaOverTime(steps=np.array(steps), names=names, units=("",) * count, values=values, pose=pose)


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(2, 1, 2), (3, 1, 3), (4, 2, 2), (6, 2, 3), (8, 2, 4), (32, 1, 1)]
)
def test_every_entry_is_drawn_in_two_rows_at_most(count, rows, columns):
    figure = charts.theta_over_time(series(count, [0, 1, 2, 50, 99]), step=50, ink=charts.LIGHT)
    assert len(figure.data) == count
    assert [len(figure._grid_ref), len(figure._grid_ref[0])] == [rows, columns]
    assert [shape.x0 for shape in figure.layout.shapes] == [3] * (rows * columns)


def test_the_truth_is_dashed_and_within_the_range():
    figure = charts.theta_over_time(series(2, [0, 10, 20], pose=np.array([0.5, 9.0])), step=0, ink=charts.DARK)
    dashed = [trace for trace in figure.data if trace.line.dash == "dash"]
    assert [list(trace.y) for trace in dashed] == [[0.5, 0.5], [9.0, 9.0]]
    assert figure.layout.yaxis2.range[1] > 9.0


def test_nan_and_a_flat_line_leave_a_range_that_can_be_drawn():
    made = series(2, [0, 1])
    made.values[:, 0] = np.nan
    figure = charts.theta_over_time(made, step=0, ink=charts.LIGHT)
    for axis in (figure.layout.yaxis, figure.layout.yaxis2):
        low, high = axis.range
        assert high - low >= 0.2


def test_steps_are_labelled_apart_from_one_another():
    assert charts.step_labels(np.array([0])) == ([0], ["0"])
    assert charts.step_labels(np.array([0, 7])) == ([0, 1], ["0", "7"])
    steps = np.unique(np.geomspace(1, 4680, 200).astype(int))
    places, labels = charts.step_labels(steps)
    assert labels[0] == "1"
    assert labels[-1] == "4,680"
    assert all(np.diff(places) > len(steps) / 5.1)
