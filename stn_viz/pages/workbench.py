"""The workbench: one run, one image, and its grid to be touched; below it, the lenses."""

import streamlit as st

from stn_viz import shelf
from stn_viz.lens import LensError, theta_over_time
from stn_viz.live import engine
from stn_viz.pages import charts, handover, session
from stn_viz.pages.cards import literal
from stn_viz.pages.style import FRAME
from stn_viz.runs import Run
from stn_viz.stage.component import stage
from stn_viz.view import View

POLL_SECONDS = 0.5
PATIENCE = 20  # polls; then torch is loaded even though no line came (a proxy may let none through)


def theta_panel(run: Run, view: View) -> None:
    """The first lens. It needs torch, so it comes once the network is there, and never before the first picture."""
    if not run.sites:
        st.caption("There is no transformer in this network, so there is no theta to follow.")
        return
    if not engine.ready:
        st.caption("Theta over training appears here when the network is loaded.")
        st.session_state["polls"] = st.session_state.get("polls", 0) + 1
        if st.session_state["polls"] > PATIENCE:
            engine.start()
        return
    if st.session_state.pop("polls", 0):
        st.rerun()  # once, so that the polling ends
    if engine.problem is not None:
        st.warning(literal(engine.problem))
        return
    try:
        series = theta_over_time(run, view)
    except LensError as error:
        st.caption(literal(str(error)))
        return
    ink = charts.DARK if st.context.theme.type == "dark" else charts.LIGHT
    dashed = "; dashed: the true pose" if series.pose is not None else ""
    st.markdown(f"**Theta over training**, image {view.image} of the run{dashed}")
    figure = charts.theta_over_time(series, step=view.step, ink=ink, counter=run.info.counter)
    st.plotly_chart(figure, key="theta over training", config={"displayModeBar": False, "scrollZoom": False})


st.html(FRAME)
runs = shelf.listed()
shown = session.shown_run(runs)
if shown is None:
    st.info(
        "No run here yet. Train one with `python -m stn_viz train --task rts --network st-cnn --family affine "
        "--out runs/mine`, then reload this page."
    )
    st.page_link(session.RUNS, label="Runs: import checkpoints of yours")
    for entry in runs:
        st.warning(literal(session.with_name(entry.name, str(entry.problem))))
    st.stop()

run, view, problems = shown
asked = stage(handover.data_for_stage(run, runs, session.view_to_hand_over(view), problems), key=session.STAGE)
if asked.page == "runs":
    st.switch_page(session.RUNS)
st.fragment(theta_panel, run_every=None if engine.ready else POLL_SECONDS)(run, view)
