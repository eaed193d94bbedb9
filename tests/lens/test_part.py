"""The part of the test set and what the network makes of it, against plain forward passes of plain torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tutorial_net import TutorialNet, images, train
from volume_run import make_volume_run

import stn_viz
from stn_viz.data import held_out
from stn_viz.foreign.network import network_of
from stn_viz.lens.learning import part as parts
from stn_viz.lens.learning.part import grids_of, has_network, located, part_of, pose_grids
from stn_viz.lens.question import LensError
from stn_viz.runs import Run, open_run
from stn_viz.view import View


def at(run: Run, step: int, site: int = 0) -> View:
    return View(run=run.name, step=step, site=site)


def test_a_run_of_our_task_is_asked_about_the_first_images_of_its_test_set(run: Run) -> None:
    part = part_of(run, at(run, 100), count=120)
    truth = held_out("rts", 120, 0)
    assert (part.source, part.snapshot) == ("test set", run.snapshots[-1])
    assert part.ids is not None
    assert part.ids[:2] == ("0:held:rts:0", "1:held:rts:0")
    assert len(part.ids) == 120
    np.testing.assert_array_equal(part.U, truth.U.numpy())
    np.testing.assert_array_equal(part.labels, truth.labels.numpy())
    assert part.pose is not None
    np.testing.assert_array_equal(part.pose, truth.pose.numpy())
    assert part.pose_family == "affine"

    model = network_of(run, run.snapshots[-1])
    transformer = model.get_submodule(run.sites[0].name)
    with torch.no_grad():
        expected = torch.cat([model(U).softmax(1) for U in truth.U.split(17)])
        theta = torch.cat([transformer.localisation(U) for U in truth.U.split(17)])
    assert part.theta is not None
    assert part.probabilities is not None
    np.testing.assert_allclose(part.theta, theta.numpy(), atol=1e-5)
    np.testing.assert_allclose(part.probabilities, expected.numpy(), atol=1e-5)
    assert part.site is run.sites[0]


def test_theta_alone_is_the_theta_of_the_whole_pass(run: Run) -> None:
    whole, alone = (ask(run, at(run, 5), count=130) for ask in (part_of, located))
    assert alone.probabilities is None
    assert alone.snapshot == whole.snapshot == run.snapshot_at(5)
    assert alone.theta is not None
    np.testing.assert_array_equal(alone.theta, whole.theta)


def test_nothing_is_asked_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = part_of(run, at(run, 3), count=110)
    monkeypatch.setattr(parts, "passes", lambda model, U: pytest.fail("the network was asked again"))
    again = part_of(run, at(run, run.snapshot_at(3)), count=110)
    assert again.theta is first.theta
    with pytest.raises(pytest.fail.Exception):
        part_of(run, at(run, run.snapshots[-1]), count=111)


def test_without_its_network_the_trace_answers_for_the_runs_own_images(run: Run) -> None:
    alone = replace(run, info=replace(run.info, network=None))
    assert not has_network(alone)
    part = part_of(alone, at(run, 7), count=500)
    record = run.steps.tolist().index(7)
    theta = run.theta(0)
    assert theta is not None
    assert run.probabilities is not None
    assert (part.source, part.snapshot, part.ids) == ("images of the run", 7, None)
    np.testing.assert_array_equal(part.theta, theta[record])
    np.testing.assert_array_equal(part.probabilities, run.probabilities[record])
    np.testing.assert_array_equal(part.U, run.probes.U)
    assert part_of(replace(run, snapshots=()), at(run, 7)).source == "images of the run"


def test_a_network_without_a_transformer_has_answers_and_no_theta(plain: Run) -> None:
    part = part_of(plain, at(plain, 0), count=100)
    assert part.site is None
    assert part.theta is None
    assert part.probabilities is not None
    np.testing.assert_allclose(part.probabilities.sum(1), 1, atol=1e-5)


def test_a_spline_is_read_from_its_own_module(spline: Run) -> None:
    part = part_of(spline, at(spline, 12), count=100)
    recorded = spline.theta(0)
    assert part.theta is not None
    assert recorded is not None
    assert part.theta.shape == (100, recorded.shape[-1])
    with torch.no_grad():
        model = network_of(spline, 12)
        V = model.get_submodule("transformer")(torch.from_numpy(part.U[:4]))
    own = F.grid_sample(
        torch.from_numpy(part.U[:4]), grids_of(spline.sites[0], torch.from_numpy(part.theta[:4])), align_corners=False
    )
    torch.testing.assert_close(own, V, atol=1e-5, rtol=0)


def test_a_recorded_network_answers_for_its_own_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    torch.manual_seed(2)
    model, U = TutorialNet(), images(7)
    with stn_viz.record(tmp_path / "mine", probes=U, labels=np.arange(7) % 3) as recorder:
        train(model, recorder, steps=3)
    run = open_run(tmp_path / "mine")
    assert has_network(run)
    part = part_of(run, at(run, run.snapshots[-1]))
    assert (part.source, part.ids) == ("images of the run", None)
    recorded = run.theta(0)
    assert recorded is not None
    assert run.probabilities is not None
    record = run.steps.tolist().index(run.snapshots[-1])
    assert part.theta is not None
    assert part.probabilities is not None
    np.testing.assert_allclose(part.theta, recorded[record], atol=2e-3)  # weights are kept in float16
    np.testing.assert_allclose(part.probabilities, run.probabilities[record], atol=2e-3)

    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "another"))  # somebody who has not said yes to its program
    assert not has_network(run)
    np.testing.assert_array_equal(part_of(run, at(run, run.snapshots[-1])).theta, recorded[record])


class Two(nn.Module):
    """Two transformers after one another, the second with half of the first one's output."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(80, 6), nn.Linear(80, 6), nn.Linear(24, 3)
        with torch.no_grad():
            for layer, shift in ((self.first, 0.2), (self.second, -0.3)):
                layer.weight.mul_(0.3)
                layer.bias.copy_(torch.tensor([0.9, 0.1, shift, -0.1, 0.8, 0]))

    def forward(self, U: Tensor) -> Tensor:
        flat = U.flatten(1)
        V = F.grid_sample(
            U,
            F.affine_grid(self.first(flat).view(-1, 2, 3), [len(U), 1, 8, 10], align_corners=True),
            align_corners=True,
        )
        W = F.grid_sample(
            V, F.affine_grid(self.second(flat).view(-1, 2, 3), [len(U), 1, 4, 6], align_corners=False),
            align_corners=False,
        )  # fmt: skip
        return self.head(W.flatten(1))


