"""grid.js and fit.js against torch, on the bases that Python sends: every family, square or not."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stn_viz.transformer import FAMILIES, Family, drawing_basis, family

CASES = [(name, {}) for name in FAMILIES if name != "tps"] + [("tps", {"points": K}) for K in (2, 4, 8)]
EVERY = pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
ALIGN = pytest.mark.parametrize("align_corners", [False, True])
GRID = """(m, t, theta) => {
  const basis = m.grid.makeBasis(t);
  return m.grid.gridInto(basis, theta, new Float32Array(2 * basis.n), new Float32Array(basis.n));
}"""


def made(name: str, options: dict[str, int], align_corners: bool, size: tuple[int, int] = (11, 17)) -> Family:
    return family(name, size=size, align_corners=align_corners, **options)


def tensors(fam: Family) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in drawing_basis(fam).items()}


def some_theta(fam: Family, seed: int = 0, spread: float = 0.15) -> torch.Tensor:
    """Near the identity: no horizon within the frame for a projective theta."""
    noise = torch.randn(len(fam.identity), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return fam.identity + spread * noise


@EVERY
@ALIGN
@pytest.mark.parametrize("size", [(11, 17), (28, 28), (1, 6)], ids=str)
def test_the_grid_is_torchs(numbers, name, options, align_corners, size) -> None:
    fam = made(name, options, align_corners, size)
    for seed in range(3):
        theta = some_theta(fam, seed)
        ours = numbers.call(GRID, theta.tolist(), **tensors(fam))
        np.testing.assert_allclose(ours, fam.grid(theta[None]).flatten().numpy(), rtol=0, atol=1e-5)


@ALIGN
def test_the_affine_grid_is_affine_grid(numbers, align_corners) -> None:
    theta = torch.tensor([[0.7, -0.4, 0.3, 0.5, 1.1, -0.2]])
    ours = numbers.call(GRID, theta[0].tolist(), **tensors(made("affine", {}, align_corners)))
    torchs = F.affine_grid(theta.view(1, 2, 3), [1, 1, 11, 17], align_corners)
    np.testing.assert_allclose(ours, torchs.flatten().numpy(), rtol=0, atol=1e-5)


def test_behind_the_horizon_w_is_negative_and_the_point_comes_back_from_the_right(numbers) -> None:
    """CASES 12: rows [1 0 0; 0 1 0; 1.5 0 1]: at x = -1 w is -.5 and x' is 2; at x = -.75 x' is 6."""
    found = numbers.call(
        """(m, t, theta) => {
          const basis = m.grid.makeBasis(t);
          const out = new Float32Array(4), w = new Float32Array(2);
          const coeff = m.grid.coefficients(basis, theta, new Float64Array(3 * basis.k));
          m.grid.pointsInto(new Float32Array([-1, 0, 1, -0.75, 0, 1]), basis.k, 2, coeff, out, w);
          return Float32Array.of(...w, out[0], out[2], Number(basis.linear));
        }""",
        [1, 0, 0, 0, 1, 0, 1.5, 0],
        **tensors(made("projective", {}, False)),
    )
    np.testing.assert_allclose(found, [-0.5, -0.125, 2, 6, 0], atol=1e-6)


@EVERY
def test_lines_and_hand_are_the_familys_at_their_own_points(numbers, name, options) -> None:
    """At the identity the lines' ends are the frame, and the lattice is the lattice."""
    fam = made(name, options, False)
    found = numbers.call(
        """(m, t) => {
          const basis = m.grid.makeBasis(t);
          const coeff = m.grid.coefficients(basis, basis.identity, new Float64Array(3 * basis.k));
          const {lines, hand} = basis;
          const a = m.grid.pointsInto(lines.b, basis.k, lines.count, coeff, new Float32Array(2 * lines.count));
          const b = m.grid.pointsInto(hand.b, basis.k, hand.n, coeff, new Float32Array(2 * hand.n));
          return Float32Array.of(lines.shape[0], lines.shape[1], ...a, ...b);
        }""",
        **tensors(fam),
    )
    count, each = int(found[0]), int(found[1])
    lines = found[2 : 2 + 2 * count * each].reshape(count, each, 2)
    hand = found[2 + 2 * count * each :].reshape(9, 9, 2)
    half = count // 2
    np.testing.assert_allclose(
        lines[[0, 0, half - 1, half - 1], [0, -1, 0, -1]], [[-1, -1], [-1, 1], [1, -1], [1, 1]], atol=1e-5
    )
    np.testing.assert_allclose(
        lines[[half, half, -1, -1], [0, -1, 0, -1]], [[-1, -1], [1, -1], [-1, 1], [1, 1]], atol=1e-5
    )
    side = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(hand, np.stack(np.meshgrid(side, side), -1), atol=1e-5)


