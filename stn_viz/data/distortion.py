"""The paper's six ways of distorting a digit (section 4.1, appendix A.4), each with its true pose.

A digit's frame is its 28 x 28 image, t in [-1, 1]^2; the picture U is h x w, x in [-1, 1]^2 (align_corners False: -1
and 1 are the outer edges of the outer pixels). The pose T sends t to x, *target to source*, as theta does: sampling U
with it at 28 x 28 gives the upright digit back. U itself is drawn with the inverse, U(x) = digit(T^-1(x)), 0 outside.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from stn_viz.transformer import Family, family

DIGIT = 28  # pixels a side
CORNERS = ((-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0))
CONTROL_POINTS = 4  # a side, for E


@dataclass(frozen=True)
class Task:
    """One kind of distortion: its sentence, the size (h, w) of its pictures, and the family of its pose."""

    title: str
    size: tuple[int, int]
    family: str
    draw: Callable[[Tensor, tuple[int, int], torch.Generator], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Distorted:
    """A batch of distorted digits and the theta that a perfect localisation network would give.

    Shapes: U (N, 1, h, w) float32; pose (N, P) float32, parameters of `family` (affine 6, projective 8, tps 32).
    Units:  U in 0..1; pose normalised, target to source, align_corners False: sampling U with it gives the upright
            digit. For E it is approximate, since a spline's inverse is no spline: right to 0.05 px at the four inner
            control points and to about 1 px at the outer ones, where there is no ink.
    """

    U: Tensor
    pose: Tensor
    family: str


def distort(digits: Tensor, task: str, generator: torch.Generator) -> Distorted:
    """Distort a batch of digits at random.

    Shapes: digits (N, 28, 28) uint8 -> U (N, 1, h, w), pose (N, P).
    Units:  see `Distorted`.
    Args:   all random numbers come from `generator`, a CPU generator.
    Raises: ValueError for an unknown task or for anything but 28 x 28 bytes.
    """
    if task not in TASKS:
        raise ValueError(f"There is no task '{task}'. Choose one of: {', '.join(TASKS)}.")
    if digits.ndim != 3 or digits.shape[1:] != (DIGIT, DIGIT) or digits.dtype != torch.uint8:
        found = f"{tuple(digits.shape)} {digits.dtype}".replace("torch.", "")
        raise ValueError(
            f"Digits must be (N, {DIGIT}, {DIGIT}) uint8, but these are {found}. Pass them as mnist() gives them."
        )
    kind = TASKS[task]
    U, pose = kind.draw(digits, kind.size, generator)
    return Distorted(U, pose, kind.family)


def place(
    digits: Tensor, *, angle_deg: float, scale: float, shift_px: tuple[float, float], size: tuple[int, int]
) -> Distorted:
    """Every digit turned, scaled and moved alike: a distortion of one's own choosing, of the kind of RTS.

    Shapes: digits (N, 28, 28) uint8, size (h, w) -> U (N, 1, h, w), pose (N, 6), affine.
    Units:  angle_deg in degrees, clockwise as seen; scale 1 is 28 pixels; shift_px (x, y) from the picture's centre.
    Raises: ValueError for a scale of 0 or for a number that is not finite: no digit could be found again.
    """
    values = (angle_deg, scale, *shift_px)
    if scale == 0 or not all(math.isfinite(value) for value in values):
        raise ValueError(f"A digit is placed by finite numbers and a scale that is not 0, got {values}.")
    n = len(digits)
    angle, by = torch.full((n,), float(angle_deg)), torch.full((n,), float(scale))
    pose = _placed_pose(angle, by, torch.tensor([shift_px], dtype=torch.float32).expand(n, 2), size)
    return Distorted(_draw_affine(digits, pose, size), pose.flatten(1), "affine")


def _rotated(digits: Tensor, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    angle_deg = _uniform(-90, 90, len(digits), generator)
    pose = _placed_pose(angle_deg, torch.ones_like(angle_deg), torch.zeros(len(digits), 2), size)
    return _draw_affine(digits, pose, size), pose.flatten(1)


def _rotated_scaled_placed(digits: Tensor, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """RTS. The scaled 28 x 28 frame, before it is turned, lies inside the picture. Turning it about its centre keeps
    the ink inside too: it fills 20 x 20, so its corners reach 14.1 px from the centre, and the frame's edges 14."""
    n = len(digits)
    angle_deg = _uniform(-45, 45, n, generator)
    scale = _uniform(0.7, 1.2, n, generator)
    room_px = (min(size) - DIGIT * scale) / 2
    shift_px = _uniform(-1, 1, (n, 2), generator) * room_px[:, None]
    pose = _placed_pose(angle_deg, scale, shift_px, size)
    return _draw_affine(digits, pose, size), pose.flatten(1)


