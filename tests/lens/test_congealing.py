"""Class means and variances of V, against numpy over what torch's own affine_grid and grid_sample give."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from foreign_folder import deep, pair, raw
from torch import Tensor
from volume_run import make_volume_run

from stn_viz.data import held_out, mnist
from stn_viz.foreign.network import network_of
from stn_viz.lens.learning import ask
from stn_viz.lens.learning.congealing import congealed
from stn_viz.lens.learning.moments import Moments, groups_of
from stn_viz.lens.learning.sharpness import sharpness_of
from stn_viz.lens.question import LensError
from stn_viz.runs import Probes, Run, open_run
from stn_viz.view import View


def at(run: Run, step: int, site: int = 0) -> View:
    return View(run=run.name, step=step, site=site)


def sampled(U: Tensor, theta: Tensor, size: tuple[int, int] = (28, 28)) -> np.ndarray:
    grid = F.affine_grid(theta.view(-1, 2, 3), [len(U), U.shape[1], *size], align_corners=False)
    return F.grid_sample(U, grid, align_corners=False).numpy()


IDENTITY = torch.tensor([1.0, 0, 0, 0, 1, 0])


def test_means_and_variances_are_numpys(run: Run) -> None:
    truth = held_out("rts", 230, 0)
    with torch.no_grad():
        theta = network_of(run, 12).get_submodule("transformer").localisation(truth.U)
    assert float((theta - IDENTITY).abs().max()) > 0.01  # of a network that has moved
    found = congealed(run, at(run, 12), count=230)
    labels = truth.labels.numpy()
    for moments, V in (
        (found.V, sampled(truth.U, theta)),
        (found.raw, sampled(truth.U, IDENTITY.expand(230, 6))),
        (found.pose, sampled(truth.U, truth.pose)),
    ):
        assert moments is not None
        assert moments.counts.tolist() == np.bincount(labels).tolist()
        for label in range(10):
            np.testing.assert_allclose(moments.mean[label], V[labels == label].mean(0), atol=1e-5)
            np.testing.assert_allclose(moments.variance[label], V[labels == label].var(0), atol=1e-5)


def test_a_network_that_does_nothing_gives_the_raw_mean_bit_for_bit(run: Run) -> None:
    found = congealed(run, at(run, 0), count=200)  # before the first update theta is the identity
    assert found.raw is not None
    np.testing.assert_array_equal(found.V.mean, found.raw.mean)
    np.testing.assert_array_equal(found.V.variance, found.raw.variance)
    answer = ask(run, at(run, 0), "congealing", {"count": "200"})
    np.testing.assert_array_equal(answer.arrays["mean"], answer.arrays["raw_mean"])
    assert answer.facts["sharpness"] == answer.facts["raw_sharpness"]


def test_bytes_mean_what_the_facts_say(run: Run) -> None:
    found = congealed(run, at(run, 12), count=200)
    answer = ask(run, at(run, 12), "congealing", {"count": "200"})
    facts = answer.facts
    assert (facts["snapshot"], facts["source"], facts["count"]) == (12, "test set", 200)
    assert facts["classes"] == list("0123456789")
    assert sum(facts["images"]) == 200
    half = (facts["high"] - facts["low"]) / 510
    values = facts["low"] + answer.arrays["mean"] * (facts["high"] - facts["low"]) / 255
    np.testing.assert_allclose(values, found.V.mean, atol=half + 1e-9)
    np.testing.assert_allclose(
        answer.arrays["variance"] * facts["most"] / 255, found.V.variance, atol=facts["most"] / 509
    )
    assert answer.arrays["pose_mean"].shape == (10, 1, 28, 28)
    assert facts["sharpness"] == pytest.approx(sharpness_of(found.V))
    with pytest.raises(LensError, match="count is '99'"):
        ask(run, at(run, 0), "congealing", {"count": "99"})


def perfect(run: Run, count: int = 300) -> Run:
    """The trace of a localiser that says the true pose: digits moved by whole pixels, so that V is the digit itself."""
    digits = mnist().test[:count].float().numpy() / np.float32(255)
    corners = np.random.default_rng(1).integers(0, 15, (count, 2))
    U, pose = np.zeros((count, 1, 42, 42), np.float32), np.zeros((count, 6), np.float32)
    for i, (left, top) in enumerate(corners):
        U[i, 0, top : top + 28, left : left + 28] = digits[i]
        pose[i] = [28 / 42, 0, (2 * left + 28) / 42 - 1, 0, 28 / 42, (2 * top + 28) / 42 - 1]
    return replace(
        run,
        info=replace(run.info, network=None),
        probes=Probes(U=U, labels=mnist().test_labels[:count].numpy(), pose=pose),
        steps=np.array([0, 10]),
        rows={"theta_0": np.stack([np.tile(IDENTITY.numpy(), (count, 1)), pose])},
        version="perfect",
    )


def test_a_perfect_localiser_is_as_sharp_as_the_upright_digits(run: Run) -> None:
    made = perfect(run)
    before, found = (congealed(made, at(made, step), count=1000) for step in (0, 10))
    assert found.pose is not None
    assert before.raw is not None
    digits, labels = mnist().test[:300].float().numpy()[:, None] / 255, mnist().test_labels[:300].numpy()
    upright = Moments(
        np.stack([digits[labels == k].mean(0) for k in range(10)]),
        np.stack([digits[labels == k].var(0) for k in range(10)]),
        np.bincount(labels),
    )
    np.testing.assert_allclose(found.V.mean, upright.mean, atol=1e-4)
    np.testing.assert_allclose(found.V.variance, upright.variance, atol=1e-4)
    assert sharpness_of(found.V) == pytest.approx(sharpness_of(upright), abs=1e-4)
    assert sharpness_of(found.pose) == pytest.approx(sharpness_of(upright), abs=1e-4)
    assert sharpness_of(before.V) == sharpness_of(before.raw) < 0.6 * sharpness_of(found.V)
    curve = ask(made, at(made, 0), "sharpness", {})
    np.testing.assert_allclose(curve.arrays["sharpness"], [sharpness_of(before.raw), sharpness_of(upright)], atol=1e-4)


def test_without_its_network_the_runs_own_images_are_congealed_at_every_record(run: Run) -> None:
    alone = replace(run, info=replace(run.info, network=None), version="alone")
    theta = run.theta(0)
    assert theta is not None
    labels = np.array([0, 0, 1, 1, 1])
    alone = replace(alone, probes=Probes(U=run.probes.U, labels=labels))
    for step in (0, 7):
        found = congealed(alone, at(alone, step), count=1000)
        record = run.steps.tolist().index(step)
        V = sampled(torch.from_numpy(run.probes.U), torch.from_numpy(theta[record]))
        np.testing.assert_allclose(found.V.mean[1], V[2:].mean(0), atol=1e-5)
        np.testing.assert_allclose(found.V.variance[0], V[:2].var(0), atol=1e-5)
        facts = ask(alone, at(alone, step), "congealing", {}).facts
        assert (facts["source"], facts["snapshot"], facts["count"]) == ("images of the run", step, 5)
        assert facts["pose_sharpness"] is None


def test_a_plain_network_sees_the_fog_itself(plain: Run) -> None:
    answer = ask(plain, at(plain, 12), "congealing", {"count": "100"})
    truth = held_out("rts", 100, 0)
    mean = truth.U[truth.labels == 3].mean(0).numpy()
    np.testing.assert_allclose(answer.arrays["mean"][3], 255 * mean, atol=0.51)
    assert answer.facts["raw_sharpness"] is None
    assert "raw_mean" not in answer.arrays


def test_a_grid_of_no_family_and_colour_images_of_no_label(tmp_path: Path) -> None:
    run = open_run(raw(tmp_path / "raw"))
    answer = ask(run, at(run, 20), "congealing", {})
    grid = torch.from_numpy(run.rows["grid_0"][2].astype(np.float32))
    V = F.grid_sample(torch.from_numpy(run.probes.U), grid, align_corners=False).numpy()
    low, high = answer.facts["low"], answer.facts["high"]
    assert answer.facts["classes"] == ["all images"]
    np.testing.assert_allclose(
        low + answer.arrays["mean"] / 255 * (high - low), V.mean(0)[None], atol=(high - low) / 500
    )

    run = open_run(pair(tmp_path / "pair"))
    answer = ask(run, at(run, 100, site=1), "congealing", {})
    assert answer.arrays["mean"].shape == (1, 3, 12, 12)
    assert answer.facts["images"] == [3]


def test_a_feature_map_that_was_kept_is_congealed_by_what_was_kept(tmp_path: Path) -> None:
    run = open_run(deep(tmp_path / "deep"))
    answer = ask(run, at(run, 900, site=1), "congealing", {})
    kept = run.features(1)
    assert kept is not None
    theta = torch.from_numpy(run.rows["theta_1"][2])
    V = sampled(torch.from_numpy(kept[1][1].astype(np.float32)), theta, (6, 7))
    low, high = answer.facts["low"], answer.facts["high"]
    np.testing.assert_allclose(
        low + answer.arrays["mean"] / 255 * (high - low), V.mean(0)[None], atol=(high - low) / 500
    )
    assert "directions" in answer.facts["shown"]
    assert "raw_mean" not in answer.arrays


def test_volumes_are_refused_in_a_sentence(tmp_path: Path) -> None:
    make_volume_run(tmp_path / "turner")
    run = open_run(tmp_path / "turner")
    for lens in ("congealing", "sharpness"):
        with pytest.raises(LensError, match="samples volumes"):
            ask(run, at(run, 0), lens, {})


def test_the_classes_with_most_images_are_shown() -> None:
    labels = np.concatenate([np.repeat(np.arange(30), 2), np.repeat([25, 29], 5), [-1, -1]])
    groups = groups_of(labels)
    assert len(groups.labels) == 20
    assert {25, 29} <= set(groups.labels.tolist())
    assert groups.more == 10
    assert groups.counts.tolist() == [7 if label in (25, 29) else 2 for label in groups.labels]
    assert (groups.of[-2:] == -1).all()
    for unknown in (np.full(4, -1), np.arange(4)):  # no label, or none twice: one mean of all
        assert groups_of(unknown).labels.tolist() == [-1]
        assert groups_of(unknown).counts.tolist() == [4]
