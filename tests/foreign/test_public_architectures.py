"""Trainings of other people's networks, from the first line to the doctor: recorded, saved, imported, asked again."""

import sys
from pathlib import Path

import numpy as np
import public_networks
import pytest
import torch
import torch.nn.functional as F
from public_networks import DenseField, KorniaNet, Nested, Parallel, Recurrent, TPSRectifier, TutorialNet, VolumeNet
from torch import Tensor, nn

import stn_viz
from stn_viz.foreign.command import main as import_files
from stn_viz.foreign.network import network_of
from stn_viz.lens.doctor import examine
from stn_viz.runs import Run, open_run, sites

STEPS = 12
FAMILIES = {
    TutorialNet: ["affine"],
    Nested: ["affine", "affine"],
    Parallel: ["affine", "affine"],
    TPSRectifier: ["tps"],
    KorniaNet: ["projective"],
    VolumeNet: ["affine3"],
    DenseField: [None],
    Recurrent: ["affine", "affine", "affine"],
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))


def trained(kind: type[nn.Module], folder: Path) -> tuple[nn.Module, Tensor]:
    """An ordinary training of a few steps: recorded, and saved to a .pt file at the end of each third of it."""
    torch.manual_seed(0)
    model = kind()
    probes = torch.rand(6, *kind.U)
    labels = torch.arange(6) % 3
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    with stn_viz.record(folder / "run", probes=probes, labels=labels) as recorder:
        for step in range(STEPS + 1):
            x, y = torch.rand(8, *kind.U), torch.randint(0, 3, (8,))
            loss = F.cross_entropy(model(x), y)
            recorder.step(model, loss=loss)
            optimiser.zero_grad()
            if step == STEPS:
                break
            loss.backward()
            optimiser.step()
            if step % 4 == 3:
                content = {"model_state_dict": model.state_dict(), "epoch": step // 4 + 1, "loss": loss.item()}
                torch.save(content, folder / f"ckpt_{step // 4 + 1}.pt")
    return model.eval(), probes


def watched(model: nn.Module, probes: Tensor) -> list[sites.SiteCall]:
    with torch.no_grad(), sites.watch() as seen:
        model(probes)
    return seen


def grid_of(run: Run, site: int, record: int) -> np.ndarray:
    """The grid that a run's trace stands for at one record, (n, H', W', 2), by torch's own affine_grid where it can."""
    about, theta = run.sites[site], run.theta(site)
    if theta is None:
        grid = run.grid(site)
        assert grid is not None
        return grid[record].astype(np.float64)
    rows = torch.from_numpy(theta[record]).double()
    size = [len(rows), 1, *about.output_size]
    if about.family == "affine":
        return F.affine_grid(rows.view(-1, 2, 3), size, align_corners=about.align_corners).numpy()
    if about.family == "affine3":
        return F.affine_grid(rows.view(-1, 3, 4), size, align_corners=about.align_corners).numpy()
    from stn_viz.transformer import family

    H, W = about.output_size
    return family(str(about.family), size=(H, W), align_corners=about.align_corners, **about.options).grid(rows).numpy()


@pytest.mark.parametrize("kind", public_networks.ALL)
def test_a_recorded_training_holds_the_grids_that_the_network_samples(kind: type[nn.Module], tmp_path: Path) -> None:
    model, probes = trained(kind, tmp_path)
    run = open_run(tmp_path / "run")
    assert [site.family for site in run.sites] == FAMILIES[kind]
    assert int(run.steps[-1]) == STEPS
    assert not run.problems
    last = run.snapshots[-1]
    record = int(np.searchsorted(run.steps, last))
    kept = network_of(run, last)
    for site, (of_run, of_model) in enumerate(zip(watched(kept, probes), watched(model, probes), strict=True)):
        # Snapshots are float16, and the trace is computed with them: the run and its own network agree closely.
        expected = of_run.grid.numpy()
        tolerance = 2e-3 if run.theta(site) is None else 2e-4
        # near a horizon, where coordinates are large, float32 is not finer than a share of them
        np.testing.assert_allclose(grid_of(run, site, record), expected, rtol=2e-4, atol=tolerance)
        assert of_model.grid.shape == of_run.grid.shape
        assert tuple(run.sites[site].input_size) == tuple(of_model.U.shape[2:])
    assert run.sites[0].on_image
    assert [site.on_image for site in run.sites[1:]] == {Nested: [False], Parallel: [True], Recurrent: [False] * 2}.get(
        kind, []
    )
    examine(run)  # whatever it finds, it finds it without falling over


@pytest.mark.parametrize("kind", [TutorialNet, Nested, TPSRectifier])
def test_the_saved_files_of_a_training_become_the_run_of_their_network(
    kind: type[nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, probes = trained(kind, tmp_path)
    np.savez(tmp_path / "probes.npz", U=probes.numpy(), labels=np.arange(6) % 3)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    files = [str(path) for path in sorted(tmp_path.glob("ckpt_*.pt"))]
    words = [*files, "--model", f"public_networks:{kind.__name__}", "--probes", str(tmp_path / "probes.npz")]
    assert import_files([*words, "--out", str(tmp_path / "imported")]) == 0
    run = open_run(tmp_path / "imported")
    assert run.steps.tolist() == [1, 2, 3]
    assert run.info.counter == "epoch"
    assert [site.family for site in run.sites] == FAMILIES[kind]
    assert run.probabilities is not None
    with torch.no_grad():
        expected = model(probes).softmax(1).numpy()
    np.testing.assert_allclose(run.probabilities[-1], expected, atol=5e-3)  # the last file holds the last weights
    for site, call in enumerate(watched(model, probes)):
        np.testing.assert_allclose(grid_of(run, site, -1), call.grid.numpy(), atol=2e-3)


def test_without_its_code_the_tutorials_network_is_rebuilt_from_its_files(tmp_path: Path) -> None:
    model, probes = trained(TutorialNet, tmp_path)
    np.savez(tmp_path / "probes.npz", U=probes.numpy())
    before = set(sys.modules)
    files = [str(path) for path in tmp_path.glob("ckpt_*.pt")]
    probes_file = str(tmp_path / "probes.npz")
    # By its layout the tutorial's own mean and std are the defaults; this training had none.
    words = [*files, "--size", "28x28", "--mean", "0", "--std", "1", "--probes", probes_file]
    assert import_files([*words, "--out", str(tmp_path / "imported")]) == 0
    assert not {name for name in set(sys.modules) - before if name.startswith("public_networks")}
    run = open_run(tmp_path / "imported")
    theta = run.theta(0)
    assert theta is not None
    with torch.no_grad():
        expected = model.theta(probes).flatten(1).numpy()  # type: ignore[operator]
    np.testing.assert_allclose(theta[-1], expected, atol=2e-3)
    assert run.info.network is not None
    assert run.info.network["name"] == "found"
