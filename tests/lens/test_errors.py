"""What a network gets wrong, counted again by plain loops over the held-out set."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from volume_run import make_volume_run

from stn_viz.data import held_out
from stn_viz.foreign.network import network_of
from stn_viz.lens import LensError
from stn_viz.lens.learning import ask, errors
from stn_viz.lens.learning.habit import apart_px, as_sampled, habit_of, habitual, told
from stn_viz.lens.learning.part import Part
from stn_viz.runs import Run, open_run
from stn_viz.view import View

BUNDLED = Path(__file__).parents[2] / "checkpoints" / "rts-st-cnn-affine"


def counted(run: Run, step: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and probabilities of the held-out set, and the confusion matrix, one image after another."""
    truth = held_out("rts", count, run.info.seed or 0)
    with torch.no_grad():
        said = torch.cat([network_of(run, step)(U).softmax(1) for U in truth.U.split(250)]).numpy()
    confusion = np.zeros((10, 10), int)
    for label, p in zip(truth.labels.tolist(), said, strict=True):
        confusion[label, p.argmax()] += 1
    return truth.labels.numpy(), said, confusion


@pytest.mark.parametrize("which", ["run", "plain"])
def test_the_confusion_matrix_is_the_one_that_is_counted_by_hand(request, which) -> None:
    run = request.getfixturevalue(which)
    step = run.snapshots[-1]
    labels, said, confusion = counted(run, step, 300)
    answer = ask(run, View(run.name, step=step), "errors", {"count": "300"})
    arrays, facts = answer.arrays, answer.facts
    np.testing.assert_array_equal(arrays["confusion"], confusion)
    np.testing.assert_array_equal(arrays["labels"], labels)
    np.testing.assert_array_equal(arrays["answers"], said.argmax(1))
    np.testing.assert_allclose(arrays["p_true"], said[np.arange(300), labels], atol=1e-5)
    np.testing.assert_allclose(arrays["p_answer"], said.max(1), atol=1e-5)
    wrong = 300 - confusion.trace()
    assert (facts["wrong"], facts["known"], facts["count"]) == (wrong, 300, 300)
    assert facts["error"] == pytest.approx(wrong / 300)
    assert (facts["snapshot"], facts["source"], facts["of"]) == (step, "test set", "held:rts:0")
    assert ("theta" in arrays) == (which == "run")


def test_the_images_shown_are_the_surest_mistakes_as_the_network_saw_them(run: Run) -> None:
    step = run.snapshots[-1]
    labels, said, _ = counted(run, step, 300)
    answer = ask(run, View(run.name, step=step), "errors", {"count": "300"})
    indices = answer.arrays["indices"]
    assert len(indices) == min(200, answer.facts["wrong"])
    wrong = np.flatnonzero(said.argmax(1) != labels)
    assert set(indices) <= set(wrong)
    p_true = said[np.arange(300), labels]
    assert p_true[indices].max() <= np.sort(p_true[wrong])[len(indices) - 1] + 1e-6
    assert (np.diff(p_true[indices]) >= -1e-6).all()
    assert answer.facts["ids"] == [f"{index}:held:rts:0" for index in indices]

    truth = held_out("rts", 300, 0)
    np.testing.assert_array_equal(answer.arrays["U"], (truth.U[indices] * 255).round().byte())
    with torch.no_grad():
        model = network_of(run, step)
        transformer = model.get_submodule(run.sites[0].name)
        V, theta = transformer(truth.U[indices]), transformer.theta
    np.testing.assert_allclose(answer.arrays["V"], V.clamp(0, 1) * 255, atol=0.51)
    np.testing.assert_allclose(answer.arrays["theta"][indices], theta, atol=1e-5)
    grid = F.affine_grid(theta.view(-1, 2, 3), [len(indices), 1, 28, 28], align_corners=False)
    outside = (grid.abs() > 1).any(-1).flatten(1).float().mean(1)
    np.testing.assert_allclose(answer.arrays["outside"], outside, atol=2e-3)


def test_a_cell_holds_its_own_images_right_ones_too(run: Run) -> None:
    view = View(run.name, step=run.snapshots[-1])
    whole = ask(run, view, "errors", {"count": "300"}).arrays
    truth, said = np.unravel_index(np.argmax(whole["confusion"]), (10, 10))
    for cell in ((truth, said), (said, said)):
        arrays = ask(run, view, "errors", {"count": "300", "cell": f"{cell[0]}-{cell[1]}"}).arrays
        assert len(arrays["indices"]) == min(200, whole["confusion"][cell])
        assert (arrays["labels"][arrays["indices"]] == cell[0]).all()
        assert (arrays["answers"][arrays["indices"]] == cell[1]).all()
    for cell in ("3", "3-10", "a-b", "-1-2"):
        with pytest.raises(LensError, match="true class and an answer, such as 3-5"):
            ask(run, view, "errors", {"count": "300", "cell": cell})


