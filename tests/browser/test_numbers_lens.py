"""The lens "Numbers" in the app: theta in pixels, out to other programs and in again, two thetas in a chain."""

import json
import math

import cv2
import numpy as np
import pytest
import torch
from driver import Stage
from oracle import BYTE

R = [math.cos(0.5), -math.sin(0.5), 0, math.sin(0.5), math.cos(0.5), 0]
T = [1, 0, 0.3, 0, 1, 0]


@pytest.fixture
def numbers(stage) -> Stage:
    stage.root.get_by_role("tab", name="Numbers").click()
    return stage


def paste(stage: Stage, text: str, assumed: str = "auto") -> str:
    """Paste and apply; what the lens says of it."""
    stage.choose("numbers", "Copy, paste")
    stage.root.get_by_label("paste as").select_option(assumed)
    stage.root.get_by_label("theta to paste").fill(text)
    stage.button("Apply").click()
    stage.frames()
    return stage.root.locator(".copypanel .verdict").inner_text()


def close(theta: torch.Tensor, expected: list[float]) -> bool:
    return len(theta) == len(expected) and np.allclose(theta, expected, rtol=0, atol=2e-6)


def test_steps_of_one_pixel_and_whole_pixels_move_theta_by_them(numbers):
    before = numbers.look()
    numbers.button("column +1").click()
    numbers.button("row −1").click()
    look = numbers.at_rest()
    np.testing.assert_allclose(look.theta[[2, 5]], before.theta[[2, 5]] + torch.tensor([2 / 42, -2 / 42]), atol=2e-6)
    numbers.button("whole pixels").click()
    look = numbers.at_rest()
    pixels = look.theta[[2, 5]] * 21
    np.testing.assert_allclose(pixels, pixels.round(), atol=2e-5)
    numbers.press("Control+z", 3)
    assert torch.equal(numbers.look().theta, before.theta)


def test_a_turn_in_pixels_takes_arithmetic_and_turns_about_the_middle(numbers):
    paste(numbers, "1 0 0.2 0 1 0.1")
    numbers.choose("numbers", "In pixels")
    numbers.number("rotation in pixels").press("Enter")
    numbers.page.keyboard.type("pi/6")
    numbers.page.keyboard.press("Enter")
    c, s = math.cos(math.pi / 6), 0.5
    numbers.until(lambda now: close(now.theta, [c, -s, 0.2, s, c, 0.1]), "a turn by 30 degrees")


def test_a_grid_that_shears_is_told_and_mended(numbers):
    paste(numbers, "[[1, 0.3, 0], [0, 1, 0]]")
    numbers.choose("numbers", "In pixels")
    numbers.root.get_by_text("θ shears in pixels").wait_for()
    numbers.button("Unshear").click()
    numbers.root.get_by_text("90.0° apart: squares stay squares").wait_for()


def test_theta_is_told_in_pixels_and_the_corners_are_copied_as_json(numbers):
    paste(numbers, "0.5 0 0.5 0 1 0")
    numbers.choose("numbers", "In pixels")
    numbers.frames()
    cells = numbers.root.locator(".pixels table.px").first.locator("tbody td").all_inner_texts()
    assert cells == ["+21.00", "+0.00", "+10.50", "+0.00", "+42.00", "+0.00"]
    numbers.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    numbers.button("Copy JSON").click()
    numbers.button("Copied").wait_for()
    copied = json.loads(numbers.page.evaluate("navigator.clipboard.readText()"))
    assert copied == [[20.5, -0.5], [41.5, -0.5], [41.5, 41.5], [20.5, 41.5]]


def test_the_opencv_code_that_is_copied_shows_v(numbers, truth):
    numbers.choose("numbers", "Copy, paste")
    numbers.root.get_by_label("copy as").select_option("opencv")
    numbers.frames()
    look = numbers.look()
    names = {"U": truth.run.probes.U[look.image, 0]}
    exec(numbers.root.get_by_label("theta to copy").input_value(), names)
    assert names["V"].shape == (28, 28)
    assert cv2.norm(names["V"] - look.V.astype(np.float32) / 255, cv2.NORM_INF) < 0.05  # edges of strokes are steep
    assert np.abs(names["V"] - look.V / 255).mean() < BYTE


def test_what_is_copied_and_pasted_is_the_same_theta(numbers):
    before = numbers.look()
    for name in ("row", "three", "torch", "opencv_forward", "pil", "skimage", "scipy", "kornia"):
        numbers.choose("numbers", "Copy, paste")
        numbers.root.get_by_label("copy as").select_option(name)
        numbers.frames()
        paste(numbers, numbers.root.get_by_label("theta to copy").input_value())
        torch.testing.assert_close(numbers.at_rest().theta, before.theta, atol=2e-6, rtol=0)


