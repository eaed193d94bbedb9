"""Every way to take hold of theta: what is under the hand follows it, and V, answers and address follow theta."""

import math

import numpy as np
import pytest
import torch
from driver import CORNERS, Fingers, Stage
from oracle import BYTE, gauge_of
from oracle import CORNERS as FRAME

PIXEL = 1.5  # on the screen: half of one for where the mouse stands, one for the handle's own box


def linear(theta):
    """The 2 x 2 part of an affine theta."""
    return theta.view(2, 3)[:, :2]


def shape(theta):
    """What of an affine grid neither turning nor zooming nor moving changes (as A'A / |det A|)."""
    A = linear(theta)
    return A.T @ A / A.det().abs()


def assert_shown(truth, look):
    """Handles and V are where torch has them for the theta that stands in the matrix."""
    expected = look.to_screen(truth.points(look.theta, FRAME))
    np.testing.assert_allclose(look.corners, expected, atol=PIXEL)
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, look.theta), atol=BYTE)


def test_a_dragged_corner_stays_under_the_pointer_and_everything_follows(stage, truth):
    before = stage.look()
    history = stage.page.evaluate("history.length")
    x, y = before.handles["bottom right"]
    with stage.holding((x, y)) as move:
        for by in ((-15, 4), (-40, -30), (-25, 18)):
            look = move(x + by[0], y + by[1])
            np.testing.assert_allclose(look.handles["bottom right"], (x + by[0], y + by[1]), atol=PIXEL)
            np.testing.assert_allclose(look.handles["top left"], before.handles["top left"], atol=PIXEL)
            assert_shown(truth, look)
        assert np.abs(look.V - before.V).mean() > 2
        # The network answers while the hand still holds, on V and on nothing but V.
        expected = truth.answer(look.image, look.theta, look.step)
        assert not torch.allclose(before.probabilities, expected, atol=0.02)
        stage.until(lambda now: torch.allclose(now.probabilities, expected, atol=1e-3), f"the network's {expected}")
    look = stage.at_rest()
    assert look.mode == "hand"
    assert_shown(truth, look)
    query = stage.until_told(look)
    assert (query["image"], query["step"]) == (str(look.image), str(look.step))
    assert stage.page.evaluate("history.length") == history


def test_ctrl_on_a_corner_keeps_the_aspect(stage, truth):
    before = stage.look()
    free = stage.drag(before.handles["top right"], (25, 30))
    assert not torch.allclose(shape(free.theta), shape(before.theta), atol=0.05)
    stage.press("Escape")
    stage.page.keyboard.down("Control")
    kept = stage.drag(before.handles["top right"], (25, 30))
    stage.page.keyboard.up("Control")
    assert not torch.allclose(linear(kept.theta), linear(before.theta), atol=0.05)
    torch.testing.assert_close(shape(kept.theta), shape(before.theta), atol=1e-4, rtol=0)
    assert_shown(truth, kept)


@pytest.mark.parametrize(("edge", "by"), [(0, (30, 0)), (1, (-6, -25)), (2, (-28, -5)), (3, (4, 26))])
def test_an_edge_follows_the_hand_while_the_edge_across_stays(stage, truth, edge, by):
    before = stage.look()
    a, b = before.corners[edge], before.corners[(edge + 1) % 4]
    # A quarter along: away from the corners and from the rotation handle's arm.
    look = stage.drag((a[0] + (b[0] - a[0]) / 4, a[1] + (b[1] - a[1]) / 4), by)
    for corner in range(4):
        moves = corner in (edge, (edge + 1) % 4)
        expected = np.add(before.corners[corner], by if moves else (0, 0))
        np.testing.assert_allclose(look.corners[corner], expected, atol=PIXEL, err_msg=CORNERS[corner])
    assert_shown(truth, look)


@pytest.mark.parametrize("part", ["the handle", "the grid's face"])
def test_the_centre_moves_the_whole_grid_and_turns_nothing(stage, truth, part):
    before = stage.look()
    x, y = before.handles["centre"]
    look = stage.drag((x, y) if part == "the handle" else (x + 40, y + 30), (22, -17))
    np.testing.assert_allclose(np.subtract(look.corners, before.corners), np.full((4, 2), (22, -17)), atol=PIXEL)
    torch.testing.assert_close(linear(look.theta), linear(before.theta), atol=1e-5, rtol=0)
    assert_shown(truth, look)


