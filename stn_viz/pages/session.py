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
ROOM = "learning room"
"""Keys of the two components that show a run; the state `view` of each is what it shows at rest."""

WORKBENCH = "stn_viz/pages/workbench.py"
LEARNING = "stn_viz/pages/learning.py"
RUNS = "stn_viz/pages/runs.py"
"""The pages, by the names that st.switch_page takes."""

PAGES = {"workbench": WORKBENCH, "learning": LEARNING, "runs": RUNS}
"""The same, by the words that a component says."""

_LAST = "last view"
_HANDED = "handed view"
_HANDED_TO = "component it was handed to"


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
            run = shelf.opened(name).load()
        except RunError as error:
            problems.append(with_name(name, str(error)))
            continue
        first = opening(run)
        # What was asked of a run that does not open says nothing about another one.
        view = within(run, view_from(first), first) if name == asked or not asked else first
        st.session_state[_LAST] = view.to_message()
        return run, view, problems
    return None


def view_to_hand_over(view: View, of: str = STAGE) -> View:
    """The view that a component (`of`: its key) is given: the one it began with, until the run changes or it is left.

    The stage is ahead of Python while a hand moves; its own view of a moment ago must not come back to it.
    """
    handed: View | None = st.session_state.get(_HANDED)
    # The browser's own Back leaves a page without a word: then the other page's component has begun since.
    if handed is None or handed.run != view.run or st.session_state.get(_HANDED_TO) != of:
        st.session_state[_HANDED], st.session_state[_HANDED_TO] = view, of
        return view
    return handed


def leave_run() -> None:
    """Say, on leaving a page that shows a run, that its component is gone: mounted anew, it begins where it was."""
    st.session_state.pop(_HANDED, None)


def open_on_workbench(view: Mapping[str, object]) -> NoReturn:
    """Go to the workbench and show there what the message of a view says; {"run": name} alone is its opening."""
    leave_run()
    st.session_state[_LAST] = dict(view)
    st.switch_page(WORKBENCH)


def go_to(page: str) -> NoReturn:
    """Go from a page that shows a run to another one, which begins with what was shown here last."""
    leave_run()
    st.switch_page(page)


def with_name(name: str, sentence: str) -> str:
    """The sentence, which says of which run it speaks."""
    named = sentence.startswith(f"{name} ") or repr(name) in sentence
    return sentence if named else f"{name[:80]}: {sentence}"


def _asked() -> tuple[str, Callable[[View], View]]:
    """The name of the run asked for ("" for none), and what to see of it once its opening view is known.

    Whatever a link or a message leaves out is the run's own opening: its picker sends {"run": name} alone.
    """
    told = [(st.session_state.get(key) or {}).get("view") for key in (STAGE, ROOM)]
    for message in (*told, st.session_state.get(_LAST)):
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
