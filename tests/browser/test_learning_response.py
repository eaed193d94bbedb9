"""The lens Response: an image turned by hand, and what the transformer answers, before, at this step and after."""

import numpy as np
import pytest

from stn_viz.lens.learning import ask
from stn_viz.view import View

ROW = 1  # the weights at this step


@pytest.fixture
def response(open_room):
    room = open_room(run="small-st-cnn", image=3, step=833, lens="response")
    room.until(lambda: "-" not in room.texts(".key b")[1] and room.texts(".key b")[1], "an answer")
    return room


def marker(room):
    return int(room.lens.locator(".plot canvas").get_attribute("aria-valuenow"))


def of_this_image(room):
    """What was asked about the image that stands here; its neighbours are fetched ahead at any time."""
    return [url for url in room.asked if "image=3&" in url and url.endswith("step=833")]


def test_the_hand_turns_the_image_and_what_stands_there_is_the_servers_answer(response, truth):
    room = response
    answer = ask(truth.run, View("small-st-cnn", image=3, step=833), "response", {"by": "turn"})
    slopes = [f"{slope:.2f}".replace("-", "−") for slope in answer.facts["slopes"]]
    assert [text.replace("−0.00", "0.00") for text in room.texts(".key b")[:3]] == slopes
    assert "step 833" in room.text(".key")
    asked = of_this_image(room)
    room.lens.locator("input[type=range]").focus()
    start = marker(room)
    room.press("ArrowRight", 5)
    assert marker(room) == start + 5
    room.lens.locator(".plot canvas").focus()
    room.press("PageDown")
    assert marker(room) == start - 5
    room.press("Home")
    assert marker(room) == 0
    assert room.text(".amount") == "−90°"
    undone = answer.arrays["undone"][ROW, :, 0]
    told = undone[0] - undone[answer.facts["zero"]]
    assert f"by {abs(told):.0f}°." in room.text(".said")
    assert f"{answer.arrays['likely'][ROW, 0]:.2f}" in room.text(".said")
    shown = room.pixels("figure:nth-child(2) canvas")
    V = answer.arrays["V"][0, 0].astype(float)
    low, high = answer.facts["V"]
    side = len(shown) / len(V)
    middles = ((np.arange(len(V)) + 0.5) * side).astype(int)
    expected = 255 * (low + V * (high - low) / 255)
    np.testing.assert_allclose(shown[np.ix_(middles, middles)][..., 0], expected.clip(0, 255), atol=1.5)
    assert of_this_image(room) == asked, "every turn is here already"


def test_the_pointer_moves_the_marker_and_another_pose_has_its_own(response):
    room = response
    box = room.lens.locator(".plot canvas").bounding_box()
    room.page.mouse.move(box["x"] + 46 + 0.75 * (box["width"] - 56), box["y"] + 80)
    room.until(lambda: marker(room) == 45, "three quarters of the way")
    assert room.text(".amount") == "45°"
    room.page.mouse.move(box["x"] + 100, box["y"] - 60)
    room.choose("what is done to the image", "Shift x")
    room.until(lambda: room.text(".amount").endswith("px"), "shifted")
    room.choose("what is done to the image", "Turn")
    room.until(lambda: room.text(".amount") == "45°", "where it was left")


def test_scrubbing_keeps_the_picture_until_the_next_answer_is_there(response):
    room = response
    before = room.pixels(".plot canvas")
    room.page.route("**/ask/**", lambda route: None)  # held back
    room.seek(16848)
    room.until(lambda: "on its way" in room.text(".passage"), "the wait is said")
    assert room.text(".passage") == "step 16,848 is on its way"
    assert (room.pixels(".plot canvas") == before).mean() > 0.98
    room.page.unroute("**/ask/**")
    room.seek(833)
    room.until(lambda: not room.text(".passage"), "back at once")


def test_a_network_without_a_transformer_says_so_in_a_sentence(open_room):
    room = open_room(run="small-cnn", lens="response")
    assert "There is no transformer in this network" in room.text()
    assert not room.asked
