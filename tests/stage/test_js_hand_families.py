"""The hand under each family's own constraint (hand/holds.js and its kin); torch, kornia and skimage are oracles."""

import base64
from typing import Any

import kornia
import numpy as np
import pytest
import skimage.transform
import torch

from stn_viz.stage.assets import pack
from stn_viz.transformer import FAMILIES, Family, drawing_basis, family

FRAME = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
METRIC = [120.0, 90.0]  # px per unit: a U that is not square
SIZE = {"width": 40, "height": 30}
POINTS = {"tps": 4, "free": 9}
PRELUDE = """async () => {
  window.m = {};
  const names = ["hand/holds", "hand/quads", "hand/chance", "hand/brush", "hand/carry", "hand/snaps", "hand/truepose"];
  for (const name of [...names, "hand/motions", "numbers/grid", "numbers/tensors"]) {
    m[name.split("/")[1]] = await import(`/${name}.js`);
  }
  window.bases = {};
  m.keep = (name, text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
    bases[name] = m.grid.makeBasis(m.tensors.readTensors(bytes));
  };
  // What is shown of a theta, as the scene has it: the lattice is float32.
  m.shown = (name, family, theta, U) => {
    const basis = bases[name];
    const [lattice, latticeW] = [new Float32Array(162), new Float32Array(81)];
    const coeff = m.grid.coefficients(basis, theta, basis.coefficients);
    m.grid.pointsInto(basis.hand.b, basis.k, 81, coeff, lattice, latticeW);
    const whole = latticeW.every((w) => w > 1e-6) && lattice.every((x) => Math.abs(x) < 1e6);
    const points = basis.control ? Math.sqrt(basis.control.length / 2) : null;
    return {family, points, basis, theta, lattice, latticeW, whole, U};
  };
  m.drag = (name, theta, grab, start, now, keys, metric, U, quad = null) => {
    const view = {metric};
    const hold = m.holds.holdOf(m.shown(name, name, theta, U), view, {align_corners: false}, quad);
    const {theta: out, says} = m.holds.dragged(grab, hold, start, now, keys);
    return [Array.from(out), says];
  };
}"""


class Hands:
    """The modules in a page, and the families' bases by name."""

    def __init__(self, page: Any, serve: Any) -> None:
        serve(page)
        page.evaluate(PRELUDE)
        self.page = page
        for name in FAMILIES:
            self.keep(name, made(name))

    def keep(self, name: str, of: Family) -> None:
        tensors = {key: np.ascontiguousarray(value.numpy()) for key, value in drawing_basis(of).items()}
        self.page.evaluate("([name, text]) => m.keep(name, text)", [name, base64.b64encode(pack(tensors)).decode()])

    def call(self, body: str, *args: Any) -> Any:
        plain = [arg.tolist() if isinstance(arg, np.ndarray | torch.Tensor) else arg for arg in args]
        return self.page.evaluate(f"(args) => ({body})(...args)", plain)

    def drag(self, name, theta, grab, by, *, metric=METRIC, quad=None, start=(0, 0), **keys) -> tuple[np.ndarray, Any]:
        now = [start[0] + by[0], start[1] + by[1]]
        body = "(...args) => m.drag(...args)"
        out, says = self.call(body, name, np.asarray(theta, float), grab, list(start), now, keys, metric, SIZE, quad)
        return np.array(out), says


@pytest.fixture(scope="module")
def hands(chromium, serve):
    page = chromium.new_page()
    yield Hands(page, serve)
    page.close()


def made(name: str, size: tuple[int, int] = (6, 8), *, align_corners: bool = False) -> Family:
    return family(name, size=size, align_corners=align_corners, **({"points": POINTS[name]} if name in POINTS else {}))


def at(name: str, theta: Any, points: Any) -> np.ndarray:
    """Source points (n, 2) of target points, by torch."""
    p = torch.as_tensor(np.asarray(points, float))
    b, M, m0 = made(name).factors(p[:, 0], p[:, 1])
    H = b @ (M.double() @ torch.as_tensor(np.asarray(theta, float)) + m0.double()).view(-1, 3)
    return (H[:, :2] / H[:, 2:]).numpy()


def corner(index: int) -> dict[str, Any]:
    return {"kind": "corner", "corner": index}


STARTS = {
    "attention": [0.7, 0.1, -0.2],
    "similarity": [0.6, 0.3, 0.1, -0.1],
    "translation": [0.2, -0.1],
    "affine": [0.7, -0.2, 0.1, 0.3, 0.6, -0.1],
    "projective": [0.7, -0.2, 0.1, 0.3, 0.6, -0.1, 0.15, -0.2],
}


