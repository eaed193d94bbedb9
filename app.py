"""The door: the server's routes and the pages, nothing else. `streamlit run app.py`, or `uvicorn app:app`."""

import streamlit as st

if __name__ == "__main__":  # Streamlit runs the file as the page script, for every session
    st.set_page_config(page_title="STN Viz", layout="wide")
    workbench = st.Page("stn_viz/pages/workbench.py", title="Workbench", default=True)
    learning = st.Page("stn_viz/pages/learning.py", title="Learning", url_path="learning")
    runs = st.Page("stn_viz/pages/runs.py", title="Runs", url_path="runs")
    # Hidden: the ways to the other pages stand in each page's own head, so that no second bar does.
    st.navigation([workbench, learning, runs], position="hidden").run()
else:  # the server imports it once
    from starlette.middleware import Middleware
    from starlette.routing import WebSocketRoute
    from streamlit import config

    from stn_viz import asks, parts, pictures
    from stn_viz.hosts import KnownHosts
    from stn_viz.live import live
    from stn_viz.stage import assets

    # Streamlit puts its own routes under server.baseUrlPath, but not ours.
    BASE = (config.get_option("server.baseUrlPath") or "").strip("/")
    LINE = f"/{BASE}/live" if BASE else "/live"
    NAMES = [config.get_option("browser.serverAddress") or "", *config.get_option("server.corsAllowedOrigins")]

    # Written out like this: `streamlit run` finds an App by reading the source for `name = st.App(...)`.
    app = st.App(
        __file__,
        routes=[
            WebSocketRoute(LINE, live),
            *(route for each in (assets, pictures, parts, asks) for route in each.routes(BASE)),
        ],
        middleware=[Middleware(KnownHosts, also=NAMES)],
    )
