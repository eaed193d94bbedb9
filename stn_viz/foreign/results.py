"""Loss and error as a checkpoint's author wrote them beside the weights."""

import math
import re
from collections.abc import Sequence

from .kinds import Checkpoint

LOSSES = ("loss", "train_loss", "training_loss", "val_loss", "valid_loss", "test_loss")
ERRORS = ("error", "train_error", "val_error", "test_error")
ACCURACIES = ("acc", "accuracy", "val_acc", "val_accuracy", "test_acc", "test_accuracy", "top1", "acc1")
BEST = ("best_acc", "best_accuracy", "best_acc1", "best_prec1", "best_val_acc")
RESULTS = re.compile(r"metric|result|log|stat|eval|valid|test|train|perf")


def loss_of(checkpoint: Checkpoint) -> float:
    """As the file tells it; nan where it does not."""
    return _fact(checkpoint, LOSSES)


def error_of(checkpoint: Checkpoint) -> float:
    """The share of wrong answers, as the file tells it or its accuracy does; nan where neither does."""
    error = _fact(checkpoint, ERRORS)
    accuracy = _fact(checkpoint, (*ACCURACIES, *BEST))
    if math.isfinite(accuracy) and not math.isfinite(error):
        error = 1 - (accuracy / 100 if accuracy > 1 else accuracy)
    return error if 0 <= error <= 1 else math.nan


def by_best(checkpoint: Checkpoint) -> bool:
    """Whether its error is told by the best accuracy so far alone."""
    return math.isnan(_fact(checkpoint, (*ERRORS, *ACCURACIES))) and math.isfinite(_fact(checkpoint, BEST))


def _fact(checkpoint: Checkpoint, names: Sequence[str]) -> float:
    """The first of these numbers that lies beside the weights, at the top or among its results; nan for none."""
    facts: dict[str, float] = {}
    for key, value in checkpoint.facts.items():
        place, _, name = key.lower().rpartition(".")
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if number and (not place or RESULTS.search(place)):
            facts.setdefault(name.replace("-", "_").replace("/", "_"), float(value))
    return next((facts[name] for name in names if name in facts), math.nan)
