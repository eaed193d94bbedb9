"""The film's numbers against numpy: how far grids moved, when they moved fastest, which the onion skin shows."""

import itertools

import numpy as np
import pytest

PIXEL = [2 / 42, 2 / 30]
SEVERAL = """(m, {points}, pixel) => {
  const size = 50;
  return m.film.makeTrack(points.shape[0], (record, out) => {
    out.set(points.data.subarray(record * size, (record + 1) * size));
    return true;
  }, pixel);
}"""


def call(numbers, then, points, *args):
    """`then` is a JS function (film, track, ...args) of the track of these points."""
    body = f"(m, t, pixel, ...args) => ({then})(m.film, ({SEVERAL})(m, t, pixel), ...args)"
    return numbers.call(body, PIXEL, *args, points=points.astype(np.float32))


def lattices(centres, zoom=0.5):
    """(S, 25, 2): the 5 x 5 lattice at some centres."""
    side = np.linspace(-1, 1, 5)
    lattice = np.stack(np.meshgrid(side, side), -1).reshape(25, 2)
    return zoom * lattice + np.asarray(centres, float)[:, None, :]


def distance(one, other):
    """Root mean square over the points, pixels of U."""
    return np.sqrt((((one - other) / PIXEL) ** 2).sum(-1).mean(-1))


def wander(count=60, seed=0):
    random = np.random.default_rng(seed)
    return lattices(np.cumsum(random.normal(0, 0.04, (count, 2)), 0)) + random.normal(0, 0.01, (count, 25, 2))


def test_the_way_from_record_to_record_is_the_mean_way_of_the_points(numbers):
    points = wander()
    found = call(numbers, "(film, track) => track.moved", points)
    assert found[0] == 0
    np.testing.assert_allclose(found[1:], distance(points[:-1], points[1:]), rtol=1e-4)
    far = call(numbers, "(film, track) => film.between(track, 3, 40)", points)
    assert far == pytest.approx(distance(points[3], points[40]), rel=1e-4)


def test_corners_and_centre_are_where_the_frame_has_them(numbers):
    points = lattices([[0.2, -0.1], [0.3, 0.0]])
    centre = call(numbers, "(film, track) => film.pathOf(track, film.CENTRE)", points).reshape(2, 2)
    np.testing.assert_allclose(centre, [[0.2, -0.1], [0.3, 0.0]], atol=1e-6)
    clockwise = [[-0.3, -0.6], [0.7, -0.6], [0.7, 0.4], [-0.3, 0.4]]
    for i, corner in enumerate(clockwise):
        path = call(numbers, "(film, track, i) => film.pathOf(track, film.CORNERS[i])", points, i).reshape(2, 2)
        np.testing.assert_allclose(path[0], corner, atol=1e-6)


def test_moments_are_the_fastest_by_record_or_by_step_and_never_the_slopes_of_one(numbers):
    ways = np.zeros(100)
    ways[[10, 11, 12]] = 0.02, 0.05, 0.03  # a step apart
    ways[40], ways[70], ways[90] = 0.2, 0.4, 0.1  # ten, a hundred and ten steps apart
    steps = np.cumsum([1] * 30 + [10] * 30 + [100] * 20 + [10] * 20) - 1
    points = lattices(np.stack([np.cumsum(ways), 0 * ways], 1))

    def moments(by):
        return call(numbers, "(film, track, steps, by) => film.moments(track, steps, by)", points, steps.tolist(), by)

    found = moments("record")
    assert [each["record"] for each in found] == [40, 70, 90]  # in the order of time
    assert [each["px"] for each in found] == pytest.approx([0.2 * 21, 0.4 * 21, 0.1 * 21], rel=1e-3)
    assert [each["steps"] for each in found] == [10, 100, 10]
    assert [each["record"] for each in moments("step")] == [11, 40, 90]  # 1.05, 0.42 and 0.21 px a step; 70 has 0.084


def test_the_slope_of_a_wide_hill_is_no_moment_of_its_own(numbers):
    ways = np.concatenate(
        [[0], np.linspace(0.1, 0.5, 30), np.linspace(0.48, 0.1, 29), np.zeros(20), [0.08], np.zeros(19)]
    )
    points = lattices(np.stack([np.cumsum(ways), 0 * ways], 1))
    found = call(numbers, "(film, track) => film.moments(track, [...Array(100).keys()], 'record')", points)
    assert [each["record"] for each in found] == [30, 80]


