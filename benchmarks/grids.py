"""Grid generation on one thread, forward only: ours beside F.affine_grid and kornia's thin plate spline.

python -m benchmarks.grids [--batch 256] [--size 28] [--points 4]
"""

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from kornia.geometry.transform import get_tps_transform, warp_points_tps
from torch import Tensor

from benchmarks.figures import middle
from stn_viz.transformer import family

ROUNDS = 30
ROUND_SECONDS = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--points", type=int, default=4)
    options = parser.parse_args()
    N, side, K = options.batch, options.size, options.points
    torch.set_num_threads(1)
    torch.manual_seed(0)

    affine = family("affine", size=(side, side), align_corners=False)
    theta = affine.identity.float() + 0.2 * torch.randn(N, 6)

    def torchs() -> Tensor:
        return F.affine_grid(theta.view(-1, 2, 3), [N, 1, side, side], align_corners=False)

    torch.testing.assert_close(affine.grid(theta), torchs(), rtol=0, atol=1e-5)

    tps = family("tps", size=(side, side), align_corners=False, points=K)
    moved = tps.identity.float() + 0.2 * torch.randn(N, 2 * K * K)
    lattice = tps.identity.float().view(1, -1, 2).expand(N, -1, 2)
    target = F.affine_grid(torch.eye(2, 3)[None], [1, 1, side, side], align_corners=False).view(1, -1, 2)
    target = target.expand(N, -1, 2)

    def kornias() -> Tensor:
        # The same task: solve for a spline of K x K points, evaluate it at each target point. Values are compared in
        # tests/transformer, since kornia centres its kernels on the moved points and ours stand on the lattice.
        weights, affine_part = get_tps_transform(lattice, moved.view(N, -1, 2))
        return warp_points_tps(target, lattice, weights, affine_part)

    with torch.inference_mode():
        affine_ms = alternating(lambda: affine.grid(theta), torchs)
        tps_ms = alternating(lambda: tps.grid(moved), kornias)

    print(f"grids of {side} x {side}, batch {N}, float32, one thread, torch {torch.__version__}; median ms a batch")
    print(f"affine         ours {affine_ms[0]:7.3f}   F.affine_grid {affine_ms[1]:7.3f}")
    print(f"tps {K} x {K}      ours {tps_ms[0]:7.3f}   kornia's TPS  {tps_ms[1]:7.3f}")
    print(f"ratio, affine: F.affine_grid / ours = {affine_ms[1] / affine_ms[0]:.1f}")
    print(f"ratio, tps: kornia / ours = {tps_ms[1] / tps_ms[0]:.1f}")


def alternating(*ways: Callable[[], Tensor]) -> list[float]:
    """Median time of a call in ms for each way; they take turns, so that a busy moment meets all of them."""
    calls = []
    for way in ways:
        started = time.perf_counter()
        way()
        way()
        calls.append(max(1, int(ROUND_SECONDS / (time.perf_counter() - started) * 2)))
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, count, kept in zip(ways, calls, times, strict=True):
            started = time.perf_counter()
            for _ in range(count):
                way()
            kept.append(1000 * (time.perf_counter() - started) / count)
    return [middle(kept) for kept in times]


if __name__ == "__main__":
    main()
