"""Which way round: the grid that moves over a still U, the image that moves under a still V, and what is said of it."""

import re

import numpy as np
import pytest
import torch
from driver import HALF, Stage
from oracle import Rule

AFFINE = (0.6, -0.25, 0.1, 0.35, 0.5, -0.05)
PROJECTIVE = (0.7, -0.2, 0.1, 0.15, 0.6, -0.1, 0.25, -0.3)


def spline() -> tuple[float, ...]:
    line = torch.linspace(-1, 1, 4)
    y, x = torch.meshgrid(line, line, indexing="ij")
    noise = 0.08 * torch.randn(16, 2, generator=torch.Generator().manual_seed(2))
    return tuple(round(v, 3) for v in (0.7 * torch.stack([x, y], -1).view(-1, 2) + noise).flatten().tolist())


FAMILIES = {"affine": (AFFINE, {}), "projective": (PROJECTIVE, {}), "tps": (spline(), {"points": 4})}

CANVAS = """(root) => {
  const canvas = root.querySelector(".pad canvas");
  const {width, height} = canvas;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  return [width, Array.from(data).filter((_, i) => i % 4 === 0)];
}"""


def framed(stage: Stage) -> np.ndarray:
    """What U's canvas shows at the centres of V's 28 x 28 pixels, where V's frame stands still in its middle."""
    side, values = stage.root.evaluate(CANVAS)
    canvas = np.array(values).reshape(side, side)
    frame = side / HALF
    at = np.floor((side - frame) / 2 + (np.arange(28) + 0.5) * frame / 28).astype(int)
    return canvas[np.ix_(at, at)]


def link(name: str, **more: object) -> dict[str, object]:
    theta, options = FAMILIES[name]
    return {
        "theta": ",".join(map(str, theta)),
        "kernel": "nearest",
        **({} if name == "affine" else {"family": name}),
        **options,
        **more,
    }


def until_way(stage: Stage, way: float) -> None:
    stage.page.wait_for_function(
        "([root, way]) => Number(root.querySelector('.morph input').value) === way",
        arg=[stage.root.element_handle(), way],
    )
    stage.frames()


@pytest.mark.parametrize("name", FAMILIES)
def test_what_the_still_frame_holds_is_the_output(open_stage, truth, name) -> None:
    stage = open_stage(**link(name, lens="direction", way=1))
    look = stage.at_rest()
    theta = torch.tensor(FAMILIES[name][0], dtype=torch.float64)
    rule = Rule(kernel="nearest")
    expected = 255 * truth.picture(look.image, theta, rule, name, **FAMILIES[name][1]).numpy()
    # The canvas's pixel is up to a sixteenth of V's off its centre: not there where another pixel of U begins.
    shown = framed(stage)
    same = np.abs(shown - expected) < 2
    assert expected.std() > 20
    assert same.mean() > 0.93
    near = np.abs(shown[1:-1, 1:-1] - expected[1:-1, 1:-1])
    side, values = stage.root.evaluate(CANVAS)
    canvas = np.array(values).reshape(side, side)
    low, high = round((side - side / HALF) / 2), round((side + side / HALF) / 2)
    # Red of the four edges' colours, each at its place in V; a third along, where no handle stands.
    third = (2 * low + high) // 3 + 5
    edges = canvas[low, third], canvas[third, high], canvas[high, third], canvas[third, low]
    assert edges == (0xD5, 0xCC, 0x00, 0xE6)
    others = [
        np.abs(shown[1:-1, 1:-1] - expected[1 + y : 27 + y, 1 + x : 27 + x]) for x in (-1, 0, 1) for y in (-1, 0, 1)
    ]
    assert (np.minimum.reduce([near, *others]) < 60).all()


def test_the_key_turns_it_round_and_back_and_the_address_says_so(open_stage) -> None:
    stage = open_stage(**link("affine", lens="direction"))
    before = stage.at_rest()
    assert len(before.handles) == 6
    start = framed(stage)
    stage.root.get_by_role("tab", name="Direction").focus()  # with nothing focused, letters are the host's
    stage.press("w")
    until_way(stage, 1)
    assert stage.until_address(lambda query: query.get("way") == "1", "the way")["lens"] == "direction"
    assert not np.array_equal(framed(stage), start)
    stage.press("w")
    until_way(stage, 0)
    stage.until_address(lambda query: "way" not in query, "the way")
    np.testing.assert_array_equal(framed(stage), start)
    assert stage.look().handles == before.handles


