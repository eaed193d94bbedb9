"""sampler.js against torch.nn.functional.grid_sample in a real Chromium: truth is torch."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

KERNELS = ("nearest", "bilinear", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
RULES = list(itertools.product(KERNELS, PADDINGS, (False, True)))
SAMPLE = """(m, t, rule) => {
  const [channels, height, width] = t.U.shape;
  const n = t.grid.shape[0];
  const U = {data: t.U.data, channels, height, width};
  return m.sampler.sampleInto(new Float32Array(channels * n), U, t.grid.data, n, rule);
}"""


def ours(numbers, U: torch.Tensor, grid: torch.Tensor, kernel: str, padding: str, align: bool) -> np.ndarray:
    rule = {"kernel": kernel, "padding": padding, "align_corners": align}
    V = numbers.call(SAMPLE, rule, U=U.numpy(), grid=grid.view(-1, 2).numpy())
    return V.reshape(U.shape[0], *grid.shape[:2])


def torchs(U: torch.Tensor, grid: torch.Tensor, kernel: str, padding: str, align: bool) -> np.ndarray:
    V = F.grid_sample(U[None], grid[None], mode=kernel, padding_mode=padding, align_corners=align)
    return V[0].numpy()


def differences(numbers, U: torch.Tensor, grid: torch.Tensor, rule: tuple[str, str, bool]) -> np.ndarray:
    return np.abs(ours(numbers, U, grid, *rule) - torchs(U, grid, *rule))


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("shape", [(3, 9, 14), (1, 1, 5), (2, 2, 1), (1, 1, 1)], ids=str)
def test_samples_as_torch_on_noise_in_and_far_around_the_image(numbers, shape, rule) -> None:
    generator = torch.Generator().manual_seed(0)
    U = torch.rand(shape, generator=generator)
    grid = (torch.rand((40, 50, 2), generator=generator) * 2 - 1) * 4
    assert differences(numbers, U, grid, rule).max() <= 1e-4


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_samples_as_torch_on_a_photo_sized_noisy_image(numbers, rule) -> None:
    generator = torch.Generator().manual_seed(1)
    U = torch.rand((3, 180, 224), generator=generator)
    theta = torch.tensor([[[0.9, -0.45, 0.1], [0.4, 0.8, -0.2]]])
    grid = F.affine_grid(theta, [1, 1, 120, 150], rule[2])[0]
    off = differences(numbers, U, grid, rule)
    assert off.max() <= 1e-4


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_samples_as_torch_at_centres_edges_and_halfway(numbers, rule) -> None:
    """Every multiple of a quarter pixel, the ties included: nearest rounds them to even, as torch."""
    U = torch.rand((1, 4, 8), generator=torch.Generator().manual_seed(2))
    x = torch.arange(-80, 81) / 32  # exact in float32, quarter pixels of a width of 8 (align_corners False)
    y = torch.arange(-32, 33) / 16
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    assert differences(numbers, U, grid, rule).max() <= 1e-5


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_samples_as_torch_a_million_images_away(numbers, rule) -> None:
    # Sides that are powers of two: a pixel position is then rounded once, with or without a fused multiply-add.
    generator = torch.Generator().manual_seed(3)
    U = torch.rand((1, 8, 16), generator=generator)
    signs = torch.tensor([-1.0, 1.0])
    scales = torch.tensor([1e3, 1e4, 1e5, 1e6, 1e20])[:, None, None]
    grid = scales * signs * torch.rand((5, 30, 2), generator=generator)
    assert differences(numbers, U, grid, rule).max() <= 1e-4


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_what_is_not_finite_is_torchs_number_or_zero(numbers, rule) -> None:
    U = torch.rand((1, 4, 6), generator=torch.Generator().manual_seed(4)) + 1
    values = torch.tensor([float("nan"), float("inf"), float("-inf"), 0.1, 3e38])
    grid = torch.stack(torch.meshgrid(values, values, indexing="xy"), -1)
    V = ours(numbers, U, grid, *rule)
    expected = torchs(U, grid, *rule)
    assert np.isfinite(V).all()
    np.testing.assert_allclose(V, np.nan_to_num(expected, nan=0.0, posinf=0.0, neginf=0.0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_taps_with_their_weights_sum_to_the_sample(numbers, rule) -> None:
    kernel, padding, align = rule
    U = torch.rand((1, 5, 7), generator=torch.Generator().manual_seed(5))
    grid = (torch.rand((60, 1, 2), generator=torch.Generator().manual_seed(6)) * 2 - 1) * 1.7
    sums = numbers.call(
        """(m, t, rule) => {
          const [, height, width] = t.U.shape;
          const {data, shape} = t.grid;
          const read = ({col, row, weight, inside}) => inside ? weight * t.U.data[row * width + col] : 0;
          const taps = (i) => m.sampler.taps(data[2 * i], data[2 * i + 1], {height, width}, rule);
          return Float64Array.from({length: shape[0]}, (_, i) => taps(i).reduce((sum, tap) => sum + read(tap), 0));
        }""",
        {"kernel": kernel, "padding": padding, "align_corners": align},
        U=U.numpy(),
        grid=grid.view(-1, 2).numpy(),
    )
    np.testing.assert_allclose(sums, torchs(U, grid, *rule)[0, :, 0], rtol=0, atol=1e-5)


def test_taps_outside_are_listed_as_padding_with_their_weight(numbers) -> None:
    """CASES 5: ones, width 128, align_corners True, x = 1.004 reads 0.746; the rest of the weight lies outside."""
    rule = {"kernel": "bilinear", "padding": "zeros", "align_corners": True}
    found = numbers.call("(m, t, rule) => m.sampler.taps(1.004, 0, {height: 5, width: 128}, rule)", rule)
    assert sum(tap["weight"] for tap in found if tap["inside"]) == pytest.approx(0.7460, abs=1e-4)
    assert {(tap["col"], tap["inside"]) for tap in found} == {(127, True), (128, False)}


def test_content_moves_opposite_to_the_shift(numbers) -> None:
    """CASES 1: t_x = .5 on 8 x 8 moves the one from column 4 to column 2; between 2 and 3 under align_corners."""
    U = torch.zeros((1, 8, 8))
    U[0, 3, 4] = 1
    theta = torch.tensor([[[1.0, 0, 0.5], [0, 1, 0]]])
    V = ours(numbers, U, F.affine_grid(theta, [1, 1, 8, 8], False)[0], "bilinear", "zeros", False)
    assert np.argwhere(V[0] == 1).tolist() == [[3, 2]]
    V = ours(numbers, U, F.affine_grid(theta, [1, 1, 8, 8], True)[0], "bilinear", "zeros", True)
    np.testing.assert_allclose(V[0, 3], [0, 0, 0.75, 0.25, 0, 0, 0, 0], atol=1e-6)


def test_a_byte_image_samples_as_the_same_floats(numbers) -> None:
    U = torch.randint(0, 256, (3, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(7))
    grid = torch.rand((5, 5, 2), generator=torch.Generator().manual_seed(8)) * 2 - 1
    V = ours(numbers, U, grid, "bilinear", "zeros", False)
    np.testing.assert_allclose(V, torchs(U.float(), grid, "bilinear", "zeros", False), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"kernel": "lanczos", "padding": "zeros"}, 'kernel is "lanczos"; expected nearest, bilinear or bicubic'),
        ({"kernel": "nearest", "padding": "wrap"}, 'padding is "wrap"; expected zeros, border or reflection'),
    ],
)
def test_a_rule_that_torch_does_not_have_is_refused(numbers, rule, sentence: str) -> None:
    said = numbers.call(
        """(m, t, rule) => {
          try { m.sampler.taps(0, 0, {height: 2, width: 2}, rule); } catch (error) { return error.message; }
        }""",
        {**rule, "align_corners": False},
    )
    assert said == sentence
