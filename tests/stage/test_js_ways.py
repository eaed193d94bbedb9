"""Which way round: the way from "the grid moves" to "the image moves", against torch, scipy and arithmetic by hand."""

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F

from stn_viz.transformer import Family, drawing_basis, family

ALIGN = pytest.mark.parametrize("align_corners", [False, True])
PADDING = pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
AFFINE = [0.6, -0.25, 0.3, 0.35, 0.5, -0.1]
PROJECTIVE = [0.7, -0.2, 0.1, 0.15, 0.6, -0.1, 0.25, -0.3]
HORIZON = [0.7, -0.2, 0.1, 0.15, 0.6, -0.1, 1.4, 0.3]  # H_w = 0 crosses the frame
VIEWS = """
  const viewOf = ([sx, sy], half) => ({metric: [sx, sy], toScreen: (x, y) => [half + x * sx, half + y * sy]});
  const [view, viewV] = [viewOf([150, 100], 210), viewOf([120, 120], 210)];
"""
TO_SCREEN = np.array([[150, 0, 210], [0, 100, 210], [0, 0, 1.0]])
TO_FRAME = np.array([[120, 0, 210], [0, 120, 210], [0, 0, 1.0]])


def three(rows) -> np.ndarray:
    return np.vstack([np.reshape(rows, (2, 3)), [0, 0, 1]])


def lattice(theta) -> list[float]:
    line = np.linspace(-1, 1, 9)
    p = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    return (np.c_[p, np.ones(81)] @ np.reshape(theta, (2, 3)).T).ravel().tolist()


def maps(numbers, theta, ways=(0, 0.25, 0.5, 1)) -> list[np.ndarray]:
    """The map of U's picture on the screen at these ways, 3 x 3."""
    found = numbers.call(
        f"""(m, t, lattice, ways) => {{ {VIEWS}
          const way = m.ways.wayOf({{lattice: Float64Array.from(lattice), whole: true}}, view, viewV);
          return ways.map((at) => m.ways.mapAt(way, at));
        }}""",
        lattice(theta),
        ways,
    )
    return [three(each) for each in found]


MIRRORED = [-0.6, -0.25, 0.3, 0.35, 0.5, -0.1]
HALF_TURN = [-1, 0, 0.2, 0, -1, 0.1]


@pytest.mark.parametrize("theta", [AFFINE, MIRRORED, HALF_TURN, [0.01, 0, 3, 0, 90, -2]], ids=str)
def test_the_image_starts_where_it_is_and_arrives_by_the_inverse(numbers, theta) -> None:
    start, *_, end = maps(numbers, theta)
    np.testing.assert_allclose(start, np.eye(3), rtol=0, atol=1e-9)
    expected = TO_FRAME @ np.linalg.inv(three(theta)) @ np.linalg.inv(TO_SCREEN)
    np.testing.assert_allclose(end, expected, rtol=1e-9, atol=1e-7)


def test_halfway_a_turn_has_turned_by_half_and_a_stretch_by_its_root(numbers) -> None:
    _, quarter, half, end = maps(numbers, AFFINE)
    turn, stretch = scipy.linalg.polar(end[:2, :2])
    for t, at in ((0.25, quarter), (0.5, half)):
        root = scipy.linalg.fractional_matrix_power
        np.testing.assert_allclose(at[:2, :2], root(turn, t) @ root(stretch, t), rtol=0, atol=1e-9)
        # The frame's centre goes straight from where U has it to the middle.
        from_ = TO_SCREEN @ three(AFFINE) @ [0, 0, 1]
        np.testing.assert_allclose(at @ from_, (1 - t) * from_ + t * np.array([210, 210, 1]), rtol=0, atol=1e-9)


def test_a_mirrored_image_is_turned_over_as_a_card_and_never_grows_on_its_way(numbers) -> None:
    for at in maps(numbers, [-1, 0, 0, 0, 1, 0], (0.25, 0.5, 0.75)):
        assert np.linalg.svd(at[:2, :2])[1].max() < 1.6  # 1.2 is the change of the view's height alone


@pytest.mark.parametrize("theta", [[0, 0, 0.5, 0, 0, 0], [1, 1, 0, 1, 1, 0], [0, 0, 0, 0, 1, 0]], ids=str)
def test_a_grid_of_no_area_still_has_a_way_with_finite_numbers(numbers, theta) -> None:
    for at in maps(numbers, theta):
        np.testing.assert_array_equal(at, np.eye(3))


