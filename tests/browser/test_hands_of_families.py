"""Each family under the hand in the real app; torch says where its grid is and what V shows."""

import math

import numpy as np
import pytest
import torch
from driver import CORNERS, Stage
from oracle import BYTE
from oracle import CORNERS as FRAME

PIXEL = 1.5  # on the screen: half of one for where the mouse stands, one for the handle's own box
POINTS = {"TPS": 4, "free": 9}
NAMES = {"TPS": "tps"}


def take(stage: Stage, family: str) -> None:
    """Choose a family and wait for its grid."""
    stage.choose("family", family)
    stage.until(lambda now: now.family == family, family)
    stage.at_rest()


def theta_of(stage: Stage) -> torch.Tensor:
    """Theta as the address tells it: of any length, in its own order."""
    family = stage.look().family

    def of_family(query) -> bool:
        return "theta" in query and query.get("family", "affine") == NAMES.get(family, family)

    query = stage.until_address(of_family, f"a theta of {family}")
    return torch.tensor([float(entry) for entry in query["theta"].split(",")], dtype=torch.float64)


def told(stage: Stage, before: torch.Tensor) -> torch.Tensor:
    """Theta in the address once it is another one."""

    def another(query) -> bool:
        entries = [float(entry) for entry in query.get("theta", "").split(",") if entry]
        return entries != [] and entries != before.tolist()

    stage.until_address(another, "another theta")
    return theta_of(stage)


def assert_shown(stage, truth, family, theta, *, padding=BYTE):
    look = stage.look()
    name = NAMES.get(family, family)
    options = {"points": POINTS[family]} if family in POINTS else {}
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, theta, name=name, **options), atol=padding)
    return look


def controls(stage: Stage) -> np.ndarray:
    """Where the control points stand on the page, (K^2, 2)."""
    return np.array(
        stage.root.evaluate(
            """(root) => [...root.querySelectorAll(".control")].map((button) => {
              const box = button.getBoundingClientRect();
              return [box.left + box.width / 2, box.top + box.height / 2];
            })"""
        )
    )


def chosen(stage: Stage) -> list[int]:
    return stage.root.evaluate(
        """(root) => [...root.querySelectorAll(".control")].flatMap((button, i) =>
          (button.getAttribute("aria-pressed") === "true" ? [i] : []))"""
    )


# --- constraints ---


def test_attention_scales_about_the_corner_across_or_the_centre_and_has_no_rotation(stage, truth):
    take(stage, "attention")
    before = stage.look()
    assert "rotation" not in before.handles
    x, y = before.handles["bottom right"]
    after = stage.drag((x, y), (-30, -30))
    np.testing.assert_allclose(after.handles["bottom right"], (x - 30, y - 30), atol=PIXEL)
    np.testing.assert_allclose(after.handles["top left"], before.handles["top left"], atol=PIXEL)
    assert_shown(stage, truth, "attention", after.theta)
    stage.page.keyboard.down("Alt")
    about = stage.drag(after.handles["bottom right"], (-20, -20))
    stage.page.keyboard.up("Alt")
    np.testing.assert_allclose(about.handles["centre"], after.handles["centre"], atol=PIXEL)
    expected = np.add(after.handles["top left"], (20, 20))
    np.testing.assert_allclose(about.handles["top left"], expected, atol=PIXEL)
    a, b = about.corners[0], about.corners[1]
    wide = stage.drag(((a[0] + b[0]) / 2 + 20, (a[1] + b[1]) / 2), (0, -24))  # the top edge
    sides = [np.subtract(look.corners[2], look.corners[0]) for look in (about, wide)]
    assert sides[1][1] - sides[0][1] == pytest.approx(24, abs=2 * PIXEL)
    assert sides[1][0] == pytest.approx(sides[1][1], abs=PIXEL), "an edge scales both ways"


