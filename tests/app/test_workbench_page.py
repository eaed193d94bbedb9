"""The page's script: what it opens on, what it hands to the stage, and what it says when there is nothing to show."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from small_run import make_run

from stn_viz import lens, live
from stn_viz.pages.cards import literal
from stn_viz.runs import open_run, trust
from stn_viz.stage import assets
from stn_viz.view import View


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "plain", "cnn")  # before the other one in the list
    make_run(folder / "transformed")
    (folder / "void").mkdir()
    shutil.copytree(folder / "transformed", folder / "newer")
    info = json.loads((folder / "newer" / "run.json").read_text())
    (folder / "newer" / "run.json").write_text(json.dumps(info | {"format": 99}))
    shutil.copytree(folder / "transformed", folder / "cut")
    weights = folder / "cut" / "step_000012.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    return folder


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    """An engine that is ready: the chart need not wait."""
    engine = live.Engine(lambda: None)
    engine.start().result()
    monkeypatch.setattr(live, "engine", engine)


def handed(tester):
    """What the stage was given."""
    assert not tester.exception
    (stage,) = [element for element in tester.main if element.type == "bidi_component"]
    return json.loads(stage.proto.json)


def chart(tester):
    (element,) = tester.get("plotly_chart")
    return json.loads(element.proto.spec)


def playheads(tester):
    """The record at which they stand over the chart, and how many there are."""
    (html,) = [element.proto.body for element in tester.get("html") if "data-record" in element.proto.body]
    return int(html.split('data-record="')[1].split('"')[0]), html.count("<i ")


def set_by_the_stage(tester, **view):
    """What setStateValue("view", ...) in the browser brings about."""
    tester.session_state["stage"] = {"view": view}
    return tester.run()


def test_it_opens_on_a_run_with_a_transformer_at_an_instructive_moment(app, folder):
    data = handed(app(folder))
    first = lens.opening(open_run(folder / "transformed"))
    assert data["run"]["name"] == "transformed"
    assert data["view"] == first.to_message()
    assert data["problems"] == []
    assert data["run"]["has_network"]
    assert data["run"]["snapshots"] == list(open_run(folder / "transformed").snapshots)
    (site,) = data["sites"]
    assert (site["family"], site["output_size"], site["padding"]) == ("affine", [28, 28], "zeros")
    assert "tps" in site["families"]


def test_a_program_that_nobody_said_yes_to_is_told_once_and_not_asked(app, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    stranger = shutil.copytree(folder / "transformed", tmp_path / "runs" / "stranger")
    info = json.loads((stranger / "run.json").read_text())
    network = {"name": "program", "file": "network.pt2", "sha256": "a" * 64}
    (stranger / "run.json").write_text(json.dumps(info | {"network": network}))
    closed = handed(app(tmp_path / "runs"))["run"]
    assert not closed["has_network"]
    assert "nobody here has said yes" in closed["closed"]
    trust.trust("a" * 64, "a test's")
    told = handed(app(tmp_path / "runs"))["run"]
    assert told["has_network"]
    assert told["closed"] is None


def test_the_arrays_travel_by_hash_and_are_the_runs_own(app, folder):
    data = handed(app(folder))
    run = open_run(folder / "transformed")
    probes, trace = (safetensors.numpy.load(assets.get(data["assets"][name])) for name in ("probes", "trace"))
    np.testing.assert_array_equal(probes["U"], run.probes.U)
    np.testing.assert_array_equal(probes["labels"], run.probes.labels)
    np.testing.assert_array_equal(probes["pose"], run.probes.pose)
    assert data["run"]["pose_family"] == run.info.pose_family == "affine"
    np.testing.assert_array_equal(trace["step"], run.steps)
    np.testing.assert_array_equal(trace["theta_0"], run.theta(0))
    np.testing.assert_array_equal(trace["probabilities"], run.probabilities)
    assert [assets.get(key) for key in data["assets"]["bases"]] == [run.basis(0)]
    assert len(json.dumps(data)) < 8000
    assert {"asset", "basis", "line", "part", "picture", "ask"} == set(data["routes"])


def test_assets_that_the_store_has_dropped_are_put_again(app, folder, monkeypatch):
    data = handed(app(folder))
    monkeypatch.setattr(assets, "_assets", assets.Store(assets.ASSET_LIMIT))
    assert assets.get(data["assets"]["trace"]) is None
    again = handed(app(folder))
    assert again["assets"] == data["assets"]
    assert assets.get(data["assets"]["trace"]) is not None


def test_a_link_brings_back_its_view_field_by_field(app, folder):
    link = {"run": "transformed", "image": "3", "step": "7", "theta": "0.5,0,0.1,0,0.5,-0.1", "kernel": "nearest"}
    view = View("transformed", 3, 7, theta=(0.5, 0, 0.1, 0, 0.5, -0.1), kernel="nearest")
    assert handed(app(folder, **link))["view"] == view.to_message()
    broken = handed(app(folder, run="transformed", image="99", step="-4", theta="1,2", family="x", kernel="nearest"))
    first = lens.opening(open_run(folder / "transformed"))
    assert broken["view"] == View("transformed", first.image, first.step, kernel="nearest").to_message()
    assert broken["problems"] == []


def test_a_step_between_two_records_is_the_one_before(app, folder):
    assert handed(app(folder, run="transformed", step="5000"))["view"]["step"] == 12


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("void", "void is empty. Delete it, or train a run into it."),
        ("newer", "newer: written by a newer STN Viz (format 99; this one reads 1): update STN Viz to open it."),
        ("nothing", "There is no run named 'nothing'. Choose one from the list."),
        ("../../etc", "There is no run named '../../etc'. Choose one from the list."),
    ],
)
def test_a_link_to_a_run_that_does_not_open_says_why_and_shows_another(app, folder, name, sentence):
    data = handed(app(folder, run=name, image="1", step="3"))
    assert data["problems"] == [sentence]
    assert data["run"]["name"] == "transformed"
    first = lens.opening(open_run(folder / "transformed"))
    assert data["view"]["step"] == first.step  # the link's step was not meant for this run


def test_a_run_with_one_broken_file_opens_and_says_so(app, folder):
    data = handed(app(folder, run="cut"))
    assert data["run"]["name"] == "cut"
    assert 12 not in data["run"]["snapshots"]
    assert data["problems"][0].startswith("step_000012.safetensors is truncated or changed: 1,000 bytes")
    listed = {entry["name"]: entry for entry in data["runs"]}
    assert listed["cut"]["usable"]
    assert not listed["void"]["usable"]
    assert listed["void"]["problem"].startswith("void is empty.")


def test_the_stage_is_not_told_again_what_it_said_itself(app, folder):
    tester = app(folder, run="transformed")
    before = handed(tester)
    set_by_the_stage(tester, **View("transformed", 4, 9, theta=(1.0, 0, 0, 0, 1.0, 0)).to_message())
    assert handed(tester) == before
    assert "image 4" in tester.markdown[0].value


def test_choosing_a_run_opens_it_on_its_own_moment(app, folder):
    tester = app(folder, run="transformed", image="3", step="7")
    data = handed(set_by_the_stage(tester, run="plain"))
    first = lens.opening(open_run(folder / "plain"))
    assert data["run"]["name"] == "plain"
    assert data["view"] == first.to_message()
    assert data["sites"] == []
    assert data["assets"]["bases"] == []
    assert not tester.get("plotly_chart")
    assert [caption.value for caption in tester.caption] == [
        "There is no transformer in this network, so there is no theta to follow."
    ]
    back = handed(set_by_the_stage(tester, run="transformed", image=2, step=3))
    assert back["view"] == View("transformed", 2, 3).to_message()


def test_choosing_a_broken_run_keeps_the_one_that_is_shown(app, folder):
    tester = app(folder, run="plain")
    data = handed(set_by_the_stage(tester, run="void"))
    assert data["run"]["name"] == "plain"
    assert data["problems"] == ["void is empty. Delete it, or train a run into it."]


def test_a_state_that_the_stage_never_sends_changes_nothing(app, folder):
    tester = app(folder, run="transformed", image="3")
    for nonsense in ({"run": 5}, {"run": "transformed", "image": -1}, {"bad": 1}):
        assert handed(set_by_the_stage(tester, **nonsense))["view"]["image"] == 3


def test_the_chart_shows_theta_in_gauge_units_with_the_playhead_at_the_step(app, folder):
    tester = app(folder, run="transformed", image="2", step="7")
    figure = chart(tester)
    series = lens.theta_over_time(open_run(folder / "transformed"), View("transformed", 2, 7))
    lines = [trace for trace in figure["data"] if trace["line"].get("dash") is None]
    dashed = [trace for trace in figure["data"] if trace["line"].get("dash") == "dash"]
    assert [line["name"] for line in lines] == list(series.names)
    np.testing.assert_allclose([_numbers(line["y"]) for line in lines], series.values.T)
    np.testing.assert_allclose([_numbers(line["y"])[0] for line in dashed], series.pose)
    assert playheads(tester) == (7, 6)
    assert figure["layout"]["height"] == 260
    set_by_the_stage(tester, run="transformed", image=2, step=11)
    assert playheads(tester) == (11, 6)
    assert chart(tester) == figure  # else Streamlit would mount it anew


def test_without_torch_the_chart_waits_and_the_stage_does_not(app, folder, monkeypatch):
    started = []
    engine = live.Engine(lambda: started.append(True))
    monkeypatch.setattr(live, "engine", engine)
    tester = app(folder)
    assert handed(tester)["run"]["name"] == "transformed"
    assert not tester.get("plotly_chart")
    assert "when the network is loaded" in tester.caption[0].value
    assert started == []  # the first line starts it, or patience
    for _ in range(21):
        tester.run()
    engine.start().result()
    assert started == [True]
    assert tester.run().get("plotly_chart")


def test_where_torch_does_not_load_the_panel_says_so_and_the_stage_stands(app, folder, monkeypatch):
    def no_torch() -> None:
        raise ImportError("no torch here")

    engine = live.Engine(no_torch)
    monkeypatch.setattr(live, "engine", engine)
    assert engine.start().exception() is not None
    tester = app(folder)
    assert handed(tester)["run"]["name"] == "transformed"
    assert [
        warning.value.startswith(literal("The network cannot be loaded (no torch here).")) for warning in tester.warning
    ] == [True]


def test_with_no_run_at_all_it_says_what_to_do(app, tmp_path):
    tester = app(tmp_path)
    assert not tester.exception
    assert tester.info[0].value.startswith("No run here yet. Train one with `python -m stn_viz train")
    (tmp_path / "hollow").mkdir()
    assert not app(tmp_path / "absent").exception


def test_with_broken_runs_alone_each_is_named(app, tmp_path):
    (tmp_path / "hollow").mkdir()
    tester = app(tmp_path)
    assert tester.info[0].value.startswith("No run here yet.")
    assert [warning.value for warning in tester.warning] == [
        literal("hollow is empty. Delete it, or train a run into it.")
    ]


def _numbers(values):
    """Plotly may send an array as base64."""
    if isinstance(values, dict):
        import base64

        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])
    return np.asarray(values)


def test_the_door_is_one_that_streamlit_run_finds():
    from streamlit.web.server.app_discovery import discover_asgi_app

    found = discover_asgi_app(Path(__file__).parents[2] / "app.py")
    assert found.is_asgi_app
    assert found.app_name == "app"
