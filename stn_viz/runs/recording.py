"""Record a training that is not ours, from its own loop:

    with stn_viz.record("runs/mine", probes=x, labels=y) as recorder:
        for batch in loader:
            ...
            recorder.step(model, loss=loss)

Nobody knows how long it will be, and nothing here may break it: what goes wrong after the first record is said and
skipped, the training goes on.
"""

import platform
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .following import Recording
from .info import RunInfo
from .passing import Forward
from .probing import preparation_of, probes_of
from .situation import check_free, elsewhere


def record(
    path: str | Path,
    *,
    probes: Any,
    labels: Any = None,
    mean: Any = None,
    std: Any = None,
    channel_order: str = "rgb",
    value_range: int = 1,
    classes: Any = (),
    name: str | None = None,
    forward: Forward | None = None,
    most_probes: int = 64,
    overwrite: bool = False,
) -> Recording:
    """Record a training into the folder `path`, a run that the app opens: `with record(...) as recorder:`.

    probes are images as the model gets them, already prepared, followed from the first step to the last; labels their
    class numbers, if it classifies. mean and std (channel_order, value_range) only tell how they were prepared, so that
    the app can show them as pictures. classes are the classes' names. forward(model, U) says how the model is called
    where model(U) is not enough.

    Shapes: probes (n, C, h, w), (n, h, w) or (n, C, d, h, w), torch, numpy or lists; labels (n,); mean, std a number or
            one for each channel.
    Raises: RunError if one of them is not so, or if there is something in the folder (overwrite=True replaces a run).
    """
    path = Path(path)
    made, thinned = probes_of(probes, labels, most=most_probes)
    U = made.U
    info = RunInfo(
        name=name or path.resolve().name,
        source="stn_viz.record",
        task=name or path.resolve().name,
        classes=tuple(str(word) for word in classes),
        network=None,
        seed=None,
        training={},
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        preparation=preparation_of(mean, std, U.shape[1], channel_order=channel_order, value_range=value_range),
        notes=() if thinned is None else (thinned,),
    )
    if not elsewhere():
        check_free(path, overwrite=overwrite)
    if thinned is not None:
        warnings.warn(thinned, stacklevel=2)
    return Recording(path, info, made, forward=forward, overwrite=overwrite, labelled=labels is not None)
