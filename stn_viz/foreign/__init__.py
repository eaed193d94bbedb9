"""Other people's trainings: their checkpoint files, read without running anything of them, become runs of ours."""

from typing import TYPE_CHECKING, Any

from .kinds import Checkpoint, Choices, CodeError, ForeignError, Transformer, Weights

if TYPE_CHECKING:
    from .files.reading import checkpoint_files, describe, digest, read_checkpoint

__all__ = [
    "Checkpoint",
    "Choices",
    "CodeError",
    "ForeignError",
    "Transformer",
    "Weights",
    "checkpoint_files",
    "describe",
    "digest",
    "read_checkpoint",
]

_LATER = dict.fromkeys(("checkpoint_files", "describe", "digest", "read_checkpoint"), ".files.reading")


def __getattr__(name: str) -> Any:
    """Load a part at its first use: who needs the words alone does not wait for the rest."""
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(_LATER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
