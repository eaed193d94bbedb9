"""What accuracy hides: the questions about a whole training, asked by the Learning page and by the workbench's film.

Each is a module here with `answer(run, view, options) -> Answer`, and one line in MODULES. A page asks by address
(`stn_viz/asks.py`), a test calls `ask` without either.
"""

from collections.abc import Mapping
from importlib import import_module

from stn_viz.lens.learning.answer import Answer
from stn_viz.lens.question import LensError
from stn_viz.runs import Run, RunError
from stn_viz.view import View

MODULES: Mapping[str, str] = {
    "congealing": "mean and variance of V per class at one snapshot",
    "sharpness": "how sharp those means are, a number for each recorded step",
    "pose": "true pose and what the transformer undid of it, for every image at one step",
    "response": "theta while one image is turned, scaled or shifted, at several snapshots",
    "inside": "the localisation network layer by layer for one image at one snapshot",
    "errors": "labels, answers and theta of a part of the test set at one snapshot",
    "saving": "whether another theta would have saved images that the network gets wrong",
    "iteration": "one image's iteration taken apart: localise, grid, sample, classify, loss, gradient back",
}
"""The lenses over a training, by name, each with what it answers; the module of the same name gives the answer."""


def ask(run: Run, view: View, name: str, options: Mapping[str, str]) -> Answer:
    """The answer of one lens; `options` are its own words, checked by it.

    Raises: LensError if there is no such lens, or the run has not what it needs.
    """
    if name not in MODULES:
        raise LensError(f"There is no lens {name[:40]!r} over a training. There are: {', '.join(MODULES)}.")
    try:
        answered: Answer = import_module(f"{__name__}.{name}").answer(run, view, options)
    except RunError as error:
        raise LensError(str(error)) from error
    return answered


__all__ = ["MODULES", "Answer", "ask"]