# --- the four-point solution ---


@pytest.mark.parametrize("seed", range(5))
def test_four_corners_give_the_homography_of_kornia_and_skimage(hands, seed) -> None:
    quad = FRAME * 0.8 + np.random.default_rng(seed).uniform(-0.35, 0.35, (4, 2))
    theta = np.array(hands.call("(quad) => Array.from(m.quads.fourPoints(quad))", quad))
    np.testing.assert_allclose(at("projective", theta, FRAME), quad, rtol=0, atol=1e-12)
    theirs = kornia.geometry.get_perspective_transform(torch.tensor(FRAME)[None], torch.tensor(quad)[None])[0].numpy()
    np.testing.assert_allclose(theta, (theirs / theirs[2, 2]).flatten()[:8], atol=1e-9)
    estimated = skimage.transform.estimate_transform("projective", FRAME, quad).params
    np.testing.assert_allclose(theta, (estimated / estimated[2, 2]).flatten()[:8], atol=1e-8)


def test_three_corners_on_a_line_give_no_homography(hands) -> None:
    for quad in ([[0, 0], [1, 0], [2, 0], [0, 1]], [[0, 0]] * 4, [[0, 0], [1, 1], [2, 2], [3, 3]]):
        assert hands.call("(quad) => m.quads.fourPoints(quad)", quad) is None
        assert not hands.call("(quad) => m.quads.isConvex(quad)", quad)


@pytest.mark.parametrize("index", range(4))
def test_a_projective_corner_goes_exactly_where_it_is_dragged_and_the_others_stay(hands, index) -> None:
    before = at("projective", STARTS["projective"], FRAME)
    outward = before[index] - before[(index + 2) % 4]
    for by in (0.2 * outward, -0.2 * outward, [0.07, -0.05]):
        theta, says = hands.drag("projective", STARTS["projective"], corner(index), by)
        expected = before.copy()
        expected[index] += by
        np.testing.assert_allclose(at("projective", theta, FRAME), expected, rtol=0, atol=1e-6)
        assert says is None


def test_a_corner_that_would_bring_the_horizon_in_stops_short_of_it_and_says_so(hands) -> None:
    """Anywhere on the plane: the frame stays whole by torch, the other corners stay, theta is finite."""
    rng = np.random.default_rng(2)
    before = at("projective", STARTS["projective"], FRAME)
    stopped = 0
    for _ in range(60):
        index, to = int(rng.integers(4)), rng.uniform(-2.5, 2.5, 2)
        theta, says = hands.drag("projective", STARTS["projective"], corner(index), to - before[index])
        assert np.isfinite(theta).all()
        w = FRAME @ theta[6:] + 1
        assert w.min() > 0.005 * w.max()
        after = at("projective", theta, FRAME)
        others = [i for i in range(4) if i != index]
        np.testing.assert_allclose(after[others], before[others], rtol=0, atol=1e-6)
        if says is None:
            np.testing.assert_allclose(after[index], to, rtol=0, atol=1e-6)
        else:
            stopped += 1
            assert says.startswith("Here three corners lie on one line")
    assert 10 < stopped < 55


def test_a_stopped_corner_slides_along_its_limit(hands) -> None:
    """The top left corner pulled beyond the diagonal of its neighbours stays at it, abreast of the pointer."""
    theta, says = hands.drag("projective", [1, 0, 0, 0, 1, 0, 0, 0], corner(0), (1.8, 1.4))
    x, y = at("projective", theta, FRAME)[0]
    assert says
    assert x + y == pytest.approx(0, abs=0.05)
    assert x - y == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("edge", range(4))
def test_a_projective_edge_takes_its_two_corners_along(hands, edge) -> None:
    before = at("projective", STARTS["projective"], FRAME)
    theta, says = hands.drag("projective", STARTS["projective"], {"kind": "edge", "edge": edge}, (0.08, -0.06))
    before[[edge, (edge + 1) % 4]] += [0.08, -0.06]
    np.testing.assert_allclose(at("projective", theta, FRAME), before, rtol=0, atol=1e-6)
    assert says is None


