"""One iteration taken apart, against the same network written out by hand, finite differences, and torch's own SGD."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tutorial_net import TutorialNet, images, train

import stn_viz
from stn_viz.foreign.network import network_of
from stn_viz.lens.learning import ask
from stn_viz.lens.predictions import _NETWORKS, predictions
from stn_viz.lens.question import LensError
from stn_viz.runs import Run, open_run
from stn_viz.view import View

BUNDLED = Path(__file__).parents[2] / "checkpoints" / "rts-st-cnn-affine"


@pytest.fixture(scope="module")
def trained() -> Run:
    """A trained network: its probes are digits, so that V is smooth enough for finite differences."""
    return open_run(BUNDLED)


def iteration(run, image=3, step=833, site=0):
    return ask(run, View(run=run.name, image=image, step=step, site=site), "iteration", {})


def by_hand(run, image, step):
    """The ST-CNN as the paper has it, from its weights alone; every stage, and the loss, on the tape."""
    w = {name: tensor.float().requires_grad_() for name, tensor in run.weights(run.snapshot_at(step)).items()}

    def layer(name, x, operation):
        return operation(x, w[f"{name}.weight"], w[f"{name}.bias"])

    U = torch.from_numpy(run.probes.U[image : image + 1])
    x = F.avg_pool2d(U, 2)
    x = F.relu(F.max_pool2d(layer("transformer.localisation.1", x, F.conv2d), 2))
    x = F.relu(layer("transformer.localisation.4", x, F.conv2d)).flatten(1)
    x = F.relu(layer("transformer.localisation.7", x, F.linear))
    theta = layer("transformer.localisation.9", x, F.linear)
    grid = F.affine_grid(theta.view(1, 2, 3), [1, 1, 28, 28], align_corners=False)
    V = F.grid_sample(U, grid, align_corners=False)
    x = F.relu(F.max_pool2d(layer("classifier.0", V, F.conv2d), 2))
    x = F.relu(F.max_pool2d(layer("classifier.3", x, F.conv2d), 2)).flatten(1)
    logits = layer("classifier.7", x, F.linear)
    loss = F.cross_entropy(logits, torch.tensor([run.probes.labels[image]]))
    return w, theta, grid, V, logits, loss


def close(found, wanted, rtol=2e-4):
    """To float32's rounding, by the largest of all entries."""
    wanted = np.asarray(wanted.detach() if isinstance(wanted, torch.Tensor) else wanted)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=rtol * max(np.abs(wanted).max(), 1e-9))


@pytest.mark.parametrize(("image", "step"), [(3, 833), (5, 16848), (1, 0)])
def test_every_stage_and_every_gradient_is_that_of_the_network_written_out(trained, image, step):
    answer = iteration(trained, image, step)
    w, theta, grid, V, logits, loss = by_hand(trained, image, step)
    dtheta, dgrid, dV, *dw = torch.autograd.grad(loss, [theta, grid, V, *w.values()])

    arrays, facts = answer.arrays, answer.facts
    close(arrays["theta"], theta[0], 1e-5)
    close(arrays["grid"], grid[0], 1e-5)
    close(arrays["V"], V[0], 1e-5)
    close(arrays["probabilities"], logits.softmax(1)[0], 1e-4)
    close(arrays["dV"], dV[0])
    close(arrays["dtheta"], dtheta[0], 1e-3)
    assert facts["loss"] == pytest.approx(float(loss.detach()), rel=1e-4)
    assert facts["snapshot"] == step
    assert facts["label"] == trained.probes.labels[image]
    assert facts["without"] is None

    # Seven blocks a side of four samples; a pixel of U's 42 is 2/42 of the normalised axis.
    blocks = -dgrid[0].view(7, 4, 7, 4, 2).sum((1, 3)) * 2 / 42
    close(arrays["pull"], blocks)
    close(arrays["pull_at"], grid[0].view(7, 4, 7, 4, 2).mean((1, 3)), 1e-5)

    own = [name.startswith("transformer") for name in w]
    for key, mine in (("norm_localisation", True), ("norm_rest", False)):
        squares = sum(float(d.square().sum()) for d, is_own in zip(dw, own, strict=True) if is_own is mine)
        assert facts[key] == pytest.approx(squares**0.5, rel=1e-3)


def test_dtheta_is_the_slope_of_the_loss_that_the_hand_sees(trained):
    """Central differences through predictions with theta by hand: another way through the code altogether."""
    view = View(run=trained.name, image=3, step=833)
    answer = ask(trained, view, "iteration", {})
    theta = answer.arrays["theta"]
    h = 5e-5  # the loss has kinks: at the pixels of U, at each ReLU and each max pool
    for p, found in enumerate(answer.arrays["dtheta"]):
        ends = [theta + sign * h * np.eye(6)[p] for sign in (1, -1)]
        up, down = (predictions(trained, replace(view, theta=tuple(end)))["loss"] for end in ends)
        assert found == pytest.approx((up - down) / (2 * h), rel=0.02, abs=0.005)


