"""Real runs, made in a second: a real network whose weights wander a few steps, recorded as a training is."""

from pathlib import Path

import numpy as np
import torch

from stn_viz.networks import arguments, build
from stn_viz.runs import Probes, Recorder, RunInfo, RunWriter

STEPS = 12


def make_run(path: Path, network: str = "st-cnn", *, seed: int = 0, **options: object) -> Path:
    """Write a run of 42 x 42 images with 13 records of 5 probes and 4 snapshots into the folder `path`."""
    generator = torch.Generator().manual_seed(seed)
    given = arguments(network, size=(42, 42), **options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(**given)
    probes = Probes(
        U=torch.randint(0, 256, (5, 1, 42, 42), generator=generator).byte().numpy(),
        labels=np.arange(5),
        pose=torch.randn(5, 6, generator=generator).mul(0.1).add(torch.tensor([1.0, 0, 0, 0, 1, 0])).numpy(),
    )
    info = RunInfo(
        name=path.name,
        source="a test",
        task="rts",
        classes=tuple("0123456789"),
        network=given,
        seed=seed,
        training={"steps": STEPS},
        pose_family="affine",
    )
    writer = RunWriter(path, info, probes)
    recorder = Recorder(writer, model, probes, STEPS, records=STEPS + 1, snapshots=4)
    for step in range(STEPS + 1):
        recorder.step(step, loss=2.3 / (1 + step), error=0.9 / (1 + step), images=step * 8, rate=1e-3)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    writer.finish("finished", {"test_error": 0.5, "test_images": 5})
    return path
