"""Figures for plotly: what they hold, on series made by hand."""

import re

import numpy as np
import pytest

from stn_viz.lens import ThetaOfAll, ThetaOverTime
from stn_viz.pages import charts


def series(count, steps, pose=None):
    names = tuple(f"entry {place}" for place in range(count))
    values = np.outer(np.linspace(0, 1, len(steps)), np.arange(count)).astype(float)
    return ThetaOverTime(steps=np.array(steps), names=names, units=("",) * count, values=values, pose=pose)


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(2, 1, 2), (3, 1, 3), (4, 2, 2), (6, 2, 3), (8, 2, 4), (32, 1, 1)]
)
def test_every_entry_is_drawn_in_two_rows_at_most(count, rows, columns):
    made = series(count, [0, 1, 2, 50, 99])
    figure = charts.theta_over_time(made, ink=charts.LIGHT)
    assert len(figure.data) == count
    assert [len(figure._grid_ref), len(figure._grid_ref[0])] == [rows, columns]
    assert charts.playheads(figure, made, step=50, ink=charts.LIGHT).count("<i ") == rows * columns


def test_the_truth_is_dashed_and_within_the_range():
    figure = charts.theta_over_time(series(2, [0, 10, 20], pose=np.array([0.5, 9.0])), ink=charts.DARK)
    dashed = [trace for trace in figure.data if trace.line.dash == "dash"]
    assert [list(trace.y) for trace in dashed] == [[0.5, 0.5], [9.0, 9.0]]
    assert figure.layout.yaxis2.range[1] > 9.0


def test_nan_and_a_flat_line_leave_a_range_that_can_be_drawn():
    made = series(2, [0, 1])
    made.values[:, 0] = np.nan
    figure = charts.theta_over_time(made, ink=charts.LIGHT)
    for axis in (figure.layout.yaxis, figure.layout.yaxis2):
        low, high = axis.range
        assert high - low >= 0.2


@pytest.mark.parametrize(("step", "record"), [(0, 0), (2, 2), (49, 2), (50, 3), (1000, 4)])
def test_the_playheads_stand_at_the_record_in_force_in_every_panel(step, record):
    made = series(4, [0, 1, 2, 50, 99])
    figure = charts.theta_over_time(made, ink=charts.LIGHT)
    html = charts.playheads(figure, made, step=step, ink=charts.LIGHT)
    assert f'data-record="{record}"' in html
    shares = [float(found) for found in re.findall(r"\* ([\d.]+) -", html)]
    tops = [float(found) for found in re.findall(r"top:([\d.]+)px", html)]
    low, high = figure.layout.xaxis.range
    for axis, share in zip(figure.select_xaxes(), shares, strict=True):
        left, right = axis.domain
        np.testing.assert_allclose((share - left) / (right - left), (record - low) / (high - low), atol=1e-4)
    assert tops[0] == charts.MARGIN["t"]
    assert tops[0] == tops[1] < tops[2] == tops[3]


def everyone(n, records, values=None):
    values = np.random.default_rng(0).normal(size=(len(records), n, 2)) if values is None else values
    return ThetaOfAll(records=np.array(records), values=values, median=np.median(values, axis=1))


def test_all_images_lie_in_one_broken_line_below_the_chosen_one():
    made, all_of_them = series(2, [0, 1, 2, 50, 99]), everyone(3, [0, 2, 4])
    figure = charts.theta_over_time(made, ink=charts.LIGHT, everyone=all_of_them)
    lines = [trace for trace in figure.data if trace.legendgroup == charts.EVERYONE]
    assert len(lines) == 2
    for entry, line in enumerate(lines):
        y = np.array(line.y).reshape(3, 4)
        np.testing.assert_allclose(y[:, :3], all_of_them.values[:, :, entry].T, atol=1e-6)
        assert np.isnan(y[:, 3]).all()
        assert np.array(line.x).reshape(3, 4)[:, :3].tolist() == [[0, 2, 4]] * 3
        assert np.array(line.customdata).reshape(3, 4).tolist() == [[image] * 4 for image in range(3)]
    assert figure.data[-1].name == "entry 1"  # the chosen image's, drawn last
    low, high = figure.layout.yaxis.range
    assert low < all_of_them.values[:, :, 0].min()
    assert high > all_of_them.values[:, :, 0].max()


def test_a_click_is_read_as_a_step_and_on_another_line_as_its_image():
    made, all_of_them = series(2, [0, 1, 2, 50, 99]), everyone(3, [0, 2, 4])
    own = {"curve_number": 5, "point_index": 3, "x": 3, "y": 0.1, "customdata": 50}
    assert charts.clicked([own], made, None) == charts.Click(50, None)
    assert charts.clicked([own], made, all_of_them) == charts.Click(50, None)
    other = {"point_index": 2 * 4 + 1, "x": 2, "y": 0.1, "customdata": 2, "legendgroup": charts.EVERYONE}
    assert charts.clicked([other], made, all_of_them) == charts.Click(2, 2)
    assert charts.clicked([], made, all_of_them) is None
    assert charts.clicked([{"x": 77, "point_index": 0}, {"x": "?"}], made, all_of_them) is None


def test_steps_are_labelled_apart_from_one_another():
    assert charts.step_labels(np.array([0])) == ([0], ["0"])
    assert charts.step_labels(np.array([0, 7])) == ([0, 1], ["0", "7"])
    steps = np.unique(np.geomspace(1, 4680, 200).astype(int))
    places, labels = charts.step_labels(steps)
    assert labels[0] == "1"
    assert labels[-1] == "4,680"
    assert all(np.diff(places) > len(steps) / 5.1)
