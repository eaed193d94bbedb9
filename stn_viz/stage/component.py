"""The stage as Streamlit mounts it: one components.v2 component, declared once when this module is imported."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from stn_viz.stage.join import STAGE, join

if TYPE_CHECKING:
    from streamlit.components.v2.bidi_component import ComponentResult


def _css() -> str:
    """All of stage/**/*.css, stage.css first, since the others build on its variables.

    Ends with a newline: one line that holds a "/" would be taken for a file name.
    """
    return "".join(path.read_text(encoding="utf-8") + "\n" for path in _sheets())


def _sheets() -> list[Path]:
    return sorted(STAGE.rglob("*.css"), key=lambda path: (path.name != "stage.css", path.name))


_mount = st.components.v2.component(
    "stn_stage",
    html='<div class="stn-stage"></div>',
    css=_css(),
    js=join("streamlit") + "export default m.streamlit.render;\n",
)


def stage(data: dict[str, Any], *, key: str) -> "ComponentResult":
    """Mount the stage, or update it in place.

    Args:
        data: what it draws; small and JSON only, since all of it travels with every rerun. Arrays go by assets.put.
        key: always given; without one `data` would become the identity and each change a new mount.

    Returns:
        The state that the stage has set: `.view`, a dict of the view's fields at rest, or None before the first; and
        `.page`, the name of the page that somebody asked for with the last click, else None.
    """
    return _mount(data=data, key=key, on_view_change=_nothing, on_page_change=_nothing)


def _nothing() -> None:
    """A state exists for Streamlit only where it has a callback; the rerun itself is what the page waits for."""
