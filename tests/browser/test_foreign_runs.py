"""Somebody else's runs in the app: a grid of no family, several sites, one deep in the network, normalised pictures."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from driver import Stage
from foreign_folder import MEAN, STD, make_folder
from oracle import BYTE
from torch import Tensor

from stn_viz.runs import Run, open_run

RGB = """(canvas) => {
  const {width, height} = canvas;
  return [height, width, ...canvas.getContext("2d").getImageData(0, 0, width, height).data];
}"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their folder, for this file alone."""
    return make_folder(tmp_path_factory.mktemp("foreign"))


@pytest.fixture(scope="module")
def foreign(runs: Path, tmp_path_factory: pytest.TempPathFactory, server_on: type) -> Iterator[Any]:
    """A server on that folder; conftest's kind."""
    server = server_on(runs, tmp_path_factory.mktemp("log") / "log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def visit(foreign: Any, open_stage: Callable[..., Stage]) -> Callable[..., Stage]:
    """Open a run by its link, and wait until it has a V."""

    def visit(run: str, **query: object) -> Stage:
        stage = open_stage(at=foreign, run=run, **query)
        stage.root.locator(".frame").wait_for()
        return stage

    return visit


def picture(stage: Stage, selector: str = ".frame canvas:not(.marks)") -> Tensor:
    """What a canvas shows, (3, H, W), 0 to 1."""
    height, width, *values = stage.root.locator(selector).first.evaluate(RGB)
    return torch.tensor(values, dtype=torch.float64).view(height, width, 4).permute(2, 0, 1)[:3] / 255


def until_picture(stage: Stage, expected: Tensor) -> None:
    """Until V is this, (3, H, W) or (1, H, W), as near as bytes can be."""

    def off(_: object) -> bool:
        shown = picture(stage)
        wanted = expected.double().clamp(0, 1).expand(3, -1, -1)
        return shown.shape == wanted.shape and float((shown - wanted).abs().max()) <= BYTE + 1e-4

    stage.until(off, "V as torch has it", seconds=20)


def raw_sampled(run: Run, site: int, record: int, image: int, padding: str = "zeros") -> Tensor:
    """What torch samples at the recorded float16 grid."""
    grid = torch.from_numpy(run.grid(site)[record, image].astype(np.float32))[None]
    U = torch.from_numpy(run.probes.U[image : image + 1])
    return F.grid_sample(U, grid, padding_mode=padding, align_corners=False)[0]


def to_picture(U: Tensor) -> Tensor:
    """The preparation undone."""
    mean, std = (torch.tensor(values, dtype=U.dtype).view(3, 1, 1) for values in (MEAN, STD))
    return U * std + mean


def test_a_grid_of_no_family_is_drawn_follows_training_and_gets_a_familys_sliders(visit, runs) -> None:
    run = open_run(runs / "raw")
    stage = visit("raw", image=1, step=10)
    until_picture(stage, raw_sampled(run, 0, 1, 1))
    assert not stage.look().handles
    assert stage.root.locator(".answers").is_hidden()
    assert stage.root.locator(".legend .loss").is_hidden()
    assert stage.root.locator(".timeline .where").inner_text().startswith("epoch")
    stage.press("ArrowRight")
    until_picture(stage, raw_sampled(run, 0, 2, 1))
    stage.choose("outside", "border")  # its sampler can be asked what it would do
    until_picture(stage, raw_sampled(run, 0, 2, 1, "border"))
    stage.choose("outside", "zeros")

    stage.choose("family", "affine")
    look = stage.until(lambda now: now.mode == "hand" and len(now.theta) == 6, "affine by hand")
    grid = run.grid(0)[2, 1].astype(np.float64).reshape(-1, 2)
    y, x = np.meshgrid((np.arange(12) + 0.5) / 6 - 1, (np.arange(14) + 0.5) / 7 - 1, indexing="ij")
    design = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], -1)
    least, *_ = np.linalg.lstsq(design, grid, rcond=None)
    np.testing.assert_allclose(look.theta.numpy(), least.T.ravel(), atol=2e-3)
    distance = (design @ least - grid) * [12, 10]  # pixels of U, 24 x 20
    off = float(np.sqrt((distance**2).sum(-1).mean()))
    assert f"affine fitted to the recorded grid: {off:.1f} px off" in look.passing
    assert len(look.handles) == 6
    stage.drag(look.handles["centre"], (15, 10))
    stage.press("Escape")
    until_picture(stage, raw_sampled(run, 0, 2, 1))
    look = stage.press("Control+z")
    assert look.mode == "hand"


