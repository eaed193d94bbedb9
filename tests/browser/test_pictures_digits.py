"""Other digits than the run's: chosen from the test set, distorted, drawn; the network answers what fits it."""

import base64
import re

import numpy as np
import pytest
import torch
from driver import Stage
from oracle import BYTE

from stn_viz import pictures
from stn_viz.networks import build


@pytest.fixture
def images(stage) -> Stage:
    stage.button("Image +").click()
    stage.choose("source of the image", "Digits")
    stage.root.locator(".digit").first.wait_for()
    return stage


def asked(truth, U: np.ndarray, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities and theta of the snapshot's network for a picture, by torch alone."""
    model = build(**truth.run.info.network)
    model.load_state_dict(truth.run.weights(truth.run.snapshot_at(step)))
    with torch.inference_mode():
        given = torch.from_numpy(U.copy()).float()[None] / 255
        model = model.float().eval()
        return model(given).softmax(-1)[0], model.transformer.localisation(given)[0]


def picture_of(stage: Stage) -> str:
    return stage.until_address(lambda query: "picture" in query, "the picture")["picture"]


def bytes_of(name: str) -> np.ndarray:
    found = pictures.digit(name.removeprefix("mnist:"), (42, 42))
    return np.frombuffer(base64.b64decode(found["U"]), np.uint8).reshape(found["shape"])


def test_a_digit_of_the_test_set_is_answered_by_the_network_with_its_own_theta(images, truth):
    images.root.locator(".digit").nth(8).click()
    assert picture_of(images) == "mnist:8:rts:1"
    look = images.until(lambda now: now.source.startswith("weights of step") and not now.stale, "an answer")
    probabilities, theta = asked(truth, bytes_of("8:rts:1"), look.step)
    look = images.at_rest()
    assert look.mode == "network"
    np.testing.assert_allclose(look.theta, theta.double(), atol=1e-5)
    np.testing.assert_allclose(look.probabilities, probabilities, atol=1e-4)
    images.press("ArrowRight", times=3)  # the step moves on: so does the network that is asked
    images.press("End")
    look = images.until(lambda now: now.index == now.last and not now.stale, "the last step's answer")
    probabilities, theta = asked(truth, bytes_of("8:rts:1"), look.step)
    look = images.until(lambda now: torch.allclose(now.theta, theta.double(), atol=1e-5), "the last step's theta")
    np.testing.assert_allclose(look.probabilities, probabilities, atol=1e-4)


def test_class_page_index_and_another_draw(images):
    images.choose("class", "7")
    images.root.get_by_text("1–60 of 1,028").wait_for()
    assert images.root.locator(".digit").first.get_attribute("aria-label") == "digit 0, a 7"
    images.button("more digits").click()
    images.root.get_by_text("61–120 of 1,028").wait_for()
    index = images.root.get_by_label("index in the test set")
    index.fill("123")
    index.press("Enter")
    assert picture_of(images) == "mnist:123:rts:1"
    images.button("another draw of this distortion").click()
    images.until_address(lambda query: query.get("picture") == "mnist:123:rts:2", "the second draw")
    index.fill("70000")
    index.press("Enter")
    assert "is no index" in images.until(lambda now: now.passing, "a sentence").passing
    assert index.input_value() == "123"


def test_a_distortion_by_hand_and_its_true_pose(images, truth):
    images.root.locator(".digit").nth(3).click()
    images.choose("distortion", "by hand")
    images.slider("turn").press("Home")
    name = images.until_address(lambda query: ":own:-180:" in query.get("picture", ""), "the turn")["picture"]
    assert name == "mnist:3:own:-180:1:0:0"
    images.root.get_by_role("tab", name="Sliders").click()
    images.button("True pose").click()
    look = images.until(lambda now: now.mode == "hand", "theta by hand")
    look = images.at_rest()
    # 28 of 42 pixels, turned by half: the digit stands upright in V, and fills it.
    np.testing.assert_allclose(look.theta, [-2 / 3, 0, 0, 0, -2 / 3, 0], atol=1e-5)


def test_a_picture_of_another_size_is_not_asked_and_says_so(images):
    images.choose("distortion", "TC")
    images.root.locator(".digit").nth(1).click()
    look = images.until(lambda now: "the network takes 42 × 42 grey" in now.source, "a sentence")
    assert not look.known
    images.root.get_by_text("60 × 60; this network takes 42 × 42").wait_for()
    assert images.root.get_by_role("radio", name=re.compile("^network, step")).is_disabled()


def test_a_drawn_digit_is_answered_stroke_by_stroke(images, truth):
    images.choose("source of the image", "Draw")
    canvas = images.root.locator("canvas.drawing")
    images.frames()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4
    with images.holding((x, y)) as move:
        move(x - 4, y + box["height"] / 2)
    images.until(lambda now: now.source.startswith("weights of step") and not now.stale, "an answer")
    # The drawing as the network got it, from the line itself.
    sent = [message for message in images.sent if '"U"' in message][-1]
    data = re.search(r'"data": ?\\?"([^"\\]+)', sent)
    assert data is not None
    U = np.frombuffer(base64.b64decode(data[1]), np.uint8).reshape(1, 42, 42)
    assert 40 < (U > 128).sum() < 120  # a stroke of 21 by 3 pixels
    probabilities, theta = asked(truth, U, images.look().step)
    look = images.until(lambda now: torch.allclose(now.theta, theta.double(), atol=1e-5), "theta of the whole stroke")
    np.testing.assert_allclose(look.probabilities, probabilities, atol=1e-4)
    assert "picture" not in images.address()  # a drawing is in no link
    images.button("Undo stroke").click()
    images.until(lambda now: now.V.max() == 0, "an empty drawing")
    assert images.button("Clear").is_disabled()


def test_a_link_brings_the_picture_back_and_the_strip_leads_home(open_stage, truth):
    stage = open_stage(picture="mnist:44:own:20:0.8:3:-2", theta="0.6,0,0.1,0,0.6,-0.05")
    chosen = stage.root.locator(".strip .chosen")
    chosen.wait_for()
    look = stage.at_rest()
    U = torch.from_numpy(bytes_of("44:own:20:0.8:3:-2").copy()).double()[None] / 255
    grid = torch.nn.functional.affine_grid(look.theta.view(1, 2, 3), (1, 1, 28, 28), False)
    V = torch.nn.functional.grid_sample(U, grid, align_corners=False)[0, 0]
    np.testing.assert_allclose(look.V / 255, V, atol=BYTE)
    stage.button("back to the run's images").click()
    look = stage.at_rest()
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, look.theta), atol=BYTE)
    assert not chosen.is_visible()
    stage.until_address(lambda query: "picture" not in query, "that the picture has gone")


def test_a_link_to_a_picture_that_is_not_there_says_so(open_stage, truth):
    stage = open_stage(picture="unicorn")
    assert "“unicorn” that is not here" in stage.until(lambda now: now.passing, "a sentence").passing
    look = stage.look()
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, look.theta), atol=BYTE)
