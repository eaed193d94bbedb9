"""A newcomer opens the app: a picture that waits for nothing, and nothing that moves."""

import numpy as np
import torch
from driver import Stage
from oracle import BYTE, Rule

SAMPLE_FRAMES = """(root) => new Promise((done) => {
  const seen = new Set();
  let frames = 0;
  const next = () => {
    const V = root.querySelector(".frame canvas");
    seen.add([
      ...[...root.querySelectorAll(".handle")].map((h) => h.style.transform),
      ...[...root.querySelectorAll(".matrix [aria-valuenow]")].map((c) => c.getAttribute("aria-valuenow")),
      root.querySelector("input.step").value,
      V.getContext("2d").getImageData(0, 0, V.width, V.height).data.join(),
    ].join());
    if (++frames < 40) requestAnimationFrame(next); else done(seen.size);
  };
  next();
})"""


def test_the_first_picture_is_drawn_while_torch_is_still_loading(own_server, page, truth):
    stage = Stage(page)
    page.goto(own_server.url)
    look = stage.wait_for_picture()
    assert not stage.network_is_ready(), "torch was there before the first picture: this test shows nothing"

    look = stage.drag(look.handles["top left"], (20, 12))
    assert not look.known
    assert look.source == "the network is starting …"
    assert look.stale
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, look.theta), atol=BYTE)

    stage.wait_for_network()
    look = stage.until(lambda now: now.known and not now.stale, "an answer, once the network is there")
    assert look.source.startswith("weights of step")


def test_it_opens_still_and_paused_on_a_grid_that_is_on_its_way(stage, truth):
    assert stage.root.evaluate(SAMPLE_FRAMES) == 1, "something moves at load"
    look = stage.look()
    assert not look.playing
    assert look.mode == "network"
    assert 0 < look.index < look.last
    identity = torch.tensor([1.0, 0, 0, 0, 1, 0], dtype=torch.float64)
    still_U = truth.picture(look.image, identity, Rule()).numpy()
    assert np.abs(look.V / 255 - still_U).mean() > 0.02, "V is U: nothing to see"
    expected = truth.picture(look.image, truth.recorded_theta(look.image, look.index))
    np.testing.assert_allclose(look.V / 255, expected, atol=BYTE)
    assert not look.notices
