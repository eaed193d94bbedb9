"""The workbench: one run, one image, and its grid to be touched; below it, the lenses."""

import streamlit as st

from stn_viz import shelf
from stn_viz.live import engine
from stn_viz.pages import handover, session, trajectory
from stn_viz.pages.cards import literal
from stn_viz.pages.style import FRAME
from stn_viz.stage.component import stage

POLL_SECONDS = 0.5

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
data = handover.data_for_stage(run, runs, session.view_to_hand_over(view), problems)
asked = stage(data | {"wish": trajectory.wish()}, key=session.STAGE)
if asked.page in session.PAGES:
    session.go_to(session.PAGES[asked.page])
st.fragment(trajectory.theta_panel, run_every=None if engine.ready else POLL_SECONDS)(run, view)