def test_with_shift_a_corner_and_the_centre_go_by_whole_pixels_of_u(stage, truth):
    before = stage.look()
    corner = stage.drag(before.handles["bottom right"], (-13, 7), shift=True)
    away = (truth.points(corner.theta, FRAME)[2] - FRAME[2]) * 21  # U is 42 wide
    torch.testing.assert_close(away, away.round(), atol=1e-3, rtol=0)
    moved = stage.drag(corner.handles["centre"], (11, 8), shift=True)
    shift = moved.theta[[2, 5]] * 21
    torch.testing.assert_close(shift, shift.round(), atol=1e-3, rtol=0)
    torch.testing.assert_close(linear(moved.theta), linear(corner.theta), atol=1e-5, rtol=0)
    assert_shown(truth, moved)


def test_with_alt_an_edge_opens_the_frame_to_both_sides(stage, truth):
    before = stage.look()
    a, b = before.corners[1], before.corners[2]
    x, y = a[0] + (b[0] - a[0]) / 4, a[1] + (b[1] - a[1]) / 4
    with stage.holding((x, y)) as move:
        stage.page.keyboard.down("Alt")
        move(x + 14, y + 3)
        stage.page.keyboard.up("Alt")
    look = stage.at_rest()
    np.testing.assert_allclose(look.handles["centre"], before.handles["centre"], atol=PIXEL)
    np.testing.assert_allclose(look.corners[1], np.add(before.corners[1], (14, 3)), atol=PIXEL)
    np.testing.assert_allclose(look.corners[0], np.add(before.corners[0], (-14, -3)), atol=PIXEL)
    assert_shown(truth, look)


def test_the_rotation_handle_turns_rigidly_about_the_centre(stage, truth):
    before = stage.look()
    centre, start = np.array(before.handles["centre"]), np.array(before.handles["rotation"])
    angle = math.radians(35)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    with stage.holding(tuple(start)) as move:
        look = move(*(centre + turn @ (start - centre)))
        np.testing.assert_allclose(look.handles["centre"], centre, atol=PIXEL)
    look = stage.at_rest()
    torch.testing.assert_close(linear(look.theta), torch.from_numpy(turn) @ linear(before.theta), atol=0.02, rtol=0)
    torch.testing.assert_close(shape(look.theta), shape(before.theta), atol=1e-4, rtol=0)
    assert_shown(truth, look)


def test_the_wheel_zooms_about_the_centre(stage, truth):
    before = stage.look()
    stage.page.mouse.move(*before.handles["centre"])
    for _ in range(4):
        stage.page.mouse.wheel(0, -60)
    look = stage.until(lambda now: gauge_of(now.theta)["zoom"] > 1.3 * gauge_of(before.theta)["zoom"], "a larger zoom")
    torch.testing.assert_close(shape(look.theta), shape(before.theta), atol=1e-4, rtol=0)
    np.testing.assert_allclose(look.handles["centre"], before.handles["centre"], atol=PIXEL)
    assert_shown(truth, look)


def test_a_spin_of_the_wheel_is_one_gesture(stage):
    before = stage.look()
    # From within the page: a busy machine may put more time between two turns of a real wheel than a gesture lasts.
    stage.root.locator(".pad canvas").evaluate(
        """(canvas) => { for (let i = 0; i < 6; i++) {
          const turn = { deltaY: -50, bubbles: true, composed: true, cancelable: true };
          canvas.dispatchEvent(new WheelEvent("wheel", turn));
        } }"""
    )
    look = stage.until(lambda now: now.undo, "the gesture ended")
    # Six turns of exp(0.0015 * 50), none of them lost.
    assert gauge_of(look.theta)["zoom"] == pytest.approx(math.exp(0.45) * gauge_of(before.theta)["zoom"], rel=1e-3)
    look = stage.press("Control+z")
    assert (look.mode, look.undo) == ("network", False)


def test_two_fingers_pinch_turn_and_move(server, chromium, watch, open_stage, truth):
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, has_touch=True)
    stage = open_stage(watch(context.new_page()))
    before = stage.look()
    x, y = before.handles["centre"]
    # Off the handles: from 120 px apart, level, to 90 px apart, 20 degrees clockwise, and 8 px to the right.
    angle, half = math.radians(20), 45
    dx, dy = half * math.cos(angle), half * math.sin(angle)
    Fingers(stage.page).drag(((x - 60, y), (x + 8 - dx, y - dy)), ((x + 60, y), (x + 8 + dx, y + dy)))
    stage.frames()
    look = stage.at_rest()
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    torch.testing.assert_close(linear(look.theta), 90 / 120 * turn @ linear(before.theta), atol=0.03, rtol=0)
    np.testing.assert_allclose(look.handles["centre"], (x + 8, y), atol=2 * PIXEL)
    assert_shown(truth, look)
    assert not stage.press("Control+z").undo, "a pinch is one gesture"
    context.close()


