"""Order, tiles and quick bytes of the wall: against numpy, brute force and torch."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stn_viz.transformer import drawing_basis, family

ORDERED = """(m, t, images, descending) => m.sorting.ordered(t.values.data, images, descending)"""
CLIP = """(m, t, piece, rectangle) => {
  const out = new Float64Array(4);
  return m.tiling.clipInto(...piece, rectangle, out) ? Array.from(out) : null;
}"""
QUICK = """(m, t, theta, align, [height, width]) => {
  const basis = m.grid.makeBasis(t);
  const words = new Uint32Array(basis.n);
  const U = {data: t.U.data, channels: 1, height, width};
  const rule = {kernel: "bilinear", padding: "zeros", align_corners: align};
  if (!m.quick.isQuick(U, basis, rule)) throw new Error("not quick");
  m.quick.quickBytes(words, U, basis, theta, align);
  return new Uint8Array(words.buffer);
}"""


@pytest.mark.parametrize("descending", [False, True])
def test_order_is_a_stable_sort_with_what_is_no_number_last(numbers, descending) -> None:
    random = np.random.default_rng(0)
    values = random.integers(0, 9, 200).astype(np.float32)
    values[::7] = np.nan
    values[3] = np.inf
    images = random.permutation(200)[:120].tolist()
    known = np.isfinite(values)
    sign = -1 if descending else 1
    expected = sorted(images, key=lambda i: (not known[i], sign * values[i] if known[i] else 0, i))
    assert numbers.call(ORDERED, images, descending, values=values) == expected


def test_largest_is_the_first_of_equals_and_none_of_nothing(numbers) -> None:
    call = "(m, t, values) => m.sorting.largest(values && values.map((v) => v === null ? NaN : v))"
    assert numbers.call(call, [0.1, 0.5, 0.5]) == 1
    assert numbers.call(call, [None, 0.2]) == 1
    assert [numbers.call(call, values) for values in ([], None, [None, None])] == [-1, -1, -1]


@pytest.mark.parametrize("count", [1, 10, 64, 128, 256])
@pytest.mark.parametrize("room", [(1016, 490), (1440, 760), (360, 400)])
def test_tiles_are_the_largest_that_fit_and_scroll_below_the_least(numbers, count, room) -> None:
    width, height = room
    rule = {"gap": 3, "foot": 13, "least": 33, "most": 150}
    laid = numbers.call(
        "(m, t, count, room, rule) => m.tiling.tiling(count, room, rule)",
        count,
        {"width": width, "height": height},
        rule,
    )

    def fits(side: int) -> bool:
        columns = (width + 3) // (side + 3)
        return columns > 0 and math.ceil(count / columns) * (side + 16) - 3 <= height

    best = max((side for side in range(1, 151) if fits(side)), default=0)
    side, columns, rows = laid["side"], laid["columns"], laid["rows"]
    assert columns * rows >= count > (rows - 1) * columns
    assert columns * (side + 3) - 3 <= width
    assert laid["height"] == rows * (side + 16) - 3
    if best >= 33:
        assert side == best
        assert laid["height"] <= height
    else:
        assert 33 <= side <= 33 + 33 / columns + 1


def test_256_tiles_are_in_sight_on_a_laptop(numbers) -> None:
    call = "(m, t) => m.tiling.tiling(256, {width: 1016, height: 487}, {gap: 3, foot: 13, least: 33, most: 150})"
    assert numbers.call(call)["height"] <= 487


def test_a_piece_of_a_line_is_cut_at_a_rectangle(numbers) -> None:
    rectangle = [2.0, 3.0, 10.0, 7.0]
    random = np.random.default_rng(1)
    found = 0
    for piece in random.uniform(-4, 16, (60, 4)):
        t = np.linspace(0, 1, 20001)[:, None]
        points = (1 - t) * piece[:2] + t * piece[2:]
        inside = points[((points >= [2, 3]) & (points <= [10, 7])).all(1)]
        cut = numbers.call(CLIP, piece.tolist(), rectangle)
        if len(inside) < 2:
            assert cut is None or np.hypot(cut[2] - cut[0], cut[3] - cut[1]) < 0.01
            continue
        found += 1
        np.testing.assert_allclose(cut, [*inside[0], *inside[-1]], atol=2e-3)
    assert found > 10
    assert numbers.call("(m) => m.tiling.clipInto(NaN, 0, 1, 1, [0, 0, 1, 1], new Float64Array(4))") is False


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("name", "bend"), [("affine", 0.4), ("projective", 0.15), ("tps", 0.3), ("attention", 0.5)])
def test_quick_bytes_are_those_of_torchs_sampler(numbers, name, bend, align) -> None:
    generator = torch.Generator().manual_seed(2)
    fam = family(name, size=(11, 14), align_corners=align)
    U = torch.rand((1, 1, 17, 13), generator=generator)
    arrays = {key: value.numpy() for key, value in drawing_basis(fam).items()}
    for _ in range(4):
        theta = fam.identity + bend * torch.randn(fam.identity.shape, generator=generator)
        grid = fam.grid(theta[None])
        expected = F.grid_sample(U.double(), grid.double(), align_corners=align)[0, 0]
        words = numbers.call(QUICK, theta.tolist(), align, [17, 13], **arrays, U=U[0].numpy())
        rgba = words.reshape(11, 14, 4).astype(int)
        assert (rgba[..., 3] == 255).all()
        assert (rgba[..., :1] == rgba[..., :3]).all()
        assert np.abs(rgba[..., 0] - (255 * expected).round().numpy()).max() <= 1
        assert (expected > 0).float().mean() > 0.05  # something is seen, or nothing is tested
