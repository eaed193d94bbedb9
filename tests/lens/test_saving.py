"""Other grids for images that are read wrongly: the search against what it promises, saving against a matcher."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tutorial_net import TutorialNet, images, train

import stn_viz
from stn_viz.data import held_out, mnist
from stn_viz.lens import LensError
from stn_viz.lens.learning import ask, saving, trying
from stn_viz.lens.learning.part import Part, network
from stn_viz.lens.learning.rest import Rest
from stn_viz.lens.learning.search import search, uphill
from stn_viz.runs import Run, open_run, sites
from stn_viz.transformer import Family, family
from stn_viz.view import View

FAMILIES = [("affine", {}), ("attention", {}), ("projective", {}), ("tps", {"points": 4})]


def some_theta(over: Family, n: int, seed: int = 0) -> Tensor:
    noise = torch.randn(n, len(over.start), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return over.identity + 0.05 * noise


@pytest.mark.parametrize(("name", "options"), FAMILIES)
def test_uphill_moves_the_grid_a_pixel_and_gains_most(name, options) -> None:
    over = family(name, size=(16, 13), **options)  # all of it enters: no side is thinned
    theta, scale = some_theta(over, 3), torch.tensor([20.0, 11.0], dtype=torch.float64)
    g = torch.randn(theta.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def moved(by: Tensor) -> Tensor:  # root mean square pixels for a small change of theta, by differences
        step = (over.grid(theta + 1e-6 * by) - over.grid(theta - 1e-6 * by)) / 2e-6 * scale
        return step.square().sum(-1).flatten(1).mean(1).sqrt()

    best = uphill(over, theta, g, scale)
    torch.testing.assert_close(moved(best), torch.ones(3, dtype=torch.float64), rtol=1e-3, atol=0)
    for seed in range(20):
        other = torch.randn(theta.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        other = other / moved(other)[:, None]
        assert ((g * best).sum(1) >= (g * other).sum(1)).all()
    assert not uphill(over, theta, torch.zeros_like(g), scale).any()


@pytest.mark.parametrize(("name", "options"), FAMILIES)
def test_a_search_never_looks_beyond_its_bound(name, options) -> None:
    over = family(name, size=(28, 20), **options)
    start, pixels = some_theta(over, 4), (21.0, 15.0)
    home = over.grid(start)
    farthest = []

    def scores(grid: Tensor, rows: Tensor) -> Tensor:  # the farther to the right and down, the better
        farthest.append(((grid.double() - home[rows]) * torch.tensor(pixels)).norm(dim=-1).max().item())
        pull = grid.mean((1, 2)).sum(1)
        return torch.stack([0 * pull, pull], 1)

    found = search(over, scores, start, torch.ones(4, dtype=torch.long), pixels=pixels, bound_px=3, steps=30)
    assert len(farthest) == 31
    assert max(farthest) <= 3 + 1e-4
    assert max(farthest) > 2.9  # and goes as far as it may
    there = ((over.grid(found.theta) - home) * torch.tensor(pixels)).norm(dim=-1).flatten(1).amax(1)
    assert (there > 2).all()
    with torch.no_grad():
        p = scores(over.grid(found.theta).float(), torch.arange(4)).softmax(1)[:, 1]
    torch.testing.assert_close(found.p, p.double(), atol=1e-6, rtol=0)


def recorded(folder: Path) -> Run:
    torch.manual_seed(2)
    model = TutorialNet()
    with stn_viz.record(folder, probes=images(7), labels=np.arange(7) % 3, classes=list("abc")) as recorder:
        train(model, recorder, steps=3)
    return open_run(folder)


@pytest.mark.parametrize("foreign", [False, True])
def test_the_rest_is_what_the_dispatcher_answers_with_gradients(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign
) -> None:
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    asked = recorded(tmp_path / "mine") if foreign else run
    assert (asked.info.network or {}).get("name") == ("program" if foreign else "st-cnn")
    step, U = asked.snapshots[-1], asked.probes.U[:4]
    rest = Rest(asked, network(asked, step), 0, U)
    np.testing.assert_array_equal(rest.sampled_from, U)
    site = asked.sites[0]
    over = family("affine", size=site.output_size)
    seeded = torch.Generator().manual_seed(5)
    smooth = F.interpolate(torch.rand(4, 1, 3, 3, generator=seeded), site.input_size, mode="bicubic")
    theta = some_theta(over, 4).requires_grad_()

    def log_p(theta: Tensor) -> Tensor:
        V = F.grid_sample(smooth, over.grid(theta).float(), mode="bicubic", align_corners=False)
        return rest.scores(V, torch.arange(4)).double().log_softmax(1)[:, 1]

    said = log_p(theta)
    (g,) = torch.autograd.grad(said.sum(), theta)
    V = F.grid_sample(smooth, over.grid(theta).float(), mode="bicubic", align_corners=False)
    with torch.inference_mode():
        expected = sites.answer(network(asked, step), torch.from_numpy(U), V.detach().clone())
    torch.testing.assert_close(said.detach(), expected.double().log_softmax(1)[:, 1], atol=1e-5, rtol=0)
    if not foreign:  # autograd itself, through the network's second half alone
        alone = network(asked, step).get_submodule("classifier")(V).double().log_softmax(1)[:, 1]
        torch.testing.assert_close(g, torch.autograd.grad(alone.sum(), theta)[0], rtol=1e-4, atol=1e-6)
        return
    eps = 1e-2  # behind its site stands one linear layer: nothing bends between the two
    for entry in range(6):
        by = eps * torch.eye(6, dtype=torch.float64)[entry]
        with torch.no_grad():
            slope = (log_p(theta + by) - log_p(theta - by)) / (2 * eps)
        torch.testing.assert_close(g[:, entry], slope, rtol=0.05, atol=0.02 * float(g.abs().max()))


class Matcher(nn.Module):
    """Ten classes, each one digit: the answer is the digit that V is nearest to, so it is right where theta is."""

    def __init__(self, theta: Tensor, digits: Tensor) -> None:
        super().__init__()
        self.theta, self.digits = theta, digits

    def forward(self, U: Tensor) -> Tensor:
        grid = F.affine_grid(self.theta.expand(len(U), 2, 3), [len(U), 1, 28, 28], align_corners=False)
        V = F.grid_sample(U, grid, align_corners=False)
        return -((V - self.digits) ** 2).mean((2, 3)) * 200


@pytest.fixture
def matching(run: Run, monkeypatch: pytest.MonkeyPatch) -> Part:
    """Ten test images of a localiser that does nothing, before a classifier that needs the true pose."""
    truth = held_out("rts", 10, 0)
    model = Matcher(torch.eye(2, 3), mnist().test[:10] / 255)
    with torch.no_grad():
        said = model(truth.U).softmax(1)
    part = Part(
        U=truth.U.numpy(), labels=np.arange(10), pose=truth.pose.numpy(), pose_family="affine",
        theta=torch.eye(2, 3).flatten().expand(10, 6).numpy(), probabilities=said.numpy(), snapshot=0,
        source="test set", ids=None, site=run.sites[0],
    )  # fmt: skip
    monkeypatch.setattr(saving, "part_of", lambda run, view, count: part)
    monkeypatch.setattr(trying, "_network", lambda run, snapshot: model)
    return part


def test_a_network_that_is_right_where_theta_is_right_is_saved_by_the_pose(run: Run, matching: Part) -> None:
    answer = ask(run, View(run.name), "saving", {"px": "1", "steps": "3", "control": "1"})
    assert matching.probabilities is not None
    wrong = np.flatnonzero(matching.probabilities.argmax(1) != np.arange(10))
    assert len(wrong) >= 4
    arrays, facts = answer.arrays, answer.facts
    np.testing.assert_array_equal(arrays["indices"], wrong)
    assert arrays["saved_pose"].all()
    assert not arrays["saved_identity"].any()  # which is its own theta
    assert (arrays["pose_is"] == trying.POSE).all()
    assert matching.pose is not None
    np.testing.assert_allclose(arrays["theta_pose"], matching.pose[wrong], atol=1e-4)
    np.testing.assert_allclose(arrays["p_own"], matching.probabilities[wrong, wrong], atol=1e-4)
    np.testing.assert_allclose(arrays["p_identity"], arrays["p_own"], atol=1e-6)
    assert (arrays["p_search"] >= arrays["p_own"] - 1e-6).all()
    assert np.nanmax(arrays["moved_search"]) <= 1
    assert not arrays["moved_identity"].any()
    assert facts["saved"]["pose"] == facts["saved"]["hand"] == facts["asked"] == facts["wrong"] == len(wrong)
    # As many are asked the other way round, or all that are right; the pose keeps them right.
    assert facts["control"]["asked"] == min(len(wrong), 10 - len(wrong))
    assert facts["control"]["pose_spoiled"] == 0
    only = ask(run, View(run.name), "saving", {"px": "1", "steps": "3", "control": "only"})
    assert only.facts["control"] == facts["control"]


def test_images_are_chosen_by_their_numbers(run: Run, matching: Part) -> None:
    assert matching.probabilities is not None
    wrong = np.flatnonzero(matching.probabilities.argmax(1) != np.arange(10))
    given = {"steps": "1", "indices": f"{wrong[2]},{wrong[0]}"}
    np.testing.assert_array_equal(ask(run, View(run.name), "saving", given).arrays["indices"], wrong[[0, 2]])
    for indices, sentence in (("99", "images 0 to 9"), ("1;2", "such as 12,40"), (",".join(["1"] * 65), "at most 64")):
        with pytest.raises(LensError, match=sentence):
            ask(run, View(run.name), "saving", {"indices": indices})


def test_a_recorded_network_is_searched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    run = recorded(tmp_path / "mine")
    view = View(run.name, step=run.snapshots[-1])
    answer = ask(run, view, "saving", {"px": "8", "steps": "20"})
    assert not answer.facts["pose_known"]
    assert np.isnan(answer.arrays["theta_pose"]).all()
    assert (answer.arrays["p_search"] > answer.arrays["p_own"]).any()
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "another"))
    with pytest.raises(LensError, match="cannot be asked"):
        ask(run, view, "saving", {})


def test_without_a_transformer_or_a_network_nothing_is_tried(run: Run, plain: Run) -> None:
    with pytest.raises(LensError, match="no transformer in this network"):
        ask(plain, View(plain.name), "saving", {})
    with pytest.raises(LensError, match="cannot be asked"):
        ask(replace(run, info=replace(run.info, network=None)), View(run.name), "saving", {})
