"""The questions the app asks of a run: (run, view) -> plain numbers and arrays. No Streamlit; torch only when asked.

A page calls a lens, the live line calls it by its name in LENSES, a test calls it without either. A new lens is one
file here and, if the stage is to ask it while the hand moves, one line in LENSES.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stn_viz.lens.opening import opening
from stn_viz.lens.predictions import predictions
from stn_viz.lens.question import LensError, within
from stn_viz.lens.theta_over_time import ThetaOverTime, theta_over_time
from stn_viz.runs import Run
from stn_viz.view import View

LENSES: Mapping[str, Callable[[Run, View], dict[str, Any]]] = {"predictions": predictions}
"""What the live line may ask, by name; each answers with what JSON can hold: finite numbers, lists and text."""

__all__ = ["LENSES", "LensError", "ThetaOverTime", "opening", "predictions", "theta_over_time", "within"]
