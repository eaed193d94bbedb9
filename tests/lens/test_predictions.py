"""The network's answers: as recorded for its own theta, as torch gives them on V for a theta by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stn_viz.lens import LENSES, LensError, predictions
from stn_viz.networks import build
from stn_viz.view import View


def loaded(run, step):
    """The network as anybody would load it."""
    model = build(**run.info.network)
    model.load_state_dict(run.weights(step))
    return model.float().eval()


@pytest.mark.parametrize("image", [0, 4])
@pytest.mark.parametrize("which", ["run", "plain", "spline"])
def test_at_a_snapshot_the_answer_is_the_recorded_one(request, which, image):
    run = request.getfixturevalue(which)
    assert len(run.snapshots) == 4
    for step in run.snapshots:
        record = run.steps.tolist().index(step)
        answer = predictions(run, View(run.name, image=image, step=step))
        assert answer["snapshot"] == step
        np.testing.assert_allclose(answer["probabilities"], run.probabilities[record, image], atol=2**-11)  # float16
        assert answer["loss"] == pytest.approx(float(run.probe_loss[record, image]), abs=1e-4)


def test_the_networks_own_theta_by_hand_gives_its_own_answer(run):
    step = run.snapshots[2]
    theta = run.theta(0)[run.steps.tolist().index(step), 1]
    view = View(run.name, image=1, step=step)
    by_hand = predictions(run, replace(view, theta=tuple(theta.tolist())))
    np.testing.assert_allclose(by_hand["probabilities"], predictions(run, view)["probabilities"], atol=1e-5)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
def test_by_hand_the_classifier_reads_what_torch_samples(run, kernel, padding, align_corners):
    step = run.snapshots[-1]
    theta = (0.83, -0.31, 0.4, 0.22, 0.71, -0.3)
    view = View(run.name, 2, step, theta=theta, kernel=kernel, padding=padding, align_corners=align_corners)
    model = loaded(run, step)
    U = torch.from_numpy(run.probes.U[2:3])
    grid = F.affine_grid(torch.tensor(theta).view(1, 2, 3), [1, 1, 28, 28], align_corners=align_corners)
    V = F.grid_sample(U, grid, mode=kernel, padding_mode=padding, align_corners=align_corners)
    with torch.no_grad():
        expected = model.classifier(V)
    answer = predictions(run, view)
    np.testing.assert_allclose(answer["probabilities"], expected.softmax(-1)[0], atol=1e-5)
    assert answer["loss"] == pytest.approx(float(F.cross_entropy(expected, torch.tensor([2]))), abs=1e-4)


def test_a_theta_of_another_family_is_sampled_at_the_sites_size(run):
    step = run.snapshots[-1]
    zoomed = predictions(run, View(run.name, 3, step, family="attention", theta=(0.5, 0.1, -0.2)))
    same = predictions(run, View(run.name, 3, step, theta=(0.5, 0.0, 0.1, 0.0, 0.5, -0.2)))
    assert zoomed["probabilities"] == pytest.approx(same["probabilities"], abs=1e-6)
    own_lattice = tuple(value for y in (-1, 0, 1) for x in (-1, 0, 1) for value in (0.5 * x + 0.1, 0.5 * y - 0.2))
    bent = predictions(run, View(run.name, 3, step, family="tps", points=3, theta=own_lattice))
    assert bent["probabilities"] == pytest.approx(same["probabilities"], abs=1e-4)


def test_another_rule_without_a_hand_keeps_the_networks_theta(run):
    step = run.snapshots[1]
    theta = run.theta(0)[run.steps.tolist().index(step), 0]
    view = View(run.name, 0, step, kernel="nearest", padding="reflection")
    assert predictions(run, view) == predictions(run, replace(view, theta=tuple(theta.tolist())))
    assert predictions(run, view)["probabilities"] != predictions(run, View(run.name, 0, step))["probabilities"]


def test_the_shortcut_past_the_localisation_network_is_what_the_watched_dispatcher_answers(run):
    from stn_viz.runs import sites

    step, theta = run.snapshots[-1], (1.4, 0.2, 0.0, -0.3, 0.6, 0.3)
    U = torch.from_numpy(run.probes.U[4:5])
    V = F.grid_sample(
        U, F.affine_grid(torch.tensor(theta).view(1, 2, 3), [1, 1, 28, 28], align_corners=False), align_corners=False
    )
    with torch.no_grad():
        expected = sites.answer(loaded(run, step), U, V).softmax(-1)[0]
    answer = predictions(run, View(run.name, 4, step, theta=theta))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    # and the network answers for itself again afterwards
    record = len(run.steps) - 1
    own = predictions(run, View(run.name, 4, step))
    np.testing.assert_allclose(own["probabilities"], run.probabilities[record, 4], atol=2**-11)


def test_between_two_snapshots_the_older_one_answers(run):
    first, second = run.snapshots[:2]
    assert predictions(run, View(run.name, step=second - 1))["snapshot"] == first


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image": 5}, r"image is 5, but run 'transformed' has 5 images: 0 to 4\."),
        ({"site": 1, "theta": (1.0,)}, r"site is 1, but run 'transformed' has sites 0 to 0\."),
        ({"theta": (1.0, 0.0)}, r"theta has 2 entries, but family 'affine' has 6\."),
        ({"theta": (1.0,), "family": "spiral"}, r"There is no family 'spiral'\. Choose one of: affine, attention"),
        (
            {"theta": (1.0, 0, 0, 0, 1.0, 0, 2.0, 0), "family": "projective", "step": 12},
            None,  # a horizon between two grid points: finite, and an answer
        ),
    ],
)
def test_what_the_run_has_not_is_said_in_a_sentence(run, change, sentence):
    view = replace(View(run.name, step=12), **change)
    if sentence is None:
        assert sum(predictions(run, view)["probabilities"]) == pytest.approx(1.0)
        return
    with pytest.raises(LensError, match=sentence):
        predictions(run, view)


def test_a_horizon_on_a_grid_point_is_an_error_and_not_a_nan(run):
    x = 1 / 28  # the centre of column 14 of 28; H_w = 1 - x / x = 0 there
    theta = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1 / x, 0.0)
    with pytest.raises(LensError, match="horizon"):
        predictions(run, View(run.name, step=12, family="projective", theta=theta))


def test_a_network_without_a_transformer_answers_but_takes_no_theta(plain):
    assert len(predictions(plain, View(plain.name, step=12))["probabilities"]) == 10
    with pytest.raises(LensError, match="There is no transformer in this network"):
        predictions(plain, View(plain.name, step=12, theta=(1.0, 0, 0, 0, 1.0, 0)))


def test_a_run_without_its_network_says_so(run):
    alone = replace(run, info=replace(run.info, network=None))
    with pytest.raises(LensError, match="came without its network"):
        predictions(alone, View(run.name))


def test_the_line_may_ask_for_predictions():
    assert LENSES["predictions"] is predictions
