"""What is counted, said and derived of a grid and a pixel: against torch's grids and autograd, and by hand."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stn_viz.transformer import Family, drawing_basis, family

MARKS = """(m, t, family, theta, U, align, thin) => {
  const basis = m.grid.makeBasis(t);
  const drawn = thin ? m.grid.thinned(basis, thin) : basis;
  const w = new Float32Array(drawn.n);
  const grid = m.grid.gridInto(drawn, theta, new Float32Array(2 * drawn.n), w);
  const V = {height: drawn.size[0], width: drawn.size[1]};
  const latticeW = new Float32Array(basis.hand.n);
  const coeff = m.grid.coefficients(basis, theta, basis.coefficients);
  const lattice = m.grid.pointsInto(basis.hand.b, basis.k, basis.hand.n, coeff, new Float32Array(162), latticeW);
  return m.marks.marksOf({grid, w, lattice, latticeW, V, size: basis.size, U, family, theta, basis}, align);
}"""
REMARKS = """(m, t, marks, rule, extra) => {
  const {channels, height, width, data} = extra.U ?? {channels: 1, height: 1, width: 1, data: [0]};
  const U = {channels, height, width, data: Float32Array.from(data)};
  return m.remarks.remarksOf({U, theta: extra.theta === null ? null : [1], marks}, {rule});
}"""
RULE = {"kernel": "bilinear", "padding": "zeros", "align_corners": False, "grid_align": None, "size": None, "area": 1}
IDENTITY = [1, 0, 0, 0, 1, 0]


def made(name: str, size: tuple[int, int], align: bool = False, **options: int) -> Family:
    return family(name, size=size, align_corners=align, **options)


def tensors(fam: Family) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in drawing_basis(fam).items()}


def marks(numbers, fam, theta, U=(42, 42), align=False, thin=None):
    image = {"height": U[0], "width": U[1]}
    return numbers.call(MARKS, fam.name, list(map(float, theta)), image, align, thin, **tensors(fam))


def remarks(numbers, marks, extra=None, **rule):
    return {each["key"]: each["text"] for each in numbers.call(REMARKS, marks, RULE | rule, extra or {})}


# --- the counts ---


@pytest.mark.parametrize("name", ["affine", "projective", "tps", "free"])
@pytest.mark.parametrize("seed", range(3))
def test_outside_folded_and_steps_are_what_numpy_counts_on_torchs_grid(numbers, name, seed) -> None:
    size, U = (13, 17), (30, 50)
    fam = made(name, size)
    noise = torch.randn(len(fam.identity), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    theta = fam.identity + (0.05 if name == "projective" else 0.35) * noise
    grid = fam.grid(theta[None])[0].float().double().numpy()
    found = marks(numbers, fam, theta.tolist(), U)
    assert found["behind"] == 0
    assert found["outside"] == int((np.abs(grid) > 1).any(-1).sum())
    y, x = torch.meshgrid(*2 * [torch.linspace(-1, 1, 9, dtype=torch.float64)], indexing="ij")
    b, M, m0 = fam.factors(x.flatten(), y.flatten())
    H = (b.double() @ (M.double() @ theta.double() + m0.double()).view(-1, 3)).numpy()
    reached = np.concatenate([grid.reshape(-1, 2), H[:, :2] / H[:, 2:]])
    np.testing.assert_allclose(found["box"], [*reached.min(0), *reached.max(0)], atol=1e-5)
    # Twice each cell's area, by the shoelace formula on its four corners.
    corners = [grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]]
    area = sum(
        a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
    )
    turned, straight = int((area < 0).sum()), int((area > 0).sum())
    assert found["sign"] == (-1 if turned > straight else 1)
    assert found["folded"] == min(turned, straight)
    if name in ("tps", "free"):
        assert found["folded"] > 0, "a case without a fold tests nothing"
    pixels = grid * np.array(U[::-1]) / 2
    across, down = (np.linalg.norm(np.diff(pixels, axis=axis), axis=-1) for axis in (1, 0))
    assert found["step"]["x"] == pytest.approx(across.mean(), rel=1e-4)
    assert found["step"]["y"] == pytest.approx(down.mean(), rel=1e-4)
    assert found["step"]["most"] == pytest.approx(max(across.max(), down.max()), rel=1e-4)


def test_a_fold_is_where_the_jacobian_by_autograd_is_negative(numbers) -> None:
    """x_s = |x_t + 0.3| - 0.5 in a free form: the left third runs backwards."""
    fam = made("free", (12, 20), points=9)
    lattice = fam.control.clone()
    lattice[:, 0] = (lattice[:, 0] + 0.3).abs() - 0.5
    theta = lattice.flatten()
    at = fam.target_grid()
    x, y = (side.double().flatten().requires_grad_() for side in at)
    b, M, m0 = fam.factors(x, y)
    H = b.double() @ (M.double() @ theta.double() + m0.double()).view(-1, 3)
    (dxx, dxy), (dyx, dyy) = (torch.autograd.grad(H[:, d].sum(), (x, y), retain_graph=True) for d in (0, 1))
    share = float((dxx * dyy - dxy * dyx < 0).double().mean())
    found = marks(numbers, fam, theta.tolist())
    assert 0.25 < share < 0.45
    assert found["foldedShare"] == pytest.approx(share, abs=1.5 / 20)  # the cells on the fold go either way


@pytest.mark.parametrize("size", [(30, 30), (28, 40)])
def test_a_strip_of_a_sixth_is_behind_the_horizon(numbers, size) -> None:
    """CASES 12: rows [1 0 0; 0 1 0; 1.5 0 1], H_w = 1 + 1.5 x."""
    theta = [1, 0, 0, 0, 1, 0, 1.5, 0]
    found = marks(numbers, made("projective", size), theta)
    x = F.affine_grid(torch.tensor([[IDENTITY]]).float().view(1, 2, 3), [1, 1, *size], align_corners=False)[..., 0]
    assert found["behind"] == int((1 + 1.5 * x <= 0).sum())
    assert found["behindShare"] == pytest.approx(1 / 6, abs=1e-9)
    assert np.isfinite(found["box"]).all()
    said = remarks(numbers, found)
    assert said["horizon"] == "1/6 of the grid is behind the horizon (H_w ≤ 0): hatched."
    assert "skips" not in said, "at a horizon steps have no end"


def test_the_horizons_lines_are_those_of_the_homography(numbers) -> None:
    """In the target 1 + 1.5 x = 0; in the source the line that points going off to infinity come close to."""
    theta = [1.1, 0.2, 0.1, -0.3, 0.9, 0.05, 1.5, 0.4]
    target, source = numbers.call(
        "(m, t, theta) => [m.horizon.targetHorizon(theta), m.horizon.sourceHorizon(theta)]", theta
    )
    h = np.array([*theta, 1]).reshape(3, 3)
    assert target == pytest.approx(h[2])
    for angle in (0.1, 0.7, 1.4):
        far = h @ [1e9 * np.cos(angle), 1e9 * np.sin(angle), 1]
        x, y = far[:2] / far[2]
        assert source @ np.array([x, y, 1]) / np.linalg.norm(source) == pytest.approx(0, abs=1e-6)
    l1, l2, l3 = numbers.call("(m) => m.horizon.sourceHorizon([1, 0, 0, 0, 1, 0, 1.5, 0])")
    assert l2 == 0
    assert -l3 / l1 == pytest.approx(2 / 3)


def test_a_polygon_behind_a_line_has_the_area_of_its_samples(numbers) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (200_000, 2))
    for line in ([1.5, 0, 1], [0.9, -0.8, 0.2], [0.1, 0.1, 1], [0.1, 0.1, -1]):
        area, ends = numbers.call(
            """(m, t, line) => {
              const frame = [-1, -1, 1, 1];
              return [m.horizon.areaOf(m.horizon.behindPart(line, frame)), m.horizon.crossing(line, frame)];
            }""",
            line,
        )
        assert area / 4 == pytest.approx((points @ line[:2] + line[2] <= 0).mean(), abs=5e-3)
        assert (ends is None) == (area in (0, 4))
        for x, y in ends or []:
            assert line[0] * x + line[1] * y + line[2] == pytest.approx(0, abs=1e-12)
            assert max(abs(x), abs(y)) == pytest.approx(1)


def test_grid_lines_are_cut_in_front_of_the_horizon(numbers) -> None:
    """A line across from x_t = -1 (behind) to 1: what is left goes from far out on the left to x_s = 1/2.5."""
    fam = made("projective", (4, 6))
    out = numbers.call(
        """(m, t, theta) => {
          const basis = m.grid.makeBasis(t);
          const {b, count, shape} = basis.lines;
          const coeff = m.grid.coefficients(basis, theta, basis.coefficients);
          const points = new Float32Array(2 * count), w = new Float32Array(count);
          m.grid.pointsInto(b, basis.k, count, coeff, points, w);
          m.horizon.cutAtHorizon(basis.lines, basis.k, coeff, points, w);
          return Float32Array.of(shape[0] / 2, ...points, ...w);
        }""",
        [1, 0, 0, 0, 1, 0, 1.5, 0],
        **tensors(fam),
    )
    L, count = int(out[0]), (len(out) - 1) // 3
    points, w = out[1 : 1 + 2 * count].reshape(-1, 2, 2), out[1 + 2 * count :].reshape(-1, 2)
    down, across = points[:L], points[L:]
    assert (w[:2] < 0).all(), "lines down keep their sides: both ends have one H_w"
    assert (w[4:] > 0).all()
    assert (w[L:] > 0).all()
    np.testing.assert_allclose(across[:, 1, 0], 1 / 2.5, atol=1e-6)
    assert (across[:, 0, 0] < -100).all()
    # y_s = y_t / w and x_s = x_t / w: the line through (1/2.5, y_t/2.5) and any other of its points.
    y_t = across[:, 1, 1] * 2.5
    x, y = across[:, 0].T.astype(float)
    np.testing.assert_allclose(y, y_t * (1 - 1.5 * x), rtol=1e-3, atol=1e-2)
    assert np.isfinite(down).all()


@pytest.mark.parametrize("thin", [2, 3])
def test_a_thinned_grid_counts_as_the_full_one(numbers, thin) -> None:
    fam = made("tps", (36, 48), points=3)
    theta = fam.identity + 0.4 * torch.randn(len(fam.identity), generator=torch.Generator().manual_seed(2))
    size = [36 // thin, 48 // thin]
    full, part = (marks(numbers, fam, theta.tolist(), thin=each) for each in (None, size))
    assert part["n"] == size[0] * size[1]
    assert full["folded"] > 100
    assert part["folded"] == pytest.approx(full["folded"], rel=0.15)
    for side in ("x", "y"):
        assert part["step"][side] == pytest.approx(full["step"][side], rel=0.08)


def test_of_a_large_v_some_samples_are_looked_at_and_the_counts_are_of_all(numbers) -> None:
    fam = made("tps", (150, 200), points=3)
    theta = fam.identity + 0.4 * torch.randn(len(fam.identity), generator=torch.Generator().manual_seed(2))
    grid = fam.grid(theta[None].double())[0].numpy()
    a, b = grid[1:, 1:] - grid[:-1, :-1], grid[1:, :-1] - grid[:-1, 1:]
    folded = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] < 0).sum()
    found = marks(numbers, fam, theta.tolist())
    assert found["n"] == 38 * 50
    assert found["folded"] == pytest.approx(min(folded, 149 * 199 - folded), rel=0.05)
    assert found["outside"] / found["n"] == pytest.approx((np.abs(grid) > 1).any(-1).mean(), abs=0.02)
    across = np.linalg.norm(np.diff(grid * 21, axis=1), axis=-1).mean()
    assert found["step"]["x"] == pytest.approx(across, rel=0.02)


# --- absurd theta ---


@pytest.mark.parametrize(
    ("theta", "collapsed", "key", "words"),
    [
        ([0] * 6, "point", "collapsed", "The grid has shrunk to a point: V is one value everywhere."),
        ([0, 0, 0.3, 0, 0, 1e6], "point", "collapsed", "The grid has shrunk to a point: V is one value everywhere."),
        ([1, 2, 0, 0.5, 1, 0], "line", "collapsed", "The grid lies on one line: V knows nothing beside it."),
        ([1e6, 2e6, 0, 5e5, 1e6, 0], "line", "collapsed", "The grid lies on one line: V knows nothing beside it."),
        ([1e-9, 0, 0, 0, 1e-9, 0], "point", "collapsed", "The grid has shrunk to a point: V is one value everywhere."),
        ([1e6, 0, 0, 0, 1e6, 0], None, "skips", "One output step of 1500000 input pixels skips"),
        ([1e6, 0, 1e6, 0, 1e6, 1e6], None, "skips", "One output step of"),
        ([float("nan")] * 6, None, "unknown", "θ is not a number here, so there is no grid."),
    ],
)
def test_absurd_theta_gives_finite_numbers_and_a_sentence(numbers, theta, collapsed, key, words) -> None:
    fam = made("affine", (28, 28))
    body = MARKS.replace("theta, U, align", "given, U, align").replace(
        "{", "{ const theta = given.map((each) => (each === null ? NaN : each));", 1
    )
    given = [None if np.isnan(each) else float(each) for each in theta]
    found = numbers.call(body, "affine", given, {"height": 42, "width": 42}, False, None, **tensors(fam))
    assert found["collapsed"] == collapsed
    assert found["folded"] == 0
    said = remarks(numbers, found)
    assert said[key].startswith(words.split(" 1500000")[0])
    numbers_shown = [*(found["box"] or []), *(found["step"] or {}).values()]
    assert np.isfinite(numbers_shown).all()
    assert "NaN" not in "".join(said.values())
    assert "undefined" not in "".join(said.values())


@pytest.mark.parametrize("theta", [[0] * 8, [1e6] * 8, [1, 0, 0, 0, 1, 0, -1, 0], [1, 0, 0, 0, 1, 0, 1e6, -1e6]])
def test_absurd_homographies_have_finite_marks(numbers, theta) -> None:
    """Also with H_w exactly 0 at the frame's edge."""
    for size in ((28, 28), (5, 7), (1, 1), (1, 9)):
        fam = made("projective", size, align=size == (5, 7))
        found = marks(numbers, fam, theta)
        assert np.isfinite(list(found["box"] or [])).all()
        assert found["step"] is None or np.isfinite(list(found["step"].values())).all()
        assert 0 <= found["behindShare"] <= 1
        for text in remarks(numbers, found).values():
            assert not any(word in text for word in ("NaN", "undefined", "Infinity"))


