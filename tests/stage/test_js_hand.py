"""What a hand does to a grid (hand/motions.js), and where it stands on the screen; numpy is the oracle."""

import numpy as np
import pytest

METRIC = (120.0, 90.0)  # px per unit: a U that is not square


@pytest.fixture
def run(page, serve):
    """A JS function of the modules and arguments, evaluated in the page; arrays come back as lists."""
    serve(page)
    page.evaluate(
        """async () => {
          window.m = {};
          const names = ["hand/motions", "ink/viewport", "ink/chart", "state/history", "state/glide", "parts/number"];
          for (const name of names) window.m[name.split("/")[1]] = await import(`/${name}.js`);
        }"""
    )
    return lambda body, *args: page.evaluate(f"(args) => ({body})(window.m, ...args)", list(args))


def lattice(A=((1, 0), (0, 1)), t=(0, 0)) -> np.ndarray:
    """The 9 x 9 lattice over [-1, 1]^2 row by row, mapped by x = A p + t."""
    line = np.linspace(-1, 1, 9)
    p = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    return p @ np.asarray(A, float).T + np.asarray(t, float)


def moved_by(run, body: str, points: np.ndarray, *args) -> np.ndarray:
    flat = run(
        f"(m, points, ...args) => Array.from(({body})(m, Float32Array.from(points), ...args))",
        points.ravel().tolist(),
        *args,
    )
    return np.array(flat).reshape(-1, 2)