def test_a_grid_that_stands_still_has_no_moments_and_no_skins(numbers):
    points = lattices(np.zeros((30, 2)))
    assert call(numbers, "(film, track) => film.moments(track, [...Array(30).keys()], 'record')", points) == []
    assert call(numbers, "(film, track) => film.onionSkins(track, 29)", points)["records"] == []


@pytest.mark.parametrize("record", [0, 1, 7, 30, 59])
def test_the_onion_s_skins_stand_for_all_grids_before(numbers, record):
    points = wander(seed=record)
    found = call(numbers, "(film, track, record) => film.onionSkins(track, record)", points, record)
    chosen, apart = found["records"], found["apart"]
    assert len(chosen) <= 8
    assert chosen == sorted(chosen)
    assert all(0 <= each < record for each in chosen)
    if record == 0:
        return
    assert 0 in chosen
    for i, one in enumerate(chosen):
        assert all(distance(points[one], points[other]) >= 0.999 * apart for other in chosen[:i])
    shown = [*chosen, record]  # a skin like the live grid is left out
    for each in range(record):
        assert min(distance(points[each], points[one]) for one in shown) <= max(apart, 1.0) * 1.001 + 0.5
    if apart > 0.5:  # at the next smaller width there were more than eight
        narrow, first = apart / np.sqrt(2), []
        for each in range(record):
            if all(distance(points[each], points[one]) >= narrow for one in first):
                first.append(each)
        assert len(first) > 8


def test_skins_stay_where_they_are_while_the_playhead_goes_on(numbers):
    points = wander(200)
    body = "(film, track) => Array.from({ length: 199 }, (_, i) => film.onionSkins(track, i + 1))"
    all_ = call(numbers, body, points)
    changed = sum(
        len(set(before["records"]) - set(after["records"])) > 1  # one like the live grid may step aside
        for before, after in itertools.pairwise(all_)
    )
    assert changed <= 8


def test_a_record_without_a_grid_is_passed_over(numbers):
    points = wander()
    points[20:23] = np.nan
    moved = call(numbers, "(film, track) => track.moved", points)
    assert (moved[20:24] == 0).all()
    assert np.isfinite(moved).all()
    found = call(numbers, "(film, track) => film.onionSkins(track, 50)", points)
    assert not set(found["records"]) & {20, 21, 22}
    assert len(found["records"]) <= 8
    found = call(numbers, "(film, track) => film.onionSkins(track, 21)", points)  # the live one is missing
    assert found["records"]


def test_lines_go_straight_to_their_place_and_arrive(numbers):
    random = np.random.default_rng(2)
    from_, to = random.normal(size=(2, 40)).astype(np.float32)
    body = "(m, {a, b}, share) => m.film.onTheWay(a.data, b.data, share, new Float32Array(40))"
    for share in (0, 0.25, 1):
        found = numbers.call(body, share, a=from_, b=to)
        np.testing.assert_allclose(found, (1 - share) * from_ + share * to, atol=1e-6)
    assert (numbers.call(body, 1, a=from_, b=to) == to).all()


def test_heat_is_the_gradient_s_sum_over_channels_by_its_largest(numbers):
    dV = np.random.default_rng(3).normal(size=(3, 5, 4)).astype(np.float32)
    heat = numbers.call("(m, {dV}) => m.film.heatOf(dV).values", dV=dV)
    summed = dV.sum(0).ravel()
    np.testing.assert_allclose(heat, summed / np.abs(summed).max(), atol=1e-6)
    assert numbers.call("(m, {dV}) => m.film.heatOf(dV).most", dV=dV) == pytest.approx(
        float(np.abs(summed).max()), rel=1e-6
    )
    assert numbers.call("(m, {dV}) => m.film.heatOf(dV).most", dV=0 * dV) == 0
    arrows = dV.reshape(-1, 2)
    longest = numbers.call("(m, {a}) => m.film.longest(a.data)", a=arrows)
    assert longest == pytest.approx(float(np.hypot(*arrows.T).max()), rel=1e-6)
