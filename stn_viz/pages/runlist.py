"""The list of runs as Streamlit mounts it: one small component, so that a hundred rows are one element of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from stn_viz.pages.runrows import Row

KEY = "runs list"
HEARD = "runs list heard"

EMPTY = (
    "No run here yet. Import checkpoints below, record a training of yours with stn_viz.record, or train one with "
    "python -m stn_viz train --out runs/mine."
)
ASKING = (
    "This run keeps its network as a program (.pt2), and opening a program can run any code that its maker put in. "
    "Until you say yes for this very file, the run shows its trace, and its network does not answer."
)
_HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "stn_runs",
    html='<div class="stn-runs"></div>',
    css=(_HERE / "runlist.css").read_text(encoding="utf-8"),
    js=(_HERE / "runlist.js").read_text(encoding="utf-8"),
)


def run_list(rows: Sequence[Row], *, chosen: str | None, local: bool) -> tuple[str, str] | None:
    """Show the list.

    Args:
        rows: in this order.
        chosen: the run that the doctor looks at.
        local: whether a yes to a program is offered.

    Returns:
        What the last click asked for: ("open" | "doctor" | "trust", a name out of the list), or None.
    """
    data = {
        "runs": [asdict(row) for row in rows],
        "chosen": chosen,
        "local": local,
        "empty": EMPTY,
        "asking": ASKING if local else f"{ASKING} A yes is given only on the machine that the app runs on.",
    }
    asked = _mount(data=data, key=KEY, on_asked_change=_nothing).asked
    # A trigger stands for one run of the script, and what it brings about runs it again: each click is heard once.
    if not isinstance(asked, Mapping) or asked.get("at") == st.session_state.get(HEARD):
        return None
    st.session_state[HEARD] = asked.get("at")
    done, name = asked.get("do"), asked.get("run")
    known: dict[str, Any] = {row.name: row for row in rows}
    return (str(done), name) if done in ("open", "doctor", "trust") and name in known else None


def _nothing() -> None:
    """A trigger exists for Streamlit only where it has a callback; the page reads its value itself."""
