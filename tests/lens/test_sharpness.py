"""Sharpness: its formula at cases whose answer is known, and over a trace."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stn_viz.lens.learning import ask
from stn_viz.lens.learning.moments import Moments
from stn_viz.lens.learning.sharpness import sharpness_of
from stn_viz.lens.question import LensError
from stn_viz.runs import Probes, Run
from stn_viz.view import View


def moments(*classes: np.ndarray) -> Moments:
    """Of pictures (n, C, H, W), one array a class."""
    return Moments(
        np.stack([V.mean(0) for V in classes]),
        np.stack([V.var(0) for V in classes]),
        np.array([len(V) for V in classes]),
    )


RNG = np.random.default_rng(5)
PICTURE = RNG.random((1, 1, 9, 7))


def test_the_same_picture_every_time_is_sharp_and_noise_is_fog() -> None:
    assert sharpness_of(moments(np.repeat(PICTURE, 4, 0))) == pytest.approx(1)
    assert sharpness_of(moments(RNG.random((6, 1, 90, 70)))) < 0.01  # a mean of six shows 1/6 of the noise by chance
    assert sharpness_of(moments(np.zeros((5, 1, 9, 7)))) == 0  # a blank wall
    assert sharpness_of(moments(np.ones((5, 1, 9, 7)) * RNG.random((5, 1, 1, 1)))) == 0  # greys without a picture


def test_it_is_the_share_of_variance_that_the_mean_explains() -> None:
    # A picture of variance 4 under noise of variance 1: four fifths, however many pictures there are.
    picture = 2 * RNG.standard_normal((1, 1, 300, 200))
    for n in (3, 30):
        V = picture + RNG.standard_normal((n, 1, 300, 200))
        assert sharpness_of(moments(V)) == pytest.approx(0.8, abs=0.01)
        assert sharpness_of(moments(5 - 3 * V)) == pytest.approx(sharpness_of(moments(V)))  # contrast does not matter
    sharp, fog = np.repeat(picture, 3, 0), RNG.standard_normal((3, 1, 300, 200))
    assert sharpness_of(moments(sharp, fog)) == pytest.approx(0.5, abs=0.01)


def test_what_cannot_be_known_is_left_out() -> None:
    sharp = np.repeat(PICTURE, 4, 0)
    assert sharpness_of(moments(sharp, RNG.random((1, 1, 9, 7)))) == pytest.approx(1)  # one picture says nothing
    assert sharpness_of(moments(sharp, np.full((2, 1, 9, 7), np.nan))) == pytest.approx(1)
    assert np.isnan(sharpness_of(moments(RNG.random((1, 1, 9, 7)))))


def traced(run: Run, theta: np.ndarray, version: str, labels: np.ndarray) -> Run:
    return replace(
        run,
        probes=Probes(U=run.probes.U, labels=labels),
        steps=10 * np.arange(len(theta)),
        rows={"theta_0": theta.astype(np.float32)},
        version=version,
    )


IDENTITY = np.array([1.0, 0, 0, 0, 1, 0])
LABELS = np.array([0, 0, 1, 1, 1])


def test_every_record_has_the_number_of_its_own_v(run: Run) -> None:
    theta = run.theta(0)
    assert theta is not None
    made = replace(run, probes=Probes(U=run.probes.U, labels=LABELS, pose=run.probes.pose), version="labelled")
    answer = ask(made, View(run="any"), "sharpness", {})
    assert answer.arrays["step"].dtype == np.float64
    assert answer.arrays["sharpness"].dtype == np.float32
    np.testing.assert_array_equal(answer.arrays["step"], run.steps)
    U = torch.from_numpy(run.probes.U)
    for rows, found in [
        *zip(theta, answer.arrays["sharpness"], strict=True),
        (np.tile(IDENTITY, (5, 1)), answer.facts["raw"]),
        (run.probes.pose, answer.facts["pose"]),
    ]:
        grid = F.affine_grid(torch.from_numpy(rows).float().view(5, 2, 3), [5, 1, 28, 28], align_corners=False)
        V = F.grid_sample(U, grid, align_corners=False).double().numpy()
        assert found == pytest.approx(sharpness_of(moments(V[:2], V[2:])), abs=1e-5)


def test_a_frozen_localiser_has_one_sharpness(run: Run) -> None:
    frozen = np.tile(IDENTITY, (4, 5, 1))
    answer = ask(traced(run, frozen, "frozen", LABELS), View(run="any"), "sharpness", {})
    assert len(set(answer.arrays["sharpness"].tolist())) == 1
    assert answer.arrays["sharpness"][0] == pytest.approx(answer.facts["raw"])


def test_many_records_are_thinned_and_lie_on_straight_lines_between(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    zoom = np.linspace(1, 0.5, 401)
    theta = np.tile(IDENTITY, (401, 5, 1))
    theta[:, :, 0] = theta[:, :, 4] = zoom[:, None]
    answer = ask(traced(run, theta, "many", LABELS), View(run="any"), "sharpness", {})
    assert answer.facts["sampled"] == 150
    assert answer.arrays["sharpness"].shape == (401,)
    monkeypatch.setattr("stn_viz.lens.learning.sharpness.MOST_RECORDS", 1000)
    every = ask(traced(run, theta, "every", LABELS), View(run="any"), "sharpness", {})
    assert every.facts["sampled"] == 401
    np.testing.assert_allclose(answer.arrays["sharpness"], every.arrays["sharpness"], atol=2e-3)


def test_where_theta_is_not_finite_nothing_is_known(run: Run) -> None:
    theta = np.tile(IDENTITY, (5, 5, 1))
    theta[2:] = np.nan
    found = ask(traced(run, theta, "astray", LABELS), View(run="any"), "sharpness", {}).arrays["sharpness"]
    assert np.isfinite(found).tolist() == [True, True, False, False, False]


def test_a_network_without_a_transformer_has_none(plain: Run) -> None:
    with pytest.raises(LensError, match="no transformer"):
        ask(plain, View(run="plain"), "sharpness", {})