@pytest.mark.parametrize("name", ["rotation", "zoom"])
def test_a_gauge_slider_moves_its_unit_and_leaves_the_others(stage, truth, name):
    before = stage.look()
    box = stage.slider(name).bounding_box()
    middle = box["y"] + box["height"] / 2
    with stage.holding((box["x"] + box["width"] * 0.5, middle)) as move:
        move(box["x"] + box["width"] * 0.58, middle)
    look = stage.at_rest()
    was, now = gauge_of(before.theta), gauge_of(look.theta)
    if name == "rotation":
        assert now["rotation"] == pytest.approx((0.58 - 0.5) * 360, abs=6)  # a thumb's width of leeway
    else:
        assert now["zoom"] == pytest.approx(4 ** (2 * 0.58 - 1), rel=0.06)
    for other in {"rotation", "zoom", "aspect"} - {name}:
        assert now[other] == pytest.approx(was[other], abs=1e-4)
    assert_shown(truth, look)


def test_a_raw_slider_moves_one_entry_of_theta(stage, truth):
    before = stage.look()
    stage.choose("sliders", "raw")
    box = stage.slider("t12").bounding_box()
    middle = box["y"] + box["height"] / 2
    with stage.holding((box["x"] + box["width"] * 0.5, middle)) as move:
        move(box["x"] + box["width"] * 0.6, middle)
    look = stage.at_rest()
    assert look.theta[1] == pytest.approx(-2 + 4 * 0.6, abs=0.07)
    torch.testing.assert_close(look.theta[[0, 2, 3, 4, 5]], before.theta[[0, 2, 3, 4, 5]], atol=1e-6, rtol=0)
    assert_shown(truth, look)


def test_a_number_is_dragged_sideways(stage, truth):
    before = stage.look()
    box = stage.number("t13").bounding_box()
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    look = stage.drag(at, (40, 0))
    assert look.theta[2] - before.theta[2] == pytest.approx(0.01 * 40 / 2, abs=1e-5)
    fine = stage.drag(at, (40, 0), shift=True)
    assert fine.theta[2] - look.theta[2] == pytest.approx(0.001 * 40 / 2, abs=1e-5)
    assert_shown(truth, fine)


@pytest.mark.parametrize(("typed", "value"), [("0.21", 0.21), ("−0,25", -0.25), (" 1e-1 ", 0.1)])
def test_a_number_is_typed_with_a_comma_or_a_true_minus_too(stage, truth, typed, value):
    before = stage.look()
    stage.number("t13").dblclick()
    box = stage.root.locator("input.typing")
    box.fill(typed)
    box.press("Enter")
    look = stage.at_rest()
    assert look.theta[2] == pytest.approx(value, abs=1e-9)
    torch.testing.assert_close(look.theta[[0, 1, 3, 4, 5]], before.theta[[0, 1, 3, 4, 5]], atol=1e-6, rtol=0)
    assert_shown(truth, look)


@pytest.mark.parametrize("typed", ["a half", "", "1e999", "0.1.2"])
def test_what_is_no_number_gives_a_sentence_and_changes_nothing(stage, typed):
    before = stage.look()
    stage.number("t11").press("Enter")
    box = stage.root.locator("input.typing")
    box.fill(typed)
    box.press("Enter")
    stage.frames()
    look = stage.look()
    assert look.passing == f"“{typed}” is not a number. Type one such as 0.5 or −1.2."
    assert (look.mode, look.undo) == ("network", False)
    assert torch.equal(look.theta, before.theta)


def test_escape_in_a_typed_number_leaves_it_as_it_was(stage):
    before = stage.look()
    stage.number("t11").press("Enter")
    box = stage.root.locator("input.typing")
    box.fill("9")
    box.press("Escape")
    stage.frames()
    look = stage.look()
    assert torch.equal(look.theta, before.theta)
    assert not look.undo


def test_a_hand_that_only_touches_changes_nothing(stage: Stage):
    before = stage.look()
    for name in ("top left", "centre", "rotation"):
        with stage.holding(before.handles[name]):
            pass
    look = stage.at_rest()
    assert torch.equal(look.theta, before.theta)
    assert (look.mode, look.undo) == ("network", False)
