"""The form beside its live picture: what shapes cannot tell, and what becomes of the first probe image by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from stn_viz import live
from stn_viz.foreign import Choices, ForeignError, Transformer
from stn_viz.pages import choosing, naming, previewing
from stn_viz.pages.cards import card, texts
from stn_viz.runs import RunError

if TYPE_CHECKING:
    from stn_viz.foreign.probes import ProbeImages
    from stn_viz.foreign.recognising import Recognised


@dataclass(frozen=True, eq=False)
class Wish:
    """What is to be imported, how, and by which name. `transformers` is empty where a whole network answers.

    left_out: files that could not be replayed, filled while it is carried out: (name, sentence).
    """

    name: str
    recognised: "Recognised"
    transformers: tuple[Transformer, ...]
    channels: int
    choices: Choices
    probes: bytes | None
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def carry_out(self, out: Path, progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> Path:
        """Write the run; with torch, so it belongs in the engine's turn.

        Raises: RunError with the sentence why nothing was written.
        """
        from stn_viz.foreign.importing import import_run

        return import_run(
            self.recognised,
            out,
            transformer=self.transformers or None,
            choices=self.choices,
            probes=self.images(),
            progress=progress,
            cancelled=cancelled,
            problem=lambda path, sentence: self.left_out.append((path.name, sentence)),
        )

    def images(self) -> "ProbeImages":
        """The probe images, prepared as the network wants them. Raises: RunError if those given do not fit."""
        from stn_viz.foreign.probes import make_probes

        return make_probes(size=self.choices.size, channels=self.channels, choices=self.choices, source=self.probes)


def form_with_preview(
    recognised: "Recognised",
    number: int,
    source: str,
    above: Callable[[], None],
    write: Callable[[Wish], None],
    again: Callable[[tuple[int, ...]], None],
) -> None:
    """A fragment: each field that changes draws the picture anew, and nothing else.

    `above` draws what stands above the form, beside the picture, which stays in sight. `write` begins the import; what
    it raises (RunError) stands below the button. `again` looks into the files once more, for an input of another
    size than their shapes seem to allow.
    """
    key = f"import {number}"
    left, right = st.columns([3, 2], gap="large")
    with left:
        above()
        what = "the file" if recognised.model is not None else "shapes"
        st.html(f'<h2 class="stn-title">What {what} cannot tell</h2>')
    fault = ""
    choices: Choices | None = None
    with left, st.container(key="import-form"):
        transformers = _transformers(recognised, key)
        first, note = (transformers[0], None) if transformers else _whole(recognised, key)
        told = [*map(choosing.described, transformers), *([note] if note else []), *first.notes]
        if told:
            st.html(texts(told))
        try:
            choices = choosing.form(first, f"{key} {first.place} {first.name}", whole=not transformers)
        except ForeignError as error:
            fault = str(error)
        given = st.file_uploader(
            "probe images of yours, .npz, 200 MB at most (without, ours are used)",
            type="npz",
            max_upload_size=200,
            key=f"{key} probes",
        )
    wish = None
    with right, st.container(key="import-preview"):
        if choices is None:
            _unseen(key, fault)
        else:
            wish = Wish("", recognised, transformers, first.channels, choices, given.getvalue() if given else None)
            _picture(wish, key)
        if choices is not None and transformers and choices.size not in first.sizes and not _fits(first, choices.size):
            size = " × ".join(map(str, choices.size))
            if st.button(f"Look again, for an input of {size}", key=f"{key} again"):
                again(choices.size)
                st.rerun()
    # Below the picture, which stays in sight: so does the way on, and what is wrong with it.
    with right, st.container(key="import-go"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input(
                "name of the run", naming.suggested(source), key=f"{key} name", persist_state="session", max_chars=80
            )
            asked = st.button("Import", type="primary", key=f"{key} import", disabled=wish is None)
        if not asked or wish is None:
            return
        try:
            write(replace(wish, name=name.strip()))
        except RunError as error:
            st.html(f'<div role="alert">{card("fault", str(error), word="Not possible")}</div>')
            return
    st.rerun()


def _picture(wish: Wish, key: str) -> None:
    """U with the grid, V and theta of the first probe image, or the sentence why there is none."""
    try:
        html, suspicions, notes = live.engine.submit(lambda: _previewed(wish)).result()
    except RunError as error:
        _unseen(key, str(error))
        return
    st.session_state[f"{key} drawn"] = html
    st.html(html)
    st.html(texts([_shown(wish)]))
    for suspicion in suspicions:
        st.html(f'<div role="status">{card("warning", suspicion, word="Suspicious")}</div>')
    if notes:
        st.html(texts(list(notes)))


def _shown(wish: Wish) -> str:
    """Of which picture, checkpoint and transformer the drawing is."""
    numbers, many = wish.recognised.numbers, len(wish.transformers) > 1
    when = f" at {wish.recognised.counter} {numbers[-1]:,}" if len(numbers) > 1 else ""
    which = f", through {wish.transformers[0].name}; the form holds for all" if many else ""
    return f"The first probe image{when}{which}."


def _unseen(key: str, fault: str) -> None:
    """Why there is no picture; the last one stays, pale, so that nothing jumps while somebody types."""
    if last := st.session_state.get(f"{key} drawn"):
        st.html(f'<div class="stn-past" aria-hidden="true">{last}</div>')
    st.html(f'<div role="status">{card("fault", fault, word="Not possible")}</div>')


def _previewed(wish: Wish) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """In the engine's thread: the drawing, what is suspected of each transformer, what was done to the probes."""
    from stn_viz.foreign.preview import preview

    probes = wish.images()
    seen = [preview(wish.recognised, each, wish.choices, probes) for each in wish.transformers or (None,)]
    first = seen[0]
    html = previewing.drawn(first.U, first.V, first.grid, theta=first.theta, family=first.family, choices=wish.choices)
    names = [f"{each.name}: " if len(seen) > 1 else "" for each in wish.transformers] or [""]
    said = [f"{name}{one.suspicion}" for name, one in zip(names, seen, strict=True) if one.suspicion]
    return html, tuple(said), probes.notes