def test_a_similarity_turns_and_scales_under_the_pointer(stage, truth):
    take(stage, "similarity")
    before = stage.look()
    x, y = before.handles["top right"]
    after = stage.drag((x, y), (10, 45))
    np.testing.assert_allclose(after.handles["top right"], (x + 10, y + 45), atol=PIXEL)
    np.testing.assert_allclose(after.handles["bottom left"], before.handles["bottom left"], atol=PIXEL)
    assert_shown(stage, truth, "similarity", after.theta)


def test_of_a_translation_everything_moves_and_by_shift_in_whole_pixels(stage, truth):
    take(stage, "translation")
    before = stage.look()
    assert "rotation" not in before.handles
    after = stage.drag(before.handles["centre"], (-13, 11))  # to where U's view need not open for it
    np.testing.assert_allclose(np.subtract(after.corners, before.corners), np.full((4, 2), (-13, 11)), atol=PIXEL)
    assert_shown(stage, truth, "translation", after.theta)
    snapped = stage.drag(after.handles["centre"], (10, 10), shift=True)
    pixels = snapped.theta * 21  # U is 42 wide
    torch.testing.assert_close(pixels, pixels.round(), atol=1e-3, rtol=0)


def test_shift_turns_an_affine_grid_to_15_degrees(stage):
    before = stage.look()
    look = stage.drag(before.handles["rotation"], (37, 20), shift=True)
    angle = math.degrees(math.atan2(look.theta[3], look.theta[0]))
    assert angle % 15 == pytest.approx(0, abs=1e-3) or angle % 15 == pytest.approx(15, abs=1e-3)


# --- projective ---


def test_four_corners_go_one_by_one_where_they_are_dragged_and_v_follows(stage, truth):
    take(stage, "projective")
    start = stage.look()
    places = dict(start.handles)
    for name, by in zip(CORNERS, ((20, -9), (-25, 14), (12, 17), (-14, -20)), strict=True):
        look = stage.drag(places[name], by)
        places[name] = tuple(np.add(places[name], by))
        for corner in CORNERS:
            np.testing.assert_allclose(look.handles[corner], places[corner], atol=PIXEL, err_msg=corner)
    theta = look.theta
    left, top, side, _ = look.pad
    expected = (np.array([places[name] for name in CORNERS]) - [left + side / 2, top + side / 2]) / (side / 2 / 1.34)
    np.testing.assert_allclose(truth.points(theta, FRAME, "projective"), expected, atol=PIXEL / 150)
    assert_shown(stage, truth, "projective", theta)
    for _ in range(4):
        stage.press("Control+z")
    np.testing.assert_allclose(stage.at_rest().corners, start.corners, atol=PIXEL)


def test_a_corner_pulled_across_the_grid_stops_softly_and_says_why(stage):
    take(stage, "projective")
    before = stage.look()
    with stage.holding(before.handles["top left"]) as move:
        look = move(*np.add(before.handles["bottom right"], (30, 20)))
        assert "lie on one line" in look.passing
        assert torch.isfinite(look.theta).all()
        assert set(CORNERS) <= set(look.handles)
        x, y = np.add(before.handles["top left"], (15, 10))
        np.testing.assert_allclose(move(x, y).handles["top left"], (x, y), atol=PIXEL)


def test_out_of_a_horizon_by_undo_and_by_the_corners(open_stage, truth):
    stage = open_stage(family="projective", theta="1,0,0,0,1,0,1.5,0")
    look = stage.at_rest()
    assert set(CORNERS) <= set(look.handles), "the corners beyond the horizon cannot be grabbed"
    assert "centre" in look.handles
    assert "rotation" not in look.handles
    x, y = look.handles["top left"]
    pulled = stage.drag((x, y), (15, 10))
    w = FRAME.double() @ pulled.theta[6:8] + 1
    assert w.min() > 0, "the grid is still beyond the horizon"
    np.testing.assert_allclose(pulled.handles["top left"], (x + 15, y + 10), atol=2 * PIXEL)
    assert "rotation" in pulled.handles
    back = stage.press("Control+z")
    torch.testing.assert_close(back.theta, torch.tensor([1, 0, 0, 0, 1, 0, 1.5, 0], dtype=torch.float64))
    stage.drag(stage.look().handles["centre"], (20, 0))
    assert float(stage.look().theta[6]) == pytest.approx(1.5, abs=1e-6), "moving changed the horizon"


