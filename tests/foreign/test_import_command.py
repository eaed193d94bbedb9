"""python -m stn_viz import: what it writes, what it says, and how it ends."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from others import Three, Tutorial, as_stored, save_epochs, wandering
from torch import nn

from stn_viz import __main__ as door
from stn_viz.foreign import command
from stn_viz.runs import open_run

CODE = """
import torch
from others import Tutorial

class Wider(Tutorial):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(320, 60)

class Scaled(Tutorial):
    def forward(self, x, scales):
        return super().forward(x) * scales[:, None]

class Alone(Scaled):
    def forward(self, x):
        return super().forward(x, torch.full((len(x),), 2.0))
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d_factories.py").write_text(CODE)


@pytest.fixture(scope="module")
def states() -> list[dict[str, Any]]:
    return wandering(Tutorial(), 3)


@pytest.fixture(scope="module")
def folder(states: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_epochs(tmp_path_factory.mktemp("tutorial"), states)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = door.main(["import", *(str(word) for word in words)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_folder_becomes_a_run_without_any_code(
    call: Any, folder: Path, states: list[dict[str, Any]], tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(5))
    out = tmp_path / "runs" / "mine"
    status, said, faults = call(
        folder, "--mean", "0.5", "--std", "0.25", "--probes", tmp_path / "images.npz", "--out", out, "--align-corners"
    )
    assert (status, faults) == (0, "")
    assert said.startswith("3 files (epochs 0 to 2) on 5 images; site_0: affine.")
    assert "take off mean" not in said  # what was corrected is not asked for again
    assert "Look at this first" not in said
    assert said.endswith("app.py\n")
    run = open_run(out)
    U = (torch.from_numpy(images)[:, None] / 255 - 0.5) / 0.25
    for record, state in enumerate(states):
        theta = as_stored(Tutorial(), state).theta(U).flatten(1).detach()
        np.testing.assert_allclose(run.theta(0)[record], theta.numpy(), atol=1e-5)
    assert run.sites[0].align_corners
    assert run.info.command[:4] == ("python", "-m", "stn_viz", "import")
    assert run.info.name == "mine"
    assert run.probes.labels.tolist() == [0, 1, 2, 3, 4]
    _, said, _ = call(folder, "--value-range", "255", "--std", "0.001", "--out", tmp_path / "absurd")
    assert "Look at this first: " in said
    assert "The pre-processing may be another one" in said
    _, said, _ = call(folder, "--out", tmp_path / "usual")
    assert "take off mean" in said
    # The app looks into runs/ below where it is started, or where it is told.
    assert f"See it with: STN_VIZ_RUNS={tmp_path} streamlit run " in said


def test_with_a_factory_the_classifier_answers(call: Any, folder: Path, tmp_path: Path) -> None:
    status, said, faults = call(folder, "--model", "others:Tutorial", "--out", tmp_path / "run", "--name", "whole")
    assert (status, faults) == (0, "")
    assert "images of 28 x 28 go through the network" in said
    run = open_run(tmp_path / "run")
    assert run.probabilities.shape == (3, 32, 10)
    assert run.info.name == "whole"
    status, said, faults = call(folder, "--model", "d_factories:Wider", "--out", tmp_path / "other")
    assert (status, said) == (1, "")
    assert (
        "net_0.pth does not fit the network: fc1.weight and 1 more have another shape (50 x 320, the network" in faults
    )
    assert faults.endswith("Nothing was imported.\n")
    assert not (tmp_path / "other").exists()


def test_of_a_network_that_takes_more_than_images_the_way_out_is_told(
    call: Any, folder: Path, states: list[dict[str, Any]], tmp_path: Path
) -> None:
    status, _, faults = call(folder, "--model", "d_factories:Scaled", "--size", "28x28", "--out", tmp_path / "run")
    assert status == 1
    assert faults.startswith("The network takes more than images (TypeError: Scaled.forward() missing 1 required")
    assert "def forward(self, x): return super().forward(x, ...)" in faults
    assert not (tmp_path / "run").exists()
    assert call(folder, "--model", "d_factories:Alone", "--out", tmp_path / "run")[0] == 0
    run = open_run(tmp_path / "run")
    with torch.no_grad():
        scores = as_stored(Tutorial(), states[-1])(torch.from_numpy(run.probes.U)) * 2
    np.testing.assert_allclose(run.probabilities[-1], scores.softmax(1), atol=2e-3)


def test_the_list_tells_what_is_there_and_writes_nothing(call: Any, folder: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    status, said, faults = call(folder, "--list")
    assert (status, faults) == (0, "")
    assert "epoch      2  net_2.pth  (PyTorch checkpoint, 16 tensors, weights in model_state_dict)" in said
    assert "6 outputs, 1 channel(s) in" in said
    assert "--size         28x28" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_one_of_several_transformers_is_named(call: Any, tmp_path: Path) -> None:
    folder = save_epochs(tmp_path / "three", wandering(Three(), 2))
    size = ("--size", "20x30")
    status, said, faults = call(folder, *size, "--out", tmp_path / "all")
    assert status == 0
    assert "stn1: affine, stn2: affine, stn3: affine" in said
    assert "Followed of 3 transformers: stn1, stn2, stn3." in faults
    status, said, faults = call(folder, *size, "--out", tmp_path / "one", "--transformer", "stn2")
    assert (status, faults) == (0, "")
    every, one = open_run(tmp_path / "all"), open_run(tmp_path / "one")
    np.testing.assert_allclose(one.theta(0), every.theta(1), atol=1e-6)
    status, _, faults = call(folder, *size, "--out", tmp_path / "none", "--transformer", "stn4")
    assert status == 2
    assert "--transformer stn4: the transformers found are 'stn1', 'stn2', 'stn3'" in faults


def test_problems_of_single_files_stand_at_the_end(call: Any, states: list[dict[str, Any]], tmp_path: Path) -> None:
    folder = save_epochs(tmp_path / "some", states)
    (folder / "page.pth").write_text("<!DOCTYPE html><html></html>")
    torch.save(
        {"epoch": 7, "state_dict": {**states[0], "fc_loc.2.bias": torch.full((6,), torch.nan)}}, folder / "7.pth"
    )
    status, said, faults = call(folder, "--out", tmp_path / "run")
    assert status == 0
    assert said.startswith("3 files (epochs 0 to 2)")
    assert faults.startswith("2 files were left out:\n  - page.pth ")
    assert "  - 7.pth: fc_loc.2.bias holds nan or inf" in faults


def test_without_a_transformer_the_tree_is_shown(call: Any, tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)).state_dict(), tmp_path / "plain.pth")
    status, said, faults = call(tmp_path / "plain.pth", "--out", tmp_path / "run")
    assert (status, said) == (1, "")
    assert "No transformer was found by its shapes. The files contain:" in faults
    assert "2 × 1 × 3 × 3" in faults
    assert "--model package.module:Net" in faults


class Shift(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Linear(28 * 28, 6)

    def forward(self, U: torch.Tensor) -> torch.Tensor:
        theta = self.loc(U.flatten(1)).view(-1, 2, 3)
        grid = nn.functional.affine_grid(theta, [U.shape[0], 1, 28, 28], align_corners=False)
        return nn.functional.grid_sample(U, grid, align_corners=False)


def test_code_is_opened_with_yes_alone_and_says_what_that_means(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = torch.export.export(Shift().eval(), (torch.zeros(1, 1, 28, 28),))
    torch.export.save(program, str(tmp_path / "net.pt2"))

    def never(*args: Any, **kwargs: Any) -> Any:
        pytest.fail("a file that nobody said yes to was loaded")

    with monkeypatch.context() as patched:
        patched.setattr(torch.export, "load", never)
        for words in (("--list",), ("--out", tmp_path / "run")):
            status, _, faults = call(tmp_path / "net.pt2", *words)
            assert status == 1
            assert "net.pt2 is a program of torch.export, which is code. Opening it runs code" in faults
            assert "To open it, add --yes." in faults
    status, _, faults = call(tmp_path / "net.pt2", "--yes", "--out", tmp_path / "run")
    assert status == 0
    assert faults.startswith("net.pt2: you said yes (--yes). Opening it runs code")
    assert len(open_run(tmp_path / "run").steps) == 1
    status, _, faults = call(tmp_path / "net.pt2", "--list")  # remembered
    assert (status, faults) == (0, "")


def test_ctrl_c_leaves_a_run_that_opens(
    call: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stn_viz.foreign import looking
    from stn_viz.training import interrupt

    read = []
    real = looking.read_any
    monkeypatch.setattr(looking, "read_any", lambda *args: read.append(args) or real(*args))

    @contextmanager
    def after_looking() -> Iterator[Callable[[], bool]]:
        # three are looked at, the last is read again for the preview; then two of three are replayed
        yield lambda: len(read) >= stop

    monkeypatch.setattr(interrupt, "interruptible", after_looking)
    from stn_viz.foreign import replayed

    monkeypatch.setattr(replayed, "read_any", lambda *args: read.append(args) or real(*args))
    stop = 6
    status, said, faults = call(folder, "--out", tmp_path / "run")
    assert (status, faults) == (130, "")
    assert said.startswith("Stopped. 2 files (epochs 0 to 1)")
    assert open_run(tmp_path / "run").info.status == "stopped"
    read.clear()
    stop = 1
    status, said, faults = call(folder, "--out", tmp_path / "none")
    assert (status, said, faults) == (130, "", "Stopped; no run was written.\n")
    assert not (tmp_path / "none").exists()


def test_wishes_that_cannot_be(call: Any, folder: Path, tmp_path: Path, capsys: Any) -> None:
    for words, sentence in (
        (("--size", "28by28"), "'28by28' is no size: write height x width, such as 24x94"),
        (("--mean", "a"), "'a' is no number. Put the files before --mean"),
        (("--padding", "wrap"), "invalid choice: 'wrap'"),
    ):
        with pytest.raises(SystemExit) as ended:
            door.main(["import", str(folder), "--out", str(tmp_path / "run"), *words])
        assert ended.value.code == 2
        assert sentence in capsys.readouterr().err
    for words, status, sentence in (
        ((), 2, "Say where the run is to be written: --out runs/mine."),
        (("--out", "run", "--reading", "guessed"), 2, "--reading guessed: choose one of affine"),
        (
            ("--out", "run", "--model", "others:Tutorial", "--padding", "border"),
            2,
            "--padding is for a transformer that",
        ),
        (("--out", "run", "--model", "others"), 1, "write it as package.module:factory"),
        (("--out", "run", "--mean", "0.5,0.5"), 1, "The mean has 2 numbers, but the network takes 1 channel(s)"),
        (("--out", "run", "--probes", "none.npz"), 1, "none.npz cannot be read"),
    ):
        found, said, faults = call(folder, *words)
        assert (found, said) == (status, ""), faults
        assert sentence in faults
        assert not (tmp_path / "run").exists()
    assert call(tmp_path / "absent", "--out", "run")[0] == 1


def test_a_run_that_stands_there_is_kept_until_it_may_be_replaced(call: Any, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert call(folder, "--out", out)[0] == 0
    status, _, faults = call(folder / "net_0.pth", "--out", out)
    assert (status, "already holds a run" in faults) == (1, True)
    assert len(open_run(out).steps) == 3
    assert call(folder / "net_0.pth", "--out", out, "--overwrite")[0] == 0
    assert len(open_run(out).steps) == 1


def test_the_door_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main([]) == 0
    assert "import" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    assert "--transformer NAME" in capsys.readouterr().out
