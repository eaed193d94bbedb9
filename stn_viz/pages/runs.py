"""Runs: the list of them, what the doctor says of one, and the import of other people's checkpoints."""

from pathlib import Path

import streamlit as st

from stn_viz import shelf
from stn_viz.pages import doctoring, here, importing, session
from stn_viz.pages.cards import literal
from stn_viz.pages.consent import say_yes_to_program
from stn_viz.pages.runlist import run_list
from stn_viz.pages.runrows import rows
from stn_viz.pages.style import FRAME
from stn_viz.runs import RunError

VIEW = "runs view"
LIST, IMPORT = "All runs", "Import"
EXAMINED = "examined run"


def head() -> str:
    """Where one is, and the ways from here; the answer is what is shown below."""
    with st.container(horizontal=True, vertical_alignment="center", key="runs-head"):
        st.html('<h1 class="stn-head">STN Viz <span>· runs</span></h1>', width="stretch")
        begun = IMPORT if importing.is_begun() else LIST
        shown = st.segmented_control(
            "shown", [LIST, IMPORT], default=begun, required=True, key=VIEW, label_visibility="collapsed"
        )
        if st.button("Workbench", help="back to the picture"):
            st.switch_page(session.WORKBENCH)
    return shown or LIST


def all_runs() -> None:
    """The list, and above it what the doctor says of the run that was asked about."""
    listed = shelf.listed()
    names = {entry.name for entry in listed}
    chosen = st.session_state.get(EXAMINED)
    if chosen in names:
        doctoring.panel(chosen, close=_close)
    local = here.is_here()
    asked = run_list(rows(listed), chosen=chosen, local=local)
    if not local:
        st.html(f'<p class="stn-text muted">{here.NOT_HERE}</p>')
    if asked is None:
        return
    done, name = asked
    if done == "open":
        session.open_on_workbench({"run": name})
    if done == "doctor":
        st.session_state[EXAMINED] = name
    elif done == "trust" and local:
        try:
            say_yes_to_program(name)
        except RunError as error:
            st.warning(literal(session.with_name(name, str(error))))
            return
    st.rerun()


def _close() -> None:
    st.session_state.pop(EXAMINED, None)


st.html(FRAME)
st.html(Path(__file__).with_name("runs.css"))
theme = f"theme.{st.context.theme.type or 'light'}"
page, blue = st.get_option(f"{theme}.backgroundColor"), st.get_option(f"{theme}.primaryColor")
st.html(f"<style>:root {{ --stn-page: {page or 'Canvas'}; --stn-blue: {blue or 'Highlight'}; }}</style>")
session.leave_run()
with st.container(key="runs-page"):
    if head() == LIST:
        all_runs()
    else:
        importing.section()
