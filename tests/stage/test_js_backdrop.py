"""U and the margin around it (ink/backdrop.js) against torch's own padding, read from the canvas."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

SIDE = 134  # of the canvas: with a half of 1.34 an 8 x 6 image's longer side is 100 of them, 12.5 a pixel
PAINT = """async ([pixels, rule, alpha]) => {
  const {createBackdrop} = await import("/ink/backdrop.js");
  const {createViewport} = await import("/ink/viewport.js");
  const theme = {surface: "rgb(255,255,255)", hatch: "transparent", marginAlpha: alpha, pictureAlpha: alpha};
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 134;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const U = {data: Float32Array.from(pixels), channels: 1, height: 6, width: 8};
  const view = createViewport(134, U, 1.34, rule.align_corners);
  createBackdrop().draw(context, view, theme, U, rule);
  const bytes = context.getImageData(0, 0, 134, 134).data;
  return [Array.from(bytes).filter((_, i) => i % 4 === 0), view.rect];
}"""


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_the_margin_is_what_the_padding_gives(page, serve, padding, align_corners) -> None:
    U = torch.randint(0, 256, (1, 1, 6, 8), generator=torch.Generator().manual_seed(1)).float() / 255
    serve(page)
    rule = {"padding": padding, "align_corners": align_corners}
    read, _ = page.evaluate(PAINT, [U.flatten().tolist(), rule, 1])
    # Centres of the canvas's pixels in normalised coordinates; x and y have one scale on the screen.
    at = (torch.arange(SIDE) + 0.5 - SIDE / 2) / (SIDE / 2 / 1.34)
    y, x = torch.meshgrid(at * 8 / 6, at, indexing="ij")
    expected = F.grid_sample(
        U, torch.stack([x, y], -1)[None], mode="nearest", padding_mode=padding, align_corners=align_corners
    )
    off = np.abs(np.array(read).reshape(SIDE, SIDE) - 255 * expected[0, 0].numpy())
    # The margin is sampled in blocks of two: pixels at the edge of a block may show their neighbour's value.
    assert (off > 1).mean() < 0.12
    inside = (x.abs() < 0.7) & (y.abs() < 0.7)
    assert (off[inside.numpy()] > 1).mean() < 0.06


def test_under_align_corners_the_outer_pixels_reach_beyond_minus_one_and_one(page, serve) -> None:
    serve(page)
    for align_corners, reach in ((False, 1), (True, 8 / 7)):
        _, (left, _, width, _) = page.evaluate(
            PAINT, [[0.5] * 48, {"padding": "zeros", "align_corners": align_corners}, 1]
        )
        assert left == pytest.approx(SIDE / 2 - reach * SIDE / 2 / 1.34)
        assert width == pytest.approx(2 * reach * SIDE / 2 / 1.34)
