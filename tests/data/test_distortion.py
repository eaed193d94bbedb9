"""The distortions against their true pose, hand-made poses and the paper's ranges."""

import math

import pytest
import torch
from torch.nn import functional as F

from stn_viz.data import TASKS, distort, mnist
from stn_viz.transformer import family

# Mean grey difference between the digit and what comes back through bilinear sampling twice (0: whole pixels);
# the digits' own mean is 0.13. P may push ink off the picture, E's pose is approximate.
LOSS = {"r": 0.03, "rts": 0.033, "p": 0.05, "e": 0.045, "t": 1e-6, "tc": 0.03}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("task", TASKS)
def test_sampling_with_the_pose_gives_the_upright_digit_back(task: str) -> None:
    digits = mnist().test[:200]
    distorted = distort(digits, task, generator())
    undo = family(distorted.family, size=(28, 28), align_corners=False).grid(distorted.pose)
    V = F.grid_sample(distorted.U, undo, align_corners=False)[:, 0]
    upright = digits.float() / 255
    assert (V - upright).abs().mean() < LOSS[task]
    # The same pose with another digit's picture is nowhere near: the measure can tell.
    assert (V.roll(1, 0) - upright).abs().mean() > 3 * LOSS[task]


@pytest.mark.parametrize("task", TASKS)
def test_shapes_types_and_values(task: str) -> None:
    distorted = distort(mnist().test[:3], task, generator())
    entries = len(family(TASKS[task].family, size=(2, 3), align_corners=False).parameter_names)
    assert distorted.U.shape == (3, 1, *TASKS[task].size)
    assert distorted.pose.shape == (3, entries)
    assert distorted.U.dtype == distorted.pose.dtype == torch.float32
    assert distorted.U.min() >= 0
    assert distorted.U.max() <= 1 + 1e-6
    assert distorted.pose.isfinite().all()


@pytest.mark.parametrize("task", TASKS)
def test_the_generator_alone_decides(task: str) -> None:
    digits = mnist().test[:4]
    torch.manual_seed(1)
    first = distort(digits, task, generator(5))
    torch.manual_seed(2)
    assert torch.equal(distort(digits, task, generator(5)).U, first.U)
    assert not torch.equal(distort(digits, task, generator(6)).U, first.U)


def test_rts_keeps_to_the_ranges_of_the_paper_and_fills_them() -> None:
    pose = distort(mnist().test[:4000], "rts", generator()).pose.view(-1, 2, 3)
    angle_deg = torch.atan2(pose[:, 1, 0], pose[:, 0, 0]) * (180 / math.pi)
    scale = torch.linalg.det(pose[:, :, :2]).sqrt() * 42 / 28
    shift_px = pose[:, :, 2] * 21
    room_px = (42 - 28 * scale) / 2
    for values, low, high in ((angle_deg, -45, 45), (scale, 0.7, 1.2), (shift_px / room_px[:, None], -1, 1)):
        margin = 0.01 * (high - low)
        assert low - 1e-4 <= values.min() < low + margin
        assert high - margin < values.max() <= high + 1e-4


def test_rts_hardly_loses_ink() -> None:
    digits = mnist().test[:1000]
    distorted = distort(digits, "rts", generator())
    scale2 = torch.linalg.det(distorted.pose.view(-1, 2, 3)[:, :, :2]) * (42 / 28) ** 2
    kept = distorted.U.sum((1, 2, 3)) / (digits.float().sum((1, 2)) / 255 * scale2)
    assert kept.min() > 0.93
    assert kept.mean() == pytest.approx(1, abs=0.01)


def test_a_positive_rotation_of_the_pose_is_a_digit_turned_clockwise() -> None:
    # A bar right of the centre, drawn by hand: turned by +90 degrees (x towards y, which points down) it is below.
    digits = torch.zeros(400, 28, 28, dtype=torch.uint8)
    digits[:, 12:16, 14:26] = 255
    distorted = distort(digits, "r", generator())
    angle_deg = torch.atan2(distorted.pose[:, 3], distorted.pose[:, 0]) * (180 / math.pi)
    nearest = (angle_deg - 90).abs().argmin()
    assert abs(angle_deg[nearest] - 90) < 2
    U = distorted.U[nearest, 0]
    assert U[15:, 10:18].sum() > 0.9 * U.sum()


def test_clutter_is_six_crops_at_most_and_leaves_the_digit() -> None:
    digits = mnist().test[:50]
    clean, cluttered = (distort(digits, task, generator(3)) for task in ("t", "tc"))
    assert torch.equal(clean.pose, cluttered.pose)
    added = cluttered.U - clean.U
    assert added.min() >= 0
    assert 1 < (added > 0).sum((1, 2, 3)).float().mean() <= 6 * 36
    assert ((added > 0).sum((1, 2, 3)) <= 6 * 36).all()


def test_a_single_digit_can_be_cluttered() -> None:
    assert distort(mnist().test[:1], "tc", generator()).U.shape == (1, 1, 60, 60)


def test_no_projective_frame_is_folded() -> None:
    pose = distort(mnist().test[:2000], "p", generator()).pose
    corners = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    w = pose[:, 6:] @ corners.T + 1
    assert w.min() > 0  # no corner lies behind the horizon


def test_an_unknown_task_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"There is no task 'rst'. Choose one of: r, rts, p, e, t, tc\."):
        distort(mnist().test[:1], "rst", generator())
    with pytest.raises(ValueError, match=r"these are \(1, 28, 28\) float32. Pass them as mnist\(\) gives them."):
        distort(mnist().test[:1].float(), "r", generator())
