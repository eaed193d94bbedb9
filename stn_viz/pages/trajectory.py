"""Theta over training, below the stage: of the image that is shown or of all; a click takes the stage to that step."""

from typing import Any

import streamlit as st

from stn_viz import live
from stn_viz.lens import LensError, ThetaOfAll, ThetaOverTime, has_gauge, theta_of_all, theta_over_time
from stn_viz.pages import charts
from stn_viz.pages.cards import literal
from stn_viz.runs import Run
from stn_viz.view import View

PATIENCE = 20  # polls; then torch is loaded even though no line came (a proxy may let none through)

CHART = "theta over training"
UNITS = "theta units"
WHOSE = "theta of"
GAUGE, RAW = "gauge", "raw theta"
THIS, ALL = "this image", "all images"
_WISH = "wish for the stage"
_FRESH = "wish that the stage has not been told"


def wish() -> dict[str, int] | None:
    """What the last click asks of the stage: {"step", "image", "id"}; the stage grants each id once. None so far."""
    found: dict[str, int] | None = st.session_state.get(_WISH)
    return found


def theta_panel(run: Run, view: View) -> None:
    """A fragment. It needs torch, so it comes once the network is there, and never before the first picture."""
    if st.session_state.pop(_FRESH, False):
        st.rerun()  # of the whole page: the stage stands above this fragment
    if not run.sites:
        st.caption("There is no transformer in this network, so there is no theta to follow.")
        return
    if not live.engine.ready:
        st.caption("Theta over training appears here when the network is loaded.")
        st.session_state["polls"] = st.session_state.get("polls", 0) + 1
        if st.session_state["polls"] > PATIENCE:
            live.engine.start()
        return
    if st.session_state.pop("polls", 0):
        st.rerun()  # once, so that the polling ends
    if live.engine.problem is not None:
        st.warning(literal(live.engine.problem))
        return
    try:
        _chart(run, view)
    except LensError as error:
        st.caption(literal(str(error)))


def _chart(run: Run, view: View) -> None:
    site = run.sites[view.site]
    raw = not has_gauge(site) or st.session_state.get(UNITS, GAUGE) == RAW
    many = len(run.probes.labels) > 1 and st.session_state.get(WHOSE, THIS) == ALL
    series = theta_over_time(run, view, raw=raw)
    everyone = theta_of_all(run, view, raw=raw) if many and len(series.names) <= charts.MOST_PANELS else None
    with st.container(key="trajectory", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(_title(view, series, everyone))
        if has_gauge(site):
            _choice("units", [GAUGE, RAW], UNITS)
        if len(run.probes.labels) > 1 and len(series.names) <= charts.MOST_PANELS:
            _choice("images", [THIS, ALL], WHOSE)
    ink = charts.DARK if st.context.theme.type == "dark" else charts.LIGHT
    figure = charts.theta_over_time(series, ink=ink, counter=run.info.counter, everyone=everyone)
    with st.container(key="trajectory-chart", gap=None):
        st.html(charts.playheads(figure, series, step=view.step, ink=ink))
        st.plotly_chart(
            figure,
            key=CHART,
            config={"displayModeBar": False, "scrollZoom": False},
            on_select=lambda: _take(series, everyone, view),
            selection_mode="points",
        )


def _take(series: ThetaOverTime, everyone: ThetaOfAll | None, view: View) -> None:
    """Turn a click on the chart into a wish. Streamlit calls this once for each."""
    selected: Any = st.session_state.get(CHART)
    click = charts.clicked(selected["selection"]["points"] if selected else [], series, everyone)
    if click is None:
        return
    before = wish()
    image = view.image if click.image is None else click.image
    st.session_state[_WISH] = {"step": click.step, "image": image, "id": (before["id"] if before else 0) + 1}
    st.session_state[_FRESH] = True


def _title(view: View, series: ThetaOverTime, everyone: ThetaOfAll | None) -> str:
    of = f"image {view.image} of the run" + ("" if everyone is None else ", on top of all; dotted: the median")
    return f"**Theta over training**, {of}" + ("; dashed: the true pose" if series.pose is not None else "")


def _choice(label: str, options: list[str], key: str) -> None:
    st.session_state.setdefault(key, options[0])
    st.segmented_control(label, options, key=key, required=True, label_visibility="collapsed")
