"""The plane projective family: a homography with h33 = 1. The one family whose H_w moves with theta."""

from __future__ import annotations

from collections.abc import Sequence

from stn_viz.transformer.planar import Planar


class Projective(Planar):
    """Every map of lines to lines: [H_x, H_y, H_w] = h [x_t, y_t, 1], x_s = H_x / H_w, y_s = H_y / H_w.

    Where H_w = h31 x_t + h32 y_t + 1 is 0 lies the horizon; behind it, H_w < 0, points come back from the other side.
    Source: Jaderberg et al. 2015, section 3.2 ("plane projective transformation with 8 parameters").
    """

    name = "projective"
    parameter_names = ("h11", "h12", "h13", "h21", "h22", "h23", "h31", "h32")
    start = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)

    @staticmethod
    def matrix(*theta: float) -> Sequence[Sequence[float]]:
        """The homography row by row, with h33 = 1."""
        h11, h12, h13, h21, h22, h23, h31, h32 = theta
        return [[h11, h12, h13], [h21, h22, h23], [h31, h32, 1]]