def test_a_single_pixel_and_a_single_row_are_no_collapse(numbers) -> None:
    for size in ((1, 1), (1, 9), (9, 1)):
        assert marks(numbers, made("affine", size), IDENTITY)["collapsed"] is None


# --- the remarks ---


def test_the_grid_that_left_the_image_is_said_with_its_side(numbers) -> None:
    """CASES 8, epoch 75."""
    found = marks(numbers, made("affine", (28, 28)), [3.6801, 0.3164, 0.5781, 0.3031, 0.9529, -2.3116])
    assert remarks(numbers, found)["outside"] == "The whole grid lies above the image (largest y = −1.056)."
    for theta, words in (
        ([0.5, 0, 2, 0, 0.5, 0], "The whole grid lies right of the image (smallest x = 1.500)."),
        ([0.5, 0, -2, 0, 0.5, 0], "The whole grid lies left of the image (largest x = −1.500)."),
        ([0.5, 0, 0, 0, 0.5, 2], "The whole grid lies below the image (smallest y = 1.500)."),
    ):
        found = marks(numbers, made("affine", (28, 28)), theta)
        assert remarks(numbers, found)["outside"] == words


@pytest.mark.parametrize(
    ("out", "step", "words"),
    [
        (20, 3, "One output step of 3 input pixels skips 2 of 3; average in Rules."),
        (15, 4, "One output step of 4 input pixels skips 3 of 4; average in Rules."),
        (24, 2.5, "One output step of 2.5 input pixels skips 3 of 5; average in Rules."),
        (5, 12, "One output step of 12 input pixels skips 11 of 12; average in Rules."),
    ],
)
def test_shrinking_warns_and_stripes_show_why(numbers, out, step, words) -> None:
    """CASES 6: one column in three is 1; 60 pixels to 20 read none of them, to 15 some."""
    found = marks(numbers, made("affine", (out, out)), IDENTITY, (60, 60))
    assert found["step"]["x"] == pytest.approx(step, rel=1e-6)
    assert remarks(numbers, found)["skips"] == words
    assert "skips" not in remarks(numbers, found, area=10), "averaging over that many samples skips nothing"
    stripes = (torch.arange(60) % 3 == 0).float().expand(1, 1, 60, 60)
    grid = F.affine_grid(torch.tensor([IDENTITY]).float().view(1, 2, 3), [1, 1, out, out], False)
    V = F.grid_sample(stripes, grid, align_corners=False)
    if out == 20:
        assert float(V.abs().max()) < 1e-5


