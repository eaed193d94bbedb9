"""The address holds what is seen: reload, a shared link, a mangled one, a second tab."""

import numpy as np
import torch
from driver import Stage
from oracle import BYTE, Rule


def same_view(a, b):
    assert (a.image, a.step, a.mode, a.family) == (b.image, b.step, b.mode, b.family)
    assert (a.kernel, a.padding, a.align) == (b.kernel, b.padding, b.align)
    torch.testing.assert_close(a.theta, b.theta, rtol=1e-5, atol=1e-6)
    assert np.abs(a.V - b.V).max() <= 1


def test_a_reload_brings_back_run_image_family_theta_step_and_rule(stage):
    stage.root.locator(".thumb").nth(4).click()
    stage.choose("family", "projective")
    stage.until(lambda now: now.family == "projective", "projective")
    stage.choose("kernel", "bicubic")
    stage.type_step(43)
    look = stage.look()
    look = stage.drag(look.handles["bottom left"], (18, -25))
    stage.until_told(look)
    stage.until_quiet()
    stage.received.clear()
    stage.page.reload()
    stage.wait_for_picture()
    back = stage.until(lambda now: now.family == "projective", "the family of before")
    same_view(back, look)
    assert stage.root.locator("select.run").input_value() == "small-st-cnn"
    assert not back.playing


def test_a_link_opens_paused_on_what_it_says(open_stage, truth):
    theta = "0.9,0.1,0.05,-0.1,0.8,-0.1"
    link = {"run": "small-st-cnn", "image": 2, "step": 86, "theta": theta, "padding": "border", "align": "1"}
    stage = open_stage(**link)
    look = stage.look()
    assert (look.image, look.step, look.mode, look.playing) == (2, 86, "hand", False)
    assert (look.padding, look.align, look.kernel) == ("border", "on", "bilinear")
    np.testing.assert_allclose(look.theta, [float(entry) for entry in theta.split(",")], rtol=1e-6)
    rule = Rule("bilinear", "border", True)
    np.testing.assert_allclose(look.V / 255, truth.picture(2, look.theta, rule), atol=BYTE)
    stage.frames(30)
    assert stage.look().step == 86


def test_a_mangled_link_falls_back_field_by_field(open_stage, stage, truth):
    first = stage.look()
    stage = open_stage(
        run="small-st-cnn", image="seven", step=99_999_999, theta="1,2,nan", kernel="sharp", padding="border", align="2"
    )
    look = stage.look()
    assert look.image == first.image
    assert look.step == truth.run.steps[-1]
    assert (look.mode, look.family, look.kernel, look.padding, look.align) == (
        "network",
        "affine",
        "bilinear",
        "border",
        "off",
    )
    assert not look.passing


def test_a_run_that_is_not_there_gives_a_sentence_and_a_run_that_is(open_stage):
    stage = open_stage(run="../../etc", image=1)
    look = stage.look()
    assert stage.root.locator("select.run").input_value() == "small-st-cnn"
    assert look.notices == ["There is no run named '../../etc'. Choose one from the list."]


def test_a_second_tab_is_independent(stage, browsing, watch, open_stage):
    here = stage.drag(stage.look().handles["top left"], (22, 9))
    other: Stage = open_stage(watch(browsing.new_page()))
    there = other.look()
    assert (there.mode, there.undo) == ("network", False)
    other.type_step(0)
    there = other.drag(other.look().handles["centre"], (30, 30))
    other.until_told(there)
    stage.page.bring_to_front()
    look = stage.look()
    assert (look.step, look.mode) == (here.step, "hand")
    assert torch.equal(look.theta, here.theta)
    again = stage.drag(look.handles["centre"], (-10, 4))
    stage.until_told(again)
    assert torch.equal(other.look().theta, there.theta)
    other.page.close()