def affine_of(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A, t of the affine map of the lattice that gives `points`; fails where there is none."""
    p = np.c_[lattice(), np.ones(81)]
    solution, residual, *_ = np.linalg.lstsq(p, points, rcond=None)
    assert residual.max(initial=0) < 1e-9
    return solution[:2].T, solution[2]


A, T = ((0.6, -0.2), (0.3, 0.5)), (0.1, -0.2)


def test_moving_moves_every_point_alike(run) -> None:
    out = moved_by(run, "(m, points) => m.motions.moved(points, [0.25, -0.5])", lattice(A, T))
    np.testing.assert_allclose(out, np.add(lattice(A, T), [0.25, -0.5]), atol=1e-6)


def test_turning_is_rigid_in_pixels(run) -> None:
    out = moved_by(
        run, "(m, points, metric) => m.motions.turned(points, [0.1, -0.2], 0.5, 1, metric)", lattice(A, T), METRIC
    )
    c, s = np.cos(0.5), np.sin(0.5)
    about = (lattice(A, T) - [0.1, -0.2]) * METRIC
    np.testing.assert_allclose(out, about @ np.array([[c, s], [-s, c]]) / METRIC + [0.1, -0.2], atol=1e-6)


@pytest.mark.parametrize("corner", range(4))
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("to", [(0.9, 0.7), (-0.4, 1.3), (-1.5, -0.9)])
def test_a_dragged_corner_is_under_the_pointer_and_its_opposite_stays(run, corner, keep, to) -> None:
    index = [0, 8, 80, 72]
    before = lattice(A, T)
    out = moved_by(
        run,
        "(m, points, corner, to, keep, metric) => m.motions.cornerDragged(points, corner, to, keep, metric)",
        before, corner, to, keep, METRIC,
    )  # fmt: skip
    np.testing.assert_allclose(out[index[corner]], to, atol=2e-5)
    np.testing.assert_allclose(out[index[(corner + 2) % 4]], before[index[(corner + 2) % 4]], atol=2e-5)
    affine_of(out)  # still a parallelogram


def test_shift_keeps_the_frames_shape(run) -> None:
    before = lattice(A, T)
    out = moved_by(
        run, "(m, points, metric) => m.motions.cornerDragged(points, 2, [0.9, 0.9], true, metric)", before, METRIC
    )
    old, new = (affine_of(points * METRIC)[0] for points in (before, out))
    similarity = new @ np.linalg.inv(old)
    np.testing.assert_allclose(similarity.T @ similarity, np.eye(2) * np.linalg.det(similarity), atol=1e-4)


def test_pulling_a_corner_outward_stretches_without_turning(run) -> None:
    """Along the diagonal the swing is 0, so the edges keep their directions."""
    before = lattice(((0.5, 0), (0, 0.5)))
    out = moved_by(run, "(m, points) => m.motions.cornerDragged(points, 2, [1, 1], false, [100, 100])", before)
    np.testing.assert_allclose(affine_of(out)[0], [[0.75, 0], [0, 0.75]], atol=1e-6)


def test_a_corner_pulled_along_an_edge_stretches_and_turns_and_never_shears_a_square(run) -> None:
    out = moved_by(
        run,
        "(m, points) => m.motions.cornerDragged(points, 2, [0.7, 0.4], false, [100, 100])",
        lattice(((0.5, 0), (0, 0.5))),
    )
    new = affine_of(out)[0]
    assert abs(new[:, 0] @ new[:, 1]) < 1e-6  # edges stay square to each other
    assert new[1, 0] != pytest.approx(0, abs=1e-3)  # and it turned


@pytest.mark.parametrize("edge", range(4))
def test_a_dragged_edge_follows_whole_and_its_opposite_stays(run, edge) -> None:
    before = lattice(A, T)
    out = moved_by(run, "(m, points, edge) => m.motions.edgeDragged(points, edge, [0.3, -0.1])", before, edge)
    rows = {0: np.s_[0:9], 1: np.s_[8::9], 2: np.s_[72:81], 3: np.s_[0::9]}
    np.testing.assert_allclose(out[rows[edge]], before[rows[edge]] + [0.3, -0.1], atol=1e-6)
    np.testing.assert_allclose(out[rows[(edge + 2) % 4]], before[rows[(edge + 2) % 4]], atol=1e-6)
    affine_of(out)


def test_the_part_along_an_edge_is_the_projection_on_the_screen(run) -> None:
    before = lattice(A, T)
    along = run(
        "(m, points, metric) => m.motions.alongEdge(Float32Array.from(points), 0, [0.3, -0.1], metric)",
        before.ravel().tolist(),
        METRIC,
    )
    edge = (before[8] - before[0]) * METRIC
    drag = np.array([0.3, -0.1]) * METRIC
    np.testing.assert_allclose(np.array(along) * METRIC, edge * (drag @ edge) / (edge @ edge), atol=1e-4)


def test_a_collapsed_grid_stays_as_it_was(run) -> None:
    out = moved_by(
        run, "(m, points) => m.motions.cornerDragged(points, 2, [1, 1], false, [100, 100])", lattice(((0, 0), (0, 0)))
    )
    np.testing.assert_array_equal(out, 0)


@pytest.mark.parametrize("size", [(42, 42), (30, 100)])
def test_screen_and_image_are_inverse_to_each_other(run, size) -> None:
    there_and_back = run(
        """(m, [height, width]) => [[0, 0], [-1, 0.5], [7, -3]].map(([x, y]) => {
          const view = m.viewport.createViewport(424, {width, height}, 1.34);
          return view.toImage(...view.toScreen(x, y));
        })""",
        size,
    )
    np.testing.assert_allclose(there_and_back, [[0, 0], [-1, 0.5], [7, -3]], atol=1e-12)


def test_pixels_of_the_image_are_square_on_the_screen(run) -> None:
    sx, sy = run("(m) => m.viewport.createViewport(400, {width: 100, height: 30}, 1.34).metric")
    assert sx / 50 == pytest.approx(sy / 15)


def test_the_view_opens_as_far_as_the_grid_reaches_and_no_farther_than_its_limit(run) -> None:
    half, wide, absurd, nothing = run(
        """(m) => [[0.9, -0.9], [2, 0], [1e6, 0], [NaN, Infinity]]
          .map((points) => m.viewport.halfFor(points, {width: 42, height: 42}))"""
    )
    assert half == nothing == pytest.approx(1.34)
    assert 2 < wide < 2.8
    assert absurd == 3.4


def test_undo_brings_back_the_hundredth_gesture(run) -> None:
    brought = run(
        """(m) => {
          const history = m.history.createHistory(() => 0);
          for (let i = 0; i < 150; i++) history.push(i);
          const back = [];
          for (let i = 0, now = 150; i < 150; i++) back.push(now = history.undo(now));
          return [back[0], back[99], back[149], history.undo(0), history.redo(0), history.redo(1)];
        }"""
    )
    assert brought == [149, 50, 0, None, 1, 2]


def test_a_key_held_down_is_one_gesture_and_a_pause_ends_it(run) -> None:
    depths = run(
        """(m) => {
          let now = 0;
          const history = m.history.createHistory(() => now);
          const out = [];
          const held = [[0, "left"], [100, "left"], [200, "left"]];
          for (const [at, tag] of [...held, [1500, "left"], [1600, "up"], [1650, null], [1660, null]]) {
            now = at;
            history.push(at, tag);
            out.push(history.depth()[0]);
          }
          return out;
        }"""
    )
    assert depths == [1, 1, 1, 2, 3, 4, 5]


def test_a_new_gesture_ends_what_could_be_redone(run) -> None:
    assert run(
        "(m) => { const h = m.history.createHistory(); h.push(1); h.undo(2); h.push(3); return h.depth(); }"
    ) == [1, 0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        ("−1.2", -1.2),
        ("0,25", 0.25),
        (" 30° ", 30),
        ("1.5×", 1.5),
        ("1e3", 1000),
        ("", None),
        ("abc", None),
        ("1/0", None),
        ("NaN", None),
        ("Infinity", None),
    ],
)
def test_a_typed_number_is_read_or_refused(run, text, value) -> None:
    assert run("(m, text) => m.number.parseNumber(text)", text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.505, "+0.505"),
        (-0.353, "−0.353"),
        (-0.0001, "+0.000"),
        (12.345, "+12.35"),
        (123.4, "+123"),
        (-1.5e6, "−2e+6"),
    ],
)
def test_a_number_shows_its_sign_and_fits_its_cell(run, value, text) -> None:
    assert run("(m, value) => m.number.signed(value)", value) == text


def test_a_glide_turns_the_short_way_and_ends_where_it_should(run) -> None:
    """From 170 to -170 degrees: through 180, never through 0; the size stays."""
    angle = np.deg2rad([170, -170])
    start, end = ([np.cos(a), -np.sin(a), 0, np.sin(a), np.cos(a), 0] for a in angle)
    middle, last = run(
        "(m, a, b) => [0.5, 1].map((t) => Array.from(m.glide.path('affine', a, b)(t)))", list(start), list(end)
    )
    np.testing.assert_allclose(middle, [-1, 0, 0, 0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(last, end, atol=1e-12)


def test_a_glide_out_of_a_singular_or_mirrored_theta_stays_finite(run) -> None:
    for start in ([0, 0, 0, 0, 0, 0], [-1, 0, 0, 0, 1, 0]):
        thetas = run(
            """(m, a) => [0, 0.25, 0.5, 0.75, 1]
              .map((t) => Array.from(m.glide.path("affine", a, [1, 0, 0, 0, 1, 0])(t)))""",
            start,
        )
        assert np.isfinite(np.array(thetas, float)).all()
        assert thetas[-1] == [1, 0, 0, 0, 1, 0]


def test_the_axis_names_round_steps_and_both_ends(run) -> None:
    steps = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4680]
    shown = run("(m, steps) => m.chart.labels(steps, (i) => 80 * i, 40).map(({ text }) => text)", steps)
    assert shown[0] == "0"
    assert shown[-1] == "4,680"
    assert "1,000" in shown


def test_the_axis_is_its_own_inverse(run) -> None:
    assert run(
        "(m) => { const a = m.chart.axis(300, 10, 900); return [0, 17, 299].map((i) => a.toIndex(a.toX(i))); }"
    ) == [0, 17, 299]
