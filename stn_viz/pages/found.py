"""What was recognised in somebody's files, on the page: checkpoints in order, notes, and what was left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from stn_viz.foreign import Checkpoint
from stn_viz.pages.cards import card, texts

if TYPE_CHECKING:
    from stn_viz.foreign.recognising import Recognised

MOST_ROWS = 200


def show(recognised: "Recognised") -> None:
    """What was found, in order; below it what could not be used, a sentence each."""
    count = len(recognised.checkpoints)
    nothing = "Nothing opened yet" if recognised.waiting else "Nothing that can be imported"
    title = f"{count} checkpoint{'' if count == 1 else 's'} recognised" if count else nothing
    st.html(f'<h2 class="stn-title">{title}</h2>')
    if recognised.checkpoints:
        st.html(_table(recognised))
    notes = [*recognised.notes, *_shared_notes(recognised)]
    if recognised.model_name:
        notes.insert(0, f"The whole network comes from {recognised.model_name}, so its classifier answers too.")
    if notes:
        st.html(texts(notes))
    if recognised.problems:
        left_out([(path.name, sentence) for path, sentence in recognised.problems])


def _table(recognised: "Recognised") -> str:
    """What stands beside the weights has a column only where something does."""
    facts = [_facts(checkpoint.facts, recognised.counter) for checkpoint in recognised.checkpoints]
    rows = [
        f'<tr><td class="file">{escape(checkpoint.path.name)}</td><td class="kind">{escape(checkpoint.kind)}</td>'
        f'<td class="number">{number:,}</td><td class="number">{_parameters(checkpoint):,}</td>'
        f"{f'<td>{escape(beside)}</td>' if any(facts) else ''}</tr>"
        for checkpoint, number, beside in zip(recognised.checkpoints, recognised.numbers, facts, strict=False)
    ]
    more = f'<p class="stn-text muted">and {len(rows) - MOST_ROWS} more</p>' if len(rows) > MOST_ROWS else ""
    head = (
        f'<tr><th>file</th><th class="kind">kind</th><th class="number">{escape(recognised.counter)}</th>'
        f'<th class="number">parameters</th>{"<th>beside the weights</th>" if any(facts) else ""}</tr>'
    )
    table = f'<table class="stn-table">{head}{"".join(rows[:MOST_ROWS])}</table>'
    return f'<div class="stn-scroll" tabindex="0" role="region" aria-label="checkpoints">{table}{more}</div>'


def _parameters(checkpoint: Checkpoint) -> int:
    return sum(tensor.numel() for tensor in checkpoint.weights[0].tensors.values()) if checkpoint.weights else 0


def _facts(facts: Mapping[str, int | float | str], counter: str) -> str:
    words = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in facts.items()
        if name != counter
    ]
    return ", ".join(words[:4])[:160]


def _shared_notes(recognised: "Recognised") -> list[str]:
    """Notes of the files, each once, with how many of several files it holds for."""
    count = Counter(note for checkpoint in recognised.checkpoints for note in dict.fromkeys(checkpoint.notes))
    total = len(recognised.checkpoints)
    return [note if times == total else f"{note} ({times} of {total} files)" for note, times in count.items()][:12]


def left_out(files: Sequence[tuple[str, str]]) -> None:
    """Files that could not be used, a sentence each."""
    told = [sentence if name in sentence else f"{name}: {sentence}" for name, sentence in files]
    if len(told) == 1:
        st.html(card("warning", told[0], word="Left out"))
    elif told:
        shown = card("warning", "", *told[:MOST_ROWS], word=f"{len(told)} files left out")
        st.html(f'<div class="stn-scroll" tabindex="0" role="region" aria-label="files left out">{shown}</div>')
