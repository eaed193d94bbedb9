"""component.py: the stage as a page mounts it. What it does in a browser is tested in tests/browser."""

from streamlit.testing.v1 import AppTest

from stn_viz.stage import component


def script() -> None:
    import streamlit as st

    from stn_viz.stage.component import stage

    found = stage({"view": {"step": 3}}, key="stage")
    st.write(f"view is {found.view}")


def test_a_page_mounts_it_and_reads_its_view() -> None:
    app = AppTest.from_function(script).run()
    assert not app.exception
    assert app.markdown[0].value == "view is None"


def test_styles_are_all_sheets_and_never_look_like_a_file_name() -> None:
    sheets = list(component.STAGE.glob("*.css"))
    css = component._css(*sheets)
    assert css.endswith("\n")
    assert css.startswith((component.STAGE / "stage.css").read_text(encoding="utf-8"))
    for path in sheets:
        assert path.read_text(encoding="utf-8") in css