def test_what_does_not_skip_is_not_warned_of(numbers) -> None:
    half = marks(numbers, made("affine", (30, 30)), IDENTITY, (60, 60))  # each pixel is the mean of four
    assert "skips" not in remarks(numbers, half)
    assert remarks(numbers, half, kernel="nearest")["skips"].startswith(
        "One output step of 2 input pixels skips 1 of 2"
    )
    same = marks(numbers, made("affine", (60, 60)), IDENTITY, (60, 60))
    assert remarks(numbers, same, kernel="nearest") == {}


def test_mirrored_folded_and_mixed_conventions_are_named(numbers) -> None:
    mirrored = marks(numbers, made("affine", (28, 28)), [-1, 0, 0, 0, 1, 0])
    assert mirrored["sign"] == -1
    assert mirrored["folded"] == 0
    assert remarks(numbers, mirrored)["mirrored"] == "Mirrored: V shows U reversed, as in a mirror."
    same = marks(numbers, made("affine", (28, 28)), [0.5, 0, 0, 0, 0.5, 0])
    assert remarks(numbers, same, grid_align=False) == {}
    on = remarks(numbers, same, grid_align=True)
    assert on["align"] == "Grid's corners on, sampler's off: edges keep 1/2, corners 1/4."
    off = remarks(numbers, same, grid_align=False, align_corners=True)
    assert off["align"] == "Grid's corners off, sampler's on: V is U enlarged a little."
    # And it is so: ones, an identity grid of the other convention.
    ones = torch.ones(1, 1, 8, 8)
    V = F.grid_sample(ones, F.affine_grid(torch.eye(2, 3)[None], [1, 1, 8, 8], True), align_corners=False)[0, 0]
    assert V[0, 0] == pytest.approx(0.25)
    assert V[0, 4] == pytest.approx(0.5)
    assert V[4, 4] == 1