def _fits(transformer: Transformer, size: Sequence[int]) -> bool:
    from stn_viz.foreign.shapes.finding import fits

    return fits(transformer, size)


def _transformers(recognised: "Recognised", key: str) -> tuple[Transformer, ...]:
    """Those to import: all that read the same image, or one of them; none where the whole network answers."""
    if recognised.model is not None:
        return ()
    from stn_viz.foreign.replay import beside_each_other

    found = recognised.transformers
    together = beside_each_other(found)
    ways = [*([together] if len(together) > 1 else []), *((each,) for each in found)]
    return ways[choosing.which([_way(way) for way in ways], key)]


def _way(way: Sequence[Transformer]) -> str:
    if len(way) > 1:
        return f"{len(way)} that read the same image: {', '.join(each.name for each in way)}"
    return choosing.described(way[0])


def _whole(recognised: "Recognised", key: str) -> tuple[Transformer, str | None]:
    """What the form of a whole network begins with: only what is done to its images is asked. And what was guessed."""
    held = f"{key} input"
    if held not in st.session_state:
        st.session_state[held] = live.engine.submit(lambda: _input(recognised)).result()
    channels, size, guessed = st.session_state[held]
    stand_in = Transformer(
        name="",
        place="",
        layers=(),
        outputs=0,
        readings=(),
        channels=channels,
        sizes=(),
        known=None,
        choices=Choices(size=size),
    )
    return stand_in, guessed


def _input(recognised: "Recognised") -> tuple[int, Any, str | None]:
    from stn_viz.foreign.sizing import input_of

    try:
        return input_of(recognised)
    except RunError as error:
        return 1, (28, 28), str(error)