# --- control points ---


def test_a_control_point_is_dragged_alone_and_v_follows(stage, truth):
    take(stage, "TPS")
    before, spots = theta_of(stage), controls(stage)
    stage.drag(tuple(spots[5]), (24, -13))
    theta = told(stage, before)
    moved = (theta - before).view(-1, 2)
    scale = stage.look().pad[2] / 2 / 1.34
    torch.testing.assert_close(
        moved[5], torch.tensor([24, -13], dtype=torch.float64) / scale, atol=PIXEL / scale, rtol=0
    )
    assert float(moved.abs().sum() - moved[5].abs().sum()) == pytest.approx(0, abs=1e-5)
    assert_shown(stage, truth, "TPS", theta)
    assert chosen(stage) == [5]
    stage.press("Control+z")
    np.testing.assert_allclose(controls(stage)[5], spots[5], atol=0.5)


def test_several_are_chosen_by_clicks_a_band_and_keys_and_move_together(stage):
    take(stage, "TPS")
    before, spots = theta_of(stage), controls(stage)
    mouse = stage.page.mouse
    mouse.click(*spots[5])
    stage.page.keyboard.down("Shift")
    mouse.click(*spots[6])
    mouse.click(*spots[9])
    mouse.click(*spots[6])
    stage.page.keyboard.up("Shift")
    assert chosen(stage) == [5, 9]
    stage.drag(tuple(spots[9]), (-10, 12))
    moved = (told(stage, before) - before).view(-1, 2)
    assert sorted(moved.abs().sum(1).nonzero().flatten().tolist()) == [5, 9]
    torch.testing.assert_close(moved[5], moved[9], atol=1e-5, rtol=0)
    # A band from outside the frame over its top row.
    left, top, side, _ = stage.look().pad
    now = controls(stage)
    low = now[:4, 1].max() + 6
    with stage.holding((left + 4, top + 4)) as move:
        move(left + side - 4, low)
    inside = [i for i, (_, y) in enumerate(now) if y < low]
    assert chosen(stage) == inside
    stage.press("Control+a")
    assert len(chosen(stage)) == 16
    look = stage.press("Escape")
    assert (chosen(stage), look.mode) == ([], "hand"), "Escape lets the points go before it goes home"


def test_control_points_by_keys(stage):
    take(stage, "TPS")
    before = theta_of(stage)
    first = stage.root.locator(".control").first
    first.focus()
    stage.press("ArrowRight")
    after = told(stage, before)
    torch.testing.assert_close((after - before)[0], torch.tensor(0.02, dtype=torch.float64), atol=1e-5, rtol=0)
    stage.press("Alt+ArrowRight")
    stage.press("Space")
    assert chosen(stage) == [0, 1]
    stage.press("Shift+ArrowDown")
    last = told(stage, after)
    expected = torch.tensor([[0, 0.004], [0, 0.004]], dtype=torch.float64)
    torch.testing.assert_close((last - after).view(-1, 2)[:2], expected, atol=1e-5, rtol=0)


def test_the_frame_of_a_spline_still_moves_and_turns_as_a_whole(stage, truth):
    take(stage, "TPS")
    spots = controls(stage)
    look = stage.look()
    stage.drag(look.handles["centre"], (20, 15))
    np.testing.assert_allclose(controls(stage) - spots, np.full((16, 2), (20, 15)), atol=PIXEL)
    look = stage.look()
    stage.drag(look.handles["top left"], (-12, -9))
    far = controls(stage)
    np.testing.assert_allclose(far[15], spots[15] + (20, 15), atol=PIXEL)
    np.testing.assert_allclose(far[0], spots[0] + (20 - 12, 15 - 9), atol=PIXEL)
    assert_shown(stage, truth, "TPS", stage.look().theta)