def test_the_centre_and_a_turn_move_every_projective_point_also_across_a_horizon(hands) -> None:
    folded = [1, 0, 0.1, 0, 1, 0.2, 1.5, 0]  # the left edge is behind it
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    theta, _ = hands.drag("projective", folded, {"kind": "centre"}, (0.3, -0.2))
    expected = np.add(at("projective", folded, points), [0.3, -0.2])
    np.testing.assert_allclose(at("projective", theta, points), expected, rtol=1e-9)
    start = (0.1 + 0.5, 0.2)  # right of the centre, a quarter of a turn on
    theta, _ = hands.drag(
        "projective", folded, {"kind": "rotation"}, (-0.5, 0.5), metric=[100, 100], start=start
    )  # fmt: skip
    x, y = (at("projective", folded, points) - [0.1, 0.2]).T
    np.testing.assert_allclose(at("projective", theta, points), np.c_[-y, x] + [0.1, 0.2], rtol=1e-6)


def test_from_corners_on_a_line_only_a_sentence_comes(hands) -> None:
    flat = [1, 0, 0, 0, 0, 0, 0, 0]  # all of the frame on the x axis
    theta, says = hands.drag("projective", flat, corner(0), (0.3, 0.2))
    np.testing.assert_array_equal(theta, flat)
    assert "lie on one line" in says
    theta, says = hands.drag("projective", flat, {"kind": "edge", "edge": 0}, (0, -0.5))
    assert np.isfinite(theta).all()


def test_corners_beyond_the_horizon_are_pulled_back_by_where_their_handles_stand(hands) -> None:
    rim = [[-1.3, -1.3], [0.4, -0.4], [0.4, 0.4], [-1.3, 1.3]]
    theta, _ = hands.drag("projective", [1, 0, 0, 0, 1, 0, 1.5, 0], corner(1), (0.1, 0), quad=rim)
    rim[1] = [0.5, -0.4]
    np.testing.assert_allclose(at("projective", theta, FRAME), rim, atol=1e-6)


# --- families with less freedom ---


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("name", ["attention", "similarity", "affine"])
def test_a_corner_turns_about_the_corner_across_or_about_the_centre(hands, name, index, centred) -> None:
    before = at(name, STARTS[name], FRAME)
    by = np.array([0.13, -0.21])
    theta, _ = hands.drag(name, STARTS[name], corner(index), by, centred=centred)
    after = at(name, theta, FRAME)
    still = [0, 0] if centred else FRAME[(index + 2) % 4]
    np.testing.assert_allclose(at(name, theta, [still]), at(name, STARTS[name], [still]), atol=1e-5)
    if name != "attention":
        np.testing.assert_allclose(after[index], before[index] + by, atol=1e-5)
    else:  # as near to the pointer, on the screen, as the line through the anchor comes
        off = (before[index] + by - after[index]) * METRIC
        line = (before[index] - at(name, STARTS[name], [still])[0]) * METRIC
        assert off @ line == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize("name", ["attention", "similarity"])
def test_an_edge_scales_alike_in_both_directions(hands, name) -> None:
    before = at(name, STARTS[name], FRAME)
    theta, _ = hands.drag(name, STARTS[name], {"kind": "edge", "edge": 1}, (0.2, 0.1))
    after = at(name, theta, FRAME)
    sides = [np.linalg.norm(quad - np.roll(quad, 1, 0), axis=1) for quad in (before, after)]
    ratio = sides[1] / sides[0]
    np.testing.assert_allclose(ratio, ratio[0], atol=1e-5)
    assert ratio[0] > 1.05
    middle = [[-1, 0]]  # of the edge across
    np.testing.assert_allclose(at(name, theta, middle), at(name, STARTS[name], middle), atol=1e-5)
    if name == "similarity":  # it does not turn
        assert theta[1] / theta[0] == pytest.approx(STARTS[name][1] / STARTS[name][0], abs=1e-5)


@pytest.mark.parametrize("grab", [corner(2), {"kind": "edge", "edge": 0}, {"kind": "centre"}])
def test_a_translation_only_moves(hands, grab) -> None:
    theta, _ = hands.drag("translation", STARTS["translation"], grab, (0.3, 0.25))
    np.testing.assert_allclose(theta, [0.5, 0.15], atol=1e-6)


@pytest.mark.parametrize("name", ["affine", "attention", "similarity", "projective"])
def test_a_grid_that_has_shrunk_to_a_point_can_be_pulled_open(hands, name) -> None:
    nothing = [0.0] * len(made(name).start)
    theta, _ = hands.drag(name, nothing, corner(2), (0.5, 0.5))
    assert np.isfinite(theta).all()
    quad = at(name, theta, FRAME)
    assert np.linalg.norm(quad[2] - quad[0]) > 0.4


