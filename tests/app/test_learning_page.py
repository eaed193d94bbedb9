"""The page Learning: which runs it hands to the room, what it says where one does not open, when it asks again."""

import json
import os
import shutil

import numpy as np
import pytest
import streamlit as st
from small_run import make_run

from stn_viz import lens, shelf
from stn_viz.pages.cards import literal
from stn_viz.paper import beside_paper
from stn_viz.runs import open_run

PAGE = "stn_viz/pages/learning.py"
ROOM = "learning room"


@pytest.fixture
def folder(tmp_path):
    """Two runs, and a folder that holds none."""
    folder = tmp_path / "runs"
    folder.mkdir()
    make_run(folder / "plain", "cnn")
    make_run(folder / "transformed")
    (folder / "void").mkdir()
    return folder


@pytest.fixture
def learning(app):
    """The page, opened on a folder with a link's query."""

    def opened(folder, **query):
        return again(app(folder, **query).switch_page(PAGE))

    return opened


def again(tester):
    shelf.look_again()
    return tester.run()


def handed(tester):
    """What the room was given."""
    assert not tester.exception
    (room,) = [element for element in tester.main if element.type == "bidi_component"]
    return json.loads(room.proto.json)


def says(tester, **state):
    """What setStateValue in the browser brings about."""
    tester.session_state[ROOM] = state
    return again(tester)


def rewritten(path, records=None, **about):
    """A run as its training would have left it: fewer records, another status."""
    if records is not None:
        with np.load(path / "trace.npz") as trace:
            columns = {name: trace[name][:records] for name in trace.files}
        np.savez(path / "trace.npz", **columns)
    told = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(told | about))


def test_it_opens_on_a_run_alone_and_says_how_many_records_and_what_was_reached(learning, folder):
    data = handed(learning(folder, run="transformed"))
    run = open_run(folder / "transformed")
    assert data["a"]["run"]["name"] == "transformed"
    assert data["a"]["run"]["records"] == len(run.steps) == 13
    assert data["a"]["view"] == lens.opening(run).to_message()
    assert data["a"]["result"] == beside_paper(run.info)
    assert "of 5 images" in data["a"]["result"]
    assert data["b"] is None
    assert data["a"]["problems"] == []


def test_a_link_brings_the_run_beside_and_the_lens(learning, folder):
    data = handed(learning(folder, run="transformed", beside="plain", lens="pair", step="7", image="3"))
    assert (data["a"]["run"]["name"], data["b"]["run"]["name"]) == ("transformed", "plain")
    assert (data["lens"], data["a"]["view"]["step"], data["a"]["view"]["image"]) == ("pair", 7, 3)
    assert data["b"]["runs"] == []  # the list travels once


def test_the_run_beside_and_the_lens_outlive_the_page(learning, folder):
    tester = learning(folder, run="transformed")
    view = {"run": "transformed", "image": 2, "step": 7, "lens": "pair"}
    assert handed(says(tester, beside="plain", view=view))["b"]["run"]["name"] == "plain"
    again(tester.switch_page("stn_viz/pages/workbench.py"))
    assert not tester.exception
    assert ROOM not in tester.session_state  # Streamlit drops the state of a component that is gone
    data = handed(again(tester.switch_page(PAGE)))
    assert data["b"]["run"]["name"] == "plain"
    assert data["lens"] == "pair"
    assert (data["a"]["view"]["image"], data["a"]["view"]["step"]) == (2, 7)


def test_nobody_stands_beside_itself(learning, folder):
    data = handed(learning(folder, run="transformed", beside="transformed"))
    assert data["b"] is None
    assert data["a"]["problems"] == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing", "There is no run named 'nothing'. Choose one from the list."),
        ("void", "void is empty. Delete it, or train a run into it."),
    ],
)
def test_a_run_beside_that_does_not_open_is_a_sentence(learning, folder, name, sentence):
    data = handed(learning(folder, run="transformed", beside=name))
    assert data["b"] is None
    assert data["a"]["problems"] == [sentence]


def test_a_run_beside_that_vanishes_or_breaks_is_a_sentence(learning, folder):
    tester = learning(folder, run="transformed", beside="plain")
    assert handed(tester)["b"] is not None
    (folder / "plain" / "trace.npz").write_bytes(b"no archive")
    data = handed(again(tester))
    assert data["b"] is None
    (problem,) = data["a"]["problems"]
    assert problem.startswith("plain: trace.npz")
    shutil.rmtree(folder / "plain")
    data = handed(again(tester))
    assert data["b"] is None
    assert data["a"]["problems"] == ["There is no run named 'plain'. Choose one from the list."]


def test_with_no_run_there_is_a_way_to_get_one(learning, tmp_path):
    empty = tmp_path / "empty"
    (empty / "void").mkdir(parents=True)
    tester = learning(empty)
    assert not tester.exception
    assert [info.value for info in tester.info] == [
        "No run here yet. Train one, or import checkpoints, then come back."
    ]
    assert [warning.value for warning in tester.warning] == [
        literal("void is empty. Delete it, or train a run into it.")
    ]


def test_only_while_a_run_is_written_the_room_is_asked_now_and_then(learning, folder, monkeypatch):
    clocks = []
    fragment = st.fragment
    monkeypatch.setattr(st, "fragment", lambda f, *, run_every: clocks.append(run_every) or fragment(f))
    tester = learning(folder, run="transformed", beside="plain")
    assert clocks[-1] is None
    rewritten(folder / "plain", records=9, status="running")
    data = handed(again(tester))
    assert data["b"]["run"]["records"] == 9
    assert clocks[-1] == 4.0
    rewritten(folder / "plain", status="finished")
    again(tester)
    assert clocks[-1] is None
    rewritten(folder / "plain", status="running")
    again(tester)
    assert clocks[-1] == 4.0
    hours_ago = (folder / "plain" / "trace.npz").stat().st_mtime - 7200  # killed, and never said so
    os.utime(folder / "plain" / "trace.npz", (hours_ago, hours_ago))
    again(tester)
    assert clocks[-1] is None


def test_an_unchanged_run_is_handed_over_unchanged(learning, folder):
    tester = learning(folder, run="transformed", beside="plain")
    before = handed(tester)
    assert handed(again(tester)) == before
    view = {"run": "transformed", "image": 4, "step": 9, "lens": before["lens"]}
    assert handed(says(tester, beside="plain", view=view))["a"]["view"] == before["a"]["view"]
