"""A trace is unpacked when it is looked at, and not before."""

from pathlib import Path

import numpy as np
import pytest

from stn_viz.runs import Probes, RunError, RunInfo, RunWriter, open_run
from stn_viz.runs.files import Packed
from stn_viz.runs.trace import finite_rows

N, K = 3, 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A plain network's run of four records and three probes, one of which has no label."""
    info = RunInfo(
        name="mine", source="a test", task="", classes=("a", "b"), network=None, seed=None, training={}
    )  # fmt: skip
    probes = Probes(U=np.zeros((N, 1, 4, 4), np.uint8), labels=np.array([0, 1, -1]))
    writer = RunWriter(tmp_path / "mine", info, probes)
    for step in range(4):
        loss = np.array([0.5, 0.25, np.nan])
        writer.record(step=step, loss=1.0, error=0.5, rate=0.1, probe_loss=loss, probabilities=np.full((N, K), 0.5))
    writer.finish("finished")
    return tmp_path / "mine"


def test_opening_unpacks_the_short_columns_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[str] = []
    read = Packed.read
    monkeypatch.setattr(Packed, "read", lambda self, label: unpacked.append(label) or read(self, label))
    run = open_run(path)
    assert not {"probabilities", "probe_loss"} & set(unpacked)
    assert run.probabilities is not None
    assert run.probabilities is run.probabilities
    assert unpacked.count("probabilities") == 1
    assert "probe_loss" not in unpacked
    np.testing.assert_array_equal(run.probabilities, np.full((4, N, K), 0.5, np.float32))


def test_its_size_is_known_before(path: Path) -> None:
    run = open_run(path)
    before = run.nbytes
    assert before == run.load().nbytes
    assert before >= run.probes.U.nbytes + 4 * N * K * 2


def test_a_file_that_says_it_is_finite_and_is_not_is_refused_when_looked_at(path: Path) -> None:
    with np.load(path / "trace.npz") as stored:
        arrays = dict(stored)
    arrays["probabilities"] = np.full_like(arrays["probabilities"], np.nan)
    np.savez(path / "trace.npz", **arrays)
    run = open_run(path)
    with pytest.raises(RunError, match="probabilities holds nan or inf where it says that it does not"):
        run.load()


def test_a_row_is_finite_if_all_that_is_drawn_of_it_is() -> None:
    labels = np.array([0, -1])
    columns = {
        "step": np.arange(3),
        "loss": np.array([1.0, np.nan, 1.0]),  # a gap in the curve, no fault of the row
        "probe_loss": np.array([[1.0, np.nan], [1.0, 1.0], [np.nan, 1.0]]),
        "theta_0": np.array([[[1.0], [1.0]], [[1.0], [np.inf]], [[1.0], [1.0]]]),
    }
    assert finite_rows(columns, labels).tolist() == [1, 0, 0]