def test_zeros_beside_a_background_that_is_not_zero_is_named(numbers) -> None:
    shifted = marks(numbers, made("affine", (28, 28)), [1, 0, 0.5, 0, 1, 0], (3, 4))
    data = np.array([[0.9, 0.9, 0.9, 0.9], [0.8, 0, 0.1, 0.9], [0.9, 0.2, 0.9, 0.9]])
    U = {"channels": 1, "height": 3, "width": 4, "data": data.flatten().tolist()}
    assert remarks(numbers, shifted, {"U": U})["padding"] == "Zeros writes 0 outside; the background here is 0.90."
    assert "padding" not in remarks(numbers, shifted, {"U": U}, padding="border")
    assert "padding" not in remarks(numbers, marks(numbers, made("affine", (28, 28)), IDENTITY, (3, 4)), {"U": U})
    colour = {"channels": 3, "height": 1, "width": 2, "data": [0.5, 0.7, -1.8, -1.8, 0.0, 0.0]}
    assert remarks(numbers, shifted, {"U": colour})["padding"].endswith("is (0.60, −1.80, 0.00).")
    border = np.r_[data[0], data[2], data[1, [0, 3]]]
    found = numbers.call("(m, t, U) => m.values.valuesOf({...U, data: Float64Array.from(U.data)})", U)
    assert found["background"] == [np.median(border)]
    assert found["range"] == [0, 0.9]


