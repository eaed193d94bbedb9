"""The doctor's panel: a run is examined in the engine's thread, and what was found stands as calm cards."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from stn_viz import live, shelf
from stn_viz.pages import session
from stn_viz.pages.cards import card, texts
from stn_viz.pages.runrows import program_of
from stn_viz.runs import Run, RunError, trust

if TYPE_CHECKING:
    from stn_viz.lens.doctor import Examination

HELD = "examination"
POLL_SECONDS = 0.4


@dataclass(frozen=True, eq=False)
class _Examination:
    """One look at one state of a run; `program` tells whether its program could be asked."""

    path: str
    version: str
    program: bool
    future: "Future[Examination]"


def panel(name: str, *, close: Callable[[], None] | None = None) -> None:
    """What the doctor says of a run of the list; examined anew where the run has changed since."""
    with st.container(key="doctor"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(f'<h2 class="stn-title">Doctor: {escape(name)}</h2>', width="stretch")
            if close is not None:
                st.button("Close", key="close doctor", on_click=close)
        try:
            run = shelf.opened(name)
        except RunError as error:
            st.html(card("fault", session.with_name(name, str(error))))
            return
        held = _examination(run)
        st.fragment(_findings, run_every=None if held.future.done() else POLL_SECONDS)(run, held)


def _examination(run: Run) -> _Examination:
    digest = program_of(run.info)
    program = digest is not None and trust.is_trusted(digest)
    held: _Examination | None = st.session_state.get(HELD)
    if held is None or (held.path, held.version, held.program) != (str(run.path), run.version, program):
        held = _Examination(str(run.path), run.version, program, live.engine.submit(lambda: _examined(run)))
        st.session_state[HELD] = held
    return held


def _examined(run: Run) -> "Examination":
    from stn_viz.lens import doctor

    return doctor.examination(run)


def _findings(run: Run, held: _Examination) -> None:
    if not held.future.done():
        st.session_state["doctor waits"] = True
        st.html('<p class="stn-text muted" role="status">Looking at every record of this run …</p>')
        return
    if st.session_state.pop("doctor waits", False):
        st.rerun()  # once, so that the polling ends
    try:
        examination = held.future.result()
    except RunError as error:
        st.html(card("fault", session.with_name(run.name, str(error))))
        return
    for place, finding in enumerate(examination.findings):
        with st.container(horizontal=True, vertical_alignment="top"):
            more = (f"Likely cause: {finding.cause}", f"Cure: {finding.cure}")
            st.html(card(finding.severity, finding.sentence, *more), width="stretch")
            if st.button("Show", key=f"show {place}", help="open the workbench there"):
                session.open_on_workbench(finding.view.to_message())
    if not examination.findings and examination.looked:
        st.html(card("well", f"{_looked_at(run)} Rules: {', '.join(examination.looked)}."))
    _skipped(run, examination, held)


def _looked_at(run: Run) -> str:
    records, images, sites = len(run.steps), len(run.probes.labels), len(run.sites)
    return (
        f"The doctor looked at {records:,} record{_s(records)} of {images} image{_s(images)} "
        f"at {sites} transformer{_s(sites)}."
    )


def _skipped(run: Run, examination: "Examination", held: _Examination) -> None:
    """What could not be looked at, and why; with a network that waits for a yes, how to give it."""
    reasons: dict[str, list[str]] = {}
    for skipped in examination.skipped:
        reasons.setdefault(skipped.reason, []).append(skipped.rule)
    lines = [f"Not looked at ({', '.join(dict.fromkeys(rules))}): {reason}" for reason, rules in reasons.items()]
    if program_of(run.info) is not None and not held.program:
        lines.append("A yes to this run's program stands in the list, at its row.")
    if lines:
        st.html(texts(lines))


def _s(count: int) -> str:
    return "" if count == 1 else "s"