def _projective(digits: Tensor, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """P. The frame's corners, scaled, each moved by N(0, 5 px). A draw that folds the frame over (it is no longer
    convex) has no inverse: its moves are halved until it does not fold."""
    n = len(digits)
    scale = _uniform(0.75, 1.0, n, generator).double()
    moves = torch.randn(n, 4, 2, generator=generator).double() * (5 / (DIGIT / 2))  # 28 px span 2
    square = torch.tensor(CORNERS, dtype=torch.float64)
    while True:
        corners = square * scale[:, None, None] + moves
        folded = ~_is_convex(corners)
        if not folded.any():
            break
        moves[folded] /= 2
    pose = _homography(square.expand(n, 4, 2), corners)
    inverse = torch.linalg.inv(torch.cat([pose, torch.ones(n, 1, dtype=torch.float64)], 1).view(n, 3, 3))
    # Where H_w of the inverse is not of the sign it has at the frame, a point lies beyond the horizon: outside.
    at_centre = inverse @ torch.cat([corners.mean(1), torch.ones(n, 1, dtype=torch.float64)], 1)[:, :, None]
    inverse = inverse * at_centre[:, 2:].sign()
    H = (_pixels(size).double().view(-1, 3) @ inverse.transpose(1, 2)).view(n, *size, 3).float()
    w = H[..., 2:]
    grid = torch.where(w > 1e-6, H[..., :2] / w.clamp(min=1e-6), 9.0).clamp_(-9, 9)
    return _sampled(digits, grid), pose.float()


def _elastic(digits: Tensor, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """E. Scaled, then drawn through a thin plate spline W on 4 x 4 control points, each moved by N(0, 1.5 px):
    U(x) = digit(W(x) / scale), so W is exact and the pose, its inverse, is found point by point."""
    n = len(digits)
    scale = _uniform(0.75, 1.0, n, generator)[:, None, None]
    line = torch.linspace(-1, 1, CONTROL_POINTS)
    lattice = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(-1, 2)
    moved = lattice + torch.randn(n, len(lattice), 2, generator=generator) * (1.5 / (DIGIT / 2))
    W = _spline(size).grid(moved.flatten(1))
    # Solve W(x) = scale * lattice by the fixed point x <- x + scale * lattice - W(x). W - x is smooth, so between the
    # pixels it is read bilinearly, and held constant beyond the picture: 1 ms a batch where summing the spline took 20.
    pixels = _pixels(size)[..., :2]
    bend = (W - pixels).permute(0, 3, 1, 2).contiguous()
    wanted = (lattice * scale)[:, None]
    x = wanted.clone()
    for _ in range(20):
        there = F.grid_sample(bend, x, mode="bilinear", padding_mode="border", align_corners=False)
        x = wanted - there.permute(0, 2, 3, 1)
    return _sampled(digits, W / scale[..., None]), x.flatten(1)


def _translated(digits: Tensor, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """T. By whole pixels, so that the digit stays as sharp as it was."""
    n = len(digits)
    room_px = (min(size) - DIGIT) // 2
    shift_px = torch.randint(-room_px, room_px + 1, (n, 2), generator=generator).float()
    pose = _placed_pose(torch.zeros(n), torch.ones(n), shift_px, size)
    return _draw_affine(digits, pose, size), pose.flatten(1)


def _translated_cluttered(digits: Tensor, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """TC. As T, plus 6 crops of 6 x 6 px out of other digits of the batch, at random places; the brighter pixel wins.

    Crops come from the middle 20 x 20, where MNIST's ink is: the paper does not say, and a black crop is no clutter."""
    U, pose = _translated(digits, size, generator)
    n, crops, side = len(digits), 6, 6
    other = (torch.arange(n)[:, None] + torch.randint(1, max(n, 2), (n, crops), generator=generator)) % n
    at = torch.randint(4, DIGIT - 4 - side + 1, (n, crops, 2), generator=generator)
    to = torch.stack([torch.randint(0, extent - side + 1, (n, crops), generator=generator) for extent in size], -1)
    step = torch.arange(side)
    pieces = digits[
        other[..., None, None], (at[..., 0, None] + step)[..., None], (at[..., 1, None] + step)[..., None, :]
    ]
    cells = (to[..., 0, None] + step)[..., None] * size[1] + (to[..., 1, None] + step)[..., None, :]
    flat = U.view(n, -1).scatter_reduce(1, cells.view(n, -1), pieces.reshape(n, -1).float() / 255, reduce="amax")
    return flat.view_as(U), pose


TASKS: dict[str, Task] = {
    "r": Task("rotated", (28, 28), "affine", _rotated),
    "rts": Task("rotated, scaled and translated", (42, 42), "affine", _rotated_scaled_placed),
    "p": Task("projectively distorted", (28, 28), "projective", _projective),
    "e": Task("elastically distorted", (28, 28), "tps", _elastic),
    "t": Task("translated", (60, 60), "affine", _translated),
    "tc": Task("translated and cluttered", (60, 60), "affine", _translated_cluttered),
}


def _uniform(low: float, high: float, shape: int | tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low


def _placed_pose(angle_deg: Tensor, scale: Tensor, shift_px: Tensor, size: tuple[int, int]) -> Tensor:
    """Pose (N, 2, 3) of a digit turned by `angle_deg` (x towards y: clockwise as seen), scaled, moved from the centre
    by shift_px = (x, y): x = (28 / extent) scale R(angle) t + shift / (extent / 2)."""
    angle = angle_deg * (math.pi / 180)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    extent = torch.tensor([size[1], size[0]], dtype=torch.float32)
    A = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1) * (DIGIT / extent)[:, None]
    return torch.cat([A, (shift_px * (2 / extent))[:, :, None]], 2)


def _draw_affine(digits: Tensor, pose: Tensor, size: tuple[int, int]) -> Tensor:
    inverse = torch.linalg.inv(pose[:, :, :2])
    back = torch.cat([inverse, -inverse @ pose[:, :, 2:]], 2)
    grid = (_pixels(size).view(-1, 3) @ back.transpose(1, 2)).view(len(digits), *size, 2)
    return _sampled(digits, grid)


def _sampled(digits: Tensor, grid: Tensor) -> Tensor:
    images = digits[:, None].float() / 255
    return F.grid_sample(images, grid.to(images), mode="bilinear", padding_mode="zeros", align_corners=False)


def _pixels(size: tuple[int, int]) -> Tensor:
    """Centres of the pixels as (x, y, 1), (h, w, 3), align_corners False."""
    y, x = (torch.arange(extent).mul(2).add(1).div(extent).sub(1) for extent in size)
    ys, xs = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([xs, ys, torch.ones_like(xs)], -1)


def _is_convex(corners: Tensor) -> Tensor:
    """Whether quadrilaterals (N, 4, 2), corners in the order of CORNERS, are convex, not mirrored, by a margin."""
    around = corners[:, [0, 1, 3, 2]]
    edge = around.roll(-1, 1) - around
    following = edge.roll(-1, 1)
    cross = edge[..., 0] * following[..., 1] - edge[..., 1] * following[..., 0]
    return (cross > 0.05).all(1)


def _homography(source: Tensor, target: Tensor) -> Tensor:
    """h11..h32 (N, 8) of the homography (h33 = 1) that sends four points (N, 4, 2) to four others."""
    x, y = source.unbind(-1)
    u, v = target.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    for_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    for_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    solution: Tensor = torch.linalg.solve(torch.cat([for_u, for_v], 1), torch.cat([u, v], 1))
    return solution


@cache
def _spline(size: tuple[int, int]) -> Family:
    return family("tps", size=size, align_corners=False, points=CONTROL_POINTS)