def test_counts_beside_the_title(numbers) -> None:
    def words(outside=0.0, **marks):
        base = {"behind": 0, "behindShare": 0, "folded": 0}
        body = "(m, t, marks, outside, U) => m.remarks.countWords(marks, outside, U)"
        return numbers.call(body, base | marks, outside, {"height": 4, "width": 6})

    assert words(0.03) == "6 × 4 · 3 % outside"
    assert words(0.001) == "6 × 4 · < 1 % outside"
    assert words(0.35, behind=140, behindShare=1 / 6) == "35 % outside · 1/6 behind"
    assert words(0.0, folded=1234) == "0 % outside · 1,234 folded"
    assert words(0.999, behind=3, behindShare=0.273) == "> 99 % outside · 27 % behind"


# --- one pixel ---

TAPS = """(m, t, x, rule) => {
  const U = {channels: 1, height: 1, width: 128, data: new Float32Array(128).fill(1)};
  const found = m.sampler.taps(x, 0, U, rule).filter(({weight}) => weight > 0);
  const out = m.sampler.sampleInto(new Float32Array(1), U, Float32Array.of(x, 0), 1, rule);
  return [out[0], found.map(({col, weight, inside}) => [col, weight, inside])];
}"""


@pytest.mark.parametrize(
    ("align", "x", "value", "taps"),
    [
        (True, 1.004, 0.7460, [[127, 0.7460, True], [128, 0.2540, False]]),
        (False, 1.0, 0.5, [[127, 0.5, True], [128, 0.5, False]]),
        (False, 1 + 1 / 128, 0.0, [[128, 1.0, False]]),
    ],
)
def test_taps_outside_are_padding_with_their_weight(numbers, align, x, value, taps) -> None:
    """CASES 5: ones, 128 wide."""
    rule = RULE | {"align_corners": align}
    found, read = numbers.call(TAPS, x, rule)
    assert found == pytest.approx(value, abs=5e-5)
    assert [[col, inside] for col, _, inside in read] == [[col, inside] for col, _, inside in taps]
    assert [weight for _, weight, _ in read] == pytest.approx([weight for _, weight, _ in taps], abs=5e-5)
    grid = torch.tensor([[[[x, 0.0]]]])
    assert float(F.grid_sample(torch.ones(1, 1, 1, 128), grid, align_corners=align)) == pytest.approx(found, abs=1e-6)


RIM = [[1, 1], [-1, -1], [1, 0.3], [-0.2, -1]]  # where torch counts a clipped coordinate as still
POINTS = np.concatenate([np.random.default_rng(5).uniform(-1.7, 1.7, (60, 2)), [[0.1, 0.2], [-3.4, 5.6]], RIM])


