"""The lens "Rules" in the app: V's size, averaging, corners set apart, and panes of one theta under other rules."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from driver import Stage
from oracle import BYTE


@pytest.fixture
def rules(stage) -> Stage:
    stage.root.get_by_role("tab", name="Rules").click()
    return stage


def expected(truth, look, size: tuple[int, int], *, area: int = 1, grid_align: bool = False) -> np.ndarray:
    U = torch.from_numpy(truth.run.probes.U[look.image : look.image + 1]).double()
    fine = [side * area for side in size]
    grid = F.affine_grid(look.theta.view(1, 2, 3), [1, 1, *fine], grid_align)
    return F.avg_pool2d(F.grid_sample(U, grid, align_corners=False), area)[0, 0].clamp(0, 1).numpy()


def test_v_takes_the_size_that_is_typed_and_keeps_the_ratio(rules, truth):
    box = rules.root.get_by_label("output height", exact=True)
    box.fill("50")
    box.press("Enter")
    look = rules.until(lambda now: now.V.shape == (50, 50), "V of 50 x 50")
    np.testing.assert_allclose(look.V / 255, expected(truth, look, (50, 50)), atol=BYTE)
    assert rules.until_address(lambda query: "size" in query, "the size")["size"] == "50x50"
    rules.press("Control+z")
    rules.until(lambda now: now.V.shape == (28, 28), "the size of before")


def test_a_size_beyond_the_limit_and_no_size_are_answered_in_words(rules):
    box = rules.root.get_by_label("output width", exact=True)
    box.fill("many")
    box.press("Enter")
    assert "is no size" in rules.until(lambda now: now.passing, "a sentence").passing
    assert box.input_value() == "28"
    box.fill("5000")
    box.press("Enter")
    rules.until(lambda now: "at most 1024" in now.passing and now.V.shape == (1024, 1024), "the limit")
    rules.choose("average", "4 × 4")
    rules.until(lambda now: "would read 16.8 million points" in now.passing, "that this is too much to average")
    assert "area" not in rules.address()


def test_averaging_is_the_mean_of_finer_samples(rules, truth):
    rules.root.get_by_label("output height", exact=True).fill("9")
    rules.root.get_by_label("output height", exact=True).press("Enter")
    rules.choose("average", "4 × 4")
    rules.until_address(lambda query: query.get("area") == "4" and query.get("size") == "9x9", "area and size")
    look = rules.until(lambda now: now.V.shape == (9, 9), "V of 9 x 9")
    np.testing.assert_allclose(look.V / 255, expected(truth, look, (9, 9), area=4), atol=BYTE)


def test_corners_set_apart_move_v_and_the_identity_test_says_why(rules, truth):
    rules.choose("grid's corners", "on")
    rules.until_address(lambda query: query.get("galign") == "1", "the grid's corners")
    look = rules.look()
    np.testing.assert_allclose(look.V / 255, expected(truth, look, (28, 28), grid_align=True), atol=BYTE)
    rules.root.get_by_label("output size preset").select_option("1")
    rules.until(lambda now: now.V.shape == (42, 42), "U's own size")
    rules.button("Identity test").click()
    rules.root.get_by_text("keeps 0.50 at the edges and 0.25 at the corners").wait_for()
    rules.choose("grid's corners", "same")
    rules.button("Identity test").click()
    rules.root.get_by_text("V equals U exactly").wait_for()
    look = rules.at_rest()
    np.testing.assert_allclose(look.V / 255, truth.run.probes.U[look.image, 0], atol=BYTE)


def test_panes_follow_the_hand_and_their_difference_is_a_number(rules, truth):
    before = rules.look()
    look = rules.drag(before.handles["centre"], (13, 9))
    words = rules.root.locator(".compare .difference")
    U = torch.from_numpy(truth.run.probes.U[look.image : look.image + 1])
    grid = F.affine_grid(look.theta.float().view(1, 2, 3), [1, 1, 28, 28], False)
    one, other = (F.grid_sample(U, grid, mode=mode, align_corners=False)[0, 0] for mode in ("bilinear", "nearest"))
    off = (other - one).abs()
    said = re.match(r"largest .([\d.]+) at row (\d+), column (\d+); mean ([\d.]+)", words.inner_text())
    assert said is not None
    # Of a nearest sample that hangs on rounding the browser may take the other side: one pixel in a hundred at most.
    assert float(said[4]) == pytest.approx(off.mean().item(), abs=0.005)
    assert float(said[1]) == pytest.approx(off[int(said[2]), int(said[3])].item(), abs=2e-3)


def test_panes_are_added_up_to_four_and_closed_again(rules):
    panes = rules.root.locator(".panes .pane:not(.differs)")
    add = rules.button("+ pane")
    assert panes.count() == 2
    add.click()
    add.click()
    assert panes.count() == 4
    assert add.is_disabled()
    rules.root.get_by_label("kernel of pane 4").select_option("bilinear")
    rules.root.get_by_label("outside of pane 4").select_option("zeros")
    rules.root.get_by_label("compared with pane 1").select_option("2")
    rules.frames()
    assert rules.root.locator(".compare .difference").inner_text() == "no difference in any pixel"
    for n in (4, 3, 2):
        rules.button(f"close pane {n}").click()
    assert panes.count() == 1
    assert rules.root.locator(".pane.differs").count() == 0
