"""Import: choose files, see what was recognised, correct it, write a run, open it. Each step stands below the last."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import streamlit as st

from stn_viz import live, shelf
from stn_viz.foreign import ForeignError
from stn_viz.pages import correcting, doctoring, found, here, naming, session, taking
from stn_viz.pages.cards import card, literal, texts
from stn_viz.pages.jobs import Job
from stn_viz.runs import RunError, trust

if TYPE_CHECKING:
    from stn_viz.foreign.recognising import Recognised

STATE = "import"
"""Key of the session's import, and of its token in the address."""

POLL_SECONDS = 0.4


@dataclass(eq=False)
class Import:
    """One import of this session. It is kept while the page is left, and so are its jobs.

    token: by which the page finds it again when it was reloaded, which is a new session for Streamlit.
    source: in words, what is looked at. kept: the temporary folder of dropped files. number: of the session's imports,
    so that each has fields of its own. look: the job that recognises. writing: the job that writes the run `name`, as
    `wish` has it.
    """

    source: str
    paths: tuple[Path, ...]
    kept: "TemporaryDirectory[str] | None"
    number: int
    look: Job
    writing: Job | None = None
    name: str = ""
    wish: correcting.Wish | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))


_begun: WeakValueDictionary[str, Import] = WeakValueDictionary()  # as long as the session that began it is kept
_numbers = count(1)


def is_begun() -> bool:
    """Whether this session is in the midst of one, also if its page was reloaded in between."""
    given = _given()
    return given is not None and (given.writing is None or given.writing.state != "done")


def _given() -> Import | None:
    given: Import | None = st.session_state.get(STATE)
    if given is None and (given := _begun.get(st.query_params.get(STATE, ""))) is not None:
        st.session_state[STATE] = given
    return given


def section() -> None:
    """The whole of it, as far as it has come."""
    given = _given()
    if given is None:
        _where()
        return
    st.query_params[STATE] = given.token
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="stn-text">{escape(given.source)}</p>', width="stretch")
        if not (given.writing is not None and given.writing.running):
            st.button("Choose others", key="choose others", on_click=_forget)
    if given.look.running:
        st.fragment(_waiting, run_every=POLL_SECONDS)(given.look, "Looking into the files", "file")
        return
    if given.look.state != "done":
        _say(given.look.error or "Stopped before all files were looked at.")
        return
    recognised = given.look.result
    if given.writing is not None and given.writing.running:
        st.fragment(_waiting, run_every=POLL_SECONDS)(given.writing, f"Writing the run {given.name}", "checkpoint")
        return
    if given.writing is not None and given.writing.state == "done":
        _written(given)
        return
    if given.writing is not None:
        stopped = "Stopped. Nothing was written; the import can be started again."
        _say(given.writing.error or stopped)
    formed = bool(recognised.transformers) or (recognised.model is not None and bool(recognised.checkpoints))
    if not formed:
        found.show(recognised)
        _asking(given, recognised)
    if recognised.tree is not None:
        st.html(f'<h2 class="stn-title">What is in it</h2><pre class="stn-tree">{escape(recognised.tree)}</pre>')
    if formed:
        st.fragment(correcting.form_with_preview)(
            recognised,
            given.number,
            naming.called(given.paths),
            lambda: _found(given, recognised),
            lambda wish: _write(given, wish),
            lambda size: _look_again(given, size),
        )


def look_into(source: str, paths: Sequence[Path], kept: "TemporaryDirectory[str] | None" = None) -> None:
    """Begin to recognise what lies there."""
    look = Job(lambda job: _look(job, paths, None))
    given = Import(source=source, paths=tuple(paths), kept=kept, number=next(_numbers), look=look)
    st.session_state[STATE] = _begun[given.token] = given