def test_whoever_wants_less_motion_gets_it_at_once(chromium, watch, open_stage) -> None:
    context = chromium.new_context(reduced_motion="reduce")
    stage = open_stage(watch(context.new_page()), lens="direction")
    stage.root.get_by_role("tab", name="Direction").focus()
    stage.press("w")
    ways = stage.root.evaluate("(root) => root.querySelector('.morph input').value")
    assert ways == "1"
    context.close()


def test_the_slider_holds_it_halfway(open_stage) -> None:
    stage = open_stage(**link("affine", lens="direction"))
    slider = stage.root.locator(".morph input")
    slider.fill("0.5")
    stage.frames()
    assert slider.get_attribute("aria-valuetext") == "50 % of the way"
    assert stage.root.locator(".pad > .handle:visible").count() == 0  # nothing looks grabbable that is not
    stage.until_address(lambda query: query.get("way") == "0.5", "the way")


@pytest.fixture
def still(open_stage) -> Stage:
    """The affine link with V's frame standing still."""
    stage = open_stage(**link("affine", lens="direction", way=1))
    stage.at_rest()
    return stage


def middle(stage: Stage) -> tuple[float, float, float]:
    left, top, side, _ = stage.look().pad
    return left + side / 2, top + side / 2, side / 2 / HALF


def test_the_hand_on_the_image_moves_it_and_theta_goes_the_other_way(still) -> None:
    x, y, unit = middle(still)
    before = still.look().theta.view(2, 3)
    with still.holding((x - 40, y + 30)) as move:
        look = move(x - 40 + unit / 2, y + 30 - unit / 4)
    after = still.at_rest().theta.view(2, 3)
    assert torch.allclose(after[:, :2], before[:, :2], atol=1e-4)
    expected = before[:, 2] - before[:, :2] @ torch.tensor([0.5, -0.25], dtype=torch.float64)
    assert torch.allclose(after[:, 2], expected, atol=0.5 / unit)
    assert torch.allclose(look.theta.view(2, 3), after, atol=1e-4)
    assert torch.allclose(still.press("Control+z").theta.view(2, 3), before)


def test_the_image_turns_and_zooms_under_the_hand(still) -> None:
    x, y, _ = middle(still)
    before = still.look().theta.view(2, 3)
    grip = still.root.locator(".grip.turn").bounding_box()
    assert grip
    top = grip["y"] + grip["height"] / 2
    reach = y - top
    with still.holding((x, top)) as move:
        move(x + reach * np.sin(0.5), y - reach * np.cos(0.5))
    turned = still.at_rest().theta.view(2, 3)
    back = torch.tensor([[np.cos(0.5), np.sin(0.5)], [-np.sin(0.5), np.cos(0.5)]])
    assert torch.allclose(turned[:, :2], before[:, :2] @ back, atol=0.02)
    assert torch.allclose(turned[:, 2], before[:, 2], atol=1e-4)
    still.page.mouse.move(x, y)
    still.page.mouse.wheel(0, -120)
    zoomed = still.until(lambda now: float(now.theta[0]) != float(turned[0, 0]), "the zoom").theta.view(2, 3)
    assert torch.allclose(zoomed[:, :2], turned[:, :2] * float(np.exp(-0.18)), atol=1e-3)


def test_escape_in_a_drag_of_the_image_brings_it_back(still) -> None:
    x, y, _ = middle(still)
    before = still.look().theta
    with still.holding((x, y)) as move:
        assert not torch.allclose(move(x + 50, y + 20).theta, before)
        still.press("Escape")
    look = still.at_rest()
    assert torch.allclose(look.theta, before)
    assert look.mode == "hand"


def test_the_keyboard_moves_turns_and_zooms_the_image(still) -> None:
    before = still.look().theta.view(2, 3)
    still.root.get_by_role("button", name=re.compile("^image: move")).focus()
    moved = still.press("ArrowRight", times=7).theta.view(2, 3)
    assert torch.allclose(moved[:, 2], before[:, 2] - before[:, 0] * 7 * 2 / 28, atol=1e-4)
    zoomed = still.press("+").theta.view(2, 3)
    assert torch.allclose(zoomed[:, :2], moved[:, :2] / 1.05, atol=1e-4)
    still.root.get_by_role("button", name="image: turn").focus()
    turned = still.press("ArrowRight").theta.view(2, 3)
    c, s = np.cos(np.pi / 36), np.sin(np.pi / 36)
    back = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    assert torch.allclose(turned[:, :2], zoomed[:, :2] @ back, atol=1e-4)