@pytest.mark.parametrize(
    ("kernel", "padding", "align"),
    list(product(("nearest", "bilinear", "bicubic"), ("zeros", "border", "reflection"), (False, True))),
)
def test_the_gradient_to_the_sample_point_is_autograds(numbers, kernel, padding, align) -> None:
    U = np.random.default_rng(1).uniform(size=(2, 5, 7)).astype(np.float32)
    points = POINTS.astype(np.float32)
    grid = torch.tensor(points).view(1, 1, -1, 2).requires_grad_()
    given = {"mode": kernel, "padding_mode": padding, "align_corners": align}
    V = F.grid_sample(torch.from_numpy(U)[None], grid, **given)[0, :, 0]
    expected = np.stack([torch.autograd.grad(V[c].sum(), grid, retain_graph=True)[0][0, 0].numpy() for c in (0, 1)])
    found = numbers.call(
        """(m, t, rule) => {
          const U = {data: t.U.data, channels: 2, height: 5, width: 7};
          const out = [[], []];
          for (let i = 0; i < t.points.shape[0]; i++) {
            const [x, y] = t.points.data.subarray(2 * i, 2 * i + 2);
            const found = m.gradient.sampleGradient(x, y, U, rule);
            for (const c of [0, 1]) out[c].push(found.x[c] * found.scale[0], found.y[c] * found.scale[1]);
          }
          return out;
        }""",
        RULE | {"kernel": kernel, "padding": padding, "align_corners": align},
        U=U,
        points=points,
    )
    np.testing.assert_allclose(np.array(found).reshape(2, -1, 2), expected, atol=2e-4)
    if kernel == "nearest":
        assert not np.any(found)


