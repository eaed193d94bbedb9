"""Families over volumes: the affine map of space, whose grid has a z beside x and y.

    [H_x, H_y, H_z, H_w] = A(theta) [x_t, y_t, z_t, 1],    A = [[t11 t12 t13 t14], [t21 ...], [t31 ... t34], [0 0 0 1]]

Source: Jaderberg et al. 2015, appendix ("3-D affine transformation", 12 parameters).
"""

from __future__ import annotations

import torch
from torch import Tensor

from stn_viz.transformer.base import Family


class Affine3(Family):
    """Every map of a volume that keeps parallels: theta is its 3 x 4 matrix, rows x_s, y_s, z_s, columns x, y, z, 1.

    Convention: x runs along W, y along H, z along D, as in torch's affine_grid.
    """

    name = "affine3"
    sides = 3
    straight = True
    parameter_names = tuple(f"t{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3, 4))
    start = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    def factors(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As Family.factors, with b = (x, y, z, 1)."""
        M, m0 = x.new_zeros(4, 4, 12), x.new_zeros(4, 4)
        for row in range(3):
            for column in range(4):
                M[column, row, 4 * row + column] = 1
        m0[3, 3] = 1
        return torch.stack([x, y, z, torch.ones_like(x)], -1), M.view(16, 12), m0.flatten()