def tensors(fam: Family) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in drawing_basis(fam).items()}


def picture(size=(7, 9)) -> torch.Tensor:
    """(1, 1, H, W) of values that all differ, none of them 0."""
    return torch.arange(1, 1 + size[0] * size[1], dtype=torch.float64).view(1, 1, *size)


def nearest(U: torch.Tensor, grid: torch.Tensor, padding: str, align_corners: bool) -> np.ndarray:
    kind = {"mode": "nearest", "padding_mode": padding, "align_corners": align_corners}
    return F.grid_sample(U, grid, **kind)[0, 0].numpy()


def settled(grid: torch.Tensor, size, align_corners: bool) -> np.ndarray:
    """Where nearest does not hang on rounding."""
    W_H = torch.tensor([size[1], size[0]], dtype=torch.float64)
    pixel = (grid[0] + 1) / 2 * (W_H - 1) if align_corners else ((grid[0] + 1) * W_H - 1) / 2
    return ((pixel % 1 - 0.5).abs().amin(-1) > 1e-4).numpy()


FILL = """
  const fill = {out: new Uint32Array(side * side), side, padding, align, alphas: [200, 100, 50, 25],
    texture: {data: Uint32Array.from(t.U.data), width: t.U.shape[1], height: t.U.shape[0], share: 1}};
"""


@ALIGN
@PADDING
def test_what_the_frame_holds_at_the_end_is_what_torch_samples(numbers, padding, align_corners) -> None:
    side, size = 23, (7, 9)
    U = picture(size)
    grid = F.affine_grid(torch.tensor(AFFINE, dtype=torch.float64).view(1, 2, 3) * 2.5, [1, 1, side, side], False)
    found = numbers.call(
        f"""(m, t, side, theta, padding, align) => {{ {FILL}
          const [[fx, ox], [fy, oy]] = [m.raster.positionOf(9, align), m.raster.positionOf(7, align)];
          const toU = m.ways.after([fx, 0, ox, 0, fy, oy], m.ways.after(theta, [2 / side, 0, -1, 0, 2 / side, -1]));
          m.raster.fillAffine(fill, toU, [2 / side, 0, -1, 0, 2 / side, -1]);
          return Int32Array.from(fill.out);
        }}""",
        side,
        [2.5 * value for value in AFFINE],
        padding,
        align_corners,
        U=U[0, 0].numpy().astype(np.float32),
    ).view(np.uint32)
    sure = settled(grid, size, align_corners)
    assert sure.mean() > 0.95
    expected = nearest(U, grid, padding, align_corners)
    np.testing.assert_array_equal((found & 0xFFFFFF).reshape(side, side)[sure], expected[sure])
    alpha = (found >> 24).reshape(side, side)
    edge = torch.tensor([size[1], size[0]]) / (torch.tensor([size[1], size[0]]) - 1) if align_corners else torch.ones(2)
    read = (grid[0].abs() < edge).all(-1).numpy()
    np.testing.assert_array_equal(alpha[sure], np.where(read, 200, 50)[sure])


