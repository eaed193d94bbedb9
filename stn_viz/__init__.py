"""STN Viz: see and touch a Spatial Transformer Network. Importing this is light; torch comes with what needs it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runs.recording import record

__all__ = ["record"]


def __getattr__(name: str) -> Any:
    """Load `record`, and torch with it, at its first use: the app's first picture must not wait for torch."""
    if name == "record":
        from .runs.recording import record

        return record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