def test_each_of_several_transformers_has_a_theta_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    torch.manual_seed(4)
    model, U = Two(), torch.rand(6, 1, 8, 10)
    with stn_viz.record(tmp_path / "two", probes=U, labels=np.arange(6) % 3) as recorder:
        recorder.step(model, loss=torch.tensor(1.0))
    run = open_run(tmp_path / "two")
    assert len(run.sites) == 2
    with torch.no_grad():
        expected = [layer(U.flatten(1)).numpy() for layer in (model.first, model.second)]
    for site in (0, 1):
        theta = part_of(run, at(run, run.snapshots[0], site)).theta
        assert theta is not None
        np.testing.assert_allclose(theta, expected[site], atol=2e-3)
    with pytest.raises(LensError, match="sites 0 to 1"):
        part_of(run, at(run, 0, 2))


def test_volumes_are_images_of_the_run_by_the_trace(tmp_path: Path) -> None:
    make_volume_run(tmp_path / "turner")
    run = open_run(tmp_path / "turner")
    part = part_of(run, at(run, 4))
    recorded = run.theta(0)
    assert recorded is not None
    np.testing.assert_array_equal(part.theta, recorded[run.steps.tolist().index(4)])


def test_the_true_pose_gives_back_the_upright_digit(run: Run) -> None:
    part = part_of(run, at(run, 0), count=100)
    grids = pose_grids(part)
    assert grids is not None
    assert part.pose is not None
    expected = F.affine_grid(torch.from_numpy(part.pose).view(-1, 2, 3), [100, 1, 28, 28], align_corners=False)
    torch.testing.assert_close(grids, expected, atol=1e-5, rtol=0)
    assert pose_grids(replace(part, pose=None)) is None
    assert pose_grids(replace(part, pose_family="projective")) is None


def test_theta_that_is_not_finite_gives_a_grid_that_is_not(run: Run) -> None:
    theta = torch.tensor([[1.0, 0, 0, 0, 1, 0], [torch.nan, 0, 0, 0, 1, 0]])
    grids = grids_of(run.sites[0], theta)
    expected = F.affine_grid(theta[:1].view(1, 2, 3), [1, 1, 28, 28], align_corners=False)
    torch.testing.assert_close(grids[:1], expected, atol=1e-6, rtol=0)
    assert bool(grids[1].isnan().all())