def test_a_basis_that_contradicts_itself_is_refused(numbers) -> None:
    wrong = tensors(made("affine", {}, False)) | {"m0": np.zeros(8, np.float32)}
    said = numbers.call("(m, t) => { try { m.grid.makeBasis(t); } catch (e) { return e.message; } }", **wrong)
    assert said.startswith("basis: b is [187,3], M [9,6], m0 [8], size [11,17]; expected")


FIT = """(m, t, near) => {
  const basis = m.grid.makeBasis(t);
  return m.fit.fitTheta(basis, basis.b, basis.n, t.points.data, near);
}"""


@EVERY
@ALIGN
def test_fit_finds_the_theta_that_made_the_grid(numbers, name, options, align_corners) -> None:
    fam = made(name, options, align_corners)
    theta = some_theta(fam, 5)
    points = fam.grid(theta[None]).float().flatten().numpy()
    ours = numbers.call(FIT, fam.identity.tolist(), points=points, **tensors(fam))
    np.testing.assert_allclose(ours, theta.numpy(), rtol=0, atol=2e-5)


@EVERY
@ALIGN
def test_fit_of_a_foreign_grid_is_familys_fit(numbers, name, options, align_corners) -> None:
    """A bent grid that no family but a fine spline has: the least squares must be the same ones."""
    fam = made(name, options, align_corners)
    x, y = fam.target_grid()
    grid = torch.stack([x + 0.2 * torch.sin(3 * y) + 0.1, 0.8 * y - 0.15 * torch.cos(2 * x) * y], -1)[None].float()
    ours = numbers.call(FIT, fam.identity.tolist(), points=grid.flatten().numpy(), **tensors(fam))
    np.testing.assert_allclose(ours, fam.fit(grid).theta[0].numpy(), rtol=0, atol=5e-5)


@EVERY
def test_fit_on_the_hands_lattice_follows_the_hand_and_again(numbers, name, options) -> None:
    """The kept factor serves a second, other set of points."""
    fam = made(name, options, False)
    goals = [some_theta(fam, seed, 0.1) for seed in (7, 8)]
    found = numbers.call(
        """(m, t, goals) => {
          const basis = m.grid.makeBasis(t);
          const all = goals.map((goal) => {
            const coeff = m.grid.coefficients(basis, goal, new Float64Array(3 * basis.k));
            const points = m.grid.pointsInto(basis.hand.b, basis.k, 81, coeff, new Float32Array(162));
            return [...m.fit.fitTheta(basis, basis.hand.b, 81, points, basis.identity)];
          });
          return Float64Array.from(all.flat());
        }""",
        [goal.tolist() for goal in goals],
        **tensors(fam),
    )
    np.testing.assert_allclose(found, torch.cat(goals).numpy(), rtol=0, atol=2e-5)


def test_what_the_points_leave_open_stays_near(numbers) -> None:
    """One point moved by (.2, 0) and nothing else asked: theta passes there, and moved no more than it had to."""
    fam = made("affine", {}, False)
    near = [0.9, 0.1, 0.2, -0.1, 1.1, 0.0]
    theta = numbers.call(
        """(m, t, near) => {
          const basis = m.grid.makeBasis(t);
          return m.fit.fitTheta(basis, Float32Array.of(1, 1, 1), 1, Float32Array.of(1.4, 1.0), near);
        }""",
        near,
        **tensors(fam),
    )
    change = theta - np.array(
        near
    )  # least norm: the same for the three entries that move x, none for those that move y
    np.testing.assert_allclose(change, [0.2 / 3, 0.2 / 3, 0.2 / 3, 0, 0, 0], atol=1e-6)