@pytest.mark.parametrize("name", ["affine", "attention", "similarity", "projective", "tps", "free"])
def test_the_gradient_to_theta_is_autograds(numbers, name) -> None:
    fam = made(name, (6, 9))
    noise = torch.randn(len(fam.identity), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    theta = (fam.identity.double() + 0.1 * noise).requires_grad_()
    U = torch.rand(1, 1, 8, 11, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    V = F.grid_sample(U, fam.grid(theta[None]), mode="bilinear", align_corners=False)[0, 0]
    pixels = [0, 17, 33, 53]
    expected = [torch.autograd.grad(V.flatten()[i], theta, retain_graph=True)[0].numpy() for i in pixels]
    found = numbers.call(
        """(m, t, theta, pixels, rule) => {
          const basis = m.grid.makeBasis(t);
          const w = new Float32Array(basis.n);
          const grid = m.grid.gridInto(basis, theta, new Float32Array(2 * basis.n), w);
          const U = {data: t.U.data, channels: 1, height: 8, width: 11};
          return pixels.map((i) => {
            const [x, y] = [grid[2 * i], grid[2 * i + 1]];
            const slope = m.gradient.sampleGradient(x, y, U, rule);
            const J = m.gradient.pointJacobian(basis, basis.b.subarray(i * basis.k, (i + 1) * basis.k), x, y, w[i]);
            return theta.map((_, p) => slope.x[0] * slope.scale[0] * J.x[p] + slope.y[0] * slope.scale[1] * J.y[p]);
          });
        }""",
        theta.tolist(),
        pixels,
        RULE,
        U=U.float().numpy(),
        **tensors(fam),
    )
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("name", "tolerance"), [("affine", 1e-5), ("projective", 1e-5), ("tps", 3e-3)])
def test_the_footprint_is_the_pixels_area_through_the_transformation(numbers, name, tolerance, align) -> None:
    _, W = size = (21, 17)
    fam = made(name, size, align)
    noise = torch.randn(len(fam.identity), generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    theta = fam.identity.double() + 0.1 * noise
    for row, column in ((10, 8), (0, 0), (20, 16), (3, 12)):
        corners = torch.tensor([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]], dtype=torch.float64)
        atol = (
            tolerance if 0 < row < 20 else max(tolerance, 0.2 * 2 / W * (name == "tps"))
        )  # extrapolated at the border
        at = corners + torch.tensor([row, column])
        y, x = ((2 * at / (torch.tensor(size) - 1) - 1) if align else ((2 * at + 1) / torch.tensor(size) - 1)).T
        b, M, m0 = fam.factors(x, y)
        points = b.double() @ (M.double() @ theta + m0.double()).view(-1, 3)
        found = numbers.call(
            """(m, t, theta, row, column) => {
              const basis = m.grid.makeBasis(t);
              const coeff = m.grid.coefficients(basis, theta, basis.coefficients);
              return m.footprint.footprint(basis, coeff, row, column).points;
            }""",
            theta.tolist(),
            row,
            column,
            **tensors(fam),
        )
        np.testing.assert_allclose(found.reshape(4, 2), points[:, :2] / points[:, 2:], atol=atol)


def test_the_footprint_of_the_only_pixel_is_the_whole_frame(numbers) -> None:
    found = numbers.call(
        """(m, t) => {
          const basis = m.grid.makeBasis(t);
          const coeff = m.grid.coefficients(basis, [0.5, 0, 0.25, 0, 0.5, 0], basis.coefficients);
          return m.footprint.footprint(basis, coeff, 0, 0).points;
        }""",
        **tensors(made("affine", (1, 1))),
    )
    np.testing.assert_allclose(found, [-0.25, -0.5, 0.75, -0.5, 0.75, 0.5, -0.25, 0.5], atol=1e-6)


def test_a_pixel_in_words_has_x_before_y_and_column_before_row(numbers) -> None:
    words = numbers.call(
        "(m, t, pixel, U, align) => m.pixelwords.pixelWords(pixel, U, align)",
        {"row": 3, "column": 2, "x": -0.25, "y": 0.125},
        {"height": 10, "width": 21},
        True,
    )
    assert words == {"place": "row 3, column 2", "grid": "grid (−0.250, 0.125)", "read": "column 7.50, row 5.06"}
    told = "(m, t, ...values) => values.map((value) => m.pixelwords.numeral(value))"
    assert numbers.call(told, -0.001, 1e6, -2.5) == ["0.00", "1.0e+6", "−2.50"]


# --- the lens and the lines, as they stand in a page ---

LENS = """async (m, t, theta, index, U, rule) => {
  const {createPixelLens} = await import("/lenses/pixellens.js");
  const {createScene} = await import("/state/scene.js");
  const {basisName} = await import("/state/load.js");
  const basis = m.grid.makeBasis(t);
  const image = {...U, data: Float32Array.from(U.data)};
  const state = {
    picture: {U: image, theta: null}, probes: {image: () => image},
    site: {family: "affine", options: {}, output_size: basis.size},
    mode: "hand", hand: {theta, family: "affine", points: null}, rule: {...rule, size: basis.size}, pixel: index,
    bases: new Map([[basisName("affine", basis.size, rule.align_corners, null), basis]]),
  };
  const shown = createScene()(state);
  const lens = createPixelLens();
  document.querySelector("main").replaceChildren(lens.element);
  lens.set(shown, state);
  const text = (element) => element.innerText.replace(/\\s+/g, " ").trim();
  const all = (selector) => [...lens.element.querySelectorAll(selector)];
  const table = (name) => all(`table.${name} tr`).map((row) => [...row.children].map(text));
  const tables = Object.fromEntries(["weights", "slopes", "jacobian", "ranges"].map((name) => [name, table(name)]));
  return {paragraphs: all("p").filter((p) => p.checkVisibility()).map(text), V: [...shown.V.data], ...tables};
}"""


def lens(numbers, theta, index, U, size=(1, 1), **rule):
    rule = RULE | rule
    image = {"channels": U.shape[0], "height": U.shape[1], "width": U.shape[2], "data": U.flatten().tolist()}
    return numbers.call(LENS, theta, index, image, rule, **tensors(made("affine", size, rule["align_corners"])))


@pytest.mark.parametrize(
    ("align", "x", "weights", "total"),
    [
        (
            True,
            1.004,
            [["127", "0.7460 1.000"], ["128", "0.2540 padding, 0"]],
            "0.7460; weight 0.2540 falls on padding",
        ),
        (False, 1.0, [["127", "0.5000 1.000"], ["128", "0.5000 padding, 0"]], "0.5000; weight 0.5000 falls on padding"),
        (False, 1 + 1 / 128, [["128", "1.0000 padding, 0"]], "0.0000; weight 1.0000 falls on padding"),
    ],
)
def test_the_lens_lists_padding_with_its_weight(numbers, align, x, weights, total) -> None:
    """CASES 5, on the screen: V is one pixel that looks at x, in the middle of the upper row."""
    ones = np.ones((1, 5, 128), np.float32)
    found = lens(numbers, [1, 0, x, 0, 1, 0], 0, ones, align_corners=align)
    columns, row = found["weights"][0][1:], found["weights"][1]
    assert row[0] == "2"
    assert [list(each) for each in zip(columns, row[1:], strict=True)][: len(weights)] == weights
    assert f"Σ weight × value = {total}" in found["paragraphs"]


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_lens_shows_torchs_value_gradient_and_weights(numbers, kernel, channels) -> None:
    generator = torch.Generator().manual_seed(7)
    U = torch.rand(1, channels, 6, 9, generator=generator)
    theta = torch.tensor([0.8, -0.2, 0.05, 0.3, 0.7, -0.113]).requires_grad_()
    grid = F.affine_grid(theta.view(1, 2, 3), [1, 1, 4, 5], False)
    grid.retain_grad()
    V = F.grid_sample(U, grid, mode=kernel, align_corners=False)[0, :, 2, 3]
    V.mean().backward()
    found = lens(numbers, [float(each) for each in theta.detach()], 13, U[0].numpy(), (4, 5), kernel=kernel)
    side = {"bilinear": 2, "bicubic": 4}[kernel]
    assert [len(found["weights"]), len(found["weights"][1])] == [side + 1, side + 1]
    weights = [float(cell.split()[0].replace("−", "-")) for row in found["weights"][1:] for cell in row[1:]]
    assert sum(weights) == pytest.approx(1, abs=2e-2)
    x, y = grid.detach()[0, 2, 3].tolist()
    column, line = ((x + 1) * 9 - 1) / 2, ((y + 1) * 6 - 1) / 2
    where = f"V row 2, column 3 → grid ({x:.3f}, {y:.3f}) → column {column:.2f}, row {line:.2f} of U"
    assert found["paragraphs"][0] == where.replace("-", "−")
    assert int(found["weights"][0][side // 2]) == int(np.floor(column))
    assert int(found["weights"][side // 2][0]) == int(np.floor(line))
    names = ["R", "G", "B"] if channels == 3 else [""]
    values = ", ".join(f"{name} {value:.4f}".strip() for name, value in zip(names, V.tolist(), strict=True))
    assert f"Σ weight × value = {values}" in found["paragraphs"]

    def read(cells):
        return [float(cell.replace("−", "-")) for cell in cells]

    slopes = np.array([read(row[1:]) for row in found["slopes"][1:]]).reshape(2, 2, channels)
    np.testing.assert_allclose(slopes[:, 1].mean(-1), grid.grad[0, 2, 3], atol=2e-3)
    np.testing.assert_allclose(slopes[:, 0] * [[4.5], [3]], slopes[:, 1], atol=3e-3)
    assert found["jacobian"][0][1:] == ["t11", "t12", "t13", "t21", "t22", "t23"]
    np.testing.assert_allclose(read(found["jacobian"][3][1:]), theta.grad, atol=2e-3)
    x_t, y_t = (2 * 3 + 1) / 5 - 1, (2 * 2 + 1) / 4 - 1
    np.testing.assert_allclose(read(found["jacobian"][1][1:]), [x_t, y_t, 1, 0, 0, 0], atol=1e-3)
    np.testing.assert_allclose(read(found["jacobian"][2][1:]), [0, 0, 0, x_t, y_t, 1], atol=1e-3)
    np.testing.assert_allclose(read(found["ranges"][1][1:]), [U.min(), U.max()], atol=1e-3)
    np.testing.assert_allclose(read(found["ranges"][2][1:]), [min(found["V"]), max(found["V"])], atol=1e-3)


def test_the_lens_says_why_a_gradient_is_zero(numbers) -> None:
    """CASES 7: nearest has none."""
    U = np.random.default_rng(8).uniform(size=(1, 5, 5)).astype(np.float32)
    said = lens(numbers, [0.5, 0, 0.1, 0, 0.5, 0.1], 0, U, kernel="nearest")
    assert any(text.startswith("Nearest: V jumps from pixel to pixel") for text in said["paragraphs"])
    assert {cell for row in said["slopes"][1:] for cell in row[1:]} == {"0.000"}
    assert set(said["jacobian"][3][1:]) == {"0.000"}
    said = lens(numbers, [0.5, 0, 9, 0, 0.5, 0.1], 0, U)
    assert "0: only padding is read here." in said["paragraphs"]
    said = lens(numbers, [0.5, 0, 0, 0, 0.5, 0], 0, np.ones_like(U))
    assert "0: the pixels that are read are alike." in said["paragraphs"]
    said = lens(numbers, [0.5, 0, 9, 0, 0.5, 9], 0, U, padding="border")
    assert any("border" in text for text in said["paragraphs"])


TRACE = """async (m, t, points, w) => {
  const {drawGrid} = await import("/ink/overlay.js");
  const drawn = [];
  const context = {
    beginPath: () => {}, stroke: () => {},
    moveTo: (x, y) => drawn.push(["move", x, y]), lineTo: (x, y) => drawn.push(["line", x, y]),
  };
  const lines = {points: Float32Array.from(points), w: Float32Array.from(w), L: 1, m: w.length / 2};
  drawGrid(context, {toScreen: (x, y) => [x, y]}, {edges: {}}, lines);
  return drawn;
}"""


def test_a_grid_line_from_one_end_of_the_world_to_the_other_is_drawn_where_it_can_be_seen(numbers) -> None:
    """Theta of a million: both ends of a line are far out, and its middle crosses the picture."""
    far = [-1e6, -2e6, 1e6, 2e6]
    drawn = numbers.call(TRACE, far * 2, [1] * 4)
    assert drawn[:2] == [["move", -50, -100], ["line", pytest.approx(50), pytest.approx(100)]]
    past = numbers.call(TRACE, [-1e6, 1e6, 1e6, 1.1e6] * 2, [1] * 4)
    assert past == [], "what passes by is not drawn"
    bent = numbers.call(TRACE, [0, 0, 300, 0, 0, 1, float("1e30"), 0] * 2, [1] * 8)[:6]
    again = ["move", pytest.approx(100, abs=1e-3), pytest.approx(2 / 3, abs=1e-3)]
    assert bent[:4] == [["move", 0, 0], ["line", 100, 0], again, ["line", 0, 1]]
    behind = numbers.call(TRACE, [0, 0, 1, 1, 2, 2] * 2, [1, -1, 1] * 2)
    assert [kind for kind, *_ in behind] == ["move", "move"] * 4, "nothing through a point behind the horizon"
