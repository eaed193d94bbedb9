"""Each family's grid against what others compute: torch's affine_grid, kornia's homography, scipy's spline."""

import kornia
import numpy as np
import pytest
import scipy.interpolate
import torch
import torch.nn.functional as F
from torch import Tensor

from stn_viz.transformer import Family, Planar, ShapeError, family, tps_factors

# torch says this of one pixel under align_corners True, which is what is asked about here.
pytestmark = pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid behavior:UserWarning")

ALIGN = pytest.mark.parametrize("align_corners", [False, True])
GRIDS = pytest.mark.parametrize("size", [(5, 7), (2, 3), (1, 4)])


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def as_affine(name: str, theta: Tensor) -> Tensor:
    """Theta (N, P) written out as affine matrices (N, 2, 3)."""
    zero, one = torch.zeros(len(theta)).to(theta), torch.ones(len(theta)).to(theta)
    p = theta.unbind(1)
    rows = {
        "affine": lambda: p,
        "attention": lambda: (p[0], zero, p[1], zero, p[0], p[2]),
        "similarity": lambda: (p[0], -p[1], p[2], p[1], p[0], p[3]),
        "translation": lambda: (one, zero, p[0], zero, one, p[1]),
    }[name]()
    return torch.stack(list(rows), 1).view(-1, 2, 3)


@ALIGN
@GRIDS
@pytest.mark.parametrize(("name", "P"), [("affine", 6), ("attention", 3), ("similarity", 4), ("translation", 2)])
def test_affine_grids_are_torchs(name: str, P: int, size: tuple[int, int], align_corners: bool) -> None:
    theta = draw(4, P)
    ours = family(name, size=size, align_corners=align_corners).grid(theta)
    torchs = F.affine_grid(as_affine(name, theta), [4, 1, *size], align_corners=align_corners)
    torch.testing.assert_close(ours, torchs, rtol=0, atol=1e-12)


