"""True pose against predicted pose: perfect and frozen localisers, numpy.polyfit, a similarity that is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from test_spread import made

from stn_viz.data import distort, held_out, mnist
from stn_viz.lens.learning import Answer, ask
from stn_viz.lens.learning.pose import from_the_mean, numbers_of, on_the_turn, relation
from stn_viz.lens.learning.unposing import places_of
from stn_viz.lens.question import LensError
from stn_viz.runs import Run, Site
from stn_viz.transformer import family, gauge
from stn_viz.view import View

Array = NDArray[Any]
ALL = {"source": "probes", "records": "all"}


def asked(run: Run, step: int = 0, **options: str) -> Answer:
    return ask(run, View(run=run.name, step=step), "pose", options or ALL)


def rts(n: int, seed: int = 0) -> Array:
    """True poses of task RTS, in pictures of 42 x 42."""
    return held_out("rts", n, seed).pose.numpy()


def test_a_perfect_localiser_undoes_exactly_what_was_applied(tmp_path: Path) -> None:
    pose = rts(60)
    run = made(tmp_path, pose, pose[None], size=(42, 42))
    answer = asked(run)
    applied, undone = answer.arrays["applied"], answer.arrays["undone"][0]
    np.testing.assert_allclose(undone, -applied, atol=2e-5)
    np.testing.assert_allclose(answer.arrays["slope"][0], -1, atol=1e-5)
    np.testing.assert_allclose(answer.arrays["offset"][0], 0, atol=1e-4)
    np.testing.assert_allclose(answer.arrays["correlation"][0], -1, atol=1e-6)
    assert answer.arrays["spread"][0] < 1e-4
    assert answer.arrays["parts"].max() < 1e-3
    assert answer.facts["known"]
    assert answer.facts["varied"] == [True] * 4


def test_applied_is_what_was_done_to_the_digits() -> None:
    """The data's own random numbers, drawn again: angle, scale and shift of RTS, as data/distortion.py says them."""
    digits = mnist().test[:50]
    pose = distort(digits, "rts", torch.Generator().manual_seed(7)).pose
    generator = torch.Generator().manual_seed(7)
    angle = torch.rand(50, generator=generator) * 90 - 45
    scale = torch.rand(50, generator=generator) * 0.5 + 0.7
    shift = (torch.rand((50, 2), generator=generator) * 2 - 1) * ((42 - 28 * scale) / 2)[:, None]
    expected = torch.cat([angle[:, None], scale.log2()[:, None], shift], 1).numpy()
    np.testing.assert_allclose(_applied(pose.numpy()), expected, atol=2e-4)


def _applied(pose: Array) -> Array:
    site = Site(
        name="t",
        family="affine",
        options={},
        kernel="bilinear",
        padding="zeros",
        align_corners=False,
        input_size=(42, 42),
        output_size=(28, 28),
        channels=1,
    )
    line = np.linspace(-1, 1, 4)
    target = np.stack([axis.ravel() for axis in np.meshgrid(line, line)], -1)
    places = places_of(pose, "affine", target)
    assert places is not None
    return numbers_of(places, target, site)


def test_a_frozen_one_has_slope_nought(tmp_path: Path) -> None:
    pose = rts(60)
    frozen = np.tile([0.6, -0.1, 0.05, 0.1, 0.7, -0.2], (2, 60, 1))
    answer = asked(made(tmp_path, pose, frozen, size=(42, 42)))
    np.testing.assert_allclose(answer.arrays["slope"], 0, atol=1e-6)
    np.testing.assert_array_equal(answer.arrays["correlation"], 0)
    assert (answer.arrays["spread"] > 5).all()


def test_slope_offset_and_correlation_are_numpys(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    pose = rts(80, 3)
    theta = pose[None] * 0.6 + generator.normal(0, 0.05, (3, 80, 6))
    answer = asked(made(tmp_path, pose, theta, size=(42, 42)))
    applied, undone = (answer.arrays[name].astype(np.float64) for name in ("applied", "undone"))
    for record in range(3):
        for column in range(4):
            slope, offset = np.polyfit(applied[:, column], undone[record, :, column], 1)
            told = [answer.arrays[name][record, column] for name in ("slope", "offset", "correlation")]
            related = np.corrcoef(applied[:, column], undone[record, :, column])[0, 1]
            np.testing.assert_allclose(told, [slope, offset, related], rtol=1e-4, atol=1e-4)


def test_undone_is_minus_the_gauge_of_theta(tmp_path: Path) -> None:
    """Rotation and zoom as gauges.py has them: V is 28 of 42 px, so a theta of zoom 1.5 shows digits as they are."""
    pose = rts(20)
    theta = (pose + np.random.default_rng(1).normal(0, 0.1, pose.shape)).astype(np.float32)
    over = gauge("affine")
    assert over is not None
    rotation, zoom, _, _, x, y = over.from_theta(torch.from_numpy(theta).double()).unbind(-1)
    undone = asked(made(tmp_path, pose, theta[None], size=(42, 42))).arrays["undone"][0]
    np.testing.assert_allclose(undone[:, 0], -rotation, atol=1e-3)
    np.testing.assert_allclose(undone[:, 1], np.log2(zoom.numpy() / 1.5), atol=1e-4)
    np.testing.assert_allclose(undone[:, 2:], -21 * torch.stack([x, y], -1).numpy(), atol=1e-4)


@pytest.mark.parametrize("kind", ["attention", "translation"])
def test_what_a_family_cannot_do_is_not_told(tmp_path: Path, kind: str) -> None:
    pose = rts(20)
    start = family(kind, size=(4, 4)).identity.numpy()
    answer = asked(made(tmp_path, pose, np.tile(start, (1, 20, 1)), kind=kind, size=(42, 42)))
    cannot = {"attention": 1, "translation": 2}[kind]
    assert answer.facts["can"] == [False] * cannot + [True] * (4 - cannot)
    assert np.isnan(answer.arrays["undone"][0, :, :cannot]).all()
    assert np.isfinite(answer.arrays["undone"][0, :, cannot:]).all()
    assert np.isnan(answer.arrays["slope"][0, :cannot]).all()


def test_what_was_not_varied_has_no_slope(tmp_path: Path) -> None:
    pose = held_out("r", 40, 0).pose.numpy()
    answer = asked(made(tmp_path, pose, pose[None], size=(28, 28)))
    assert answer.facts["varied"] == [True, False, False, False]
    assert np.isnan(answer.arrays["slope"][0]).tolist() == [False, True, True, True]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("task", "kind"), [("p", "projective"), ("e", "tps")])
