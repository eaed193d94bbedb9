"""What this session looks at: taken from the URL once, then from the stage, and kept when the page is left."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NoReturn

import streamlit as st

from stn_viz import shelf
from stn_viz.lens import opening, within
from stn_viz.runs import Listed, Run, RunError
from stn_viz.view import View, ViewError

STAGE = "stage"
"""Key of the stage; its state `view` is what it shows at rest."""

WORKBENCH = "stn_viz/pages/workbench.py"
RUNS = "stn_viz/pages/runs.py"
"""The pages, by the names that st.switch_page takes."""

_LAST = "last view"
_HANDED = "handed view"


def shown_run(listed: Sequence[Listed]) -> tuple[Run, View, list[str]] | None:
    """The run to show, the view of it, and a sentence for each run that was asked for and cannot be shown.

    Asked for is what the stage shows, else what this session showed last, else the URL. If that run does not open,
    the run shown before stays, or the first of the list that opens; None if there is none.
    """
    asked, view_from = _asked()
    handed: View | None = st.session_state.get(_HANDED)
    problems: list[str] = []
    for name in dict.fromkeys([asked, handed.run if handed else "", *_defaults(listed)]):
        if not name:
            continue
        try:
            run = shelf.opened(name)
        except RunError as error:
            problems.append(with_name(name, str(error)))
            continue
        first = opening(run)
        # What was asked of a run that does not open says nothing about another one.
        view = within(run, view_from(first), first) if name == asked or not asked else first
        st.session_state[_LAST] = view.to_message()
        return run, view, problems
    return None


def view_to_hand_over(view: View) -> View:
    """The view that the stage is given: the one it began with, until the run changes.

    The stage is ahead of Python while a hand moves; its own view of a moment ago must not come back to it.
    """
    handed: View | None = st.session_state.get(_HANDED)
    if handed is None or handed.run != view.run:
        st.session_state[_HANDED] = handed = view
    return handed


def leave_workbench() -> None:
    """Say, on any other page, that the stage is gone: when it is mounted again, it begins where it was left."""
    st.session_state.pop(_HANDED, None)


def open_on_workbench(view: Mapping[str, object]) -> NoReturn:
    """Go to the workbench and show there what the message of a view says; {"run": name} alone is its opening."""
    leave_workbench()
    st.session_state[_LAST] = dict(view)
    st.switch_page(WORKBENCH)


def with_name(name: str, sentence: str) -> str:
    """The sentence, which says of which run it speaks."""
    named = sentence.startswith(f"{name} ") or repr(name) in sentence
    return sentence if named else f"{name[:80]}: {sentence}"


def _asked() -> tuple[str, Callable[[View], View]]:
    """The name of the run asked for ("" for none), and what to see of it once its opening view is known.

    Whatever a link or a message leaves out is the run's own opening: its picker sends {"run": name} alone.
    """
    for message in ((st.session_state.get(STAGE) or {}).get("view"), st.session_state.get(_LAST)):
        if message is not None:
            try:
                given = {name: value for name, value in dict(message).items() if value is not None}
                return View.from_message(given).run, partial(_with, given)
            except (ViewError, TypeError, ValueError):
                continue  # the stage is ours, but its state travels through the browser
    query = dict(st.query_params)
    return View.from_query(query, View(run="")).run, partial(View.from_query, query)


def _with(given: dict[str, object], first: View) -> View:
    return View.from_message(first.to_message() | given)


def _defaults(listed: Sequence[Listed]) -> list[str]:
    """Names that open; first those with a transformer, which people come to see, and of those the sound ones."""
    usable = [entry for entry in listed if entry.usable]
    usable.sort(key=lambda entry: (not shelf.opened(entry.name).sites, entry.problem is not None))
    return [entry.name for entry in usable]
