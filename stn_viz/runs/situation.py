"""What a recorder finds where it is called: the folder, the processes, the model, a loss."""

from pathlib import Path

import torch
from torch import Tensor, nn

from .info import RunError

NO_SITE = (
    "No transformer was found: no grid_sample, affine_grid or kornia warp ran while the network saw the probes in eval "
    "mode. If model(U) does not reach it, say how it is called: record(..., forward=lambda model, U: model.stn(U)); if "
    "it samples by a function of its own, call torch's grid_sample there."
)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Raises: RunError if a new run cannot have this folder for its own."""
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file. Choose a folder for the run.")
    if (path / "run.json").exists():
        if not overwrite:
            raise RunError(f"{path} already holds a run. Choose another folder, or replace it with overwrite=True.")
    elif path.is_dir() and any(path.iterdir()):
        raise RunError(f"{path} holds other things than a run. Choose a folder of its own for it: {path / 'mine'}.")


def check_model(model: object) -> None:
    """Raises: RunError if this is no model, or one whose weights no single process has."""
    if not isinstance(model, nn.Module):
        raise RunError(
            f"step takes the model (an nn.Module) first, then loss=...; it was given {type(model).__name__}."
        )
    if any("FullyShardedDataParallel" in type(module).__name__ for module in model.modules()) or any(
        type(parameter).__name__ == "DTensor" for parameter in model.parameters()
    ):
        raise RunError(
            "The model's weights are sharded over several processes (FSDP), so no single one can pass the probes. "
            "Record a training with DataParallel or DistributedDataParallel, or import its checkpoints."
        )


def elsewhere() -> bool:
    """Whether another process of the same training is the one that records."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_rank() != 0


def scalar(value: Tensor | float | None) -> Tensor | float | None:
    """A loss or an error as one number, on its device."""
    if isinstance(value, Tensor):
        return value.detach().float().mean() if value.numel() != 1 else value.detach().reshape(())
    return None if value is None else float(value)


def weights_version(model: nn.Module) -> int | None:
    """A number that changes with every update of the weights; None where torch does not count."""
    try:
        return sum(parameter._version for parameter in model.parameters())
    except RuntimeError:  # tensors made in inference mode
        return None


def weights_size(model: nn.Module) -> int:
    """About how many bytes one snapshot of the model takes, rounded to float16."""
    tensors = [tensor for tensor in model.state_dict().values() if isinstance(tensor, Tensor)]
    return sum(tensor.numel() * min(tensor.element_size(), 2) for tensor in tensors)


def at_first(error: Exception, shape: tuple[int, ...]) -> RunError:
    """What to say when not even the first record could be made."""
    if isinstance(error, RunError):
        return error
    words = next(iter(str(error).splitlines()), "")[:300]
    if isinstance(error, torch.OutOfMemoryError):
        return RunError(f"There is no memory left for the probes {shape} ({words}). Record with fewer: most_probes=16.")
    return RunError(
        f"The network cannot be called with the probes {shape}: {type(error).__name__}: {words}. Give probes as the "
        "model gets them, or say how it is called: record(..., forward=lambda model, U: model(U, other))."
    )
