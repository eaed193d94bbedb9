"""The door: the server's routes and the pages, nothing else. `streamlit run app.py`, or `uvicorn app:app`."""

import streamlit as st

if __name__ == "__main__":  # Streamlit runs the file as the page script, for every session
    st.set_page_config(page_title="STN Viz", layout="wide")
    workbench = st.Page("stn_viz/pages/workbench.py", title="Workbench", default=True)
    st.navigation([workbench], position="top").run()
else:  # the server imports it once
    from starlette.routing import WebSocketRoute
    from streamlit import config

    from stn_viz import pictures
    from stn_viz.live import live
    from stn_viz.stage import assets

    # Streamlit puts its own routes under server.baseUrlPath, but not ours.
    BASE = (config.get_option("server.baseUrlPath") or "").strip("/")
    LINE = f"/{BASE}/live" if BASE else "/live"

    # Written out like this: `streamlit run` finds an App by reading the source for `name = st.App(...)`.
    app = st.App(__file__, routes=[WebSocketRoute(LINE, live), *assets.routes(BASE), *pictures.routes(BASE)])
