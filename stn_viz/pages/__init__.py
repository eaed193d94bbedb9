"""Streamlit pages and what they are made of: they choose, ask a lens, and hand to the stage or to plotly.

workbench.py is a page's script, run from top to bottom at each rerun; it is never imported.
"""