def _where() -> None:
    local = here.is_here()
    st.html(
        '<p class="stn-text">Checkpoints of any PyTorch model: .pt, .pth, .ckpt, .bin, .safetensors, .npz, several of '
        "one training or one alone. They are read without running anything of them, and replayed on a few images into "
        "a run that the workbench opens.</p>"
    )
    with st.form("where", border=False, enter_to_submit=True):
        path = ""
        left, right = st.columns(2)
        with left:
            if local:
                path = st.text_input("folder or file on this machine", placeholder="~/trainings/my-stn", key="path")
            else:
                st.html(texts([here.NOT_HERE]))
        with right:
            files = st.file_uploader(
                "or drop files here, 1 GB in all",
                accept_multiple_files=True,
                max_upload_size=taking.MOST_BYTES // 2**20,
                key="files",
            )
        asked = st.form_submit_button("Look", type="primary")
    if not asked:
        return
    try:
        if files:
            kept, paths = taking.keep(files)
            names = ", ".join(path.name for path in paths[:3]) + (
                f" and {len(paths) - 3} more" if len(paths) > 3 else ""
            )
            look_into(f"Dropped: {names}", paths, kept)
        elif path and local:
            whole = taking.given_path(path)
            look_into(str(whole), [whole])
        else:
            raise ForeignError("Type a folder or drop files first." if local else "Drop some files first.")
    except ForeignError as error:
        _say(str(error))
        return
    st.rerun()


def _look_again(given: Import, size: tuple[int, ...] | None) -> None:
    given.look = Job(lambda job: _look(job, given.paths, size))


def _look(job: Job, paths: Sequence[Path], size: tuple[int, ...] | None) -> "Recognised | None":
    with job.computing():
        if live.engine.problem is not None:
            raise ForeignError(live.engine.problem)
        from stn_viz.foreign.recognising import recognise

        recognised = recognise(paths, size=size, progress=job.progress, cancelled=job.cancelled)
    return None if job.cancelled() else recognised


def _waiting(job: Job, what: str, unit: str) -> None:
    """Progress and a way to stop; polled until the job has ended, then the whole page is run again."""
    if not job.running:
        st.rerun()
    done, total = min(job.done, job.total), job.total
    words = f"{what}: {unit} {done + 1} of {total}" if done < total else f"{what} …"
    st.progress(done / total if total else 0.0, "Stopping …" if job.cancelled() else words)
    if st.button("Cancel", key="cancel", disabled=job.cancelled()):
        job.cancel()


def _found(given: Import, recognised: "Recognised") -> None:
    found.show(recognised)
    _asking(given, recognised)


def _asking(given: Import, recognised: "Recognised") -> None:
    """Files that are code: a yes for each, given here or nowhere."""
    local = here.is_here()
    for path, error in recognised.waiting:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(card("asks", session.with_name(path.name, str(error))), width="stretch")
            if local and st.button(
                "Yes, open it", key=f"yes {error.digest}", help=f"for this very file: {literal(path.name)}"
            ):
                try:
                    trust.trust(error.digest, f"{path.name}, to be imported")
                except RunError as fault:
                    _say(str(fault))
                    continue
                _look_again(given, None)
                st.rerun()
    if recognised.waiting and not local:
        st.html(texts([here.NOT_HERE]))


def _write(given: Import, wish: correcting.Wish) -> None:
    """Begin to write the run. Raises: ForeignError if its name cannot be taken."""
    if given.writing is not None and given.writing.running:
        return  # a second click
    out = naming.destination(wish.name)

    def work(job: Job) -> Path:
        with job.computing():
            return wish.carry_out(out, job.progress, job.cancelled)

    given.name, given.wish, given.writing = wish.name, wish, Job(work)


def _written(given: Import) -> None:
    """The run is there: open it, what was assumed for it, and what the doctor says of it."""
    shelf.look_again()
    assert given.writing is not None
    stopped = given.writing.cancelled()
    how = f"stopped after {given.writing.done} of {given.writing.total} checkpoints" if stopped else "complete"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(card("well", f"The run {given.name} is in the list, {how}.", word="Imported"), width="stretch")
        if st.button("Open", type="primary", key="open imported"):
            session.open_on_workbench({"run": given.name})
    found.left_out(given.wish.left_out if given.wish is not None else [])
    try:
        notes = shelf.opened(given.name).info.notes
    except RunError:
        notes = ()  # the panel says why
    if notes:
        with st.expander("What was stripped, stood in for and assumed"):
            st.html(texts(list(notes)))
    doctoring.panel(given.name)


def _forget() -> None:
    given: Import | None = st.session_state.pop(STATE, None)
    st.query_params.pop(STATE, None)
    if given is None:
        return
    _begun.pop(given.token, None)
    given.look.cancel()
    if given.kept is not None and not given.look.running:
        given.kept.cleanup()  # else it goes with the job that still reads it


def _say(sentence: str) -> None:
    st.html(f'<div role="alert">{card("fault", sentence, word="Not possible")}</div>')
