"""The network's answers: as recorded for its own theta, as torch gives them on V for a theta by hand."""

import sys
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
    kept = predictions(run, view)
    assert kept == predictions(run, replace(view, theta=tuple(theta.tolist()))) | {"theta": theta.tolist()}
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


THETA = (0.83, -0.31, 0.4, 0.22, 0.71, -0.3)


def an_image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, 42, 42)).astype(np.float32) / np.float32(255)


@pytest.mark.parametrize(("sampler", "grid"), [(None, True), (True, False), (False, True), (True, None)])
@pytest.mark.parametrize("area", [None, 2, 4])
def test_a_grid_set_apart_and_averaged_points_are_what_torch_gives(run, sampler, grid, area):
    step, k = run.snapshots[-1], area or 1
    align = bool(sampler)  # the site's own is False
    points = F.affine_grid(
        torch.tensor(THETA).view(1, 2, 3), [1, 1, 28 * k, 28 * k], align_corners=align if grid is None else grid
    )
    U = torch.from_numpy(run.probes.U[2:3])
    V = F.grid_sample(U, points, align_corners=align).view(1, 1, 28, k, 28, k).mean((3, 5))
    with torch.no_grad():
        expected = loaded(run, step).classifier(V).softmax(-1)[0]
    view = View(run.name, 2, step, theta=THETA, align_corners=sampler, grid_align=grid, area=area)
    np.testing.assert_allclose(predictions(run, view)["probabilities"], expected, atol=1e-5)


def test_rules_that_are_the_sites_own_leave_the_network_to_itself(run):
    view = View(run.name, 1, run.snapshots[2])
    own = predictions(run, view)
    assert own == predictions(run, replace(view, grid_align=False, align_corners=False, area=1, size=(28, 28)))
    theta = run.theta(0)[run.steps.tolist().index(view.step), 1]
    np.testing.assert_allclose(own["theta"], theta, atol=1e-6)
    apart = predictions(run, replace(view, grid_align=True))
    assert apart["probabilities"] != own["probabilities"]
    np.testing.assert_array_equal(np.float32(apart["theta"]), theta)
    averaged = predictions(run, replace(view, area=4))
    by_hand = predictions(run, replace(view, area=4, theta=tuple(theta.tolist())))
    assert averaged["probabilities"] == by_hand["probabilities"] != own["probabilities"]
    assert by_hand["theta"] is None


@pytest.mark.parametrize("name", ["run", "plain", "spline"])
def test_any_image_of_their_shape_is_answered_as_the_probes_are(request, name):
    run = request.getfixturevalue(name)
    view = View(run.name, image=0, step=run.snapshots[-1])
    answer = predictions(run, replace(view, picture="mnist:3"), run.probes.U[4])
    known = predictions(run, replace(view, image=4))
    assert answer["probabilities"] == known["probabilities"]
    assert answer["theta"] == known["theta"]
    assert (answer["theta"] is None) == (name == "plain")
    assert (answer["loss"], answer["snapshot"]) == (None, run.snapshots[-1])


def test_an_image_that_nobody_recorded_is_answered_under_any_rule(run):
    step, U = run.snapshots[-1], an_image()
    model = loaded(run, step)
    with torch.no_grad():
        expected = model(torch.from_numpy(U)[None]).softmax(-1)[0]
        theta = model.transformer.theta
        V = F.grid_sample(
            torch.from_numpy(U)[None],
            F.affine_grid(theta.view(1, 2, 3), [1, 1, 28, 28], align_corners=False),
            mode="nearest",
            padding_mode="border",
            align_corners=False,
        )
        nearest = model.classifier(V).softmax(-1)[0]
    own = predictions(run, View(run.name, step=step), U)
    np.testing.assert_allclose(own["probabilities"], expected, atol=1e-6)
    np.testing.assert_allclose(own["theta"], theta[0], atol=1e-6)
    ruled = predictions(run, View(run.name, step=step, kernel="nearest", padding="border"), U)
    np.testing.assert_allclose(ruled["probabilities"], nearest, atol=1e-5)
    assert ruled["theta"] == own["theta"]
    by_hand = predictions(run, View(run.name, step=step, theta=tuple(own["theta"])), U)
    np.testing.assert_allclose(by_hand["probabilities"], expected, atol=1e-5)
    other = predictions(run, View(run.name, step=step, theta=tuple(own["theta"])), an_image(1))
    assert other["probabilities"] != by_hand["probabilities"]


def test_the_theta_of_an_image_comes_also_where_the_network_cannot_read_v(run):
    view = View(run.name, step=run.snapshots[-1], size=(56, 42))
    answer = predictions(run, view, an_image())
    assert answer["theta"] == predictions(run, replace(view, size=None), an_image())["theta"]
    assert answer["probabilities"] is answer["loss"] is None
    assert answer["error"] == "The network takes 28 x 28; this V is 56 x 42."


@pytest.mark.parametrize(
    ("change", "U", "sentence"),
    [
        ({"picture": "mnist:7"}, None, r"picture is 'mnist:7', which is no image of this run\. Send it along as U\."),
        ({}, np.zeros((1, 28, 42), np.float32), r"U is 1 x 28 x 42, but this network takes 1 x 42 x 42 \(channels, h"),
        ({}, np.zeros((3, 42, 42), np.float32), r"U is 3 x 42 x 42, but this network takes 1 x 42 x 42"),
        ({"size": (56, 42)}, None, r"The network takes 28 x 28; this V is 56 x 42\."),
        ({"size": (56, 42), "theta": THETA}, an_image(), r"The network takes 28 x 28; this V is 56 x 42\."),
        (
            {"theta": (0.0,) * 162, "family": "free", "points": 4},
            None,
            r"cannot be laid .* 5 to 9 control points a sid",
        ),
        ({"theta": (0.0,) * 50, "family": "free"}, None, r"theta has 50 entries, but family 'free' has 162\."),
    ],
)
def test_what_cannot_be_answered_about_an_image_is_said(run, change, U, sentence):
    with pytest.raises(LensError, match=sentence):
        predictions(run, replace(View(run.name, step=12), **change), U)


