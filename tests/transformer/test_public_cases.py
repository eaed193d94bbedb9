"""What people met in public trackers, with the right values, computed once by torch and numpy: ours are these."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor

from stn_viz.transformer import family, sample, sample_area, sample_by_sum, tps_factors

BOTH = pytest.mark.parametrize("door", [sample, sample_by_sum])
PLAIN = {"kernel": "bilinear", "padding": "zeros"}


def affine_grid(theta: list[float], size: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    return family("affine", size=size, align_corners=align_corners).grid(torch.tensor([theta]).float())


# 1: which way does the content go, and how far?


@BOTH
@pytest.mark.parametrize(
    ("align_corners", "row"),
    [
        (False, [0, 0, 1, 0, 0, 0, 0, 0]),  # left by .5 W / 2 = 2 pixels
        (True, [0, 0, 0.75, 0.25, 0, 0, 0, 0]),  # left by .5 (W - 1) / 2 = 1.75
    ],
)
def test_a_shift_to_the_right_moves_the_content_left(door, align_corners, row):
    U = torch.zeros(1, 1, 8, 8)
    U[0, 0, 3, 4] = 1
    grid = affine_grid([1, 0, 0.5, 0, 1, 0], (8, 8), align_corners=align_corners)
    V = door(U, grid, align_corners=align_corners, **PLAIN)
    torch.testing.assert_close(V[0, 0, 3], torch.tensor(row, dtype=torch.float32), rtol=0, atol=1e-6)
    others = torch.cat([V[0, 0, :3], V[0, 0, 4:]])
    torch.testing.assert_close(others, torch.zeros(7, 8), rtol=0, atol=1e-6)


# 2: a rotation of an image that is not square


@pytest.mark.parametrize(
    ("theta", "along", "down", "angle"),
    [
        ([0.8660254, -0.25, 0, 1.0, 0.8660254, 0], 1.0, 1.0, 90.0),
        ([0.8660254, -0.5, 0, 0.5, 0.8660254, 0], 0.9014, 1.3229, 123.0),
    ],
)
def test_a_rotation_in_pixels_has_its_corners_scaled_by_the_sides(theta, along, down, angle):
    H, W = 100, 200
    pixels = affine_grid(theta, (H, W))[0] * torch.tensor([W / 2, H / 2])
    a, b = pixels[50, 101] - pixels[50, 100], pixels[51, 100] - pixels[50, 100]
    assert a.norm().item() == pytest.approx(along, abs=1e-4)
    assert b.norm().item() == pytest.approx(down, abs=1e-4)
    between = torch.rad2deg(torch.acos((a @ b) / (a.norm() * b.norm())))
    assert between.item() == pytest.approx(angle, abs=0.05)


# 4: an image warped by R and the result by T


def test_two_warps_in_a_row_are_the_product_in_the_order_of_the_warps():
    cos, sin = np.cos(0.5), np.sin(0.5)
    R, T = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]), np.array([[1, 0, 0.3], [0, 1, 0], [0, 0, 1]])
    right, wrong = (product[:2].flatten().tolist() for product in (R @ T, T @ R))
    assert right == pytest.approx([0.8776, -0.4794, 0.2633, 0.4794, 0.8776, 0.1438], abs=1e-4)
    assert wrong == pytest.approx([0.8776, -0.4794, 0.3, 0.4794, 0.8776, 0], abs=1e-4)

    noise = np.random.default_rng(0).standard_normal((64, 64))
    smooth = scipy.ndimage.gaussian_filter(noise, 4)
    U = torch.from_numpy(smooth / np.abs(smooth).max()).float()[None, None]
    rules = {"align_corners": False, "kernel": "bilinear", "padding": "border"}

    def warped(image: Tensor, theta: list[float]) -> Tensor:
        return sample(image, affine_grid(theta, (64, 64)), **rules)

    twice = warped(warped(U, R[:2].flatten().tolist()), T[:2].flatten().tolist())
    inner = (slice(None), slice(None), slice(16, 48), slice(16, 36))  # where neither warp met the edge
    assert (warped(U, right) - twice)[inner].abs().mean() < 0.005
    assert (warped(U, wrong) - twice)[inner].abs().mean() > 0.1


# 5: zeros come in half a pixel within the edge


@BOTH
@pytest.mark.parametrize(
    ("align_corners", "x", "value"),
    [(True, 1.004, 0.7460), (False, 1.0, 0.5), (False, 1 + 1 / 128, 0.0)],
)
def test_beyond_the_last_pixels_centre_zeros_are_mixed_in(door, align_corners, x, value):
    V = door(torch.ones(1, 1, 1, 128), torch.tensor([[[[x, 0.0]]]]), align_corners=align_corners, **PLAIN)
    assert V.item() == pytest.approx(value, abs=1e-4)


# 6: shrinking steps over pixels


@BOTH
def test_shrinking_stripes_loses_them_or_makes_others(door):
    U = torch.zeros(1, 1, 60, 60)
    U[..., ::3] = 1
    identity = [1, 0, 0, 0, 1, 0]
    lost = door(U, affine_grid(identity, (20, 20)), align_corners=False, **PLAIN)
    torch.testing.assert_close(lost, torch.zeros(1, 1, 20, 20), rtol=0, atol=1e-5)
    columns = ((affine_grid(identity, (20, 20))[0, 0, :, 0] + 1) * 60 - 1) / 2
    torch.testing.assert_close(columns, torch.arange(20) * 3.0 + 1, rtol=0, atol=1e-4)
    other = door(U, affine_grid(identity, (15, 15)), align_corners=False, **PLAIN)
    expected = torch.tensor([0, 0.5, 0.5] * 5).expand(1, 1, 15, 15)
    torch.testing.assert_close(other, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("side", "points"), [(20, 4), (15, 4)])
def test_averaging_over_the_area_brings_the_stripes_back_as_grey(side, points):
    U = torch.zeros(1, 1, 60, 60)
    U[..., ::3] = 1
    fine = affine_grid([1, 0, 0, 0, 1, 0], (points * side, points * side))
    V = sample_area(U, fine, points=points, align_corners=False, **PLAIN)
    assert V.mean().item() == pytest.approx(1 / 3, abs=0.01)
    assert V.min().item() > 0.2


# 11: control points that make no spline, or hardly one


def system(points: Tensor, regularisation: float = 0.0) -> np.ndarray:
    """[[K + lambda I, 1, P], [1, 0, 0], [P, 0, 0]] by numpy."""
    c = points.numpy()
    r2 = ((c[:, None] - c) ** 2).sum(-1)
    K = np.where(r2 > 0, r2 * np.log(np.where(r2 > 0, r2, 1)) / 2, 0) + regularisation * np.eye(len(c))
    P = np.column_stack([np.ones(len(c)), c])
    return np.block([[K, P], [P.T, np.zeros((3, 3))]])


def test_control_points_on_one_line_are_refused_whatever_lambda_is():
    points = torch.tensor([[0.0, 0], [1, 1], [2, 2]], dtype=torch.float64)
    x = y = torch.zeros(1, dtype=torch.float64)
    for regularisation in (0.0, 1e-3, 10.0):
        assert np.linalg.matrix_rank(system(points, regularisation)) == 5
        with pytest.raises(ValueError, match="all points lie on one line"):
            tps_factors(points, x, y, regularisation=regularisation)
    for few in (points[:0], points[:1], points[:2], points[:1].expand(4, 2)):
        with pytest.raises(ValueError, match="all points lie on one line"):
            tps_factors(few, x, y)


def test_control_points_that_coincide_need_a_lambda():
    lattice = family("tps", size=(5, 7), align_corners=False, points=4).control
    points = torch.cat([lattice, lattice[:1]])
    assert np.linalg.matrix_rank(system(points)) == 19
    assert np.linalg.cond(system(points, 1e-3)) == pytest.approx(2.9e4, rel=0.02)
    x, y = torch.tensor([0.1, -0.9, 5.0], dtype=torch.float64), torch.tensor([0.7, 0.0, -2.0], dtype=torch.float64)
    with pytest.raises(ValueError, match="points 1 and 17 coincide, and one place cannot go to two"):
        tps_factors(points, x, y)
    b, M, m0 = tps_factors(points, x, y, regularisation=1e-3)
    H = b @ (M @ points.flatten() + m0).view(17, 3)
    torch.testing.assert_close(H, torch.stack([x, y, torch.ones_like(x)], 1), rtol=0, atol=1e-9)


def test_two_rows_of_control_points_are_fine():
    points = torch.tensor([(x, y) for y in (-0.95, 0.95) for x in np.linspace(-1, 1, 10)], dtype=torch.float64)
    assert np.linalg.cond(system(points)) == pytest.approx(1.7e3, rel=0.03)
    b, M, m0 = tps_factors(points, *points.unbind(1))
    torch.testing.assert_close(b, torch.eye(20, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close((M @ points.flatten() + m0).view(20, 3)[:, :2], points, rtol=0, atol=0)


# 12: behind the horizon


def test_points_behind_the_horizon_come_back_from_the_other_side():
    theta = torch.tensor([[1, 0, 0, 0, 1, 0, 1.5, 0]], dtype=torch.float64)
    fam = family("projective", size=(1, 9), align_corners=True)  # x = -1, -.75, ..., 1
    w, x = fam.homogeneous(theta)[0, 0, :, 2], fam.grid(theta)[0, 0, :, 0]
    assert w[0].item() == pytest.approx(-0.5)
    assert x[:2].tolist() == pytest.approx([2.0, 6.0])


def test_a_sixth_of_the_grid_lies_behind_and_every_point_is_finite():
    theta = torch.tensor([[1, 0, 0, 0, 1, 0, 1.5, 0]], dtype=torch.float64)
    wide = family("projective", size=(2, 600), align_corners=False)  # no pixel's centre at x = -2/3 itself
    behind = wide.homogeneous(theta)[..., 2] < 0
    assert behind.double().mean().item() == pytest.approx(1 / 6, abs=1e-3)
    assert bool((wide.target_grid()[0][behind[0]] < -2 / 3).all())
    assert bool(wide.grid(theta).isfinite().all())