def test_several_sites_over_one_image_are_shown_at_once_and_chosen_by_their_frames(visit, runs) -> None:
    run = open_run(runs / "pair")
    stage = visit("pair", image=0, step=200)
    picker = stage.root.locator("select.site")
    assert picker.locator("option").all_inner_texts() == ["1 · stn.head", "2 · stn.body", "3 · stn.flow"]
    stage.root.locator(".sitelabel").first.wait_for()
    U = torch.from_numpy(run.probes.U[:1])

    def family_sampled(site: int, padding: str) -> Tensor:
        theta = torch.from_numpy(run.theta(site)[2, :1]).view(1, 2, 3)
        grid = F.affine_grid(theta, [1, 3, *run.sites[site].output_size], align_corners=False)
        return to_picture(F.grid_sample(U, grid, padding_mode=padding, align_corners=False)[0])

    until_picture(stage, family_sampled(0, "zeros"))
    small = picture(stage, ".small >> nth=0 >> canvas")
    assert float((small - family_sampled(1, "border").double().clamp(0, 1)).abs().max()) <= BYTE + 1e-4
    # A click on the other's frame, halfway along its upper edge, chooses it.
    theta = torch.from_numpy(run.theta(1)[2, 0]).double()
    (at,) = stage.look().to_screen(torch.tensor([[theta[2] - theta[1], theta[5] - theta[4]]]))
    stage.page.mouse.click(*at)
    until_picture(stage, family_sampled(1, "border"))
    assert picker.input_value() == "1"
    stage.until_address(lambda query: query.get("site") == "1", "the site")
    stage.root.locator(".sitelabel", has_text="3").click()
    until_picture(stage, to_picture(raw_sampled(run, 2, 2, 0)))
    stage.press("Control+z")
    until_picture(stage, family_sampled(1, "border"))
    picker.select_option("0")
    until_picture(stage, family_sampled(0, "zeros"))


def test_a_site_deep_in_the_network_shows_what_it_samples_and_takes_no_other_picture(visit, runs) -> None:
    stage = visit("deep", image=1, step=1200, site=1)
    arrays = np.load(runs / "deep" / "features.npz")
    features = torch.from_numpy(arrays["features_1"].astype(np.float32))
    low, high = np.percentile(features.numpy(), [0.5, 99.5])
    theta = torch.from_numpy(open_run(runs / "deep").theta(1)[3, 1:2]).view(1, 2, 3)
    grid = F.affine_grid(theta, [1, 3, 6, 7], align_corners=False)
    V = F.grid_sample(features[1, 1:2], grid, align_corners=False)[0]
    until_picture(stage, (V - float(low)) / float(high - low))
    about = stage.root.locator(".aboutU > span").inner_text()
    assert about == "64 channels, shown as their three principal components, of step 800"
    stage.root.get_by_role("tab", name="Images").click()
    stage.root.get_by_role("button", name="Sign").click()
    stage.until(lambda now: "known for the run's own images alone" in now.passing, "a refusal")
    assert stage.root.locator(".strip .chosen").is_hidden()


def test_a_normalised_picture_looks_as_it_was_and_its_padding_is_what_0_means(visit, runs) -> None:
    run = open_run(runs / "pair")
    stage = visit("pair", image=1, step=0)
    shown = torch.from_numpy(np.array(thumb(stage, 1))).double() / 255
    expected = to_picture(torch.from_numpy(run.probes.U[1])).double().clamp(0, 1)
    assert float((shown - expected).abs().max()) <= BYTE + 1e-4
    # Far from the grid, where the margin of the padding is drawn: tinted as the mean colour, not black.
    margin = """(canvas) => Array.from(canvas.getContext("2d").getImageData(4, canvas.height / 2, 40, 40).data)"""
    values = np.array(stage.root.locator(".pad > canvas").evaluate(margin)).reshape(-1, 4)[:, :3].mean(0)
    assert values[0] > values[1] > values[2] > 100


def thumb(stage: Stage, image: int) -> Any:
    """A thumbnail's pixels, (3, H, W) bytes."""
    pixels = (
        stage.root.locator(".thumb img")
        .nth(image)
        .evaluate(
            """async (img) => {
          await img.decode();
          const canvas = new OffscreenCanvas(img.naturalWidth, img.naturalHeight);
          const context = canvas.getContext("2d");
          context.drawImage(img, 0, 0);
          return [canvas.height, canvas.width, ...context.getImageData(0, 0, canvas.width, canvas.height).data];
        }"""
        )
    )
    return np.array(pixels[2:]).reshape(pixels[0], pixels[1], 4).transpose(2, 0, 1)[:3]


def test_a_run_of_one_record_has_a_timeline_of_one_point(visit) -> None:
    stage = visit("single")
    assert stage.root.locator("button.play").is_disabled()
    assert stage.look().last == 0
    assert "NaN" not in stage.root.inner_text()
    assert "–" not in stage.root.locator(".timeline").inner_text()