HARD = {
    "exactly 90 degrees": [0.0, -1.0, 0.0, 1.0, 0.0, 0.0],
    "nearly 90 degrees": [1e-9, -1.0, 0.0, 1.0, 1e-9, 0.0],
    "scale 0": [0.0, 0.0, 0.25, 0.0, 0.0, -0.5],
    "mirrored": [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
}


@ALIGN
@pytest.mark.parametrize("case", HARD)
def test_hard_affine_cases_are_torchs_and_are_found_again(case: str, align_corners: bool) -> None:
    fam = family("affine", size=(5, 7), align_corners=align_corners)
    theta = torch.tensor([HARD[case]], dtype=torch.float64)
    torchs = F.affine_grid(theta.view(1, 2, 3), [1, 1, 5, 7], align_corners=align_corners)
    torch.testing.assert_close(fam.grid(theta), torchs, rtol=0, atol=1e-12)
    torch.testing.assert_close(fam.fit(torchs).theta, theta, rtol=0, atol=1e-12)


@ALIGN
@GRIDS
def test_projective_grids_are_kornias(size: tuple[int, int], align_corners: bool) -> None:
    theta = family("projective", size=size, align_corners=align_corners).identity + 0.15 * draw(4, 8)
    h = torch.cat([theta, torch.ones(4, 1, dtype=torch.float64)], 1).view(4, 3, 3)
    ours = family("projective", size=size, align_corners=align_corners).grid(theta)
    # kornia's own meshgrid knows align_corners True alone; the target grid is therefore torch's.
    eye = torch.eye(2, 3, dtype=torch.float64)[None]
    target = F.affine_grid(eye, [1, 1, *size], align_corners=align_corners)
    kornias = kornia.geometry.transform.homography_warper.warp_grid(target, h)
    torch.testing.assert_close(ours, kornias, rtol=1e-12, atol=1e-12)


def test_a_projective_theta_warps_as_kornias_homography_warp() -> None:
    U = torch.rand(2, 3, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fam = family("projective", size=(4, 6), align_corners=True)
    theta = fam.identity + 0.1 * draw(2, 8)
    h = torch.cat([theta, torch.ones(2, 1, dtype=torch.float64)], 1).view(2, 3, 3)
    ours = F.grid_sample(U, fam.grid(theta), align_corners=True)
    kornias = kornia.geometry.homography_warp(U, h, (4, 6), align_corners=True, normalized_coordinates=True)
    torch.testing.assert_close(ours, kornias, rtol=0, atol=1e-12)


@ALIGN
@pytest.mark.parametrize("points", range(2, 9))
def test_tps_grids_are_scipys(points: int, align_corners: bool) -> None:
    fam = family("tps", size=(6, 9), align_corners=align_corners, points=points)
    theta = fam.identity + 0.2 * draw(1, 2 * points**2)
    eye = torch.eye(2, 3, dtype=torch.float64)[None]
    target = F.affine_grid(eye, [1, 1, 6, 9], align_corners=align_corners)
    side = np.linspace(-1, 1, points)
    lattice = np.array([(x, y) for y in side for x in side])
    spline = scipy.interpolate.RBFInterpolator(lattice, theta.view(-1, 2), kernel="thin_plate_spline", degree=1)
    scipys = torch.from_numpy(spline(target.view(-1, 2))).view(1, 6, 9, 2)
    torch.testing.assert_close(fam.grid(theta), scipys, rtol=0, atol=1e-10)


@ALIGN
def test_tps_grids_are_kornias(align_corners: bool) -> None:
    """kornia centres its kernels on get_tps_transform's second points, where its spline takes its values too.

    Ours is centred on the lattice and may take any value there, so kornia evaluates it, with weights that are solved
    for on kornia's own kernels: what each centre alone contributes at the centres.
    """
    fam = family("tps", size=(6, 9), align_corners=align_corners, points=4)
    theta = fam.identity + 0.2 * draw(1, 32)
    centres = fam.identity.view(1, 16, 2)

    def warped(points: Tensor, weights: Tensor) -> Tensor:
        return kornia.geometry.transform.warp_points_tps(points, centres, weights[:, :16], weights[:, 16:])

    unit = torch.eye(19, dtype=torch.float64)
    columns = [warped(centres, column.view(1, 19, 1).expand(1, 19, 2))[0, :, 0] for column in unit]
    P = torch.cat([torch.ones(16, 1, dtype=torch.float64), centres[0]], 1)
    conditions = torch.cat([P.T, torch.zeros(3, 3, dtype=torch.float64)], 1)
    values = torch.cat([theta.view(16, 2), torch.zeros(3, 2, dtype=torch.float64)])
    weights = torch.linalg.solve(torch.cat([torch.stack(columns, 1), conditions]), values)[None]

    eye = torch.eye(2, 3, dtype=torch.float64)[None]
    target = F.affine_grid(eye, [1, 1, 6, 9], align_corners=align_corners)
    kornias = warped(target.view(1, -1, 2), weights).view(1, 6, 9, 2)
    torch.testing.assert_close(fam.grid(theta), kornias, rtol=0, atol=1e-12)


def test_a_control_point_moves_where_theta_says() -> None:
    fam = family("tps", size=(4, 4), align_corners=True, points=4)  # pixel centres are the control points
    theta = fam.identity + 0.3 * draw(1, 32)
    torch.testing.assert_close(fam.grid(theta).view(1, 32), theta, rtol=0, atol=1e-12)
    assert fam.parameter_names[:3] == ("x_1", "y_1", "x_2")
    assert fam.identity[:4].tolist() == pytest.approx([-1, -1, -1 / 3, -1])


@pytest.mark.parametrize("points", [1, 9, 2.5])
def test_a_number_of_control_points_out_of_range_is_refused(points: int) -> None:
    with pytest.raises(ValueError, match=f"takes from 2 to 8 control points a side, got points={points}"):
        family("tps", size=(5, 7), align_corners=False, points=points)


def scipys_free_form(points: int, theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row by row through the lattice, then down through what the rows gave: Hermite cubics with numpy's own slopes."""
    side = np.linspace(-1, 1, points)

    def through(values: np.ndarray, at: float) -> np.ndarray:
        slopes = np.gradient(values, side, axis=0)  # central differences, one-sided at the ends
        inside = np.clip(at, -1, 1)
        spline = scipy.interpolate.CubicHermiteSpline(side, values, slopes)
        return spline(inside) + (at - inside) * spline(inside, 1)

    values = theta.reshape(points, points, 2)
    return np.array([through(through(values.swapaxes(0, 1), u), v) for u, v in zip(x, y, strict=True)])


@ALIGN
@pytest.mark.parametrize("points", range(5, 10))
def test_free_form_grids_are_scipys(points: int, align_corners: bool) -> None:
    fam = family("free", size=(6, 9), align_corners=align_corners, points=points)
    theta = fam.identity + 0.2 * draw(1, 2 * points**2)
    eye = torch.eye(2, 3, dtype=torch.float64)[None]
    target = F.affine_grid(eye, [1, 1, 6, 9], align_corners=align_corners).view(-1, 2)
    scipys = scipys_free_form(points, theta.numpy(), *target.T.numpy())
    torch.testing.assert_close(fam.grid(theta).view(-1, 2), torch.from_numpy(scipys), rtol=0, atol=1e-12)


def free_form_at(fam: Family, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    b, M, m0 = fam.factors(x, y)
    return (b @ (M @ theta + m0).view(-1, 3))[..., :2]


def test_a_free_form_goes_on_straight_beyond_its_lattice() -> None:
    fam = family("free", size=(5, 7), align_corners=True, points=5)
    theta = fam.identity + 0.2 * draw(50)
    x, y = 3 * draw(40, seed=1), 3 * draw(40, seed=2)
    ours = free_form_at(fam, theta, x, y)
    torch.testing.assert_close(ours, torch.from_numpy(scipys_free_form(5, theta.numpy(), x.numpy(), y.numpy())))
    out, v = torch.tensor([1.0, 2.0, 3.0, 7.0], dtype=torch.float64), torch.full((4,), 0.3, dtype=torch.float64)
    steps = free_form_at(fam, theta, out, v).diff(dim=0)
    torch.testing.assert_close(steps, steps[:1] * torch.tensor([[1.0], [1.0], [4.0]], dtype=torch.float64))


def test_a_free_form_has_no_kinks() -> None:
    """Slopes from the left and from the right of every lattice line are the same, at its ends too."""
    fam = family("free", size=(5, 7), align_corners=True, points=6)
    theta = fam.identity + 0.2 * draw(72)
    at, e = torch.linspace(-1, 1, 6, dtype=torch.float64), 1e-7
    other = torch.full_like(at, 0.23)
    for point in (lambda t: (t, other), lambda t: (other, t)):
        left, here, right = (free_form_at(fam, theta, *point(at + d)) for d in (-e, 0, e))
        torch.testing.assert_close((here - left) / e, (right - here) / e, rtol=0, atol=1e-5)


def test_a_free_form_holds_every_affine_map() -> None:
    fam = family("free", size=(5, 7), align_corners=False, points=7)
    matrix = torch.tensor([[0.7, -0.4, 0.2], [0.3, 1.2, -0.1]], dtype=torch.float64)
    theta = (fam.control @ matrix[:, :2].T + matrix[:, 2]).view(1, -1)
    affine = F.affine_grid(matrix[None], [1, 1, 5, 7], align_corners=False)
    torch.testing.assert_close(fam.grid(theta), affine, rtol=0, atol=1e-12)


def test_a_control_point_of_a_free_form_moves_what_is_near_it_alone() -> None:
    fam = family("free", size=(81, 81), align_corners=True, points=9)  # ten pixels a cell
    row, column = 4, 3
    pulled = fam.basis[..., 0, 2 * (9 * row + column)]
    assert pulled[40, 30].item() == pytest.approx(1)
    moved = pulled.nonzero()
    assert moved.min(0).values.tolist() == [21, 11]
    assert moved.max(0).values.tolist() == [59, 49]


@pytest.mark.parametrize("points", [4, 10, 5.5])
def test_a_free_form_of_another_number_of_points_is_refused(points: int) -> None:
    with pytest.raises(ValueError, match=f"takes from 5 to 9 control points a side, got points={points}"):
        family("free", size=(5, 7), align_corners=False, points=points)


def test_a_matrix_that_is_not_affine_linear_is_no_family() -> None:
    class Rotation(Planar):
        name = "rotation"
        parameter_names = ("angle",)
        start = (0.0,)

        @staticmethod
        def matrix(*theta: float) -> list[list[float]]:
            cos, sin = np.cos(theta[0]), np.sin(theta[0])
            return [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]

    with pytest.raises(ValueError, match="family 'rotation': its matrix is not affine-linear in theta"):
        Rotation(size=(5, 7), align_corners=False).grid(torch.zeros(1, 1))


def test_a_family_with_a_fixed_other_w_is_refused() -> None:
    class Half(Planar):
        name = "half"
        parameter_names = ("t_x",)
        start = (0.0,)

        @staticmethod
        def matrix(*theta: float) -> list[list[float]]:
            return [[1, 0, theta[0]], [0, 1, 0], [0, 0, 2]]

    with pytest.raises(ValueError, match="family 'half': theta does not move H_w, so it must be 1"):
        Half(size=(5, 7), align_corners=False).grid(torch.zeros(1, 1))


def test_the_residual_is_the_root_mean_square_distance() -> None:
    fam = family("translation", size=(1, 2), align_corners=False)
    grid = fam.grid(fam.identity[None])
    grid[0, 0, 0, 0] -= 0.3  # one point to the left and one to the right: no shift brings them nearer
    grid[0, 0, 1, 0] += 0.3
    found = fam.fit(grid)
    assert found.residual.item() == pytest.approx(0.3)
    assert found.theta.tolist() == [pytest.approx([0, 0])]


@ALIGN
def test_a_grid_of_no_family_shows_in_the_residual(align_corners: bool) -> None:
    """A wave is far from every affine and projective map, and lstsq of numpy says how far from the affine ones."""
    fam = family("affine", size=(9, 11), align_corners=align_corners)
    wave = fam.grid(fam.identity[None])
    wave[..., 0] += 0.2 * torch.sin(5 * wave[..., 1])
    found = fam.fit(wave)
    x, y = (t.flatten().numpy() for t in fam.grid(fam.identity[None])[0].unbind(-1))
    solution, squares, _, _ = np.linalg.lstsq(
        np.stack([x, y, np.ones(99)], 1), wave[0, ..., 0].flatten().numpy(), rcond=None
    )
    np.testing.assert_allclose(found.theta[0, :3], solution, atol=1e-12)
    assert found.residual.item() == pytest.approx(float(np.sqrt(squares[0] / 99)), abs=1e-12)
    assert found.residual.item() > 0.05
    assert family("projective", size=(9, 11), align_corners=align_corners).fit(wave).residual.item() > 0.05


def test_fit_of_a_strong_perspective_is_exact() -> None:
    fam = family("projective", size=(6, 5), align_corners=False)
    theta = torch.tensor([[0.8, 0.2, 0.1, -0.3, 1.1, 0.0, 1.5, 0.4]], dtype=torch.float64)  # the horizon is inside
    found = fam.fit(fam.grid(theta))
    torch.testing.assert_close(found.theta, theta, rtol=0, atol=1e-10)


def test_lambda_is_scipys_smoothing() -> None:
    points, values = draw(12, 2, seed=1), draw(12, 2, seed=2)
    target = draw(20, 2, seed=3)
    b, M, m0 = tps_factors(points, *target.unbind(1), regularisation=0.05)
    ours = (b @ (M @ values.flatten() + m0).view(12, 3))[:, :2]
    spline = scipy.interpolate.RBFInterpolator(points, values, kernel="thin_plate_spline", degree=1, smoothing=0.05)
    # scipy has +r^2 log r and adds its smoothing to the diagonal, as we do.
    torch.testing.assert_close(ours, torch.from_numpy(spline(target)), rtol=0, atol=1e-10)


def test_control_points_of_another_shape_and_a_bad_lambda_are_refused() -> None:
    points = torch.tensor([[0.0, 0], [1, 0], [0, 1]], dtype=torch.float64)
    x = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"Control points have shape \(n, 2\), got \(2, 3\)"):
        tps_factors(points.T[:2], x, x)
    for bad in (-1e-3, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"regularisation is {bad}, expected a finite number of at least 0"):
            tps_factors(points, x, x, regularisation=bad)
    points[1, 0] = torch.nan
    with pytest.raises(ValueError, match="control point 2 is not finite"):
        tps_factors(points, x, x)


def test_a_horizon_on_a_grid_point_is_silent() -> None:
    fam = family("projective", size=(1, 3), align_corners=True)
    theta = torch.tensor([[1, 0, 0, 0, 1, 0.5, 1, 0]], dtype=torch.float64)  # w = 0 at x = -1
    grid = fam.grid(theta)
    assert grid[0, 0, 0].tolist() == [-torch.inf, torch.inf]
    assert grid[0, 0, 1:].isfinite().all()