def test_the_error_of_the_whole_test_set_is_the_one_that_the_training_wrote_down() -> None:
    run = open_run(BUNDLED)
    facts = ask(run, View(run.name, step=run.snapshots[-1]), "errors", {"count": "10000"}).facts
    written = json.loads((BUNDLED / "run.json").read_text())["metrics"]
    assert facts["known"] == written["test_images"] == 10_000
    # Weights are kept in float16, and another processor rounds otherwise: an image or two may change sides.
    assert facts["error"] == pytest.approx(written["test_error"], abs=3e-4)


def test_without_its_network_the_recorded_answers_are_counted(run: Run) -> None:
    alone = replace(run, info=replace(run.info, network=None))
    record = run.steps.tolist().index(7)
    answer = ask(alone, View(run.name, step=7), "errors", {})
    assert run.probabilities is not None
    said = run.probabilities[record].argmax(1)
    np.testing.assert_array_equal(answer.arrays["answers"], said)
    assert answer.facts["wrong"] == (said != run.probes.labels).sum()
    assert (answer.facts["source"], answer.facts["snapshot"], answer.facts["ids"]) == ("images of the run", 7, None)


def test_of_volumes_the_middle_slice_is_shown(tmp_path: Path) -> None:
    make_volume_run(tmp_path / "turner")
    run = open_run(tmp_path / "turner")
    answer = ask(run, View(run.name, step=4), "errors", {})
    shown = run.probes.U[answer.arrays["indices"]]
    assert answer.arrays["U"].shape == (len(shown), 1, *shown.shape[-2:])
    assert "V" not in answer.arrays


def test_what_cannot_be_counted_says_why(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = replace(run, probes=replace(run.probes, labels=np.full(5, -1)), info=replace(run.info, network=None))
    with pytest.raises(LensError, match="labels of this run's images are not known"):
        ask(nobody, View(run.name), "errors", {})
    part = errors.part_of(replace(run, info=replace(run.info, network=None)), View(run.name))
    monkeypatch.setattr(errors, "part_of", lambda run, view, count: replace(part, probabilities=None))
    with pytest.raises(LensError, match="gives no classes"):
        ask(run, View(run.name), "errors", {})
    # A training that went astray: no answer, no grid, and all of it wrong.
    nowhere = {name: np.full_like(getattr(part, name), np.nan) for name in ("probabilities", "theta")}
    monkeypatch.setattr(errors, "part_of", lambda run, view, count: replace(part, **nowhere))
    lost = ask(run, View(run.name), "errors", {})
    assert lost.facts["wrong"] == 5
    assert (lost.arrays["answers"] == errors.UNSURE).all()
    assert "V" not in lost.arrays


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_habit_is_what_lies_between_pose_and_grid(run: Run, align_corners) -> None:
    """A localiser that undoes every pose, and then turns, zooms and shifts all of them alike."""
    truth = held_out("rts", 60, 3)
    habit = np.array([[0.8, -0.3, 0.1], [0.3, 0.8, -0.2], [0, 0, 1]])
    pose = np.concatenate([truth.pose.numpy().reshape(-1, 2, 3), np.tile([[[0.0, 0, 1]]], (60, 1, 1))], 1)
    site = replace(run.sites[0], align_corners=align_corners)
    # What a grid is under align_corners True: places of U, and of V, are counted between outermost pixel centres.
    U = np.diag([42 / 41, 42 / 41, 1]) if align_corners else np.eye(3)
    V = np.diag([27 / 28, 27 / 28, 1]) if align_corners else np.eye(3)
    theta = (U @ pose @ habit @ V)[:, :2].reshape(60, 6).astype(np.float32)
    theta[50:] += 0.5  # astray, and read wrongly
    right = np.arange(60) < 50
    part = Part(
        U=truth.U.numpy(), labels=truth.labels.numpy(), pose=truth.pose.numpy(), pose_family="affine", theta=theta,
        probabilities=None, snapshot=0, source="test set", ids=None, site=site,
    )  # fmt: skip
    r = habit_of(part, right)
    assert r is not None
    np.testing.assert_allclose(r, habit, atol=1e-4)
    own = F.affine_grid(torch.from_numpy(theta).view(-1, 2, 3), [60, 1, 28, 28], align_corners=align_corners)
    owed = habitual(part, r)
    astray = apart_px(site, told(site, own), owed)
    assert astray[:50].max() < 1e-2
    assert astray[50:].min() > 5
    torch.testing.assert_close(as_sampled(site, told(site, own)), own.double())
    assert habit_of(replace(part, pose=None), right) is None
