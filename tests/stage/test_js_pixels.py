"""pixels.js and planes.js: every pixel matrix and axis against torch's affine_grid, at sides that differ."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stn_viz.transformer import drawing_basis, family

ALIGN = list(itertools.product([False, True], repeat=2))
AFFINE = np.array([[0.7, -0.4, 0.3], [0.5, 1.1, -0.2], [0, 0, 1]])
PROJECTIVE = np.array([[0.7, -0.4, 0.3], [0.5, 1.1, -0.2], [0.2, -0.1, 1]])
U, V = (7, 12), (9, 5)


def frame(U=U, V=V, align=False, grid_align=False) -> dict:
    return {"U": U, "V": V, "align": align, "gridAlign": grid_align}


def torch_pixels(matrix: np.ndarray, frame: dict) -> np.ndarray:
    """(H', W', 2): where torch's sampler reads U for each pixel of V, as pixel index (column, row)."""
    H, W = frame["V"]
    eye = torch.eye(2, 3, dtype=torch.float64)[None]
    target = F.affine_grid(eye, [1, 1, H, W], frame["gridAlign"])[0].numpy()
    points = np.concatenate([target, np.ones((H, W, 1))], -1) @ matrix.T
    grid = points[..., :2] / points[..., 2:]
    size = np.array(frame["U"][::-1])
    return (grid + 1) / 2 * (size - 1) if frame["align"] else ((grid + 1) * size - 1) / 2


@pytest.mark.parametrize(("align", "grid_align"), ALIGN)
@pytest.mark.parametrize("matrix", [AFFINE, PROJECTIVE], ids=["affine", "projective"])
def test_the_pixel_matrix_takes_each_pixel_of_v_where_torch_reads_u(numbers, matrix, align, grid_align) -> None:
    at = frame(align=align, grid_align=grid_align)
    found = numbers.call("(m, t, a, f) => m.pixels.toPixels(a, f)", matrix.flatten().tolist(), at)
    rows, columns = np.meshgrid(range(V[0]), range(V[1]), indexing="ij")
    points = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.reshape(found, (3, 3)).T
    np.testing.assert_allclose(points[..., :2] / points[..., 2:], torch_pixels(matrix, at), atol=1e-9)
    back = numbers.call("(m, t, a, f) => m.pixels.fromPixels(a, f)", found, at)
    np.testing.assert_allclose(np.reshape(back, (3, 3)), matrix, atol=1e-12)


@pytest.mark.parametrize("align", [False, True])
def test_a_picture_one_pixel_wide_stays_finite(numbers, align) -> None:
    found = numbers.call(
        "(m, t, a, f) => m.pixels.toPixels(a, f)", AFFINE.flatten().tolist(), frame((1, 1), (1, 6), align, align)
    )
    assert np.isfinite(found).all()