@ALIGN
@pytest.mark.parametrize(
    ("name", "options", "theta"),
    [("affine", {}, AFFINE), ("projective", {}, PROJECTIVE), ("projective", {}, HORIZON), ("tps", {"points": 4}, None)],
    ids=["affine", "projective", "a horizon in the frame", "tps"],
)
def test_a_mesh_at_the_end_holds_what_torch_samples(numbers, name, options, theta, align_corners) -> None:
    size, out = (41, 57), (28, 28)
    fam = family(name, size=out, align_corners=align_corners, **options)
    if theta is None:
        noise = torch.randn(len(fam.identity), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        theta = (0.7 * fam.identity + 0.08 * noise).tolist()
    theta = torch.tensor(theta, dtype=torch.float64)
    U = picture(size)
    grid = fam.grid(theta[None])
    scale = 5  # the square's pixels for one of V's: odd, so that V's centres are centres
    found = numbers.call(
        f"""(m, t, side, theta, padding, align) => {{ {FILL}
          const basis = m.grid.makeBasis(t);
          const mesh = m.mesh.meshOf(basis, align, [1.4, 1.4]);
          const {{columns, rows, k, b, targets}} = mesh;
          const count = columns * rows;
          const coeff = m.grid.coefficients(basis, theta, basis.coefficients);
          const H = m.mesh.homogeneousInto(b, k, count, coeff, new Float64Array(3 * count));
          const [[fx, ox], [fy, oy]] = [m.raster.positionOf(57, align), m.raster.positionOf(41, align)];
          const reach = m.mesh.reachOf(28, align);
          const places = targets.map((p) => (side / 2) * (1 + p / reach));
          for (let i = 0; i < count; i++) {{
            H[3 * i] = fx * H[3 * i] + ox * H[3 * i + 2];
            H[3 * i + 1] = fy * H[3 * i + 1] + oy * H[3 * i + 2];
          }}
          for (let row = 0; row < rows - 1; row++) for (let column = 0; column < columns - 1; column++) {{
            const i = row * columns + column;
            const inside = m.mesh.inFrame(mesh, column, row);
            m.raster.fillTriangle(fill, places, H, i, i + 1, i + columns, inside);
            m.raster.fillTriangle(fill, places, H, i + 1, i + columns + 1, i + columns, inside);
          }}
          return Int32Array.from(fill.out);
        }}""",
        28 * scale,
        theta.tolist(),
        "zeros",
        align_corners,
        U=U[0, 0].numpy().astype(np.float32),
        **tensors(fam),
    ).view(np.uint32)
    square = found.reshape(28 * scale, 28 * scale)
    assert (square >> 24 != 0).all(), "a gap between two triangles"
    assert np.isin(square >> 24, (200, 50)).all(), "all of the square is in the frame"
    W_H = torch.tensor([size[1], size[0]], dtype=torch.float64)
    pixel = (grid[0] + 1) / 2 * (W_H - 1) if align_corners else ((grid[0] + 1) * W_H - 1) / 2
    sure = ((pixel % 1 - 0.5).abs().amin(-1) > 1e-3).numpy()
    sure &= (pixel.abs().amax(-1) < 1e4).numpy()
    assert sure.mean() > 0.9
    expected = nearest(U, grid, "zeros", align_corners)
    np.testing.assert_array_equal((square & 0xFFFFFF)[scale // 2 :: scale, scale // 2 :: scale][sure], expected[sure])


# --- theta and its inverse, in numbers and in words ---


def direction(numbers, fam: Family, theta, U=(8, 8), align_corners=False, grid_align=None) -> tuple[dict, list[str]]:
    sizes = {"U": list(U), "V": list(fam.size), "align": align_corners}
    sizes["gridAlign"] = align_corners if grid_align is None else grid_align
    return tuple(
        numbers.call(
            """(m, t, theta, sizes) => {
              const found = m.direction.directionOf(m.grid.makeBasis(t), theta);
              return [found, m.direction.contentWords(found, sizes)];
            }""",
            list(map(float, theta)),
            sizes,
            **tensors(fam),
        )
    )


@ALIGN
def test_case_1_the_content_goes_left_by_two_pixels(numbers, align_corners) -> None:
    """CASES 1: a 1 at row 3, column 4; theta [1 0 .5 | 0 1 0]."""
    U = torch.zeros(1, 1, 8, 8)
    U[0, 0, 3, 4] = 1
    theta = torch.tensor([[[1.0, 0, 0.5], [0, 1, 0]]])
    V = F.grid_sample(U, F.affine_grid(theta, [1, 1, 8, 8], align_corners), align_corners=align_corners)[0, 0]
    by = 4 - float((V.sum(0) * torch.arange(8)).sum() / V.sum())
    assert by == pytest.approx(1.75 if align_corners else 2)
    fam = family("affine", size=(8, 8), align_corners=align_corners)
    _, words = direction(numbers, fam, theta.flatten(), align_corners=align_corners)
    assert words == [f"Content moves LEFT by {'1.75' if align_corners else '2.0'} px."]


@pytest.mark.parametrize(
    ("theta", "words"),
    [
        ([1, 0, 0, 0, 1, 0], "Content stays where it is."),
        ([1, 0, 0, 0, 1, -0.25], "Content moves DOWN by 1.0 px."),
        ([0.5, 0, 0, 0, 0.5, 0], "Content grows 2.00×."),
        ([2, 0, 0, 0, 2, 0], "Content shrinks to 0.50×."),
        ([0.5, 0, 0, 0, 1, 0], "Content is stretched 2.00× one way and 1.00× across it."),
        ([-1, 0, 0, 0, 1, 0], "Content is mirrored left to right."),
        ([1, 0, 0, 0, -1, 0], "Content is mirrored top to bottom."),
        ([0, 1, 0, 1, 0, 0], "Content is mirrored left to right and turns 90.0° counter-clockwise."),
        (
            [0, 0, 0.5, 0, 0, 0],
            "No inverse: the grid has no area. Every place of U that is read goes to a line or to all of V.",
        ),
        ([1e6, 0, 0, 0, 1e6, 0], "Content shrinks to 1.0e-6×."),
    ],
)
def test_what_the_content_does_in_words(numbers, theta, words) -> None:
    assert direction(numbers, family("affine", size=(8, 8), align_corners=False), theta)[1] == [words]


def test_the_content_turns_against_the_grid_as_the_eye_sees_it(numbers) -> None:
    """By torch: a bar to the right of the middle goes up in V where theta turns the grid clockwise."""
    angle = 0.2
    theta = torch.tensor([[[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]]])
    U = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    U[0, 0, 20, 35] = 1
    V = F.grid_sample(U, F.affine_grid(theta, [1, 1, 41, 41], False), align_corners=False)[0, 0]
    assert (V.sum(1) * torch.arange(41)).sum() / V.sum() < 18  # row 20 before
    fam = family("affine", size=(41, 41), align_corners=False)
    _, words = direction(numbers, fam, theta.flatten(), U=(41, 41))
    assert words == ["Content turns 11.5° counter-clockwise."]


def test_pixels_of_both_are_said_where_they_differ_and_a_true_turn_of_an_oblong_image_is_one(numbers) -> None:
    fam = family("affine", size=(28, 28), align_corners=False)
    assert direction(numbers, fam, [1, 0, 0.5, 0, 1, 0], U=(42, 42))[1] == [
        "Content moves LEFT by 7.0 px of V (10.5 of U)."
    ]
    # CASES 2: 100 high, 200 wide, 30 degrees in pixels.
    fam = family("affine", size=(100, 200), align_corners=False)
    theta = [3**0.5 / 2, -0.25, 0, 1, 3**0.5 / 2, 0]
    assert direction(numbers, fam, theta, U=(100, 200))[1] == ["Content turns 30.0° counter-clockwise."]


@ALIGN
@pytest.mark.parametrize(
    ("name", "theta"), [("affine", AFFINE), ("projective", PROJECTIVE), ("similarity", [0.7, 0.4, 0.1, -0.2])]
)
def test_both_matrices_are_each_others_inverse(numbers, name, theta, align_corners) -> None:
    fam = family(name, size=(11, 17), align_corners=align_corners)
    found, _ = direction(numbers, fam, theta, align_corners=align_corners)
    ours = np.reshape(found["theta"], (3, 3))
    p = torch.tensor([[-0.3, 0.8, 1.0], [0.6, 0.1, 1.0]], dtype=torch.float64)
    b, M, m0 = fam.factors(p[:, 0], p[:, 1])
    expected = b @ (M @ torch.tensor(theta, dtype=torch.float64) + m0).view(-1, 3)
    np.testing.assert_allclose(p.numpy() @ ours.T, expected.numpy(), rtol=0, atol=1e-6)
    inverse = np.linalg.inv(ours)
    np.testing.assert_allclose(np.reshape(found["inverse"], (3, 3)), inverse / inverse[2, 2], rtol=0, atol=1e-6)
    assert not found["local"]


def test_a_bent_grid_has_its_first_order_at_the_centre(numbers) -> None:
    fam = family("tps", size=(28, 28), align_corners=False, points=4)
    noise = torch.randn(32, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    theta = fam.identity + 0.04 * noise
    found, words = direction(numbers, fam, theta, U=(42, 42))
    assert found["local"]
    assert words[0].startswith("Near the centre the content ")
    b, M, m0 = fam.factors(*torch.tensor([[0.0, 1e-4, 0], [0.0, 0, 1e-4]], dtype=torch.float64))
    H = torch.einsum("nk,kd->nd", b, (M @ theta + m0).view(-1, 3))
    J = ((H[1:, :2] - H[0, :2]) / 1e-4).T
    np.testing.assert_allclose(
        np.reshape(found["theta"], (3, 3))[:2, :2], J, rtol=0, atol=0.02
    )  # over a quarter of the frame
    np.testing.assert_allclose(found["theta"][2::3][:2], H[0, :2], rtol=0, atol=1e-5)


# --- the hand on the image, the box, the ruler ---


@pytest.fixture
def hand(numbers):
    """The modules of hand and ink beside the numbers'."""
    numbers.page.evaluate(
        """async () => {
          if (window.h) return;
          window.h = {};
          for (const path of ["hand/content", "hand/box", "ink/ruler"]) {
            window.h[path.split("/")[1]] = await import(`/${path}.js`);
          }
        }"""
    )
    return numbers


MOVES = {
    "a move": [[1, 0, 0.2], [0, 1, -0.3], [0, 0, 1]],
    "a turn": [[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]],
    "a zoom": [[1.2, 0, 0.1], [0, 1.2, 0], [0, 0, 1]],
}


@ALIGN
@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize(("name", "theta"), [("affine", AFFINE), ("projective", PROJECTIVE)])
def test_what_the_hand_does_to_the_image_theta_does_by_the_inverse(hand, name, theta, move, align_corners) -> None:
    fam = family(name, size=(11, 17), align_corners=align_corners)
    D = np.array(MOVES[move])
    found = hand.call(
        """(m, t, theta, D, align) => window.h.content.contentMoved(m.grid.makeBasis(t), theta, D, align)""",
        theta,
        D[:2].ravel().tolist(),
        align_corners,
        **tensors(fam),
    )
    before = np.append(theta, 1).reshape(3, 3) if name == "projective" else three(theta)
    expected = before @ np.linalg.inv(D)
    expected = (expected / expected[2, 2]).ravel()[: 8 if name == "projective" else 6]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "options", "expected", "says"),
    [
        ("affine", {}, [0.3, 0, -0.1, 0, 0.2, 0.4], None),
        ("projective", {}, [0.3, 0, -0.1, 0, 0.2, 0.4, 0, 0], None),
        ("attention", {}, [0.25, -0.1, 0.4], "would need 0.30 across and 0.20 down. The frame takes their mean, 0.25."),
        ("similarity", {}, [0.25, 0, -0.1, 0.4], "A similarity has one scale for both sides"),
        ("translation", {}, [-0.1, 0.4], "A translation only moves the frame"),
    ],
)
def test_a_box_on_the_input_becomes_the_frame(hand, name, options, expected, says) -> None:
    fam = family(name, size=(11, 17), align_corners=False, **options)
    box = [-0.4, 0.2, 0.2, 0.6]
    found, words = hand.call(
        """(m, t, name, box) => {
          const {boxTheta, boxWords} = window.h.box;
          return [Array.from(boxTheta(m.grid.makeBasis(t), box)), boxWords(name, box)];
        }""",
        name,
        box,
        **tensors(fam),
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert (words is None) if says is None else (says in words)


@ALIGN
@pytest.mark.parametrize("size", [1, 8, 28, 42, 224, 480])
def test_a_rulers_values_stand_where_affine_grid_has_the_pixels_centres(hand, size, align_corners) -> None:
    theta = torch.eye(2, 3, dtype=torch.float64)[None]
    if size == 1:
        align_corners = False
    x = F.affine_grid(theta, [1, 1, max(2, size), size], align_corners)[0, 0, :, 0]
    found = hand.call(
        "(m, t, values, size, align) => values.map((value) => window.h.ruler.along(value, size, 300, align))",
        x.tolist(),
        size,
        align_corners,
    )
    np.testing.assert_allclose(found, (np.arange(size) + 0.5) * 300 / size, rtol=0, atol=1e-9)
    steps = hand.call("(m, t, pixel) => [3, 26].map((room) => window.h.ruler.every(pixel, room))", 300 / size)
    for step, room in zip(steps, (3, 26), strict=True):
        assert step * 300 / size >= room or step == 1
        assert str(step)[0] in "125"
        assert step == 1 or step * 300 / size < 3 * room
