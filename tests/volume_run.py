"""A recorded training on volumes, made in a second: somebody's 3-D transformer, with torch's own affine_grid."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stn_viz.runs import Probes, Recorder, RunInfo, RunWriter

INPUT = (12, 16, 20)  # D, H, W: no two alike
OUTPUT = (5, 14, 18)
PROBES = 4
STEPS = 10


class Turner(nn.Module):
    """Volumes to three classes: a small localisation network, affine_grid over space, grid_sample, a sum along z."""

    def __init__(self, *, align_corners: bool = False) -> None:
        super().__init__()
        self.localisation = nn.Sequential(
            nn.Conv3d(1, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(16), nn.Tanh(), nn.Linear(16, 12)
        )
        self.localisation(torch.zeros(1, 1, *INPUT))
        last = self.localisation[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.1)
        with torch.no_grad():
            last.bias.copy_(torch.eye(3, 4).flatten())
        self.classifier = nn.Linear(OUTPUT[1] * OUTPUT[2], 3)
        self.align_corners = align_corners

    def forward(self, U: Tensor) -> Tensor:
        theta = self.localisation(U).view(-1, 3, 4)
        grid = F.affine_grid(theta, [len(U), 1, *OUTPUT], align_corners=self.align_corners)
        V = F.grid_sample(U, grid, align_corners=self.align_corners)
        return self.classifier(V.sum(2).flatten(1))


def volumes(generator: torch.Generator, n: int = PROBES) -> Tensor:
    """A thick L with a ball before it, turned about some axis, (n, 1, *INPUT): what is seen differs slice by slice."""
    U = torch.zeros(n, 1, *INPUT)
    U[:, :, 3:9, 3:13, 5:8] = 0.7
    U[:, :, 3:9, 10:13, 5:15] = 0.9
    z, y, x = torch.meshgrid(*(torch.arange(side) for side in INPUT), indexing="ij")
    U[:, :, (z - 3) ** 2 + (y - 5) ** 2 + (x - 13) ** 2 < 8] = 1.0
    turn = torch.linalg.qr(torch.eye(3) + 0.25 * torch.randn(n, 3, 3, generator=generator))[0]
    turn = turn * turn.diagonal(dim1=1, dim2=2).sign()[:, None]
    theta = F.pad(turn, (0, 1))
    return F.grid_sample(U, F.affine_grid(theta, list(U.shape), align_corners=False), align_corners=False)


def make_volume_run(path: Path, *, align_corners: bool = False, seed: int = 0) -> Turner:
    """Write a run of 11 records of 4 volumes into the folder `path`; the network of the last step comes back."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Turner(align_corners=align_corners)
    probes = Probes(U=volumes(generator).numpy(), labels=np.arange(PROBES) % 3)
    info = RunInfo(
        name=path.name,
        source="a test",
        task="volumes",
        classes=("L", "T", "U"),
        network=None,
        seed=seed,
        training={"steps": STEPS},
    )
    writer = RunWriter(path, info, probes)
    recorder = Recorder(writer, model, probes, STEPS, records=STEPS + 1, snapshots=2)
    for step in range(STEPS + 1):
        recorder.step(step, loss=1.1 / (1 + step), error=0.6 / (1 + step), images=step * 8, rate=1e-3)
        if step < STEPS:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    writer.finish("finished", {})
    return model
