import numpy as np
import torch

from stn_viz.runs import RunInfo, Site

N, K, P = 5, 3, 6


def an_info(**changes) -> RunInfo:
    settings = {
        "name": "mine",
        "source": "stn_viz train",
        "task": "rts",
        "classes": ("0", "1", "2"),
        "network": {"name": "st-cnn", "family": "affine"},
        "seed": 3,
        "training": {"steps": 40},
    }
    return RunInfo(**(settings | changes))


def a_site(**changes) -> Site:
    settings = {
        "name": "transformer",
        "family": "affine",
        "options": {},
        "kernel": "bilinear",
        "padding": "border",
        "align_corners": False,
        "input_size": (9, 7),
        "output_size": (4, 6),
        "channels": 1,
    }
    return Site(**(settings | changes))


def a_basis() -> dict[str, torch.Tensor]:
    return {"identity": torch.tensor([1.0, 0, 0, 0, 1, 0]), "b": torch.zeros(24, 3)}


def a_row(step: int) -> dict:
    """A row of the trace with values that tell their step."""
    return {
        "step": step,
        "images": 10 * step,
        "loss": 1 / (1 + step),
        "error": 0.5,
        "rate": 1e-3,
        "thetas": {0: np.full((N, P), step / 8)},
        "probe_loss": np.full(N, step / 4),
        "probabilities": np.full((N, K), 0.25),
    }
