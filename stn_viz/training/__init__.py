"""The loop, its schedule, what lets it go on, and the command line (`command.main`)."""

from typing import TYPE_CHECKING, Any

from stn_viz.training.settings import Settings

if TYPE_CHECKING:
    from stn_viz.training.loop import Outcome, train

__all__ = ["Outcome", "Settings", "train"]


def __getattr__(name: str) -> Any:
    """Load the loop, and torch with it, at its first use: --help does not wait for torch."""
    if name in ("Outcome", "train"):
        from stn_viz.training import loop

        return getattr(loop, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
