"""A run whose probes are volumes: V is seen slice by slice, and each slice is what torch samples from all of U."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from driver import Look, Stage
from numpy.typing import NDArray
from oracle import BYTE
from volume_run import OUTPUT, make_volume_run

from stn_viz.runs import Run, open_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("volumes") / "turner"
    make_volume_run(folder)
    return open_run(folder)


@pytest.fixture(scope="module")
def volume_server(run: Run, server_on: Callable[..., Any]) -> Iterator[Any]:
    log = run.path.parent.parent / "volumes.log"
    server = server_on(run.path.parent, log)
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in log.read_text()


@pytest.fixture
def stage(open_stage: Callable[..., Stage], volume_server: Any) -> Stage:
    return open_stage(at=volume_server, run="turner", image=1, step=10)


def sampled(run: Run, image: int, theta: torch.Tensor, padding: str = "zeros") -> NDArray[np.float32]:
    """All of V by torch, D' x H' x W'."""
    grid = F.affine_grid(theta.double().view(1, 3, 4), [1, 1, *OUTPUT], align_corners=False)
    U = torch.from_numpy(run.probes.U[image : image + 1]).double()
    return F.grid_sample(U, grid, padding_mode=padding, align_corners=False)[0, 0].float().numpy()


def holds(look: Look, run: Run, d: int, **rule: str) -> Look:
    """The slice on the screen is torch's, of the theta that stands beside it."""
    assert look.V.shape == OUTPUT[1:]
    expected = sampled(run, look.image, look.theta, **rule)[d]
    np.testing.assert_allclose(look.V / 255, expected.clip(0, 1), atol=BYTE)
    return look


def slice_of(stage: Stage) -> int:
    return int(stage.slider("slice of V").input_value())


def test_each_slice_is_torchs_and_the_slider_the_wheel_and_the_keys_choose_it(
    stage: Stage, run: Run, open_stage: Callable[..., Stage], volume_server: Any
) -> None:
    look = stage.look()
    theta = run.theta()
    assert theta is not None
    np.testing.assert_allclose(look.theta, theta[-1, 1], rtol=1e-5)
    assert slice_of(stage) == 2
    holds(look, run, 2)
    assert not np.allclose(sampled(run, 1, look.theta)[2], sampled(run, 1, look.theta)[3], atol=0.1), (
        "slices that look alike"
    )

    stage.slider("slice of V").press("ArrowRight")
    stage.frames()
    assert slice_of(stage) == 3
    holds(stage.look(), run, 3)
    frame = stage.root.locator(".frame")
    frame.hover()
    stage.page.mouse.wheel(0, 100)
    stage.until(lambda _: slice_of(stage) == 4, "the next slice, by the wheel")
    holds(stage.look(), run, 4)
    stage.page.mouse.wheel(0, 100)
    frame.focus()
    stage.page.keyboard.press("PageDown")
    stage.until(lambda _: slice_of(stage) == 3, "there is none behind the last; back by a key")
    assert stage.look().step == 10, "the timeline must not hear the slice's keys"
    stage.until_address(lambda query: query.get("slice") == "3", "the slice")
    assert "theta" not in stage.address()

    again = open_stage(at=volume_server, **(stage.address() | {"slice": "1", "image": "2"}))
    assert slice_of(again) == 1
    holds(again.look(), run, 1)


def test_the_slice_of_u_follows_vs_until_one_is_chosen(stage: Stage, run: Run) -> None:
    look = stage.look()
    grid = F.affine_grid(look.theta.view(1, 3, 4), [1, 1, *OUTPUT], align_corners=False)[0, 2, ..., 2]
    depth = run.probes.U.shape[2]
    mean = round((float(grid.mean()) + 1) * depth / 2 - 0.5)
    chosen, follows = stage.slider("slice of U"), stage.button("follows V")
    assert (chosen.input_value(), follows.get_attribute("aria-pressed")) == (str(mean), "true")
    sum_of_bytes = """(canvas) => {
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.reduce((a, b) => a + b);
    }"""
    pad = stage.root.locator(".pad > canvas").first
    before = pad.evaluate(sum_of_bytes)
    chosen.press("End")
    stage.frames()
    assert (
        stage.root.locator("section.u .aside").first.inner_text().startswith(f"slice {depth - 1} of 0…{depth - 1} · ")
    )
    assert follows.get_attribute("aria-pressed") == "false"
    assert pad.evaluate(sum_of_bytes) != before
    holds(stage.look(), run, 2)  # V reads all of U, whatever is shown of it
    stage.slider("slice of V").press("ArrowRight")
    stage.frames()
    assert chosen.input_value() == str(depth - 1)
    assert stage.look().step == 10, "the timeline must not hear the slice's keys"
    stage.slider("slice of V").press("ArrowLeft")
    follows.click()
    stage.frames()
    assert (chosen.input_value(), follows.get_attribute("aria-pressed")) == (str(mean), "true")
    assert pad.evaluate(sum_of_bytes) == before
    assert stage.button("True pose").is_disabled()
    stage.press("?")
    assert "the next slice" in stage.root.locator("dialog").inner_text()


