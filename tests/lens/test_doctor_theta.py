"""Theta itself: one for all inputs, no identity at the start, jumps, pixels, (y, x); padding that is no background."""

import math

import numpy as np
import pytest
from doctor_runs import IDENTITY, a_site, healthy, pictures, rules, write

LAST_BIAS = np.array([0.7743, -0.0061, 0.0208, 0.0562, 0.7507, 0.1179])  # CASES 10


def test_the_same_crop_for_every_image(tmp_path):
    thetas = np.tile(IDENTITY + (LAST_BIAS - IDENTITY) * np.linspace(0, 1, 30)[:, None, None], (1, 8, 1))
    finding = rules(write(tmp_path / "run", thetas))["constant"]
    zoom = 1 / math.sqrt(0.7743 * 0.7507 + 0.0061 * 0.0562)
    assert f"{zoom:.1f}" == "1.3"
    assert finding.severity == "fault"
    assert finding.sentence == (
        "From step 0 to step 290 theta does not depend on the image (standard deviation 0 at the last "
        "record), so it is the same crop for every image: a fixed 1.3x zoom."
    )
    alone = rules(write(tmp_path / "alone", np.tile(LAST_BIAS, (1, 8, 1)), steps=[0]))
    assert set(alone) == {"constant"}  # a lone checkpoint: nobody knows that it is a start
    assert "a fixed 1.3x zoom" in alone["constant"].sentence


def test_thetas_that_differ_are_no_crop_for_all_and_a_start_is_no_end(tmp_path):
    assert rules(write(tmp_path / "run", healthy())) == {}
    start = np.tile(IDENTITY, (1, 8, 1))
    assert rules(write(tmp_path / "start", start, steps=[0])) == {}
    moved = rules(write(tmp_path / "later", start, steps=[500]))["constant"]
    assert "the identity, nothing is done to any" in moved.sentence
    assert "optimiser" in moved.cause


def test_nearly_the_same_theta_is_a_warning_once_the_training_had_its_time(tmp_path):
    rng = np.random.default_rng(0)
    thetas = np.tile(LAST_BIAS, (30, 8, 1)) + rng.normal(0, 1e-3, (30, 8, 6))
    assert rules(write(tmp_path / "run", thetas))["constant"].severity == "warning"
    assert "constant" not in rules(write(tmp_path / "short", thetas[:9]))


@pytest.mark.parametrize(("activation", "value"), [("tanh(1)", math.tanh(1)), ("sigmoid(1)", 1 / (1 + math.exp(-1)))])
def test_an_activation_bends_the_identity_at_the_start(tmp_path, activation, value):
    start = np.tile(IDENTITY * value, (1, 6, 1))
    for thetas in (start, np.concatenate([start, healthy(20, 6)])):
        found = rules(write(tmp_path / f"run{len(thetas)}", thetas))
        finding = found["start"]
        assert "constant" not in found
        assert (finding.severity, finding.step) == ("warning", 0)
        assert f"not the identity: a {1 / value:.3f}x zoom; its scale is {value:.4f}" in finding.sentence
        assert f"{activation} = {value:.4f}, so the scale can never reach 1" in finding.cause


def test_a_random_start_is_a_warning_and_a_planned_crop_a_note(tmp_path):
    rng = np.random.default_rng(0)
    rest = healthy(20, 6)
    wild = np.concatenate([IDENTITY + rng.normal(0, 0.4, (1, 6, 6)), rest])
    assert rules(write(tmp_path / "wild", wild))["start"].severity == "warning"
    assert "optimizer" not in rules(write(tmp_path / "mine", wild))["start"].cause
    recorded = rules(write(tmp_path / "recorded", wild, source="stn_viz.record"))["start"]
    assert "Or recorder.step came after optimizer.step()" in recorded.cause
    crop = np.concatenate([np.tile([0.6, 0, -0.3, 0, 0.6, 0.3], (1, 6, 1)), rest])
    assert rules(write(tmp_path / "crop", crop))["start"].severity == "note"
    near = np.concatenate([IDENTITY + rng.normal(0, 0.02, (1, 6, 6)), rest])
    assert "start" not in rules(write(tmp_path / "near", near))
    assert "start" not in rules(write(tmp_path / "late", wild, steps=range(5, 26)))


