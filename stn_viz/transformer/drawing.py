"""What a drawer of grids needs of a family: its factors at the pixels, on grid lines and at the hand's lattice.

The browser multiplies these tensors and knows no family: H = b (M theta + m0) at any row of b.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stn_viz.transformer.base import Family, ShapeError

# Grid lines each way, the outermost of which are the frame; points on a line that can bend; the hand's lattice.
LINES = 15
POINTS_ON_A_CURVE = 33
HAND = 9
# Pixels whose basis functions are computed together: in float64, 262,144 of them take 130 MB for each array on the way.
_AT_ONCE = 2**15


def drawing_basis(family: Family) -> dict[str, Tensor]:
    """The family's factors as float32 and int32 tensors, fit for safetensors.

    Shapes: b (H' W', k) row by row, M (3 k, P), m0 (3 k,), identity (P,), size (2,) = (H', W');
            lines_b (2 L m, k) and lines_shape (2,) = (L, m): L lines x_t = const from left to right, each of m points
            from top to bottom, then L lines y_t = const from top to bottom, each from left to right;
            hand_b (81, k), a 9 x 9 lattice row by row;
            control (k, 2), only of a family of control points: their target positions, which theta takes to sources.
    Units:  normalised. Lines and lattice span -1..1 whatever align_corners is: the first and the last are the frame.
            m is 2 where straight lines stay straight.

    A family over volumes is drawn slice by slice. In a straight one b is affine in (x, y, z), so the corners say all:
    M (4 k, P), m0 (4 k,), identity (P,), size (3,) = (D', H', W'), and corners_b (8, k), the corners of [-1, 1]^3: z
    outermost, then y, then x.
    Raises: ShapeError for a family over volumes in which lines bend.
    """
    if family.sides == 3:
        return _of_a_volume(family)
    x, y = (side.flatten() for side in family.target_grid())
    starts = range(0, len(x), _AT_ONCE)
    b = torch.cat([_float(family.factors(x[i : i + _AT_ONCE], y[i : i + _AT_ONCE])[0]) for i in starts])
    _, M, m0 = family.factors(x[:1], y[:1])
    m = 2 if family.straight else POINTS_ON_A_CURVE
    across, along = _lattice(LINES, m)  # line by line: the line's own coordinate, then the one that runs along it
    lines_x, lines_y = torch.cat([across, along]), torch.cat([along, across])
    hand_y, hand_x = _lattice(HAND, HAND)
    drawn = {
        "b": b,
        "M": M.float().contiguous(),
        "m0": m0.float(),
        "identity": family.identity.float(),
        "size": torch.tensor(family.size, dtype=torch.int32),
        "lines_b": _float(family.factors(lines_x, lines_y)[0]),
        "lines_shape": torch.tensor([LINES, m], dtype=torch.int32),
        "hand_b": _float(family.factors(hand_x, hand_y)[0]),
    }
    return drawn if family.control is None else drawn | {"control": family.control.float()}


def _of_a_volume(family: Family) -> dict[str, Tensor]:
    if not family.straight:
        raise ShapeError(f"Family {family.name!r} bends lines in a volume, and its slices are not drawn yet.")
    ends = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    z, y, x = torch.meshgrid(ends, ends, ends, indexing="ij")
    b, M, m0 = family.factors(x, y, z)
    return {
        "corners_b": _float(b),
        "M": M.float().contiguous(),
        "m0": m0.float(),
        "identity": family.identity.float(),
        "size": torch.tensor(family.size, dtype=torch.int32),
    }


def _lattice(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """The two coordinates, each (rows, columns), of a lattice over [-1, 1]^2: the row's own first."""
    outer, inner = (torch.linspace(-1, 1, n, dtype=torch.float64) for n in (rows, columns))
    u, v = torch.meshgrid(outer, inner, indexing="ij")
    return u, v


def _float(b: Tensor) -> Tensor:
    """Basis functions (..., k) as rows of float32."""
    return b.reshape(-1, b.shape[-1]).float().contiguous()