@pytest.mark.parametrize("step", [0, 833, 16848])
def test_the_step_is_one_of_sgd_at_the_stated_rate_and_can_be_seen(trained, step):
    answer = iteration(trained, 3, step)
    rate = answer.facts["rate"]
    model = network_of(trained, step).requires_grad_(True)
    U, label = torch.from_numpy(trained.probes.U[3:4]), torch.tensor([3])
    optimiser = torch.optim.SGD(model.parameters(), lr=rate)
    F.cross_entropy(model(U), label).backward()
    optimiser.step()
    with torch.no_grad():
        after = model(U)
    close(answer.arrays["next_theta"], model.transformer.theta[0], 1e-4)
    assert answer.facts["next_loss"] == pytest.approx(float(F.cross_entropy(after, label)), rel=1e-3)

    gone = (answer.arrays["next_grid"] - answer.arrays["grid"]) * 21  # pixels of U
    assert answer.facts["moved"] == pytest.approx(float(np.sqrt((gone**2).sum(-1).mean())), rel=1e-4)
    assert 0.5 <= answer.facts["moved"] <= 2.5
    assert float(f"{rate:.0e}") == rate
    assert f"{rate:.0e}"[0] in "125"


def test_an_image_that_pulls_at_nothing_is_left_at_the_largest_rate(trained):
    facts = iteration(trained, 0, 16848).facts  # read with certainty at the end
    assert facts["loss"] < 1e-4
    assert facts["rate"] == 1
    assert facts["moved"] < 0.1


def test_those_that_others_ask_are_left_alone(trained):
    view = View(run=trained.name, image=3, step=833)
    before = predictions(trained, view)
    shared = _NETWORKS.get((trained.path, trained.version, 833), lambda: pytest.fail("not kept"))
    weights = [weight.clone() for weight in shared.parameters()]
    ask(trained, view, "iteration", {})
    assert predictions(trained, view) == before
    assert all(torch.equal(a, b) for a, b in zip(weights, shared.parameters(), strict=True))
    assert not any(weight.requires_grad or weight.grad is not None for weight in shared.parameters())


def test_theta_of_a_spline_answers_as_its_localisation_network_hears_it(spline):
    answer = iteration(spline, 2, 12)
    model, heard = network_of(spline, 12).requires_grad_(True), []
    model.transformer.localisation.register_forward_hook(lambda module, given, theta: heard.append(theta))
    loss = F.cross_entropy(model(torch.from_numpy(spline.probes.U[2:3])), torch.tensor([2]))
    (dtheta,) = torch.autograd.grad(loss, heard[0])
    close(answer.arrays["theta"], heard[0][0], 1e-4)
    close(answer.arrays["dtheta"], dtheta[0], 2e-3)


def test_without_a_label_it_ends_before_the_loss(run):
    unknown = replace(run, probes=replace(run.probes, labels=np.full(5, -1)))
    answer = iteration(unknown, 1, 12)
    assert set(answer.arrays) == {"grid", "V", "theta", "probabilities"}
    assert answer.facts["loss"] is None
    assert "label" in answer.facts["without"]


def test_between_snapshots_the_older_one_is_taken_and_said(run):
    first, second = run.snapshots[1:3]
    assert iteration(run, 1, second - 1).facts["snapshot"] == first


def test_what_it_cannot_do_it_says(run, plain):
    with pytest.raises(LensError, match="no transformer"):
        iteration(plain)
    with pytest.raises(LensError, match="without its network"):
        iteration(replace(run, info=replace(run.info, network=None)), 1)
    with pytest.raises(LensError, match="has 5 images"):
        iteration(run, 5)


def test_a_recorded_network_s_program_is_followed_too(tmp_path, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    torch.manual_seed(5)
    U = images()
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    model = TutorialNet()
    with stn_viz.record(tmp_path / "net", probes=U, labels=labels) as recorder:
        train(model, recorder, steps=6)
    kept = open_run(tmp_path / "net")
    assert kept.info.network["name"] == "program"
    snapshot = kept.snapshots[-1]
    answer = iteration(kept, 2, snapshot)

    model.load_state_dict({name: tensor.float() for name, tensor in kept.weights(snapshot).items()}, strict=False)
    model.eval()
    loss = F.nll_loss(model(torch.from_numpy(kept.probes.U[2:3])), labels[2:3])
    (dtheta,) = torch.autograd.grad(loss, model.theta)
    assert answer.facts["loss"] == pytest.approx(float(loss.detach()), rel=1e-3)
    close(answer.arrays["theta"], model.theta.detach().flatten(), 1e-3)
    close(answer.arrays["dtheta"], dtheta.flatten(), 1e-2)