def test_a_jump_of_all_thetas(tmp_path):
    thetas = healthy()
    thetas[14:, :, 2] += 0.9
    thetas[14:, :, 5] -= 0.6
    finding = rules(write(tmp_path / "run", thetas))["jump"]
    assert (finding.severity, finding.step) == ("warning", 140)
    assert "Between step 130 and step 140" in finding.sentence
    a, b = thetas[13:15, finding.image].reshape(2, 2, 3)
    x = np.linspace(-1, 1, 101)
    points = np.stack([*np.meshgrid(x, x), np.ones((101, 101))])
    moved = np.sqrt(np.square(np.tensordot(b - a, points, 1)).sum(0).mean())
    told = float(finding.sentence.split("moves by ")[1].split(" ")[0])
    assert told == pytest.approx(moved, rel=0.05)
    one = healthy()
    one[14:, 0, 2] += 0.9  # one image alone may change its mind
    assert "jump" not in rules(write(tmp_path / "one", one))


def test_shifts_in_pixels(tmp_path):
    rng = np.random.default_rng(0)
    thetas = healthy(10, 12)
    thetas[1:, :, [2, 5]] = rng.uniform(4, 9, (9, 12, 2)) * np.sign(rng.normal(size=(12, 2)))
    found = rules(write(tmp_path / "run", thetas))
    assert found["pixels"].severity == "fault"
    assert "half the image's side (here 14)" in found["pixels"].cure
    assert "outside" not in found  # one reason, one finding
    ran_away = healthy(10, 12)
    ran_away[1:, :, 5] = 5
    found = rules(write(tmp_path / "away", ran_away))
    assert "pixels" not in found
    assert found["outside"].severity == "fault"


def test_a_grid_in_the_order_y_x(tmp_path):
    thetas = healthy()[..., [3, 4, 5, 0, 1, 2]]
    found = rules(write(tmp_path / "run", thetas))
    assert (found["swapped"].severity, found["swapped"].step) == ("fault", 0)
    assert "axes in the order (y, x)" in found["swapped"].sentence
    assert not {"mirrored", "start"} & set(found)


def posed(n=40, seed=3):
    """Poses (n, 6): turned, at another place each."""
    rng = np.random.default_rng(seed)
    angle, x, y = rng.uniform(-0.8, 0.8, n), rng.uniform(-0.4, 0.4, n), rng.uniform(-0.4, 0.4, n)
    c, s = 0.7 * np.cos(angle), 0.7 * np.sin(angle)
    return np.stack([c, -s, x, s, c, y], -1)


def test_theta_that_does_not_answer_to_the_known_pose(tmp_path):
    pose, rng = posed(), np.random.default_rng(0)
    known = {"pose": pose, "pose_family": "affine"}

    def to(end):
        return IDENTITY + np.linspace(0, 1, 30)[:, None, None] * (end - IDENTITY)

    assert rules(write(tmp_path / "good", to(pose + rng.normal(0, 0.05, pose.shape)), **known)) == {}
    half = pose.copy()  # finds the place and not the turn, as many trainings do
    half[:, [0, 1, 3, 4]] = [0.7, 0, 0, 0.7]
    assert rules(write(tmp_path / "half", to(half), **known)) == {}
    none = rules(write(tmp_path / "none", to(LAST_BIAS + rng.normal(0, 0.01, pose.shape)), **known))
    assert none["answer"].severity == "warning"
    assert "of its shift in x" in none["answer"].sentence
    assert "of its turn" in none["answer"].sentence
    crossed = rules(write(tmp_path / "crossed", to(half[:, [0, 1, 5, 3, 4, 2]]), **known))
    assert crossed["swapped"].severity == "fault"


def test_zero_padding_around_a_background_that_is_not_zero(tmp_path):
    thetas = healthy()
    thetas[5:, :, [0, 4]] *= 1.3
    normal = (pictures(12) - 0.1307) / 0.3081
    finding = rules(write(tmp_path / "run", thetas, U=normal))["background"]
    assert finding.severity == "warning"
    assert f"the images' background is {-0.1307 / 0.3081:.3g}" in finding.sentence
    x = (2 * np.arange(28) + 1) / 28 - 1
    points = np.stack([*np.meshgrid(x, x), np.ones((28, 28))])
    grid = np.tensordot(thetas[-1, finding.image].reshape(2, 3), points, 1)
    share = (np.abs(grid) > 1).any(0).mean()
    assert f"{100 * share:.0f} % of the sample points of image {finding.image}" in finding.sentence

    assert rules(write(tmp_path / "black", thetas, U=pictures(12))) == {}
    assert rules(write(tmp_path / "border", thetas, U=normal, site=a_site(padding="border"))) == {}
    inside = np.tile(IDENTITY * 0.5, (30, 12, 1)) + 0.02 * healthy()
    assert "background" not in rules(write(tmp_path / "inside", inside, U=normal))
    photos = np.random.default_rng(0).normal(0.4, 1, (12, 1, 28, 28)).astype(np.float32)
    assert rules(write(tmp_path / "photos", thetas, U=photos)) == {}
