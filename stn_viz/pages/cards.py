"""Sentences on the Runs page: each with a colour, a sign and a word, of which the words alone are enough."""

import re
from html import escape

KINDS = {
    "fault": ("✕", "Fault"),
    "warning": ("!", "Warning"),
    "note": ("i", "Note"),
    "asks": ("?", "Holds code"),
    "well": ("✓", "Nothing found"),
}


def card(kind: str, sentence: str, *more: str, word: str | None = None) -> str:
    """One piece of HTML. `sentence` and `more`, lines below it, are plain text; `word` stands for the kind's own."""
    sign, usual = KINDS[kind]
    below = "".join(f'<p class="stn-muted">{escape(line)}</p>' for line in more)
    return (
        f'<div class="stn-card {kind}"><p><span class="kind"><span class="sign" aria-hidden="true">{sign}</span>'
        f"{escape(usual if word is None else word)}</span>{escape(sentence)}</p>{below}</div>"
    )


def literal(words: str) -> str:
    """The words where Markdown is taken, as they stand: no stranger's name becomes a picture or a link."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(words.split()))


def texts(lines: list[str]) -> str:
    """Quiet sentences, one below the other."""
    return "".join(f'<p class="stn-text muted">{escape(line)}</p>' for line in lines)
