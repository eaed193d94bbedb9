"""The one live component: ES modules (numbers, ink, hand, stage.js), and a thin Python face.

    from stn_viz.stage.component import stage        a page mounts it: stage(data, key="stage")
    from stn_viz.stage.assets import put, routes     what it is given by content hash, and the App's routes
    from stn_viz.stage.join import join              its modules as one string, for any host

Nothing is imported here: the server needs the routes before it needs Streamlit's component.
"""
