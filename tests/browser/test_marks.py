"""What is marked on the pictures, remarked under them, and read of one pixel: on the page, against torch."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from driver import Stage
from oracle import BYTE, Rule

HORIZON = [1, 0, 0, 0, 1, 0, 1.5, 0]  # CASES 12: H_w = 1 + 1.5 x, so that x < -2/3 is behind
AWAY = [3.6801, 0.3164, 0.5781, 0.3031, 0.9529, -2.3116]  # CASES 8, epoch 75
OVERLAY = """(root) => {
  const canvas = root.querySelector(".frame canvas.marks");
  if (canvas.hidden) return null;
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return [height, width, Array.from(data).filter((_, i) => i % 4 === 3)];
}"""


def link(theta) -> str:
    return ",".join(f"{entry:g}" for entry in theta)


def remarks(stage: Stage) -> list[str]:
    return [line.inner_text() for line in stage.root.locator(".remark:visible").all()]


def beside_u(stage: Stage) -> str:
    return stage.root.locator("section.u .aside").inner_text()


def words_on_the_page(stage: Stage) -> str:
    text: str = stage.root.evaluate("(root) => root.innerText")
    return text


def overlay(stage: Stage) -> np.ndarray | None:
    found = stage.root.evaluate(OVERLAY)
    return None if found is None else np.array(found[2]).reshape(found[:2])


def test_behind_the_horizon_is_hatched_and_not_picture(open_stage, truth) -> None:
    stage = open_stage(family="projective", theta=link(HORIZON))
    look = stage.until(lambda now: now.family == "projective", "the family of the link")
    stage.frames()
    assert beside_u(stage).endswith("1/6 behind")
    assert remarks(stage)[0] == "1/6 of the grid is behind the horizon (H_w ≤ 0): hatched."
    # V's numbers are torch's also there; what covers them is over the strip, all of it, and over nothing else in full.
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, look.theta, name="projective"), atol=BYTE)
    alpha = overlay(stage)
    assert alpha is not None
    edge = alpha.shape[1] / 6
    assert (alpha[:, : int(edge) - 4] == 255).all()
    assert (alpha[:, int(edge) + 4 :] == 255).mean() < 0.05, "the word horizon alone"
    assert not re.search(r"NaN|Infinity|undefined", words_on_the_page(stage))


def test_outside_is_hatched_lightly_and_inside_not_at_all(open_stage) -> None:
    stage = open_stage(theta=link([1, 0, 1, 0, 1, 0]))
    stage.until(lambda now: now.mode == "hand", "theta of the link")
    stage.frames()
    alpha = overlay(stage)
    assert alpha is not None
    half = alpha.shape[1] // 2
    assert (alpha[:, : half - 2] == 0).all()
    right = alpha[:, half + 2 :]
    assert 0.05 < (right > 0).mean() < 0.6, "a hatch that is seen through"
    stage.button("Identity").click()
    stage.until(lambda now: torch.allclose(now.theta[:3], torch.tensor([1.0, 0, 0]).double()), "identity")
    stage.frames()
    assert overlay(stage) is None


def test_folded_cells_are_counted_and_tinted(open_stage, truth) -> None:
    """A thin plate spline whose two middle columns change places."""
    lattice = torch.cartesian_prod(*2 * [torch.linspace(-1, 1, 4, dtype=torch.float64)]).flip(-1).view(4, 4, 2).clone()
    lattice[1:3, 1, 0] += 0.5
    lattice[1:3, 2, 0] -= 0.5
    stage = open_stage(family="tps", points=4, theta=link(lattice.flatten().tolist()))
    look = stage.until(lambda now: now.family == "TPS", "the family of the link")
    grid = truth._grid(look.theta, Rule(), "tps", {"points": 4})[0].numpy()
    a, b = grid[1:, 1:] - grid[:-1, :-1], grid[1:, :-1] - grid[:-1, 1:]
    turned = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] < 0
    assert turned.sum() > 20
    count = stage.until(lambda _: "folded" in beside_u(stage), "a count") and beside_u(stage)
    assert int(re.search(r"([\d,]+) folded", count)[1].replace(",", "")) == pytest.approx(turned.sum(), abs=2)  # type: ignore[index]
    assert remarks(stage)[0].endswith("cells of the grid are folded over (Jacobian reversed).")
    # The tint: around the middle of a folded cell something is more red than blue, on a grey picture under blue lines.
    row, column = np.argwhere(turned)[turned.sum() // 2]
    middle = torch.from_numpy(grid[row : row + 2, column : column + 2].mean((0, 1)))
    x, y = stage.look().to_screen(middle[None])[0]
    left, top, side, _ = look.pad
    redder = stage.root.evaluate(
        """(root, [x, y]) => {
          const canvas = root.querySelector(".pad canvas");
          const { data } = canvas.getContext("2d").getImageData(x * canvas.width - 4, y * canvas.height - 4, 9, 9);
          return Math.max(...data.map((red, i) => (i % 4 ? 0 : Math.max(0, red - data[i + 2]))));
        }""",
        [(x - left) / side, (y - top) / side],
    )
    assert redder > 40


@pytest.mark.parametrize(
    ("theta", "sentence"),
    [
        (AWAY, "The whole grid lies above the image (largest y = −1.056)."),
        ([0, 0, 0, 0, 0, 0], "The grid has shrunk to a point: V is one value everywhere."),
        ([1, 2, 0, 0.5, 1, 0], "The grid lies on one line: V knows nothing beside it."),
        ([1e6, 0, 0, 0, 1e6, 0], "One output step of 1500000 input pixels skips"),
        ([-1, 0, 0, 0, 1, 0], "Mirrored: V shows U reversed, as in a mirror."),
    ],
)
def test_absurd_theta_is_a_sentence_and_undo_brings_back(stage: Stage, theta, sentence) -> None:
    before = stage.look()
    place = {name: stage.root.locator(name).bounding_box() for name in (".timeline", "section.v", ".pad")}
    for name, value in zip(("t11", "t12", "t13", "t21", "t22", "t23"), theta, strict=True):
        stage.number(name).dblclick()
        stage.page.keyboard.type(str(value))
        stage.press("Enter")
    stage.until(lambda _: any(line.startswith(sentence.split(" 1500000")[0]) for line in remarks(stage)), sentence)
    assert not re.search(r"NaN|Infinity|undefined", words_on_the_page(stage))
    values = "(root) => [...root.querySelectorAll('[aria-valuenow]')].map((each) => each.getAttribute('aria-valuenow'))"
    assert np.isfinite([float(value) for value in stage.root.evaluate(values)]).all()
    for name, box in place.items():
        assert stage.root.locator(name).bounding_box() == box, f"{name} moved"
    for line in stage.root.locator(".remark:visible").all():
        assert line.evaluate("(line) => line.scrollWidth <= line.clientWidth"), f"cut off: {line.inner_text()}"
    stage.press("Control+z", times=6)
    look = stage.until(lambda now: now.mode == before.mode and torch.equal(now.theta, before.theta), "undone")
    np.testing.assert_array_equal(look.V, before.V)
    stage.until(lambda _: remarks(stage) == [], "no remark on what the network does here")


def test_nearest_says_beside_the_kernel_that_nothing_is_learnt(stage: Stage) -> None:
    note = stage.root.get_by_text("no gradient to θ")
    assert not note.is_visible()
    stage.choose("kernel", "nearest")
    stage.until(lambda now: now.kernel == "nearest", "nearest")
    stage.until(lambda _: note.is_visible(), "the note")
    group, beside = stage.root.get_by_role("radiogroup", name="kernel").bounding_box(), note.bounding_box()
    assert group is not None
    assert beside is not None
    assert abs((group["y"] + group["height"] / 2) - (beside["y"] + beside["height"] / 2)) < 4, "in the same row"
    stage.choose("kernel", "bilinear")
    stage.until(lambda _: not note.is_visible(), "no note")


# --- the lens "Pixel" ---


@pytest.fixture
def lens(stage: Stage) -> Iterator[Stage]:
    stage.root.get_by_role("tab", name="Pixel").click()
    stage.frames()
    return stage


def point_at(stage: Stage, row: int, column: int) -> None:
    box = stage.root.locator(".frame canvas").first.bounding_box()
    assert box is not None
    stage.page.mouse.move(box["x"] + (column + 0.5) / 28 * box["width"], box["y"] + (row + 0.5) / 28 * box["height"])
    stage.frames()


def said(stage: Stage) -> str:
    where = stage.root.locator(".pixellens .where")
    return where.inner_text() if where.is_visible() else ""


def numbers(stage: Stage, table: str) -> list[list[str]]:
    rows = stage.root.locator(f".pixellens table.{table} tr").all()
    return [row.locator("td, th").all_inner_texts() for row in rows]


def test_a_pixel_under_the_pointer_shows_torchs_sum_and_gradient(lens: Stage, truth) -> None:
    assert "Point at a pixel of V" in words_on_the_page(lens)
    look = lens.look()
    bright = np.abs(look.V.astype(int) - 128)
    row, column = (
        int(each) for each in np.unravel_index(bright.argmin(), bright.shape)
    )  # on an edge: its gradient is not 0
    point_at(lens, row, column)
    U = torch.from_numpy(truth.run.probes.U[look.image : look.image + 1]).double()
    theta = look.theta.clone().requires_grad_()
    grid = F.affine_grid(theta.view(1, 2, 3), (1, 1, 28, 28), False)
    grid.retain_grad()
    value = F.grid_sample(U, grid, align_corners=False)[0, 0, row, column]
    value.backward()
    x, y = grid.detach()[0, row, column].tolist()
    assert said(lens).startswith(f"V row {row}, column {column} → grid ({x:.3f}, {y:.3f})".replace("-", "−"))
    total = lens.root.locator(".pixellens .sum").inner_text()
    assert float(total.split("= ")[1].split(";")[0]) == pytest.approx(float(value.detach()), abs=2e-4)

    def read(cells: list[str]) -> list[float]:
        return [float(cell.replace("−", "-")) for cell in cells]

    slopes = numbers(lens, "slopes")
    assert grid.grad is not None
    assert theta.grad is not None
    normalised = read([slopes[1][2], slopes[2][2]])
    assert normalised == pytest.approx(grid.grad[0, row, column].tolist(), abs=5e-3)
    assert read(numbers(lens, "jacobian")[3][1:]) == pytest.approx(theta.grad.tolist(), abs=5e-3)


def test_a_click_pins_the_pixel_the_arrows_move_it_and_escape_lets_it_go(lens: Stage) -> None:
    point_at(lens, 10, 12)
    lens.page.mouse.down()
    lens.page.mouse.up()
    lens.page.mouse.move(5, 400)
    lens.frames()
    assert said(lens).startswith("V row 10, column 12 "), "pinned"
    lens.press("ArrowRight")
    lens.press("ArrowDown")
    assert said(lens).startswith("V row 11, column 13 ")
    point_at(lens, 3, 4)
    assert said(lens).startswith("V row 3, column 4 "), "the pointer looks elsewhere for a while"
    lens.page.mouse.move(5, 400)
    lens.frames()
    assert said(lens).startswith("V row 11, column 13 ")
    lens.press("Escape")
    assert said(lens) == ""
    assert lens.look().mode == "network", "Esc let the pixel go and nothing else"


def test_outside_of_its_lens_nothing_is_pinned(stage: Stage) -> None:
    point_at(stage, 10, 12)
    stage.page.mouse.down()
    stage.page.mouse.up()
    stage.page.mouse.move(5, 400)
    stage.frames()
    assert not stage.root.locator(".mark").is_visible()


def test_the_lens_and_the_marks_stay_within_a_phone(chromium, watch, open_stage) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    stage = open_stage(
        watch(context.new_page()), family="projective", theta=link(HORIZON), kernel="bicubic", lens="pixel"
    )
    frame = stage.root.locator(".frame")
    frame.scroll_into_view_if_needed()
    frame.tap()
    stage.until(lambda _: said(stage) != "", "the pixel that was touched")
    assert len(numbers(stage, "weights")) == 5
    assert stage.page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    line = stage.root.locator(".remark:visible")
    assert line.count() == 1
    box = line.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    context.close()
