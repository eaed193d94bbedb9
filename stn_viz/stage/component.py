"""The stage as Streamlit mounts it: one components.v2 component, declared once when this module is imported."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from stn_viz.stage.join import STAGE, join

if TYPE_CHECKING:
    from streamlit.components.v2.bidi_component import ComponentResult


def _css(*sheets: Path) -> str:
    """The sheets in one, stage.css first, since the others build on its variables.

    Ends with a newline: one line that holds a "/" would be taken for a file name.
    """
    ordered = sorted(sheets, key=lambda path: (path.name != "stage.css", path.name))
    return "".join(path.read_text(encoding="utf-8") + "\n" for path in ordered)


_mount = st.components.v2.component(
    "stn_stage",
    html='<div class="stn-stage"></div>',
    css=_css(*STAGE.glob("*.css")),
    js=join("streamlit") + "export default m.streamlit.render;\n",
)
_mount_room = st.components.v2.component(
    "stn_room",
    html='<div class="stn-stage stn-room"></div>',
    css=_css(STAGE / "stage.css", *(STAGE / "learning").glob("*.css")),
    js=join("roomhost") + "export default m.roomhost.render;\n",
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


def room(data: dict[str, Any], *, key: str) -> "ComponentResult":
    """Mount the room of lenses over a training, or update it in place; `data` and `key` as of `stage`.

    Returns:
        The state that the room has set: `.view` and `.beside`, the view at rest and the name of the run beside or None;
        and `.page`, what the last click asked for, {"to": "workbench" | "runs", "view": the view to show there}.
    """
    return _mount_room(data=data, key=key, on_view_change=_nothing, on_beside_change=_nothing, on_page_change=_nothing)


def _nothing() -> None:
    """A state exists for Streamlit only where it has a callback; the rerun itself is what the page waits for."""
