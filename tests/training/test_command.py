"""The command as a newcomer meets it, and what is left when it is stopped or killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stn_viz.__main__ import main
from stn_viz.runs import open_run
from stn_viz.training.command import main as train_main

DEADLINE = 180  # seconds; a step takes milliseconds, but a busy machine may take long to import torch

# So many records and snapshots that a kill is likely to fall into the writing of one.
LONG = ["--network", "st-fcn", "--limit", "256", "--batch", "32", "--epochs", "2000", "--records", "2000"]
LONG += ["--snapshots", "500", "--probes", "4", "--threads", "1", "--device", "cpu"]


@pytest.fixture
def training(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A long training in a process of its own that has written its first snapshots."""
    command = [sys.executable, "-m", "stn_viz", "train", *LONG, "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + DEADLINE
    while len(list((tmp_path / "run").glob("step_*.safetensors"))) < 4:
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"no fourth snapshot: {process.communicate()}")
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


def test_a_killed_training_leaves_a_readable_run_that_goes_on(
    training: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training.kill()  # SIGKILL: nothing can be tidied up
    training.communicate()
    run = open_run(tmp_path / "run")
    assert run.problems == ()
    assert len(run.snapshots) >= 3
    assert run.weights(run.snapshots[-1])
    assert go_on_for_a_while(tmp_path / "run") > run.steps[-1]


def test_ctrl_c_finishes_the_step_and_says_how_to_go_on(training: subprocess.Popen[str], tmp_path: Path) -> None:
    training.send_signal(signal.SIGINT)
    said, complained = training.communicate(timeout=DEADLINE)
    assert training.returncode == 130
    assert "Stopped at step" in said
    assert "recording took" in said
    assert f"Go on with: python -m stn_viz train --resume --out {tmp_path / 'run'}" in said
    assert "Traceback" not in complained
    run = open_run(tmp_path / "run")
    assert run.info.status == "stopped"
    assert run.problems == ()
    assert go_on_for_a_while(tmp_path / "run") > run.steps[-1]


def go_on_for_a_while(out: Path) -> int:
    """Resume the run in a process of its own, stop it when it has recorded more; the last step then."""
    before = open_run(out).version
    process = subprocess.Popen(
        [sys.executable, "-m", "stn_viz", "train", "--resume", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = len(list(out.glob("step_*.safetensors")))
    end = time.monotonic() + DEADLINE
    while len(list(out.glob("step_*.safetensors"))) < first + 4 and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, complained = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, complained
    run = open_run(out)
    assert run.version != before
    assert run.problems == ()
    return int(run.steps[-1])


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "usage: python -m stn_viz <command>" in said
    assert "train    train a network on distorted MNIST" in said
    assert main(["trian"]) == 2
    assert "There is no command 'trian'. Choose one of: train" in capsys.readouterr().err


def test_the_help_names_the_first_command_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["train", "--help"])
    assert leaving.value.code == 0
    said = capsys.readouterr().out
    assert "python -m stn_viz train --out runs/mine" in said
    assert "(default 128)" in said


def test_the_help_does_not_wait_for_torch() -> None:
    code = "import sys; from stn_viz.training.command import parser; parser(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=DEADLINE)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--network", "cnn", "--family", "tps"], "--family concerns the transformer, but --network cnn has none"),
        (["--points", "3"], "--points concerns the families tps and free"),
        (["--family", "afine"], "There is no family 'afine'"),
        (["--limit", "5"], "A batch of 128 does not fit into 5 images an epoch"),
        (["--device", "abacus"], "The device 'abacus' is not on this machine"),
        (["--resume"], "holds no run to go on with"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main([*words, "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_resume_refuses_other_settings_than_the_runs(training: subprocess.Popen[str], tmp_path: Path) -> None:
    training.kill()
    training.communicate()
    out = tmp_path / "run"
    command = [sys.executable, "-m", "stn_viz", "train", "--resume", "--out", str(out), "--seed", "4"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert tried.returncode == 1
    assert "started with --seed 0; --resume cannot go on with 4. Leave the option out" in tried.stderr
