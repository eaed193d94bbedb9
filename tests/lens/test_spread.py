"""Pose spread of V: perfect and frozen localisers, against closed forms and a slow loop in torch."""

import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from stn_viz.data import held_out
from stn_viz.lens.learning.splines import spline_factors, spline_inverse
from stn_viz.lens.learning.spread import laid_of, left_over, parts_of, spread
from stn_viz.lens.learning.unposing import FAR, inverse_of
from stn_viz.runs import Probes, Run, RunInfo, Site
from stn_viz.transformer import drawing_basis, family

Array = NDArray[Any]


def made(
    path: Path,
    pose: Array,
    theta: Array,
    *,
    kind: str = "affine",
    pose_kind: str = "affine",
    align_corners: bool = False,
    size: tuple[int, int] = (42, 36),
    **options: int,
) -> Run:
    """A run of thetas (S, n, P) over images of known pose (n, P'), as read from a folder that holds its basis alone."""
    site = Site(
        name="t",
        family=kind,
        options=options,
        kernel="bilinear",
        padding="zeros",
        align_corners=align_corners,
        input_size=size,
        output_size=(28, 24),
        channels=1,
    )
    over = family(kind, size=(28, 24), align_corners=align_corners, **options)
    path.mkdir(exist_ok=True)
    safetensors.torch.save_file(drawing_basis(over), path / "basis_0.safetensors")
    S, n = theta.shape[:2]
    nothing = np.full(S, np.nan, np.float32)
    info = RunInfo(name="made", source="", task="", classes=(), network=None, seed=None, training={}, sites=(site,))
    return Run(
        name="made",
        path=path,
        info=replace(info, pose_family=pose_kind),
        probes=Probes(U=np.zeros((n, 1, *size), np.uint8), labels=np.zeros(n, np.int64), pose=pose),
        steps=np.arange(S),
        images=np.arange(S),
        loss=nothing,
        error=nothing,
        rate=nothing,
        snapshots=(),
        problems=(),
        version="1",
        rows={"theta_0": theta.astype(np.float32)},
    )


def poses(n: int, seed: int = 0) -> Array:
    """Affine poses: turned, sheared, scaled and moved."""
    generator = np.random.default_rng(seed)
    A = np.eye(2) * 0.7 + generator.uniform(-0.3, 0.3, (n, 2, 2))
    return np.concatenate([A, generator.uniform(-0.4, 0.4, (n, 2, 1))], 2).reshape(n, 6)


def composed(outer: Array, inner: Array) -> Any:
    """outer o inner of affine thetas (..., 6)."""
    last = np.broadcast_to([0.0, 0, 1], (*outer.shape[:-1], 1, 3))
    a = np.concatenate([outer.reshape(*outer.shape[:-1], 2, 3), last], -2)
    b = np.concatenate([inner.reshape(2, 3), [[0, 0, 1]]], 0)
    return (a @ b)[..., :2, :].reshape(*outer.shape[:-1], 6)


CANONICAL = np.array([-0.6, 0.9, 0.2, -1.1, -0.5, -0.3])
"""Some pose in which V may show every digit: mirrored, turned, sheared, moved."""


def test_a_perfect_localiser_leaves_nothing_whatever_pose_it_shows(tmp_path: Path) -> None:
    pose = poses(40)
    theta = np.stack([pose, composed(pose, CANONICAL)])
    np.testing.assert_allclose(spread(made(tmp_path, pose, theta)), 0, atol=2e-5)


def test_a_frozen_one_leaves_the_spread_of_the_shifts(tmp_path: Path) -> None:
    """Of digits that were only moved, R_i(v) = v - shift_i: the spread is that of the shifts; 1 is 14 px."""
    shifts = np.random.default_rng(1).uniform(-0.5, 0.5, (50, 2))
    pose = np.stack([np.ones(50), np.zeros(50), shifts[:, 0], np.zeros(50), np.ones(50), shifts[:, 1]], 1)
    frozen = np.tile([1.0, 0, 0, 0, 1, 0], (3, 50, 1))
    expected = 14 * math.sqrt(shifts.var(0).sum())
    np.testing.assert_allclose(spread(made(tmp_path, pose, frozen)), expected, rtol=1e-5)


