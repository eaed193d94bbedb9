"""The paper's test errors, and ours beside them: never rounded in our favour, always with the training spent on it."""

import math

from stn_viz.runs.info import RunInfo

TRAINED_ON = 38_400_000
"""Images: 150,000 iterations of 256 (section 4.1, appendix A.4)."""

TASKS = ("r", "rts", "p", "e", "tc")
"""The columns: R, RTS, P and E of table 1, and the cluttered digits of 60 x 60 beside them."""

FAMILIES = ("affine", "projective", "tps")
"""Of table 1. For the cluttered digits the paper names no family."""

_TABLE_1 = {
    "fcn": (2.1, 5.2, 3.1, 3.2),
    "cnn": (1.2, 0.8, 1.5, 1.4),
    "st-fcn affine": (1.2, 0.8, 1.5, 2.7),
    "st-fcn projective": (1.3, 0.9, 1.4, 2.6),
    "st-fcn tps": (1.1, 0.8, 1.4, 2.4),
    "st-cnn affine": (0.7, 0.5, 0.8, 1.2),
    "st-cnn projective": (0.8, 0.6, 0.8, 1.3),
    "st-cnn tps": (0.7, 0.5, 0.8, 1.1),
}
_CLUTTERED = {"fcn": 13.2, "cnn": 3.5, "st-fcn": 2.0, "st-cnn": 1.7}


def error_percent(task: str, network: str, family: str | None = None) -> float | None:
    """The paper's test error in percent, to the one decimal that it prints; None for what it does not have.

    Args:   task as in TASKS; network fcn, cnn, st-fcn or st-cnn; family of the transformer, None of a plain network.
    Source: Jaderberg et al. 2015, table 1; section 4.1 for cluttered digits, whose transformer it does not name.
    """
    if task == "tc":
        return _CLUTTERED.get(network)
    row = _TABLE_1.get(f"{network} {family}" if network.startswith("st-") else network)
    return None if row is None or task not in TASKS else row[TASKS.index(task)]


def percent(wrong: float, images: int) -> str:
    """A share of wrong answers as percent with two decimals, rounded up: of 10,000 images it is exact."""
    # The count first: 0.0073 * 10,000 is 73.00000000000001 in floating point, and would be rounded up to 0.74.
    hundredths = math.ceil(math.ceil(wrong * images - 1e-6) * 10_000 / images)
    return f"{hundredths / 100:.2f}"


def images_seen(info: RunInfo) -> int | None:
    """How many images a finished training of ours was shown; None of any other run."""
    steps, batch = info.training.get("steps"), info.training.get("batch")
    return steps * batch if isinstance(steps, int) and isinstance(batch, int) else None


def reached(info: RunInfo) -> tuple[float, int] | None:
    """Share of wrong answers and the number of test images of a finished training; None of any other run."""
    wrong, images = info.metrics.get("test_error"), info.metrics.get("test_images")
    if info.status != "finished" or not isinstance(wrong, int | float) or not isinstance(images, int):
        return None
    return (float(wrong), images) if 0 <= wrong <= 1 and 0 < images < 2**31 else None


def beside_paper(info: RunInfo) -> str | None:
    """One line: the error that a finished training reached, the paper's beside it, and the training spent on either."""
    result = reached(info)
    if result is None:
        return None
    line = f"test error {percent(*result)} %"
    network, seen = info.network or {}, images_seen(info)
    theirs = error_percent(str(info.task), str(network.get("name")), network.get("family"))
    if theirs is None or info.source != "stn_viz train":
        return f"{line} of {result[1]:,} images"
    spent = (
        "" if seen is None else f"; trained on {seen / 1e6:.1f} of the paper's {TRAINED_ON / 1e6:.1f} million images"
    )
    return f"{line} (paper {theirs} %){spent}"
