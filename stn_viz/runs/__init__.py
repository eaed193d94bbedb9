"""A run on disk: one folder that explains itself. Reading needs numpy alone; what needs torch loads it when asked.

run.json says what the run is, probes.npz holds the images that were followed, trace.npz what was recorded of them,
step_000000.safetensors the weights at some of the steps, features.npz what sites deep in the network sample there.
Nothing of these can execute anything. network.pt2, where there is one, is code: it opens by its trusted hash alone.
"""

from typing import TYPE_CHECKING, Any

from .info import FORMAT, Probes, RunError, RunInfo, Site
from .reading import Listed, Run, list_runs, open_run
from .writing import RunWriter

if TYPE_CHECKING:
    from . import sites
    from .recorder import Recorder

__all__ = [
    "FORMAT",
    "Listed",
    "Probes",
    "Recorder",
    "Run",
    "RunError",
    "RunInfo",
    "RunWriter",
    "Site",
    "list_runs",
    "open_run",
    "sites",
]


def __getattr__(name: str) -> Any:
    """Load what needs torch (Recorder, sites) at its first use: the first picture must not wait for torch."""
    from importlib import import_module

    if name == "Recorder":
        return import_module(".recorder", __name__).Recorder
    if name == "sites":
        return import_module(".sites", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
