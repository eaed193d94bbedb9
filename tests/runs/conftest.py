from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from runs_helpers import K, N, a_basis, a_row, a_site, an_info

from stn_viz.runs import Probes, RunWriter


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def probes() -> Probes:
    rng = np.random.default_rng(0)
    return Probes(U=rng.integers(0, 256, (N, 1, 9, 7)).astype(np.uint8), labels=np.arange(N) % K)


@pytest.fixture
def write_run(tmp_path: Path, probes: Probes) -> Callable[..., Path]:
    """Write a small whole run of one site and give its folder."""

    def write(name: str = "mine", steps=(0, 1, 2, 5, 10, 20, 40), snapshots=(0, 5, 40), **info) -> Path:
        writer = RunWriter(tmp_path / name, an_info(**info), probes)
        writer.describe([a_site()], [a_basis()])
        for step in steps:
            writer.record(**a_row(step))
            if step in snapshots:
                writer.snapshot(
                    step, {"layer.weight": torch.full((2, 3), step / 4).half(), "count": torch.tensor(step)}
                )
        writer.finish("finished", {"test_error": 0.0078})
        return tmp_path / name

    return write
