"""Learning: the lenses over a training, of one run or of two side by side, under one scrubber."""

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from stn_viz import shelf
from stn_viz.lens import opening
from stn_viz.pages import handover, session
from stn_viz.pages.cards import literal
from stn_viz.pages.style import FRAME
from stn_viz.runs import Run, RunError
from stn_viz.stage.component import room
from stn_viz.view import View

POLL_SECONDS = 4.0
# Without a word of its training for so long, a run that says "running" was killed: nobody asks again by itself.
SILENT_SECONDS = 1800.0
# Kept when the page is left: the name of the run beside, the lens that was open, whether one of the runs is written.
BESIDE = "run beside"
LENS = "lens of the room"
POLLING = "the room is asked now and then"


def run_beside(run: Run) -> tuple[Run | None, str | None]:
    """The run that is asked for beside the first, and why it cannot be shown, if it cannot."""
    told = st.session_state.get(session.ROOM) or {}
    if "beside" in told:
        st.session_state[BESIDE] = told["beside"]
    elif BESIDE not in st.session_state:
        st.session_state[BESIDE] = st.query_params.get("beside")
    name = st.session_state[BESIDE]
    if not isinstance(name, str) or name == run.name:
        return None, None
    try:
        return shelf.opened(name).load(), None
    except RunError as error:
        return None, session.with_name(name, str(error))


def lens_of_room(view: View) -> str | None:
    """The lens that was open in the room last: the workbench, from which somebody comes back, has lenses of its own."""
    st.session_state.setdefault(LENS, view.lens)  # of a link
    told = (st.session_state.get(session.ROOM) or {}).get("view")
    if isinstance(told, Mapping) and isinstance(told.get("lens"), str):
        st.session_state[LENS] = told["lens"]
    lens: str | None = st.session_state.get(LENS)
    return lens


def is_written(run: Run | None) -> bool:
    """Whether a training still writes this run."""
    if run is None or run.info.status != "running":
        return False
    try:
        return time.time() - (run.path / "trace.npz").stat().st_mtime < SILENT_SECONDS
    except OSError:
        return False


def shown_room(*, asked_now_and_then: bool) -> None:
    """The component, as a fragment: of a run that is being written, new steps are asked for now and then."""
    runs = shelf.listed()
    shown = session.shown_run(runs)
    if shown is None:
        st.info("No run here yet. Train one, or import checkpoints, then come back.")
        st.page_link(session.RUNS, label="Runs: import checkpoints of yours")
        for entry in runs:
            st.warning(literal(session.with_name(entry.name, str(entry.problem))))
        return
    run, view, problems = shown
    beside, problem = run_beside(run)
    begins = session.view_to_hand_over(view, session.ROOM)
    data: dict[str, Any] = {
        "lens": lens_of_room(view),
        "a": handover.data_for_stage(run, runs, begins, [*problems, *filter(None, [problem])]),
        "b": None if beside is None else handover.data_for_stage(beside, [], opening(beside), []),
    }
    asked = room(data, key=session.ROOM).page
    if isinstance(asked, Mapping) and asked.get("to") in session.PAGES:
        if asked["to"] == "workbench" and isinstance(asked.get("view"), Mapping):
            session.open_on_workbench(asked["view"])
        session.go_to(session.PAGES[asked["to"]])
    if asked_now_and_then != (is_written(run) or is_written(beside)):
        st.session_state[POLLING] = not asked_now_and_then
        st.rerun()  # a fragment's clock is set by the whole page: once, as a run begins or ends to be written


st.html(FRAME)
polling = bool(st.session_state.get(POLLING))
st.fragment(shown_room, run_every=POLL_SECONDS if polling else None)(asked_now_and_then=polling)