# --- the brush ---


def test_a_push_is_one_stroke_one_undo_and_moves_what_is_under_the_brush(stage, truth):
    take(stage, "free")
    before = theta_of(stage)
    x, y = stage.look().handles["centre"]
    with stage.holding((x - 60, y + 10)) as move:
        move(x - 30, y + 10)
        move(x - 20, y - 5)
    theta = told(stage, before)
    moved = (theta - before).view(-1, 2).norm(dim=1)
    assert 3 < int((moved > 1e-3).sum()) < 60
    assert (theta - before).view(-1, 2)[moved.argmax(), 0] > 0
    assert_shown(stage, truth, "free", theta)
    assert stage.look().undo
    stage.press("Control+z")
    back = told(stage, theta)
    torch.testing.assert_close(back, before, atol=1e-5, rtol=0)


def test_pinch_draws_together_shift_swells_and_smooth_evens_out(stage):
    take(stage, "free")
    bar = stage.root.locator(".brushbar")
    x, y = stage.look().handles["centre"]
    at = (x - 45, y + 30)

    def crowd(stage) -> float:
        """Mean distance on the page of the nine nearest control points."""
        bar.get_by_role("radio", name="points").click()
        stage.frames()
        return float(np.sort(np.linalg.norm(controls(stage) - at, axis=1))[:9].mean())

    def stroke(mode: str, shift: bool = False) -> None:
        bar.get_by_role("radio", name=mode).click()
        with stage.holding(at, shift=shift):
            stage.frames(20)
        stage.at_rest()

    wide = crowd(stage)
    stroke("pinch")
    near = crowd(stage)
    assert near < 0.9 * wide
    stage.press("Control+z")
    stroke("pinch", shift=True)
    swollen = crowd(stage)
    assert swollen > 1.1 * wide
    stroke("smooth")
    assert crowd(stage) < swollen


def test_the_brush_is_a_circle_whose_radius_keys_wheel_and_slider_change(stage):
    take(stage, "free")
    circle = stage.root.locator(".pad .brush")
    x, y = stage.look().handles["centre"]
    stage.page.mouse.move(x - 50, y + 20)
    stage.frames()
    first = circle.bounding_box()
    assert first["x"] + first["width"] / 2 == pytest.approx(x - 50, abs=1)
    stage.root.locator(".pad canvas").focus()
    image = stage.look().image
    stage.press("]")
    wider = circle.bounding_box()["width"]
    assert wider == pytest.approx(1.15 * first["width"], rel=0.02)
    stage.press("[", times=2)
    assert circle.bounding_box()["width"] < first["width"]
    assert stage.look().image == image, "the key changed the image too"
    stage.page.keyboard.down("Alt")
    stage.page.mouse.wheel(0, -100)
    stage.frames()
    stage.page.keyboard.up("Alt")
    assert circle.bounding_box()["width"] == pytest.approx(first["width"], rel=0.02)
    slider = stage.slider("brush radius")
    slider.focus()
    stage.press("End")
    assert circle.bounding_box()["width"] == pytest.approx(0.9 * stage.look().pad[2], rel=0.02)


# --- identity, random, true pose, change of family ---


@pytest.mark.parametrize("family", ["affine", "projective", "TPS", "free"])
def test_random_makes_a_grid_of_the_family_that_is_seen(stage, truth, family):
    before = torch.zeros(0)
    if family != "affine":
        take(stage, family)
        before = theta_of(stage)
    stage.button("Random").click()
    first = told(stage, before)
    assert stage.look().family == family
    look = assert_shown(stage, truth, family, first)
    assert set(CORNERS) <= set(look.handles)
    stage.button("Random").click()
    told(stage, first)


