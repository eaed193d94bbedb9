"""Families that move the plane by one 3 x 3 matrix: affine and its special cases (eqs. 1 and 2).

    [H_x, H_y, H_w] = A(theta) [x_t, y_t, 1]

Their basis functions are b = (x_t, y_t, 1); a family writes down its matrix, whose entries are affine-linear in theta.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from stn_viz.transformer.base import Family


class Planar(Family):
    """A family given by a matrix: a subclass writes `matrix`, and its factors are read off from it."""

    straight = True

    @staticmethod
    @abstractmethod
    def matrix(*theta: float) -> Sequence[Sequence[float]]:
        """A(theta), three rows x, y, w over three columns x_t, y_t, 1; each entry affine-linear in theta."""

    def factors(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As Family.factors, with b = (x, y, 1).

        Raises: ValueError if the matrix is not affine-linear in theta: that is no basis.
        """
        P = len(self.parameter_names)
        m0 = self._entries([0.0] * P)
        M = torch.stack([self._entries(row) - m0 for row in torch.eye(P).tolist()], -1)
        # One crooked theta tells a cosine or a product from a line.
        crooked = [0.5 + 0.75 * p for p in range(P)]
        if not torch.allclose(M @ torch.tensor(crooked, dtype=M.dtype) + m0, self._entries(crooked)):
            raise ValueError(f"family {self.name!r}: its matrix is not affine-linear in theta. Choose others.")
        return torch.stack([x, y, torch.ones_like(x)], -1), M.to(x), m0.to(x)

    def _entries(self, theta: Sequence[float]) -> Tensor:
        """A(theta) column by column, (9,), float64: basis function j, coordinate d at j * 3 + d."""
        return torch.tensor(self.matrix(*theta), dtype=torch.float64).T.flatten()


class Affine(Planar):
    """Every map that keeps parallels: x_s = t11 x + t12 y + t13, y_s = t21 x + t22 y + t23 (eq. 1)."""

    name = "affine"
    parameter_names = ("t11", "t12", "t13", "t21", "t22", "t23")
    start = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    @staticmethod
    def matrix(*theta: float) -> Sequence[Sequence[float]]:
        """The matrix of eq. 1."""
        t11, t12, t13, t21, t22, t23 = theta
        return [[t11, t12, t13], [t21, t22, t23], [0, 0, 1]]


class Attention(Planar):
    """Isotropic zoom and shift: x_s = s x_t + t_x, y_s = s y_t + t_y (eq. 2)."""

    name = "attention"
    parameter_names = ("s", "t_x", "t_y")
    start = (1.0, 0.0, 0.0)

    @staticmethod
    def matrix(*theta: float) -> Sequence[Sequence[float]]:
        """The matrix of eq. 2."""
        s, t_x, t_y = theta
        return [[s, 0, t_x], [0, s, t_y], [0, 0, 1]]


class Similarity(Planar):
    """Rotation, zoom and shift: x_s = a x_t - b y_t + t_x, y_s = b x_t + a y_t + t_y, a + ib = s e^(i angle)."""

    name = "similarity"
    parameter_names = ("a", "b", "t_x", "t_y")
    start = (1.0, 0.0, 0.0, 0.0)

    @staticmethod
    def matrix(*theta: float) -> Sequence[Sequence[float]]:
        """A rotation matrix times a scale, and the shift."""
        a, b, t_x, t_y = theta
        return [[a, -b, t_x], [b, a, t_y], [0, 0, 1]]


class Translation(Planar):
    """Shift alone: x_s = x_t + t_x, y_s = y_t + t_y."""

    name = "translation"
    parameter_names = ("t_x", "t_y")
    start = (0.0, 0.0)

    @staticmethod
    def matrix(*theta: float) -> Sequence[Sequence[float]]:
        """The identity and the shift."""
        t_x, t_y = theta
        return [[1, 0, t_x], [0, 1, t_y], [0, 0, 1]]