def rotation(degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


AXES = """(m, t, a, f) => {
  const axes = m.pixels.pixelAxes(m.pixels.toPixels(a, f), f.V);
  return { ...axes, ...m.pixels.shearWords(axes) };
}"""


def test_a_plain_rotation_of_an_image_that_is_not_square_is_reported_as_shearing(numbers) -> None:
    """CASES 2: pixel axes 0.9014 and 1.3229 long, 123.0 degrees apart."""
    wide = frame((100, 200), (100, 200))
    found = numbers.call(AXES, rotation(30).flatten().tolist(), wide)
    grid = torch_pixels(rotation(30), wide)
    right, down = grid[0, 1] - grid[0, 0], grid[1, 0] - grid[0, 0]
    np.testing.assert_allclose([found["right"], found["down"]], [right, down], atol=1e-9)
    np.testing.assert_allclose(found["lengths"], [0.9014, 1.3229], atol=5e-5)
    assert found["angle"] == pytest.approx(123.0, abs=0.05)
    assert found["shears"]
    assert (
        found["words"]
        == "One step right in V is 0.9014 px of U, one step down 1.3229 px, 123.0° apart: θ shears in pixels."
    )


@pytest.mark.parametrize("how", ["turned", "mended"])
def test_a_rotation_in_pixels_writes_the_theta_of_the_case(numbers, how) -> None:
    """CASES 2: theta [.8660 -.25 0 | 1.0 .8660 0], axes 1 and 1, 90.0 degrees: typed, or mended."""
    wide = frame((100, 200), (100, 200))
    if how == "turned":
        theta = numbers.call("(m, t, a, f) => m.pixels.turnedBy(a, 30, f)", np.eye(3).flatten().tolist(), wide)
    else:
        theta = numbers.call("(m, t, a, f) => m.pixels.asRotation(a, f)", rotation(30).flatten().tolist(), wide)
    np.testing.assert_allclose(theta, [0.8660, -0.25, 0, 1.0, 0.8660, 0, 0, 0, 1], atol=5e-5)
    found = numbers.call(AXES, theta, wide)
    np.testing.assert_allclose([*found["lengths"], found["angle"], found["turned"]], [1, 1, 90, 30], atol=1e-9)
    assert not found["shears"]


@pytest.mark.parametrize(("align", "grid_align"), ALIGN)
@pytest.mark.parametrize("matrix", [AFFINE, PROJECTIVE], ids=["affine", "projective"])
def test_turning_keeps_the_place_of_vs_centre_and_distances_in_pixels(numbers, matrix, align, grid_align) -> None:
    at = frame(V=(9, 5), align=align, grid_align=grid_align)
    turned = numbers.call("(m, t, a, f) => m.pixels.turnedBy(a, 40, f)", matrix.flatten().tolist(), at)
    before, after = torch_pixels(matrix, at), torch_pixels(np.reshape(turned, (3, 3)), at)
    R = rotation(40)[:2, :2]
    np.testing.assert_allclose(after - after[4, 2], (before - before[4, 2]) @ R.T, atol=1e-9)
    np.testing.assert_allclose(after[4, 2], before[4, 2], atol=1e-9)


@pytest.mark.parametrize("matrix", [AFFINE, PROJECTIVE], ids=["affine", "projective"])
def test_moving_by_pixels_moves_every_sample_by_them(numbers, matrix) -> None:
    at = frame(align=True)
    moved = numbers.call("(m, t, a, f) => m.pixels.movedBy(a, [2, -1], f)", matrix.flatten().tolist(), at)
    np.testing.assert_allclose(
        torch_pixels(np.reshape(moved, (3, 3)), at), torch_pixels(matrix, at) + np.array([2, -1]), atol=1e-9
    )


def test_a_grid_without_extent_has_no_angle_and_a_sentence(numbers) -> None:
    found = numbers.call(AXES, [0, 0, 0.3, 0, 1, 0, 0, 0, 1], frame())
    assert found["angle"] is None
    assert "no extent" in found["words"]
    assert numbers.call("(m, t, a, f) => m.pixels.asRotation(a, f)", [0, 0, 0.3, 0, 1, 0, 0, 0, 1], frame()) is None


@pytest.mark.parametrize("align", [False, True])
def test_every_entry_in_pixels_is_what_the_grid_spans(numbers, align) -> None:
    found = numbers.call("(m, t, a, s, align) => m.pixels.inPixels(a, s, align)", AFFINE.flatten().tolist(), U, align)
    size = np.array(U[::-1]) - (1 if align else 0)
    ends = {side: AFFINE[:2] @ [*side, 1] for side in [(-1, 0), (1, 0), (0, -1), (0, 1), (0, 0)]}
    across, along, shift = ends[1, 0] - ends[-1, 0], ends[0, 1] - ends[0, -1], ends[0, 0]
    expected = np.stack([across, along, shift], -1) * size[:, None] / 2
    np.testing.assert_allclose(np.reshape(found[:6], (2, 3)), expected, atol=1e-12)
    assert found[6:] == [None, None, None]


@pytest.mark.parametrize("name", ["affine", "attention", "similarity", "translation", "projective"])
def test_a_theta_becomes_its_matrix_and_comes_back(numbers, name) -> None:
    made = family(name, size=(5, 7), align_corners=False)
    theta = made.identity + torch.linspace(-0.2, 0.3, len(made.identity)).double()
    basis = {key: value.numpy() for key, value in drawing_basis(made).items()}
    found = numbers.call(
        """(m, t, theta) => {
          const basis = m.grid.makeBasis(t);
          const matrix = m.planes.matrixOf(basis, theta);
          const { theta: back, off } = m.planes.thetaOf(basis, matrix.map((value) => 2 * value));
          return { matrix, back: [...back], off, plane: m.planes.isPlane(basis) };
        }""",
        theta.tolist(),
        **basis,
    )
    np.testing.assert_allclose(np.reshape(found["matrix"], (3, 3)), made.matrix(*theta.tolist()), atol=1e-12)
    np.testing.assert_allclose(found["back"], theta, atol=1e-12)
    assert found["off"] < 1e-12
    assert found["plane"]


def test_what_a_family_cannot_follow_is_a_number(numbers) -> None:
    basis = {
        key: value.numpy()
        for key, value in drawing_basis(family("attention", size=(5, 7), align_corners=False)).items()
    }
    off = numbers.call("(m, t) => m.planes.thetaOf(m.grid.makeBasis(t), [1, 0.25, 0, 0, 1, 0, 0, 0, 1]).off", **basis)
    assert off == pytest.approx(0.25)


def test_a_chain_is_the_first_theta_times_the_second(numbers) -> None:
    """CASES 4: R T = [.8776 -.4794 .2633 | .4794 .8776 .1438], and not T R; the image itself says which."""
    R, T = rotation(math.degrees(0.5)), np.eye(3)
    T[0, 2] = 0.3
    found = numbers.call("(m, t, a, b) => m.planes.chained(a, b)", R.flatten().tolist(), T.flatten().tolist())
    np.testing.assert_allclose(found["both"][:6], [0.8776, -0.4794, 0.2633, 0.4794, 0.8776, 0.1438], atol=5e-5)
    np.testing.assert_allclose(found["swapped"][:6], [0.8776, -0.4794, 0.3, 0.4794, 0.8776, 0], atol=5e-5)
    side = torch.linspace(-1, 1, 64, dtype=torch.float64)
    image = torch.exp(-4 * ((side[None, :] - 0.1) ** 2 + 2 * (side[:, None] + 0.05) ** 2))[None, None]

    def warp(image: torch.Tensor, matrix: np.ndarray) -> torch.Tensor:
        grid = F.affine_grid(torch.tensor(matrix[:2])[None], [1, 1, 64, 64], False)
        return F.grid_sample(image, grid, align_corners=False)

    twice = warp(warp(image, R), T)
    both, swapped = (np.reshape(found[name], (3, 3)) for name in ("both", "swapped"))
    assert (warp(image, both) - twice).abs().mean() < 2e-3
    assert (warp(image, swapped) - twice).abs().mean() > 5 * (warp(image, both) - twice).abs().mean()


def test_corners_are_told_in_pixels_as_json(numbers) -> None:
    basis = {key: value.numpy() for key, value in drawing_basis(family("affine", size=V, align_corners=False)).items()}
    text = numbers.call(
        """(m, t, size) => {
          const basis = m.grid.makeBasis(t);
          const coeff = m.grid.coefficients(basis, [0.5, 0, 0.5, 0, 1, 0], basis.coefficients);
          const lattice = m.grid.pointsInto(basis.hand.b, 3, 81, coeff, new Float32Array(162));
          return m.pixels.cornersText(m.pixels.cornersOf(lattice, size, false));
        }""",
        U,
        **basis,
    )
    assert text == "[[5.5,-0.5],[11.5,-0.5],[11.5,6.5],[5.5,6.5]]"