def test_the_true_pose_undoes_the_distortion_in_the_family_that_is_shown(stage, truth):
    stage.button("True pose").click()
    look = stage.until(lambda now: now.mode == "hand", "the true pose")
    pose = torch.from_numpy(truth.run.probes.pose[look.image]).double()
    torch.testing.assert_close(look.theta, pose, rtol=1e-5, atol=1e-6)
    assert_shown(stage, truth, "affine", pose)
    stage.choose("align corners", "on")
    stage.until(lambda now: now.align == "on", "the other convention")
    stage.button("True pose").click()
    stage.until(lambda now: not torch.allclose(now.theta, look.theta, atol=1e-4), "the pose under align_corners")
    np.testing.assert_allclose(stage.at_rest().V / 255, truth.picture(look.image, pose), atol=2 * BYTE)
    stage.choose("align corners", "off")
    stage.until(lambda now: now.align == "off", "the convention")
    take(stage, "TPS")
    before = theta_of(stage)
    stage.button("Identity").click()
    identity = told(stage, before)
    stage.button("True pose").click()
    told(stage, identity)
    np.testing.assert_allclose(stage.at_rest().V / 255, truth.picture(look.image, pose), atol=2 * BYTE)


def test_a_change_of_family_says_what_was_lost_in_pixels(stage, truth):
    look = stage.look()
    stage.choose("family", "attention")
    said = stage.until(lambda now: now.passing and now.family == "attention", "a sentence").passing
    from stn_viz.transformer import family

    grid = family("affine", size=(9, 9), align_corners=True).grid(look.theta[None])
    lost = float(family("attention", size=(9, 9), align_corners=True).fit(grid).residual[0]) * 21
    assert said == f"affine → attention: {lost:.1f} px lost."
    stage.choose("family", "projective")
    said = stage.until(lambda now: "projective" in now.passing, "a sentence").passing
    assert said == "attention → projective: nothing lost."


# --- absurd thetas ---


@pytest.mark.parametrize(
    ("family", "theta"),
    [
        ("affine", "1e6,1e6,0,-1e6,1e6,0"),
        ("affine", "0,0,0,0,0,0"),
        ("affine", "1,1,0,1,1,0"),
        ("projective", "0,0,0,0,0,0,0,0"),
        ("projective", "1,0,0,0,1,0,1e6,-1e6"),
        ("projective", "1e6,0,0,0,1e6,0,1,0"),
        ("translation", "1e6,-1e6"),
        ("attention", "0,0,0"),
    ],
)
def test_an_absurd_theta_is_a_clear_picture_of_finite_numbers_and_there_is_a_way_back(open_stage, family, theta):
    stage = open_stage(family=family, theta=theta)
    look = stage.at_rest()
    assert torch.isfinite(look.theta).all()
    assert look.V.shape == (28, 28)
    assert "NaN" not in stage.root.inner_text()
    x, y, side, _ = look.pad
    # A hand that gropes about, and the wheel over it: no NaN, no fault.
    with stage.holding((x + side / 2, y + side / 2)) as move:
        assert torch.isfinite(move(x + side / 2 + 25, y + side / 2 - 30).theta).all()
    stage.page.mouse.wheel(0, 120)
    stage.frames()
    stage.button("Identity").click()
    home = stage.at_rest()
    assert set(CORNERS) | {"centre"} <= set(home.handles)
    assert (home.V > 0).any()
    stage.page.keyboard.press("Escape")
    assert stage.until(lambda now: now.mode == "network", "the network's theta").family == "affine"
    for _ in range(6):
        stage.press("Control+z")
    assert torch.allclose(stage.look().theta, look.theta), "undo did not bring the absurd theta back"
    assert not stage.look().undo