def test_a_kept_factor_is_not_used_for_fewer_points_or_another_basis(numbers) -> None:
    """Six points that contradict one another, then the first three alone: these have an affine map through them."""
    corners = np.array([[-1, -1, 1], [1, -1, 1], [-1, 1, 1]], np.float32)
    goal = np.array([[0.8, -0.3, 0.1], [0.4, 0.9, -0.2]], np.float32)
    points = np.concatenate([corners @ goal.T, -corners[:, :2]])
    found = numbers.call(
        """(m, t, near) => {
          const rows = t.rows.data, points = t.points.data;
          const fit = (basis, count) => m.fit.fitTheta(basis, rows, count, points, near);
          const basis = m.grid.makeBasis(t);
          fit(basis, 6);
          const few = fit(basis, 3);
          const halved = m.grid.makeBasis({...t, M: {...t.M, data: t.M.data.map((value) => value / 2)}});
          return Float64Array.of(...few, ...fit(halved, 3));
        }""",
        [1, 0, 0, 0, 1, 0],
        rows=np.concatenate([corners, corners]),
        points=points.astype(np.float32),
        **tensors(made("affine", {}, False)),
    )
    np.testing.assert_allclose(found, np.concatenate([goal.flatten(), 2 * goal.flatten()]), atol=1e-5)


STRAIGHT = pytest.mark.parametrize("name", [name for name, kind in FAMILIES.items() if kind.straight])


@STRAIGHT
@ALIGN
@pytest.mark.parametrize("size", [(11, 17), (300, 421), (1, 6)], ids=str)
def test_where_lines_stay_straight_another_size_needs_no_server(numbers, name, align_corners, size) -> None:
    theta = some_theta(made(name, {}, True))
    body = """(m, t, theta, size, align) => {
      const basis = m.grid.resized(m.grid.makeBasis(t), size, align);
      return m.grid.gridInto(basis, theta, new Float32Array(2 * basis.n), new Float32Array(basis.n));
    }"""
    ours = numbers.call(body, theta.tolist(), list(size), align_corners, **tensors(made(name, {}, not align_corners)))
    expected = made(name, {}, align_corners, size).grid(theta[None]).flatten().numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


def test_a_family_that_bends_is_not_resized(numbers) -> None:
    body = "(m, t) => m.grid.resized(m.grid.makeBasis(t), [5, 5], false)"
    assert numbers.call(body, **tensors(made("tps", {"points": 4}, False))) is None


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_thinned_grid_is_the_grid_at_some_of_its_pixels(numbers, stride) -> None:
    fam = made("tps", {"points": 4}, False)
    theta = some_theta(fam)
    body = """(m, t, theta, stride) => {
      const basis = m.grid.thinned(m.grid.makeBasis(t), [11, 17].map((side) => Math.round(side / stride)));
      return m.grid.gridInto(basis, theta, new Float32Array(2 * basis.n), new Float32Array(basis.n));
    }"""
    whole = fam.grid(theta[None])[0].numpy()
    ours = numbers.call(body, theta.tolist(), stride, **tensors(fam))
    found = ours.reshape(int(11 / stride + 0.5), int(17 / stride + 0.5), 2)
    # Every point of the thin grid is one of the whole one, in order, none twice, spread over all of it.
    distance = np.abs(found[:, :, None, None] - whole[None, None]).max(-1)
    places = distance.reshape(*found.shape[:2], -1).argmin(-1)
    assert distance.reshape(*found.shape[:2], -1).min(-1).max() < 1e-5
    row, column = np.divmod(places, 17)
    assert (np.ptp(row, axis=1) == 0).all()
    assert (np.ptp(column, axis=0) == 0).all()
    for line, last in ((row[:, 0], 10), (column[0], 16)):
        assert len(set(line)) == len(line)
        assert line[0] < stride
        assert line[-1] > last - stride