# --- Shift ---


def test_shift_turns_to_multiples_of_15_degrees_of_the_whole_angle(hands) -> None:
    a = np.deg2rad(20)
    tilted = [0.7 * np.cos(a), -0.7 * np.sin(a), 0, 0.7 * np.sin(a), 0.7 * np.cos(a), 0]
    for turn, whole in ((0.03, 15), (0.2, 30), (-0.4, 0)):
        now = np.array([np.cos(turn), np.sin(turn)]) - [1, 0]
        theta, _ = hands.drag("affine", tilted, {"kind": "rotation"}, now, start=(1, 0), metric=[100, 100], snap=True)
        assert np.rad2deg(np.arctan2(theta[3], theta[0])) == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("name", ["affine", "similarity", "attention", "projective", "translation"])
@pytest.mark.parametrize("grab", [corner(0), corner(2), {"kind": "centre"}])
def test_shift_moves_by_whole_pixels_of_u_from_the_identitys_place(hands, name, grab) -> None:
    theta, _ = hands.drag(name, STARTS[name], grab, (0.113, -0.087), snap=True)
    home = FRAME[grab["corner"]] if "corner" in grab else np.zeros(2)
    away = (at(name, theta, [home])[0] - home) * [20, 15]  # in pixels: U is 40 wide, 30 high
    whole = np.abs(away - away.round()) < 1e-3
    assert whole.all() if name != "attention" or "corner" not in grab else whole.any()


# --- control points, brush ---


def test_a_push_moves_the_points_under_the_brush_by_its_falloff(hands) -> None:
    identity = np.array(made("free").start)
    to = [0.2, 0.1]
    out = np.array(
        hands.call(
            "(theta, to) => Array.from(m.brush.push(Float64Array.from(theta), [0, 0], to, 50, [100, 100]))",
            identity,
            to,
        )
    )
    moved = (out - identity).reshape(-1, 2)
    distance = np.linalg.norm(identity.reshape(-1, 2), axis=1)
    share = np.where(distance < 0.5, (1 - (distance / 0.5) ** 2) ** 2, 0)
    np.testing.assert_allclose(moved, share[:, None] * to, atol=1e-12)


def test_pinch_draws_together_and_swells_with_a_negative_share(hands) -> None:
    identity = np.array(made("free").start).reshape(-1, 2)
    body = (
        "(theta, share) => Array.from(m.brush.pinch(Float64Array.from(theta), [0.1, 0], 60, [100, 100], share))"
    )  # fmt: skip
    for share in (0.4, -0.4):
        out = np.array(hands.call(body, identity.ravel(), share)).reshape(-1, 2)
        before, after = (np.linalg.norm(points - [0.1, 0], axis=1) for points in (identity, out))
        near = before < 0.6
        assert (np.sign(before - after)[near] == np.sign(share)).all()
        np.testing.assert_array_equal(out[~near], identity[~near])


def test_smoothing_leaves_an_affine_lattice_and_evens_out_a_crumpled_one(hands) -> None:
    body = "(theta) => Array.from(m.brush.smooth(Float64Array.from(theta), [0, 0], 1000, [100, 100], 0.5))"
    lattice = np.array(made("free").start).reshape(-1, 2) @ np.array([[0.7, 0.2], [-0.3, 0.6]]).T + 0.1
    np.testing.assert_allclose(np.array(hands.call(body, lattice.ravel())), lattice.ravel(), atol=1e-12)
    crumpled = lattice + np.random.default_rng(0).normal(0, 0.05, lattice.shape)
    smoothed = np.array(hands.call(body, crumpled.ravel())).reshape(-1, 2)
    rough = [np.abs(np.diff(points.reshape(9, 9, 2), 2, axis=0)).mean() for points in (crumpled, smoothed)]
    assert rough[1] < 0.7 * rough[0]


# --- random, true pose, what a change of family costs ---


