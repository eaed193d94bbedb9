"""The panel below the stage: gauge or raw, one image or all, and a click that becomes a wish of the stage."""

import json
import time

import numpy as np
import pytest
from small_run import make_run

from stn_viz import lens, live
from stn_viz.pages import charts, trajectory
from stn_viz.runs import open_run
from stn_viz.view import View


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "transformed")
    make_run(folder / "spline", family="tps", points=2)
    return folder


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    engine = live.Engine(lambda: None)
    engine.start().result()
    monkeypatch.setattr(live, "engine", engine)


def chart(tester):
    assert not tester.exception
    (element,) = tester.get("plotly_chart")
    return json.loads(element.proto.spec)


def wished(tester):
    (stage,) = [element for element in tester.main if element.type == "bidi_component"]
    return json.loads(stage.proto.json)["wish"]


def lines(figure, name):
    return [trace for trace in figure["data"] if trace["name"] == name]


def test_raw_and_all_images_are_chosen_above_the_chart(app, folder):
    tester = app(folder, run="transformed", image="2", step="7")
    assert {"rotation", "zoom"} < {trace["name"] for trace in chart(tester)["data"]}
    units, whose = tester.segmented_control
    assert (units.value, whose.value) == ("gauge", "this image")
    raw = chart(units.set_value("raw theta").run())
    assert {"t11", "t23"} < {trace["name"] for trace in raw["data"]}
    assert not lines(raw, "all images")
    both = chart(tester.segmented_control[1].set_value("all images").run())
    assert len(lines(both, "all images")) == len(lines(both, "median")) == 6
    assert "on top of all" in tester.markdown[0].value


def test_a_family_without_a_gauge_has_no_choice_of_units(app, folder):
    tester = app(folder, run="spline", image="1", step="7")
    assert [control.label for control in tester.segmented_control] == ["images"]
    assert len(chart(tester)["data"]) == 8


def test_a_click_becomes_a_wish_and_the_next_click_another(app, folder, monkeypatch):
    tester = app(folder, run="transformed", image="2", step="7")
    assert wished(tester) is None
    run, view = open_run(folder / "transformed"), View("transformed", 2, 7)
    session = {}
    monkeypatch.setattr(trajectory.st, "session_state", session)
    series, everyone = lens.theta_over_time(run, view), lens.theta_of_all(run, view)
    point = {"x": 5, "point_index": 5}
    session[trajectory.CHART] = {"selection": {"points": [point]}}
    trajectory._take(series, None, view)
    assert trajectory.wish() == {"step": 5, "image": 2, "id": 1}
    point = {"x": 9, "point_index": 4 * 14 + 9, "legendgroup": charts.EVERYONE}
    session[trajectory.CHART] = {"selection": {"points": [point]}}
    trajectory._take(series, everyone, view)
    assert trajectory.wish() == {"step": 9, "image": 4, "id": 2}
    session[trajectory.CHART] = {"selection": {"points": []}}  # the point is let go
    trajectory._take(series, everyone, view)
    assert trajectory.wish() == {"step": 9, "image": 4, "id": 2}


def test_a_wish_is_handed_to_the_stage_in_the_same_run_of_the_page(app, folder):
    tester = app(folder, run="transformed", image="2", step="7")
    tester.session_state[trajectory._WISH] = {"step": 5, "image": 2, "id": 1}
    assert wished(tester.run()) == {"step": 5, "image": 2, "id": 1}


def test_all_images_of_a_large_run_are_laid_out_in_time(folder):
    steps = np.arange(300)
    values = np.random.default_rng(0).normal(size=(300, 6))
    series = lens.ThetaOverTime(steps, tuple("abcdef"), ("",) * 6, values, None)
    records = np.linspace(0, 299, 120).round().astype(int)
    everyone = lens.ThetaOfAll(records, np.zeros((120, 128, 6)), np.zeros((120, 6)))
    charts.theta_over_time(series, ink=charts.LIGHT, everyone=everyone)  # plotly's own modules are loaded now
    spent = []
    for _ in range(3):
        start = time.process_time()
        charts.theta_over_time(series, ink=charts.LIGHT, everyone=everyone).to_json()
        spent.append(time.process_time() - start)
    assert min(spent) < 0.3, spent