def test_a_free_form_that_is_an_affine_map_gets_its_answer(run):
    step, side = run.snapshots[-1], np.linspace(-1, 1, 5)
    A = np.array(THETA).reshape(2, 3)
    lattice = np.array([(x, y, 1) for y in side for x in side]) @ A.T
    free = View(run.name, 3, step, family="free", points=5, theta=tuple(lattice.flatten().tolist()), area=2)
    affine = View(run.name, 3, step, theta=THETA, area=2)
    np.testing.assert_allclose(
        predictions(run, free)["probabilities"], predictions(run, affine)["probabilities"], atol=1e-5
    )


def test_a_network_of_other_values_takes_no_image_from_0_to_1(run):
    normalised = replace(run, probes=replace(run.probes, U=2 * run.probes.U - 1))
    with pytest.raises(LensError, match=r"trained on values from -1 to 1, and U has values from 0 to 1"):
        predictions(normalised, View(run.name), an_image())


class Deeper(torch.nn.Module):
    """Two affine transformers: one on the image, one on what a convolution makes of the first one's V."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.thetas = [torch.tensor(THETA).view(1, 2, 3), torch.tensor(THETA).view(1, 2, 3).flip(2)]
        self.weight = torch.randn(1, 1, 3, 3, generator=generator)
        self.read = torch.randn(10, 28 * 28, generator=generator) / 28

    def maps(self, U, thetas):
        V = F.grid_sample(U, F.affine_grid(thetas[0], [1, 1, 28, 28], align_corners=False), align_corners=False)
        inner = F.conv2d(V, self.weight, padding=1)
        return F.grid_sample(inner, F.affine_grid(thetas[1], [1, 1, 28, 28], align_corners=False), align_corners=False)

    def forward(self, U, thetas=None):
        return self.maps(U, thetas or self.thetas).flatten(1) @ self.read.T


def test_a_network_of_two_sites_is_answered_and_the_inner_one_for_the_runs_own_images_alone(run, monkeypatch):
    model = Deeper()
    monkeypatch.setattr(sys.modules["stn_viz.lens.predictions"], "_network", lambda run, snapshot: model)
    outer, rows = run.sites[0], {**run.rows, "theta_1": run.rows["theta_0"]}
    inner = replace(outer, input_size=(28, 28))
    two = replace(run, info=replace(run.info, sites=(outer, inner)), rows=rows, version="two sites")
    U, other = an_image(), (0.9, 0.1, 0.0, -0.1, 0.9, 0.2)

    own = predictions(two, View(run.name, step=12), U)
    np.testing.assert_allclose(own["probabilities"], model(torch.from_numpy(U)[None]).softmax(-1)[0], atol=1e-5)
    np.testing.assert_allclose(own["theta"], THETA, atol=1e-5)
    np.testing.assert_allclose(
        predictions(two, View(run.name, step=12, site=1), U)["theta"], model.thetas[1].flatten(), atol=1e-5
    )
    moved = torch.tensor(other).view(1, 2, 3)
    by_hand = predictions(two, View(run.name, step=12, theta=other), U)["probabilities"]
    expected = model(torch.from_numpy(U)[None], [moved, model.thetas[1]]).softmax(-1)[0]
    np.testing.assert_allclose(by_hand, expected, atol=1e-5)

    view = View(run.name, 2, step=12, site=1, theta=other)
    expected = model(torch.from_numpy(run.probes.U[2:3]), [model.thetas[0], moved]).softmax(-1)[0]
    np.testing.assert_allclose(predictions(two, view)["probabilities"], expected, atol=1e-5)
    with pytest.raises(LensError, match="Site 1 samples a feature map inside the network, which is known for the run"):
        predictions(two, view, U)


def test_a_grid_too_large_to_ask_about_is_refused(run):
    from stn_viz.lens.laying import laid

    with pytest.raises(LensError, match=r"A grid of 1024 x 1024 points is too large .* family 'tps'\. Average fewer"):
        laid("tps", (1024, 1024), False, {"points": 8})
    assert laid("affine", (1024, 1024), False, {}).b.shape == (1024 * 1024, 3)


def test_a_theta_that_went_astray_is_said(run):
    record = run.steps.tolist().index(run.snapshots[1])
    theta = run.theta(0).copy()
    theta[record, 0] = np.nan
    astray = replace(run, rows={**run.rows, "theta_0": theta})
    with pytest.raises(LensError, match="theta is not finite at this step: the training had gone astray"):
        predictions(astray, View(run.name, 0, run.snapshots[1], kernel="nearest"))


def test_weights_that_went_astray_are_said(run, monkeypatch):
    model = loaded(run, 12)
    with torch.no_grad():
        model.transformer.localisation[-1].bias[2] = torch.nan
    monkeypatch.setattr(sys.modules["stn_viz.lens.predictions"], "_network", lambda run, snapshot: model)
    with pytest.raises(LensError, match=r"no grid for this image: theta 0, family 'affine': t13 is nan"):
        predictions(run, View(run.name, step=12), an_image())


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