@pytest.mark.parametrize("name", FAMILIES)
def test_a_random_theta_is_finite_seen_and_mostly_inside(hands, name) -> None:
    body = """(name) => {
      let seed = 1;
      const chance = () => ((seed = (seed * 16807) % 2147483647) / 2147483647);
      return Array.from({length: 60}, () => Array.from(m.chance.randomTheta(name, bases[name], chance)));
    }"""
    of = made(name, (9, 9), align_corners=True)
    thetas = np.array(hands.call(body, name))
    assert np.isfinite(thetas).all()
    grids = of.grid(torch.from_numpy(thetas)).numpy()
    inside = (np.abs(grids) <= 1).all(-1).mean((1, 2))
    assert inside.min() > 0.6
    assert inside.mean() > 0.7
    H = of.homogeneous(torch.from_numpy(thetas))[..., 2]
    assert H.min() > 0.05, "a horizon"
    spread = grids.reshape(60, -1, 2).std(1).min(1)
    assert spread.min() > 0.15, "a sliver"
    identity = of.grid(of.identity[None]).numpy()
    assert np.abs(grids - identity).max((1, 2, 3)).min() > 0.05, "nothing happened"
    assert np.abs(np.diff(thetas, axis=0)).max(1).min() > 1e-3, "twice the same"


@pytest.mark.parametrize(
    ("start", "goal"), [("affine", "attention"), ("projective", "affine"), ("affine", "tps"), ("affine", "translation")]
)
def test_a_change_of_family_says_the_residual_of_torchs_fit(hands, start, goal) -> None:
    U = {"width": 42, "height": 42}
    body = """([start, goal], theta, U) => {
      const from = m.shown(start, start, theta, U);
      const points = bases[goal].control ? Math.sqrt(bases[goal].control.length / 2) : null;
      const {theta: to, says} = m.carry.carriedOver(bases[goal], goal, points, from, {align_corners: false});
      return [Array.from(to), says];
    }"""
    theta, says = hands.call(body, [start, goal], STARTS[start], U)
    # At 9 x 9 with align_corners the target pixels are the hand's lattice.
    grid = made(start, (9, 9), align_corners=True).grid(torch.tensor([STARTS[start]], dtype=torch.float64))
    fit = made(goal, (9, 9), align_corners=True).fit(grid)
    np.testing.assert_allclose(theta, fit.theta[0].numpy(), atol=1e-4)
    px = float(fit.residual[0]) * 21
    assert says.split(": ")[1] == ("nothing lost." if px < 0.05 else f"{px:.1f} px lost.")
    assert says.startswith(f"{start} → {'TPS 4 × 4' if goal == 'tps' else goal}: ")


def test_the_true_pose_of_a_slice_is_known_in_its_own_family_and_convention_alone(hands) -> None:
    body = """() => {
      const pose = (family, count) => ({pose: {family, points: null, theta: new Float64Array(count)}});
      const shown = {family: "affine3", theta: new Float64Array(12), depth: {}};
      const flat = {family: "affine", theta: new Float64Array(6)};
      const rule = (align) => ({align_corners: align, grid_align: null});
      const known = (picture, align, scene) => m.truepose.isPoseKnown({picture, rule: rule(align)}, scene);
      const own = pose("affine3", 12);
      return [known(own, false, shown), known(own, true, shown), known(pose("affine", 6), false, shown),
        known(pose("affine", 6), true, flat), known({pose: null}, false, flat), known(own, false, null)];
    }"""
    assert hands.call(body) == [True, False, False, True, False, False]


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("shown", ["affine", "projective", "tps"])
def test_the_true_pose_fetches_the_same_pixels_in_any_family_and_convention(hands, shown, align) -> None:
    size, U = (6, 8), {"width": 40, "height": 30}
    pose = STARTS["affine"]
    hands.keep("here", made(shown, size, align_corners=align))
    hands.keep("pose", made("affine", size))
    body = """async (pose, family, align, U) => {
      const rule = {align_corners: align, grid_align: null};
      const state = {picture: {pose: {family: "affine", points: null, theta: pose}}, rule};
      const basis = bases.here;
      const fetched = async (asked) => (asked.rule.align_corners || asked.rule.grid_align ? null : bases.pose);
      const theta = await m.truepose.trueTheta(state, {family, basis, theta: basis.identity, U}, fetched);
      return Array.from(theta);
    }"""
    theta = hands.call(body, pose, shown, align, U)
    image = torch.rand(1, 1, 30, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def picture(of: Family, theta: Any, align: bool) -> np.ndarray:
        grid = of.grid(torch.tensor([theta], dtype=torch.float64))
        return torch.nn.functional.grid_sample(image, grid, align_corners=align).numpy()

    expected = picture(made("affine", size), pose, False)
    np.testing.assert_allclose(
        picture(made(shown, size, align_corners=align), theta, align), expected, atol=2e-4
    )  # fmt: skip