def test_theta_over_space_is_typed_dragged_undone_and_put_back(stage: Stage, run: Run) -> None:
    network = stage.look().theta
    number = stage.number("t34")
    number.dblclick()
    stage.root.locator("input.typing").fill("0.5")
    stage.page.keyboard.press("Enter")
    look = stage.until(lambda now: now.mode == "hand", "theta by hand")
    assert look.theta[11] == 0.5
    holds(look, run, 2)
    slider = stage.slider("z from x")
    assert "along D" in (slider.locator("xpath=..").locator(".label").get_attribute("title") or "")
    slider.press("PageUp")  # ten steps of 0.01
    stage.frames()
    look = holds(stage.look(), run, 2)
    np.testing.assert_allclose(look.theta[8], network[8] + 0.1, atol=1e-5)

    # On U the slice is moved in x and y: the third column and z's row stay.
    before = look
    look = holds(stage.drag(look.handles["rotation"], (60, 40)), run, 2)
    still = [2, 6, 8, 9, 10, 11]
    np.testing.assert_allclose(look.theta[still], before.theta[still], atol=1e-6)
    assert (look.theta - before.theta).abs().max() > 0.05
    told = stage.until_address(lambda query: "theta" in query, "theta")
    assert len(told["theta"].split(",")) == 12

    stage.press("Control+z")
    np.testing.assert_allclose(stage.look().theta, before.theta, atol=1e-6)
    stage.button("Identity").click()
    stage.frames()
    assert stage.look().theta.tolist() == torch.eye(3, 4).flatten().tolist()
    stage.choose("outside", "border")
    stage.frames()
    holds(stage.press("n"), run, 2, padding="border")
    stage.press("Escape")
    np.testing.assert_allclose(stage.look().theta, network, rtol=1e-5)


def test_words_say_where_a_slice_looks_and_what_is_for_flat_pictures_alone(stage: Stage, run: Run) -> None:
    look = stage.look()
    grid = F.affine_grid(look.theta.view(1, 3, 4), [1, 1, *OUTPUT], align_corners=False)[0, 2, ..., 2]
    depth = run.probes.U.shape[2]
    low, high = ((z + 1) * depth / 2 - 0.5 for z in (float(grid.min()), float(grid.max())))
    expected = f"V’s slice 2 looks at slices {low:.1f} to {high:.1f} of U’s 0 to {depth - 1}."
    assert stage.root.locator(".remark").first.text_content() == expected
    mean = round((float(grid.mean()) + 1) * depth / 2 - 0.5)
    assert stage.root.locator("section.u .aside").first.text_content().startswith(f"slice {mean} of 0…{depth - 1} · ")
    for name in ("Rules", "Numbers", "Pixel", "Direction", "Images"):
        stage.root.get_by_role("tab", name=name).click()
        stage.frames()
        assert "flat" in stage.root.locator(".lens:visible .note:visible").inner_text()
        assert not stage.root.locator(".lens:visible button:visible").count()
    stage.press("w")
    assert stage.until(lambda now: now.passing, "a sentence").passing.startswith("One slice of a volume is seen here")
    families = stage.root.get_by_role("radiogroup", name="family", exact=True).get_by_role("radio")
    stage.root.get_by_role("tab", name="Sliders").click()
    stage.frames()
    assert families.all_text_contents() == ["3-D affine"]
    kernels = stage.root.get_by_role("radiogroup", name="kernel", exact=True).get_by_role("radio")
    assert kernels.all_text_contents()[:2] == ["nearest", "bilinear"]
    assert kernels.count() == 2