def test_what_is_wrong_with_a_paste_is_a_sentence_and_changes_nothing(numbers):
    before = numbers.look()
    assert paste(numbers, "1, 0, 0, 0, 1") == "2x3 needs six numbers, got five"
    assert "nan" in paste(numbers, "[[1, nan, 0], [0, 1, 0]]")
    look = numbers.at_rest()
    assert torch.equal(look.theta, before.theta)
    assert look.mode == "network"


def test_a_last_row_of_0_0_2_halves_and_another_needs_a_homography(numbers):
    assert "scale is 1/2" in paste(numbers, "[[1,0,0],[0,1,0],[0,0,2]]")
    numbers.until(lambda now: close(now.theta, [0.5, 0, 0, 0, 0.5, 0]), "half the scale")
    paste(numbers, "[[1,0,0],[0,1,0],[0.2,0.1,1]]")
    numbers.until(lambda now: close(now.theta, [1, 0, 0, 0, 1, 0, 0.2, 0.1]), "the projective family")
    numbers.press("Control+z")
    numbers.until(lambda now: close(now.theta, [0.5, 0, 0, 0, 0.5, 0]), "the affine theta again, by one undo")


def test_control_points_come_in_with_their_family(numbers):
    side = [-1, 0, 1]
    control = [[0.8 * x + 0.1 * y, 0.7 * y] for y in side for x in side]
    paste(numbers, json.dumps({"family": "tps", "points": 3, "control": control}))
    numbers.until(lambda now: close(now.theta, [value for point in control for value in point]), "nine control points")
    numbers.choose("numbers", "In pixels")
    numbers.button("column +1").click()
    numbers.until(lambda now: len(now.theta) == 18 and abs(float(now.theta[0]) + 0.9 - 2 / 42) < 2e-6, "a step")
    numbers.choose("numbers", "Chain")
    assert numbers.button("Hold θ as θ₁").is_disabled()


def test_two_thetas_in_a_chain_become_one(numbers):
    """CASES 4: first R, then T: [.8776 -.4794 .2633 | .4794 .8776 .1438]."""
    paste(numbers, json.dumps(R))
    numbers.choose("numbers", "Chain")
    numbers.button("Hold θ as θ₁").click()
    numbers.until(lambda now: close(now.theta, [1, 0, 0, 0, 1, 0]), "the second theta at the identity")
    paste(numbers, json.dumps(T))
    numbers.choose("numbers", "Chain")
    numbers.root.get_by_text("The other order differs by up to 0.1438").wait_for()
    assert "+0.8776 −0.4794 +0.2633" in numbers.root.locator(".matrix2").nth(2).inner_text()
    assert "+0.8776 −0.4794 +0.3000" in numbers.root.locator(".matrix2").nth(3).inner_text()
    numbers.button("Apply θ₁·θ₂").click()
    c, s = math.cos(0.5), math.sin(0.5)
    numbers.until(lambda now: close(now.theta, [c, -s, 0.3 * c, s, c, 0.3 * s]), "the product")


def test_every_field_takes_arithmetic_and_says_where_it_fails(stage):
    stage.number("t13").press("Enter")
    stage.page.keyboard.type("-2/3")
    stage.page.keyboard.press("Enter")
    stage.until(lambda now: abs(float(now.theta[2]) + 2 / 3) < 2e-6, "t13 of -2/3")
    stage.number("rotation, number").press("Enter")
    stage.page.keyboard.type("30deg")
    stage.page.keyboard.press("Enter")
    stage.until(lambda now: abs(math.degrees(math.atan2(now.theta[3], now.theta[0])) - 30) < 1e-3, "30 degrees")
    stage.number("t13").press("Enter")
    stage.page.keyboard.type("2//3")
    stage.page.keyboard.press("Enter")
    said = stage.until(lambda now: now.passing, "a sentence").passing
    assert said == "“2//3” is not a number: “/” stands where a number should. Type one such as 0.5, −1.2 or pi/6."


def test_what_is_typed_into_the_paste_box_is_no_shortcut(numbers):
    before = numbers.look()
    numbers.choose("numbers", "Copy, paste")
    box = numbers.root.get_by_label("theta to paste")
    box.click()  # waits until it is shown: what is hidden takes no focus
    box.press_sequentially("i n 1]")
    look = numbers.at_rest()
    assert box.input_value() == "i n 1]"
    assert torch.equal(look.theta, before.theta)
    assert (look.mode, look.playing, look.image) == (before.mode, before.playing, before.image)
