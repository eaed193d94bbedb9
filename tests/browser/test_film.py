"""The film of one image: earlier grids and paths under the grid, the moments, and the beats of one iteration."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from driver import Stage
from torch.nn import functional as F

from stn_viz.lens.learning import ask
from stn_viz.runs import open_run
from stn_viz.view import View

IMAGE, STEP = 5, 833
INK = """(canvas) => {
  const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768));
  return [width, btoa(text)];
}"""


def ink(stage: Stage) -> np.ndarray:
    """U's canvas as it is painted, (side, side, 4) bytes."""
    stage.frames()
    width, text = stage.root.locator(".pad > canvas").first.evaluate(INK)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(width, width, 4)


def beat(stage: Stage) -> str | None:
    return stage.root.get_attribute("data-beat")


def show(stage: Stage, name: str) -> None:
    """One beat, and what it shows at its end."""
    stage.root.locator(".beatnames").get_by_role("button", name=name, exact=True).click()
    stage.page.locator(f".stn-stage[data-beat={name}]").wait_for()
    stage.at_rest()


@pytest.fixture
def film(open_stage: Callable[..., Stage]) -> Stage:
    return open_stage(image=IMAGE, step=STEP, lens="film")


@pytest.fixture(scope="module")
def facts(folder: Path) -> dict:
    """What Python says of this iteration."""
    run = open_run(folder / "small-st-cnn")
    return ask(run, View(run=run.name, image=IMAGE, step=STEP), "iteration", {}).facts


def test_earlier_grids_and_paths_lie_under_the_grid_which_is_held_as_ever(film: Stage) -> None:
    with_film = ink(film)
    onion, path = (film.root.get_by_role("button", name=name, exact=True) for name in ("Onion", "Path"))
    onion.click()
    without_onion = ink(film)
    path.click()
    bare = ink(film)
    assert (with_film != without_onion).any(-1).sum() > 500
    assert (without_onion != bare).any(-1).sum() > 200
    film.root.get_by_role("tab", name="Sliders").click()
    assert (ink(film) == bare).all()  # nothing of it remains

    film.root.get_by_role("tab", name="Film").click()
    onion.click()
    path.click()
    before = film.look()
    after = film.drag(before.corners[0], (-20, -14))
    assert after.mode == "hand"
    np.testing.assert_allclose(after.corners[0], np.add(before.corners[0], (-20, -14)), atol=1.5)
    film.root.get_by_text("the network’s own, not the hand’s").wait_for()


def test_the_moments_are_the_records_to_which_the_grid_jumped(film: Stage, folder: Path) -> None:
    run = open_run(folder / "small-st-cnn")
    theta = torch.from_numpy(run.theta(0)[:, IMAGE]).view(-1, 2, 3)
    points = F.affine_grid(theta, [len(theta), 1, 5, 5], align_corners=True).numpy()  # corners and centre among them
    ways = np.sqrt(((np.diff(points, axis=0) * 21) ** 2).sum(-1).mean((1, 2)))
    buttons = film.root.locator(".moment")
    words = buttons.evaluate_all("(all) => all.map((each) => each.getAttribute('aria-label'))")
    assert 1 <= len(words) <= 3
    top = int(np.argmax(ways)) + 1
    assert any(text.startswith(f"step {run.steps[top]:,}, {float(f'{ways.max():.2g}'):g} px") for text in words)

    buttons.last.focus()
    film.page.keyboard.press("Enter")
    step = int(words[-1].split(", ")[0].removeprefix("step ").replace(",", ""))
    film.until(lambda look: look.step == step, "the playhead at the moment")


def test_six_beats_unfold_and_leave_nothing_behind(film: Stage, facts: dict) -> None:
    before = film.until(lambda look: look.known, "the recorded answer")
    show(film, "localise")
    look = film.look()
    assert not look.V.any()
    assert not look.known
    assert not film.root.locator(".handle:visible").count()
    show(film, "grid")
    assert not film.look().V.any()
    show(film, "sample")
    look = film.until(lambda look: (look.V == before.V).all(), "all rows of V")
    assert not look.known
    show(film, "classify")
    film.until(lambda look: look.known and torch.allclose(look.probabilities, before.probabilities, atol=2e-3), "bars")
    said = film.root.locator(".answers .title .aside")
    assert "loss" not in said.inner_text()
    show(film, "loss")
    assert f"loss {facts['loss']:.3f}" in said.inner_text()
    flat = ink(film)
    show(film, "gradient")
    text = film.root.locator(".beats").inner_text()
    assert f"rate {facts['rate']:g}" in text
    assert f"{facts['moved']:.2g} px" in text
    assert film.root.locator("canvas.heat").is_visible()
    assert (ink(film) != flat).any()

    film.page.keyboard.press("Escape")
    film.until(lambda look: (look.V == before.V).all() and look.known, "the stage as before")
    assert beat(film) is None
    assert film.root.locator(".handle:visible").count() == len(before.handles)
    assert film.look().theta.tolist() == before.theta.tolist()
    assert film.look().step == STEP


def test_whatever_touches_theta_or_leaves_the_lens_ends_the_beats(film: Stage) -> None:
    film.page.emulate_media(reduced_motion="reduce")
    show(film, "gradient")
    film.root.locator(".pad").first.hover()
    film.page.keyboard.press("i")
    film.until(lambda look: look.mode == "hand", "theta by hand")
    assert beat(film) is None
    film.type_step(1000)
    stood = film.look().step
    show(film, "sample")  # of the network again, at the weights that are kept before
    look = film.look()
    assert (look.mode, look.step) == ("network", STEP)
    assert look.V.any()
    film.root.get_by_role("tab", name="Sliders").click()
    film.until(lambda look: look.step == stood, "the playhead where it stood")
    assert beat(film) is None
    film.page.emulate_media(reduced_motion=None)