def test_bent_poses_are_compared_by_their_nearest_affine_maps(
    tmp_path: Path, task: str, kind: str, align_corners: bool
) -> None:
    """A perfect localiser of such a family, under either convention of the corners."""
    pose = held_out(task, 40, 1).pose.numpy()
    theta = pose
    if align_corners and kind == "projective":  # the same places of U, told from pixel centre to pixel centre
        H = np.concatenate([pose, np.ones((40, 1))], 1).reshape(40, 3, 3)
        H = np.diag([28 / 27, 28 / 27, 1]) @ H
        theta = (H / H[:, 2:, 2:]).reshape(40, 9)[:, :8]
    elif align_corners:
        theta = pose * 28 / 27
    run = made(tmp_path, pose, theta[None], kind=kind, pose_kind=kind, align_corners=align_corners, size=(28, 28))
    answer = asked(run)
    np.testing.assert_allclose(answer.arrays["slope"][0], -1, atol=1e-3)
    assert answer.arrays["spread"][0] < 0.03


def test_angles_stay_together_across_the_half_turn() -> None:
    """A network that shows every digit upside down: its angles lie on both sides of 180 degrees."""
    applied = np.linspace(-40, 40, 41)
    undone = (180 - applied + 180) % 360 - 180
    straight = on_the_turn(undone, applied)
    assert np.polyfit(applied, straight, 1)[0] == pytest.approx(-1)
    around = np.linspace(-180, 180, 73)[:-1]  # every way round: on the turn nearest to the line
    assert np.polyfit(around, on_the_turn((170 - around + 180) % 360 - 180, around), 1)[0] == pytest.approx(-1)
    unrelated = np.random.default_rng(0).uniform(-180, 180, 5000)
    few = np.random.default_rng(1).uniform(-45, 45, 5000)
    assert abs(np.polyfit(few, on_the_turn(unrelated, few), 1)[0]) < 0.15  # noise does not learn
    assert np.ptp(from_the_mean(np.array([179.0, -179.0]))) == pytest.approx(2)


def test_images_that_are_not_finite_are_left_out_of_the_line() -> None:
    applied = np.random.default_rng(0).normal(0, 10, (30, 4))
    undone = -0.5 * applied + 2
    undone[3] = np.nan
    slope, offset, correlation = relation(undone, applied)
    np.testing.assert_allclose(slope, -0.5)
    np.testing.assert_allclose(offset, 2)
    np.testing.assert_allclose(correlation, -1)


def test_a_run_without_poses_tells_what_theta_does_alone(tmp_path: Path) -> None:
    theta = rts(12)
    run = made(tmp_path, theta, theta[None], pose_kind="free", size=(42, 42))
    answer = asked(run)
    assert not answer.facts["known"]
    assert set(answer.arrays) == {"undone", "labels"}
    np.testing.assert_allclose(answer.arrays["undone"][0, :, 2], -21 * theta[:, 2], atol=1e-4)


def test_of_the_test_set_the_network_is_asked(run: Run) -> None:
    answer = asked(run, step=12, count="7")
    assert answer.facts["source"] == "test set"
    assert answer.facts["snapshot"] == 12
    assert answer.facts["ids"] == [f"{i}:held:rts:0" for i in range(7)]
    data = held_out("rts", 7, 0)
    np.testing.assert_array_equal(answer.arrays["labels"], data.labels)
    np.testing.assert_allclose(answer.arrays["applied"], _applied(data.pose.numpy()), atol=1e-3)
    some = asked(run, step=12, count="7", tiles="4,1")
    np.testing.assert_array_equal(some.arrays["U"], data.U[[4, 1]])
    turn = -np.rad2deg(np.arctan2(some.arrays["theta"][:, 3], some.arrays["theta"][:, 0]))
    np.testing.assert_allclose(answer.arrays["undone"][[4, 1], 0], turn, atol=1e-3)


def test_one_record_is_a_row_of_all(run: Run) -> None:
    every = asked(run)
    one = asked(run, step=5, source="probes")
    np.testing.assert_allclose(one.arrays["undone"], every.arrays["undone"][5], rtol=1e-6)
    np.testing.assert_allclose(one.arrays["slope"], every.arrays["slope"][5], rtol=1e-6)
    np.testing.assert_allclose(one.arrays["spread"], every.arrays["spread"][5:6], rtol=1e-6)


def test_it_says_what_it_cannot_answer(run: Run, plain: Run) -> None:
    with pytest.raises(LensError, match="no transformer"):
        asked(plain)
    with pytest.raises(LensError, match="source=probes"):
        asked(run, records="all")
    with pytest.raises(LensError, match="tiles must be numbers of images from 0 to 4"):
        asked(run, source="probes", tiles="1,9")
