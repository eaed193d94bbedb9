import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from runs_helpers import a_basis, a_row, a_site, an_info

from stn_viz.runs import RunError, RunWriter, open_run


def test_a_folder_that_holds_a_run_is_not_written_over(write_run, probes):
    path = write_run()
    with pytest.raises(RunError, match=r"mine already holds a run. Choose another folder, or go on .* \(--resume\)"):
        RunWriter(path, an_info(), probes)
    assert len(open_run(path).steps) == 7


def test_probes_are_stored_as_bytes_where_that_loses_nothing(write_run, probes):
    with np.load(write_run() / "probes.npz") as stored:
        assert stored["U"].dtype == np.uint8
        np.testing.assert_array_equal(stored["U"] / np.float32(255), probes.U)


def test_a_finished_trace_is_compressed(write_run):
    import zipfile

    with zipfile.ZipFile(write_run() / "trace.npz") as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_what_a_killed_write_left_is_ignored_and_swept(write_run):
    path = write_run()
    for name in ("trace.npz.tmp", "step_000099.safetensors.tmp"):
        (path / name).write_bytes(b"half a fi")
    run = open_run(path)
    assert run.problems == ()
    assert run.snapshots == (0, 5, 40)
    RunWriter.reopen(path, 40)
    assert not list(path.glob("*.tmp"))


def test_weights_that_run_json_does_not_list_yet_do_not_count(write_run):
    path = write_run()
    (path / "step_000010.safetensors").write_bytes(b"written, but killed before run.json said so")
    run = open_run(path)
    assert run.snapshots == (0, 5, 40)
    assert run.problems == ()


def test_reopening_drops_what_came_after_the_step(write_run):
    path = write_run()
    writer = RunWriter.reopen(path, 10)
    assert writer.steps == [0, 1, 2, 5, 10]
    assert sorted(file.name for file in path.glob("step_*")) == ["step_000000.safetensors", "step_000005.safetensors"]
    run = open_run(path)
    assert run.steps.tolist() == [0, 1, 2, 5, 10]
    assert run.snapshots == (0, 5)
    assert run.info.status == "running"
    writer.record(**a_row(11))
    writer.snapshot(11, {"layer.weight": torch.zeros(2)})
    writer.finish("stopped")
    run = open_run(path)
    assert run.steps.tolist() == [0, 1, 2, 5, 10, 11]
    assert run.snapshots == (0, 5, 11)
    assert run.info.status == "stopped"
    assert run.problems == ()


def test_reopening_before_the_first_record_starts_afresh(write_run):
    path = write_run(steps=(5, 10), snapshots=(5,))
    writer = RunWriter.reopen(path, 3)
    assert writer.steps == []
    writer.record(**a_row(4))
    writer.finish("finished")
    assert open_run(path).steps.tolist() == [4]


def test_steps_and_rows_must_go_on_as_they_began(tmp_path, probes):
    writer = RunWriter(tmp_path / "mine", an_info(), probes)
    writer.record(**a_row(5))
    with pytest.raises(RunError, match="step 5 comes after step 5 was recorded; steps must grow"):
        writer.record(**a_row(5))
    with pytest.raises(RunError, match=r"step 6 has other entries than the steps before it \(probe_loss\)"):
        writer.record(**{**a_row(6), "probe_loss": None})
    with pytest.raises(RunError, match=r"step 6: theta_0 has shape \(2, 6\), but \(5, 6\) at the first step"):
        writer.record(**{**a_row(6), "thetas": {0: np.zeros((2, 6))}})
    assert writer.steps == [5]


def test_tied_weights_are_kept_under_both_names(tmp_path, probes):
    writer = RunWriter(tmp_path / "mine", an_info(sites=()), probes)
    tied = torch.arange(6.0).view(2, 3)
    writer.record(**{**a_row(0), "thetas": None})
    writer.snapshot(0, {"a": tied, "b": tied, "c": tied.T})
    weights = open_run(tmp_path / "mine").weights(0)
    assert torch.equal(weights["a"], tied)
    assert torch.equal(weights["b"], tied)
    assert torch.equal(weights["c"], tied.T)


def test_a_full_disk_leaves_what_was_there(write_run, monkeypatch):
    path = write_run()
    writer = RunWriter.reopen(path, 40)
    writer.record(**a_row(50))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    said = r"trace.npz could not be written in .*mine \(No space left on device\). What stood .* Make room .* try again"
    with pytest.raises(RunError, match=said):
        writer.flush()
    assert not list(path.glob("*.tmp"))
    assert open_run(path).steps.tolist() == [0, 1, 2, 5, 10, 20, 40]


WRITE_FOR_EVER = """
import sys
import numpy as np
import torch
sys.path.insert(0, sys.argv[2])
from runs_helpers import a_basis, a_row, a_site, an_info
from stn_viz.runs import Probes, RunWriter, writing
writing.SECONDS_BETWEEN_WRITES = float(sys.argv[3])
writing.WRITE_SHARE = 1e9
writer = RunWriter(sys.argv[1], an_info(), Probes(U=np.zeros((5, 1, 9, 7), np.uint8), labels=np.arange(5) % 3))
writer.describe([a_site()], [a_basis()])
for step in range(10**6):
    writer.record(**a_row(step))
    if step % 3 == 0:
        writer.snapshot(step, {"layer.weight": torch.full((300, 300), float(step))})
    if step == 3:
        print("going", flush=True)
"""


@pytest.mark.parametrize(("delay", "pause"), [(0.0, 0.0), (0.013, 0.0), (0.031, 99.0), (0.054, 99.0)])
def test_a_run_can_be_read_after_kill_9_at_any_moment(tmp_path, delay, pause):
    path = tmp_path / "killed"
    command = [sys.executable, "-c", WRITE_FOR_EVER, path, Path(__file__).parent, str(pause)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout.readline() == "going\n"
            for _ in range(5):  # while it is being written, too
                assert open_run(path).problems == ()
            time.sleep(delay)
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
    run = open_run(path)
    assert run.problems == ()
    assert run.steps.tolist() == list(range(len(run.steps)))
    for step in run.snapshots:
        assert run.weights(step)["layer.weight"].unique().tolist() == [step]
    assert max(run.snapshots) <= run.steps[-1], "a snapshot counts before its step is in the trace"
    RunWriter.reopen(path, 3).finish("stopped")
    assert open_run(path).steps.tolist() == [0, 1, 2, 3]


def test_a_site_that_moves_to_another_family_takes_its_column_along(tmp_path, probes):
    writer = RunWriter(tmp_path / "mine", an_info(), probes)
    writer.describe([a_site(family="translation")], [{"identity": torch.zeros(2)}])
    writer.record(**{**a_row(0), "thetas": {0: np.zeros((5, 2))}})
    writer.columns["theta_0"] = [np.zeros((5, 6), np.float32)]
    writer.describe([a_site()], [a_basis()])
    run = open_run(tmp_path / "mine")
    assert run.theta(0).shape == (1, 5, 6)
    assert json.loads((tmp_path / "mine" / "run.json").read_text())["sites"][0]["family"] == "affine"