def test_a_line_of_sight_goes_from_an_output_pixel_to_where_it_looks(open_stage, truth) -> None:
    stage = open_stage(**link("affine", lens="direction"))
    look = stage.at_rest()
    V = stage.root.locator(".frame canvas").first.bounding_box()
    assert V
    row, column = 9, 17
    stage.page.mouse.move(V["x"] + (column + 0.5) * V["width"] / 28, V["y"] + (row + 0.5) * V["height"] / 28)
    ray = stage.root.locator(".sight .ray")
    ray.wait_for()
    p = torch.tensor([[(2 * column + 1) / 28 - 1, (2 * row + 1) / 28 - 1]], dtype=torch.float64)
    source = truth.points(look.theta, p)
    ends = stage.root.evaluate(
        """(root) => {
          const line = root.querySelector(".sight .ray");
          const box = root.querySelector(".sight").getBoundingClientRect();
          const at = (name) => Number(line.getAttribute(name));
          return ["1", "2"].map((i) => [box.left + at("x" + i), box.top + at("y" + i)]);
        }"""
    )
    np.testing.assert_allclose(
        ends[0], [V["x"] + (column + 0.5) * V["width"] / 28, V["y"] + (row + 0.5) * V["height"] / 28], atol=1
    )
    np.testing.assert_allclose(ends[1], look.to_screen(source)[0], atol=1.5)
    across, down = ((source[0] + 1) * 42 - 1) / 2
    grid = "grid ({:.3f}, {:.3f})".format(*source[0].tolist()).replace("-", "−")
    chips = [chip.inner_text().replace("\n", " ") for chip in stage.root.locator(".chip").all()]
    assert chips == [f"{grid} → column {across:.2f}, row {down:.2f}", f"row {row}, column {column} {grid}"]


def test_the_lens_says_theta_its_inverse_and_what_the_content_does(open_stage) -> None:
    stage = open_stage(lens="direction", theta="1,0,.5,0,1,0")
    stage.at_rest()
    text = stage.root.locator(".direction .content")
    assert text.inner_text() == "Content moves LEFT by 7.0 px of V (10.5 of U)."
    matrices = stage.root.locator(".direction .grid3")
    assert matrices.nth(0).get_attribute("aria-label") == "θ: 1.000 0.000 0.500; 0.000 1.000 0.000; 0 0 1"
    assert matrices.nth(1).get_attribute("aria-label") == "inverse: 1.000 0.000 −0.500; 0.000 1.000 0.000; 0 0 1"
    stage = open_stage(lens="direction", theta="0,0,0,0,0,0", way=1)
    assert "No inverse: the grid has no area." in stage.root.locator(".direction .content").inner_text()
    assert stage.root.locator(".direction .none").nth(1).is_visible()


@pytest.mark.parametrize("with_key", [False, True], ids=["by the button", "by Alt"])
def test_a_box_dragged_on_the_input_becomes_the_frame(open_stage, with_key) -> None:
    stage = open_stage(**link("affine", lens="direction"))
    x, y, unit = middle(stage)
    if with_key:
        stage.page.keyboard.down("Alt")
    else:
        stage.button("Box").click()
    with stage.holding((x - 0.5 * unit, y - 0.9 * unit)) as move:
        move(x + 0.1 * unit, y - 0.3 * unit)
    if with_key:
        stage.page.keyboard.up("Alt")
    look = stage.at_rest()
    expected = torch.tensor([0.3, 0, -0.2, 0, 0.3, -0.6], dtype=torch.float64)
    assert torch.allclose(look.theta, expected, atol=1.5 / unit)
    assert stage.button("Box").get_attribute("aria-pressed") == "false"
    assert torch.allclose(stage.press("Control+z").theta, torch.tensor(AFFINE, dtype=torch.float64))


def test_rulers_stand_in_the_margin_and_leave_the_picture_as_it_is(open_stage) -> None:
    stage = open_stage(**link("affine", lens="direction"))
    stage.at_rest()

    def canvas() -> np.ndarray:
        side, values = stage.root.evaluate(CANVAS)
        return np.array(values).reshape(side, side)

    before = canvas()
    stage.choose("ruler", "both conventions")
    stage.frames()
    after = canvas()
    side = len(before)
    edge = int((side - side / HALF) / 2) + 2
    changed = before != after
    assert changed[: edge - 2].any()
    assert changed[:, : edge - 2].any()
    assert not changed[edge:, edge:].any()
    assert stage.root.locator(".vruler").is_visible()
