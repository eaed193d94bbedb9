"""The questions the app asks of a run: (run, view) -> plain numbers and arrays. No Streamlit; torch only when asked.

A page calls a lens, the live line calls it by its name in LENSES, a test calls it without either. A new lens is one
file here and, if the stage is to ask it while the hand moves, one line in LENSES.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.opening import opening
from stn_viz.lens.predictions import predictions
from stn_viz.lens.question import LensError, within
from stn_viz.lens.site_input import site_input
from stn_viz.lens.theta_over_time import ThetaOfAll, ThetaOverTime, has_gauge, theta_of_all, theta_over_time
from stn_viz.runs import Run
from stn_viz.view import View


class Lens(Protocol):
    """What the live line may ask: of a run and a view, and of an image U (C, H, W), 0 to 1, that the run has not."""

    def __call__(self, run: Run, view: View, U: NDArray[np.float32] | None = None) -> dict[str, Any]:
        """Answer with what JSON can hold: finite numbers, lists and text."""


LENSES: Mapping[str, Lens] = {"predictions": predictions, "site_input": site_input}
"""The lenses of the live line, by name."""

__all__ = [
    "LENSES",
    "LensError",
    "ThetaOfAll",
    "ThetaOverTime",
    "has_gauge",
    "opening",
    "predictions",
    "site_input",
    "theta_of_all",
    "theta_over_time",
    "within",
]
