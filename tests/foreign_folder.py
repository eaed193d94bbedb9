"""Runs as an import leaves them, by hand: a grid of no family, several sites, one deep in the network, one record."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from stn_viz.transformer import family
from stn_viz.transformer.drawing import drawing_basis

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def site(
    name: str, family_name: str | None, input_size: list[int], output_size: list[int], **more: Any
) -> dict[str, Any]:
    plain = {"options": {}, "kernel": "bilinear", "padding": "zeros", "align_corners": False, "channels": 1}
    return (
        plain
        | {
            "name": name,
            "family": family_name,
            "input_size": input_size,
            "output_size": output_size,
            "on_image": True,
        }
        | more
    )


def write_run(
    path: Path, sites: list[dict[str, Any]], probes: np.ndarray, columns: dict[str, Any], **info: Any
) -> Path:
    """The documented files, and nothing of the writer's."""
    path.mkdir(parents=True)
    run = {"format": 1, "name": path.name, "source": "a test", "task": path.name, "sites": sites, "status": "finished"}
    (path / "run.json").write_text(json.dumps(run | info))
    np.savez(path / "probes.npz", U=probes, labels=np.full(len(probes), -1))
    np.savez(path / "trace.npz", **columns)
    for index, one in enumerate(sites):
        if one["family"] is not None:
            made = family(one["family"], size=tuple(one["output_size"]), align_corners=one["align_corners"])
            tensors = {name: tensor.contiguous() for name, tensor in drawing_basis(made).items()}
            save_file(tensors, path / f"basis_{index}.safetensors")
    return path


def blobs(n: int, channels: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Smooth pictures from 0 to 1, (n, channels, height, width)."""
    few = torch.rand(n, channels, 5, 6, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(few, (height, width), mode="bilinear", align_corners=True)


def raw(path: Path, records: int = 3) -> Path:
    """Site 0's grid is of no family: a wave that grows with the epoch. No loss, no error, no classes."""
    y, x = torch.meshgrid((torch.arange(12) + 0.5) / 6 - 1, (torch.arange(14) + 0.5) / 7 - 1, indexing="ij")
    grids = []
    for record in range(records):
        rows = []
        for image in range(3):
            wave = 0.12 * (record + 1) * torch.sin(3 * x + image)
            rows.append(torch.stack([0.8 * x + 0.1 * image, 0.7 * y + wave], -1))
        grids.append(torch.stack(rows))
    columns = {"step": 10 * np.arange(records), "grid_0": torch.stack(grids).half().numpy()}
    return write_run(
        path, [site("flow", None, [20, 24], [12, 14])], blobs(3, 1, 20, 24).numpy(), columns, counter="epoch"
    )


def pair(path: Path) -> Path:
    """Two affine sites and a raw one over the same normalised colour image."""
    P = blobs(3, 3, 24, 24, seed=1)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    zoom = torch.tensor([0.5, 0.0, -0.4, 0.0, 0.5, -0.3])
    turn = torch.tensor([0.45, -0.2, 0.45, 0.2, 0.45, 0.35])
    steps = torch.arange(3).view(3, 1, 1)
    identity = torch.tensor([1.0, 0, 0, 0, 1, 0])
    shift = torch.zeros(1, 3, 6)
    shift[0, :, 2] = torch.tensor([0.0, 0.1, -0.1])
    way = [identity + (end - identity) * (steps + 1) / 3 + shift for end in (zoom, turn)]
    y, x = torch.meshgrid((torch.arange(10) + 0.5) / 5 - 1, (torch.arange(10) + 0.5) / 5 - 1, indexing="ij")
    bent = torch.stack([0.4 * x - 0.3 + 0.1 * y**2, 0.4 * y + 0.45 - 0.1 * x**2], -1).expand(3, 3, 10, 10, 2)
    columns = {
        "step": 100 * np.arange(3),
        "theta_0": way[0].numpy(),
        "theta_1": way[1].numpy(),
        "grid_2": bent.half().numpy(),
    }
    sites = [
        site("stn.head", "affine", [24, 24], [16, 16], channels=3),
        site("stn.body", "affine", [24, 24], [12, 12], channels=3, padding="border"),
        site("stn.flow", None, [24, 24], [10, 10], channels=3),
    ]
    preparation = {"mean": MEAN, "std": STD, "channel_order": "rgb", "value_range": 1}
    return write_run(path, sites, ((P - mean) / std).numpy(), columns, preparation=preparation)


def deep(path: Path) -> Path:
    """Site 1 samples a map of 64 channels, kept at two snapshots as three components."""
    identity = np.array([1, 0, 0, 0, 1, 0], np.float32)
    theta = np.broadcast_to(identity, (4, 2, 6)).copy()
    theta[:, :, 2] = 0.1 * np.arange(4)[:, None]
    theta[:, :, 0] = theta[:, :, 4] = 0.8
    rng = np.random.default_rng(0)
    features = 4 * rng.standard_normal((2, 2, 3, 9, 8)).astype(np.float16)
    columns = {
        "step": np.array([0, 400, 800, 1200]),
        "theta_0": theta,
        "theta_1": theta,
        "loss": np.linspace(2, 0.5, 4),
        "error": np.linspace(0.9, 0.1, 4),
    }
    sites = [
        site("first", "affine", [20, 20], [14, 14]),
        site("second", "affine", [9, 8], [6, 7], channels=64, on_image=False),
    ]
    write_run(path, sites, blobs(2, 1, 20, 20, seed=2).numpy(), columns)
    np.savez(
        path / "features.npz", step=np.array([0, 800]), features_1=features, projection_1=np.zeros((3, 64), np.float32)
    )
    return path


def make_folder(folder: Path) -> Path:
    """All of them, in one folder for STN_VIZ_RUNS."""
    raw(folder / "raw")
    pair(folder / "pair")
    deep(folder / "deep")
    raw(folder / "single", records=1)
    return folder
