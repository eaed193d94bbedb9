"""Other rules for the same theta: area averaging, differences and the identity test, against torch and numpy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stn_viz.transformer import drawing_basis, family

AVERAGED = """(m, t, theta, size, k, channels, height, width) => {
  const basis = m.grid.resized(m.grid.makeBasis(t), size.map((side) => side * k), false);
  const grid = m.grid.gridInto(basis, theta, new Float32Array(2 * basis.n));
  const U = {data: t.U.data, channels, height, width};
  const rule = {kernel: "bilinear", padding: "zeros", align_corners: false};
  const fine = m.sampler.sampleInto(new Float32Array(channels * basis.n), U, grid, basis.n, rule);
  return m.average.averageInto(new Float32Array(channels * size[0] * size[1]), fine, channels, size[0], size[1], k);
}"""


def averaged(numbers, U: torch.Tensor, theta: list[float], size: tuple[int, int], k: int) -> np.ndarray:
    basis = {key: value.numpy() for key, value in drawing_basis(family("affine", size=(2, 2))).items()}
    _, channels, height, width = U.shape
    return numbers.call(AVERAGED, theta, list(size), k, channels, height, width, U=U.numpy(), **basis)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_v_averaged_is_the_mean_of_torchs_finer_samples(numbers, k) -> None:
    U = torch.rand(1, 3, 20, 33, generator=torch.Generator().manual_seed(0))
    theta = torch.tensor([[0.9, -0.3, 0.2, 0.4, 1.1, -0.1]])
    fine = F.grid_sample(U, F.affine_grid(theta.view(1, 2, 3), [1, 1, 7 * k, 11 * k], False), align_corners=False)
    expected = F.avg_pool2d(fine, k)
    np.testing.assert_allclose(averaged(numbers, U, theta[0].tolist(), (7, 11), k), expected.flatten(), atol=1e-5)


def test_stripes_that_one_sample_misses_are_grey_when_averaged(numbers) -> None:
    stripes = torch.zeros(1, 1, 60, 60)
    stripes[..., ::3] = 1
    identity = [1.0, 0, 0, 0, 1, 0]
    assert averaged(numbers, stripes, identity, (20, 20), 1).max() < 1e-5  # float32 rounding of the coordinates
    # Four bilinear samples a pixel spread over its three columns: each column weighs about a third.
    cured = averaged(numbers, stripes, identity, (20, 20), 4)
    assert cured.mean() == pytest.approx(1 / 3, abs=0.02)
    assert np.ptp(cured) < 0.05


def test_the_difference_is_numpys(numbers) -> None:
    generator = np.random.default_rng(0)
    a, b = generator.random((2, 3, 5, 7)).astype(np.float32)
    found = numbers.call("(m, t) => m.average.differenceOf(t.a.data, t.b.data, 7, 3)", a=a, b=b)
    off = b - a
    channel, row, column = np.unravel_index(np.abs(off).argmax(), off.shape)
    assert (found["channel"], found["row"], found["column"]) == (channel, row, column)
    assert found["signed"] == pytest.approx(off[channel, row, column], abs=1e-7)
    assert found["largest"] == pytest.approx(np.abs(off).max(), abs=1e-7)
    assert found["mean"] == pytest.approx(np.abs(off).mean(), rel=1e-5)
    picture = numbers.call(
        "(m, t) => m.average.differenceInto(new Float32Array(t.a.data.length), t.a.data, t.b.data, 5)", a=a, b=b
    )
    np.testing.assert_allclose(picture, (0.5 + 5 * off / 2).ravel(), atol=1e-6)
    assert numbers.call("(m, t) => m.average.differenceOf(t.a.data, t.a.data, 7, 3)", a=a)["largest"] == 0


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize(("grid_align", "align"), [(True, False), (False, True), (False, False)])
def test_the_identity_test_keeps_of_ones_what_torch_keeps(numbers, kernel, padding, grid_align, align) -> None:
    grid = F.affine_grid(torch.eye(2, 3)[None], [1, 1, 8, 10], grid_align)
    V = F.grid_sample(torch.ones(1, 1, 8, 10), grid, mode=kernel, padding_mode=padding, align_corners=align)[0, 0]
    rule = {"kernel": kernel, "padding": padding, "align_corners": align}
    found = numbers.call("(m, t, rule, align) => m.mismatch.identityOfOnes([8, 10], rule, align)", rule, grid_align)
    V = V.tolist()
    assert found["edges"] == pytest.approx([V[4][0], V[0][5], V[4][-1], V[-1][5]], abs=1e-5)
    assert found["corners"] == pytest.approx([V[0][0], V[0][-1], V[-1][-1], V[-1][0]], abs=1e-5)


def says(numbers, size=(8, 8), **rule: object) -> str:
    rule = {"kernel": "bilinear", "padding": "zeros", "align_corners": False, "grid_align": None, "area": 1} | rule
    body = "(m, t, size, rule) => m.mismatch.identityTest({height: 8, width: 8}, size, rule)"
    return numbers.call(body, list(size), rule)


def test_the_identity_test_names_the_mismatch(numbers) -> None:
    assert says(numbers) == "No mismatch: grid and sampler agree, and V equals U exactly."
    assert says(numbers, grid_align=False) == says(numbers)
    half = says(numbers, grid_align=True)
    assert "grid has align_corners on, the sampler off" in half
    assert "keeps 0.50 at the edges and 0.25 at the corners" in half
    inward = says(numbers, align_corners=True, grid_align=False)
    assert "every point lies inside" in inward
    assert "padding" not in says(numbers, align_corners=True, grid_align=False, padding="border")
    assert "keeps 0.00 to 1.00 at the edges" in says(numbers, grid_align=True, kernel="nearest")
    assert "nearest hides it" in says(numbers, grid_align=True, kernel="nearest", padding="border")
    assert "test with one sample" in says(numbers, area=4)
    assert "border padding hides it" in says(numbers, grid_align=True, padding="border")
    assert "can be compared pixel by pixel at U's size" in says(numbers, size=(4, 4))
