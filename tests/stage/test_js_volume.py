"""volume.js against torch's affine_grid and grid_sample on 5-D tensors, in a real Chromium."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stn_viz.transformer import drawing_basis, family

SIZE = (4, 6, 8)
RULES = list(itertools.product(("nearest", "bilinear"), ("zeros", "border", "reflection"), (False, True)))
BASIS = "m.volume.makeVolumeBasis(t)"
SLICE = f"""(m, t, d, align) => {{
  const basis = m.volume.sliced({BASIS}, d, [6, 8], align);
  const grid = m.grid.gridInto(basis, t.theta.data, new Float32Array(2 * basis.n));
  const z = m.volume.depthsInto(basis, basis.b, basis.n, t.theta.data, new Float32Array(basis.n));
  return Float32Array.from([...grid, ...z]);
}}"""
SAMPLE = """(m, t, rule) => {
  const [channels, depth, height, width] = t.U.shape;
  const n = t.grid.shape[0];
  const U = {data: t.U.data, channels, depth, height, width};
  return m.volume.sampleVolumeInto(new Float32Array(channels * n), U, t.grid.data, t.z.data, n, rule);
}"""


def tensors(align: bool) -> dict[str, np.ndarray]:
    drawn = drawing_basis(family("affine3", size=SIZE, align_corners=align))
    return {name: tensor.numpy() for name, tensor in drawn.items()}


def some_theta(seed: int = 4) -> torch.Tensor:
    noise = torch.randn(12, generator=torch.Generator().manual_seed(seed))
    return torch.eye(3, 4).flatten() + 0.3 * noise


@pytest.mark.parametrize("align", [False, True])
def test_each_slice_has_torchs_grid(numbers, align) -> None:
    theta = some_theta()
    torchs = F.affine_grid(theta.view(1, 3, 4), [1, 1, *SIZE], align_corners=align)[0].numpy()
    for d in range(SIZE[0]):
        found = numbers.call(SLICE, d, align, theta=theta.numpy(), **tensors(align))
        xy, z = found[:96].reshape(6, 8, 2), found[96:].reshape(6, 8)
        np.testing.assert_allclose(xy, torchs[d, ..., :2], rtol=0, atol=1e-5)
        np.testing.assert_allclose(z, torchs[d, ..., 2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("align", [False, True])
def test_lines_and_lattice_of_a_slice_span_its_frame(numbers, align) -> None:
    theta = some_theta(9)
    # -1..1 in x and y is the frame under align_corners True; in z it is the slice's own middle.
    z = 2 * 1 / (SIZE[0] - 1) - 1 if align else (2 * 1 + 1) / SIZE[0] - 1
    matrix = theta.view(3, 4)

    def torchs(height: int, width: int) -> np.ndarray:
        flat = F.affine_grid(torch.eye(2, 3)[None], [1, 1, height, width], align_corners=True)[0]
        target = torch.cat([flat, torch.tensor([z, 1.0]).expand(height, width, 2)], -1)
        return (target @ matrix.T)[..., :2].numpy()

    body = f"""(m, t, align, part) => {{
      const basis = m.volume.sliced({BASIS}, 1, [6, 8], align);
      const [rows, count] = part === "hand" ? [basis.hand.b, basis.hand.n] : [basis.lines.b, basis.lines.count];
      const coeff = m.grid.coefficients(basis, t.theta.data, basis.coefficients);
      return m.grid.pointsInto(rows, basis.k, count, coeff, new Float32Array(2 * count));
    }}"""
    hand = numbers.call(body, align, "hand", theta=theta.numpy(), **tensors(align))
    np.testing.assert_allclose(hand.reshape(9, 9, 2), torchs(9, 9), rtol=0, atol=1e-5)
    down, across = numbers.call(body, align, "lines", theta=theta.numpy(), **tensors(align)).reshape(2, 15, 2, 2)
    np.testing.assert_allclose(down, torchs(2, 15).swapaxes(0, 1), rtol=0, atol=1e-5)
    np.testing.assert_allclose(across, torchs(15, 2), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_samples_a_volume_as_torch(numbers, rule) -> None:
    kernel, padding, align = rule
    generator = torch.Generator().manual_seed(5)
    U = torch.rand(2, 5, 4, 7, generator=generator)
    # Noise far around the volume, and every quarter of a voxel, ties included.
    far = torch.rand(600, 3, generator=generator) * 5 - 2.5
    quarters = torch.randint(-24, 25, (600, 3), generator=generator) / 16
    grid = torch.cat([far, quarters])
    torchs = F.grid_sample(
        U[None], grid.view(1, 1, 1, -1, 3), mode=kernel, padding_mode=padding, align_corners=align
    ).view(2, -1)
    how = {"kernel": kernel, "padding": padding, "align_corners": align}
    V = numbers.call(SAMPLE, how, U=U.numpy(), grid=grid[:, :2].numpy(), z=grid[:, 2].numpy())
    np.testing.assert_allclose(V.reshape(2, -1), torchs.numpy(), rtol=0, atol=1e-4)


def test_the_public_case_of_one_voxel(numbers) -> None:
    """Case 15: t_x = .5 takes the voxel at (1, 2, 5) to (1, 2, 3), t_z = .5 to (0, 2, 5)."""
    U = np.zeros((1, 4, 6, 8), np.float32)
    U[0, 1, 2, 5] = 1
    for entry, place in ((3, (1, 2, 3)), (11, (0, 2, 5))):
        theta = torch.eye(3, 4).flatten()
        theta[entry] = 0.5
        V = np.stack([numbers.call(f"""(m, t, d) => {{
          const basis = m.volume.sliced({BASIS}, d, [6, 8], false);
          const grid = m.grid.gridInto(basis, t.theta.data, new Float32Array(2 * basis.n));
          const z = m.volume.depthsInto(basis, basis.b, basis.n, t.theta.data, new Float32Array(basis.n));
          const U = {{data: t.U.data, channels: 1, depth: 4, height: 6, width: 8}};
          const rule = {{kernel: "bilinear", padding: "zeros", align_corners: false}};
          return m.volume.sampleVolumeInto(new Float32Array(basis.n), U, grid, z, basis.n, rule);
        }}""", d, theta=theta.numpy(), U=U, **tensors(False)).reshape(6, 8) for d in range(4)])  # fmt: skip
        expected = np.zeros((4, 6, 8), np.float32)
        expected[place] = 1
        np.testing.assert_allclose(V, expected, rtol=0, atol=1e-6)


def test_a_hand_moves_a_slice_by_its_shift_alone(numbers) -> None:
    """On one slice t13 z + t14 is one number: the drag goes to t14, and z's row stays as it was."""
    theta = some_theta(7)
    moved = numbers.call(f"""(m, t) => {{
      const basis = m.volume.sliced({BASIS}, 3, [6, 8], false);
      const coeff = m.grid.coefficients(basis, t.theta.data, basis.coefficients);
      const points = m.grid.pointsInto(basis.hand.b, basis.k, 81, coeff, new Float32Array(162));
      return m.fit.fitTheta(basis, basis.hand.b, 81, points.map((v, i) => v + (i % 2 ? -0.2 : 0.3)), t.theta.data);
    }}""", theta=theta.numpy(), **tensors(False))  # fmt: skip
    expected = theta.double().numpy().copy()
    expected[3] += 0.3
    expected[7] -= 0.2
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-5)


def test_a_random_theta_is_a_turn_a_zoom_and_a_shift(numbers) -> None:
    theta = np.array(numbers.call("(m) => Array.from({length: 20}, () => [...m.volume.randomVolumeTheta()])")).reshape(
        20, 3, 4
    )
    A = theta[:, :, :3]
    scale = np.cbrt(np.linalg.det(A))
    assert (scale > 0.79).all()
    np.testing.assert_allclose(A @ A.swapaxes(1, 2), scale[:, None, None] ** 2 * np.eye(3), rtol=0, atol=1e-9)
    assert (np.abs(theta[:, :, 3]) <= 0.2).all()