def test_a_frozen_one_before_turned_digits_in_closed_form(tmp_path: Path) -> None:
    """Turned by a_i, |R_i(v) - mean|^2 is |v|^2 (1 - |mean e^(i a)|^2) in the mean over the images; v over 5 x 5."""
    angle = np.random.default_rng(2).uniform(-1.2, 1.2, 64)
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(64)
    pose = np.stack([cos, -sin, zero, sin, cos, zero], 1)
    line = np.linspace(-1, 1, 5)
    squares = 2 * np.square(line).mean()
    expected = 14 * math.sqrt(squares * (1 - abs(np.exp(1j * angle).mean()) ** 2))
    found = spread(made(tmp_path, pose, np.tile([1.0, 0, 0, 0, 1, 0], (1, 64, 1)), size=(28, 28)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def slow(kind: str, theta: Array, pose: Array, pose_kind: str, *, align_corners: bool, size: tuple[int, int]) -> float:
    """The same, point by point in torch: a place of U is undone by solving for it with Newton's method."""
    over = family(kind, size=(28, 24), align_corners=align_corners)
    under = family(pose_kind, size=(28, 24), align_corners=False)
    line = torch.linspace(-1, 1, 5, dtype=torch.float64)
    v_y, v_x = torch.meshgrid(line, line, indexing="ij")

    def places(of: Any, given: Tensor, x: Tensor, y: Tensor) -> Any:
        b, M, m0 = of.factors(x, y)
        H = b @ (M @ given + m0).view(-1, 3)
        return H[..., :2] / H[..., 2:]

    rows = []
    for one, known in zip(torch.from_numpy(theta).double(), torch.from_numpy(pose).double(), strict=True):
        x_u = places(over, one, v_x.flatten(), v_y.flatten())
        if align_corners:
            x_u = x_u * (torch.tensor([size[1], size[0]]) - 1) / torch.tensor([size[1], size[0]])
        undone = []
        for wanted in x_u:
            t = torch.zeros(2, dtype=torch.float64)
            for _ in range(8):
                t = t.requires_grad_()
                there = places(under, known, t[0], t[1])
                rows_of = [torch.autograd.grad(there[d], t, retain_graph=True)[0] for d in (0, 1)]
                t = (t + torch.linalg.solve(torch.stack(rows_of), wanted - there)).detach()
            undone.append(t)
        rows.append(torch.stack(undone))
    R = torch.stack(rows)
    return float(14 * (R - R.mean(0)).square().sum(-1).mean().sqrt())


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("kind", ["affine", "projective", "attention"])
def test_it_is_that_of_a_slow_loop_in_torch(tmp_path: Path, kind: str, align_corners: bool) -> None:
    generator = np.random.default_rng(3)
    start = family(kind, size=(4, 4)).identity.numpy()
    theta = start + generator.uniform(-0.1, 0.1, (5, len(start)))
    pose = np.concatenate(
        [np.array([1.0, 0, 0, 0, 1, 0]) + 0.4 * (poses(5) - poses(5).mean(0)), generator.uniform(-0.1, 0.1, (5, 2))], 1
    )
    run = made(tmp_path, pose, theta[None], kind=kind, pose_kind="projective", align_corners=align_corners)
    kept = (theta.astype(np.float32), pose.astype(np.float32))
    expected = slow(kind, kept[0], kept[1], "projective", align_corners=align_corners, size=(42, 36))
    np.testing.assert_allclose(spread(run), expected, rtol=1e-5)


def test_the_splines_functions_are_the_transformers() -> None:
    at = torch.rand(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 4 - 2
    for points in (2, 4, 7):
        torchs = family("tps", size=(4, 4), points=points).factors(at[:, 0], at[:, 1])[0]
        np.testing.assert_allclose(spline_factors(points, at.numpy()), torchs.numpy(), atol=1e-9)


def test_a_spline_is_undone_to_a_small_part_of_a_pixel() -> None:
    """E's own poses: through torch's spline and back, at places all over the digit."""
    pose = held_out("e", 60, 3).pose.double()
    at = torch.rand(200, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 1.8 - 0.9
    b = family("tps", size=(4, 4), points=4).factors(at[:, 0], at[:, 1])[0]
    x = (b @ pose.view(60, 16, 2)).transpose(1, 2).numpy()
    back = spline_inverse(pose.numpy()).read(x)
    off = 14 * np.linalg.norm(np.moveaxis(back, -2, -1) - at.numpy(), axis=-1)
    assert off.mean() < 0.02
    assert np.quantile(off, 0.99) < 0.06
    assert off.max() < 0.3


@pytest.mark.parametrize("kind", ["tps", "affine"])
def test_elastic_poses_are_undone_in_any_family(tmp_path: Path, kind: str) -> None:
    pose = held_out("e", 30, 5).pose.numpy()
    identity = family(kind, size=(4, 4)).identity.numpy()
    thetas = [np.tile(identity, (30, 1))] + ([pose] if kind == "tps" else [])
    found = spread(made(tmp_path, pose, np.stack(thetas), kind=kind, pose_kind="tps", size=(28, 28)))
    assert 1.5 < found[0] < 6  # control points were moved by 1.5 px each way, scale 0.75 to 1
    if kind == "tps":
        assert found[1] < 0.03


def test_nothing_is_known_without_a_pose_and_of_a_theta_that_is_not_finite(tmp_path: Path) -> None:
    pose = poses(6)
    theta = np.tile([1.0, 0, 0, 0, 1, 0], (4, 6, 1))
    theta[2, 3, 1] = np.nan
    run = made(tmp_path, pose, theta)
    assert np.isnan(spread(run)).tolist() == [False, False, True, False]
    without = replace(run, probes=Probes(U=run.probes.U, labels=run.probes.labels))
    strange = replace(run, info=replace(run.info, pose_family="free"))
    deep = replace(run, info=replace(run.info, sites=(replace(run.sites[0], on_image=False),)))
    plain = replace(run, info=replace(run.info, sites=()))
    for each in (without, strange, deep, plain):
        assert np.isnan(spread(each)).all()


def test_a_pose_that_nothing_undoes_is_left_out(tmp_path: Path) -> None:
    pose = poses(8)
    pose[2] = 0
    pose[5, 0] = np.nan
    pose[6] = 1e30
    frozen = np.tile([1.0, 0, 0, 0, 1, 0], (1, 8, 1))
    kept = [0, 1, 3, 4, 7]
    alone = spread(made(tmp_path / "alone", pose[kept], frozen[:, kept]))
    np.testing.assert_allclose(spread(made(tmp_path / "all", pose, frozen)), alone, rtol=1e-6)


def test_a_horizon_stays_bounded(tmp_path: Path) -> None:
    """A pose whose horizon crosses U: places beyond it count as FAR, in the direction in which they vanish."""
    pose = np.array([[0.7, 0, 0, 0, 0.7, 0, 0.9, 0.2], [0.7, 0, 0, 0, 0.7, 0, 0, 0]])
    frozen = np.tile([1.0, 0, 0, 0, 1, 0, 0, 0], (1, 2, 1))
    run = made(tmp_path, pose, frozen, kind="projective", pose_kind="projective")
    laid, undo = laid_of(run, 0), inverse_of(pose, "projective")
    assert laid is not None
    assert undo is not None
    R = left_over(laid, undo, frozen[0])
    behind = 1 - 0.9 / 0.7 * laid.target[:, 0] - 0.2 / 0.7 * laid.target[:, 1] < 0  # of the way back, by hand
    assert 3 < behind.sum() < 10
    np.testing.assert_allclose(np.linalg.norm(R[0][:, behind], axis=0), FAR, rtol=1e-9)
    assert np.isfinite(R).all()
    assert np.linalg.norm(R, axis=1).max() <= FAR * (1 + 1e-9)
    assert 0 < spread(run)[0] < 14 * 2 * FAR


def test_its_parts_are_those_of_turn_scale_and_shift(tmp_path: Path) -> None:
    """Of digits turned, scaled and moved by known amounts before a frozen transformer: scipy-free closed forms."""
    generator = np.random.default_rng(4)
    n = 200
    angle, log2 = generator.normal(0, 0.3, n), generator.normal(0, 0.2, n)
    cos, sin = np.cos(angle) * 2**log2, np.sin(angle) * 2**log2
    pose = np.stack([cos, -sin, np.zeros(n), sin, cos, np.zeros(n)], 1)
    run = made(tmp_path, pose, np.tile([1.0, 0, 0, 0, 1, 0], (1, n, 1)), size=(28, 28))
    laid, undo = laid_of(run, 0), inverse_of(pose, "affine")
    assert laid is not None
    assert undo is not None
    turn, scale, shift = parts_of(left_over(laid, undo, run.rows["theta_0"]), laid.target)[0]
    together = abs(np.exp(1j * angle).mean())
    assert turn == pytest.approx(math.degrees(math.sqrt(-2 * math.log(together))), rel=1e-6)
    assert scale == pytest.approx(log2.std(), rel=1e-6)
    assert shift == pytest.approx(0, abs=1e-9)


def test_it_needs_no_torch_and_little_time(tmp_path: Path) -> None:
    pose, theta = poses(128), np.tile(poses(128, 1), (300, 1, 1))
    run = made(tmp_path, pose, theta)
    spread(run)
    started = time.process_time()
    spread(run)
    assert time.process_time() - started < 0.5  # measured: 0.03 s; the bound is for a busy machine
    code = "import sys, stn_viz.lens.learning.spread; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
