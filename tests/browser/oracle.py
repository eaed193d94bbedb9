"""What the stage must show, said by torch: V by grid_sample, answers by the network, grids by the families."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from stn_viz.networks import build
from stn_viz.runs import Run
from stn_viz.transformer import family

CORNERS = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
"""Of the target frame: top left, top right, bottom right, bottom left; as the stage numbers its handles."""


BYTE = 0.55 / 255
"""What a canvas may differ by: half a level, since it holds bytes, and a little for float32 and six printed digits."""


@dataclass(frozen=True)
class Rule:
    """How the sampler reads U."""

    kernel: str = "bilinear"
    padding: str = "zeros"
    align_corners: bool = False


@dataclass
class Truth:
    """One run, asked with torch and with nothing of the stage's."""

    run: Run
    _models: dict[int, torch.nn.Module] = field(default_factory=dict)

    def picture(self, image: int, theta: Tensor, rule: Rule = Rule(), name: str = "affine", **options: Any) -> Tensor:
        """V, (28, 28) float64, clamped to 0..1 as a screen does."""
        grid = self._grid(theta, rule, name, options)
        U = torch.from_numpy(self.run.probes.U[image : image + 1]).double()
        given = {"mode": rule.kernel, "padding_mode": rule.padding, "align_corners": rule.align_corners}
        return F.grid_sample(U, grid, **given)[0, 0].clamp(0, 1)

    def settled(self, theta: Tensor, rule: Rule, name: str, **options: Any) -> NDArray[np.bool_]:
        """(28, 28): False where `nearest` hangs on rounding, since the sample lies halfway between two pixels."""
        if rule.kernel != "nearest":
            return np.ones((28, 28), bool)
        grid = self._grid(theta, rule, name, options)[0]
        size = 42
        pixel = (grid + 1) / 2 * (size - 1) if rule.align_corners else ((grid + 1) * size - 1) / 2
        return ((pixel % 1 - 0.5).abs().amin(-1) > 1e-3).numpy()

    def outside(self, theta: Tensor, name: str = "affine", **options: Any) -> float:
        """Share of the grid outside the image."""
        grid = self._grid(theta, Rule(), name, options)
        return float((grid.abs() > 1).any(-1).double().mean())

    def points(self, theta: Tensor, at: Tensor, name: str = "affine", **options: Any) -> Tensor:
        """Source points (n, 2) of target points (n, 2)."""
        made = family(name, size=(28, 28), align_corners=False, **options)
        b, M, m0 = made.factors(at[:, 0], at[:, 1])
        H = b.double() @ (M.double() @ theta + m0.double()).view(-1, 3)
        return H[:, :2] / H[:, 2:]

    def answer(self, image: int, theta: Tensor, step: int, rule: Rule = Rule()) -> Tensor:
        """(10,) probabilities of the snapshot's classifier on V of an affine theta, and on nothing but V."""
        snapshot = self.run.snapshot_at(step)
        if snapshot not in self._models:
            model = build(**self.run.info.network)
            model.load_state_dict(self.run.weights(snapshot))
            self._models[snapshot] = model.float().eval()
        U = torch.from_numpy(self.run.probes.U[image : image + 1])
        grid = F.affine_grid(theta.float().view(1, 2, 3), (1, 1, 28, 28), rule.align_corners)
        given = {"mode": rule.kernel, "padding_mode": rule.padding, "align_corners": rule.align_corners}
        with torch.inference_mode():
            return self._models[snapshot].classifier(F.grid_sample(U, grid, **given)).softmax(-1)[0]

    def recorded_theta(self, image: int, index: int) -> Tensor:
        return torch.from_numpy(self.run.theta()[index, image]).double()

    def _grid(self, theta: Tensor, rule: Rule, name: str, options: Mapping[str, Any]) -> Tensor:
        made = family(name, size=(28, 28), align_corners=rule.align_corners, **options)
        return made.grid(theta.double().view(1, -1))


def gauge_of(theta: Tensor) -> dict[str, float]:
    """Rotation in degrees, zoom, aspect by hand: A = R [[1, shear], [0, 1]] diag(s_x, s_y)."""
    A = theta.view(2, 3)[:, :2].numpy()
    s_x = float(np.hypot(A[0, 0], A[1, 0]))
    s_y = float(np.linalg.det(A)) / s_x
    rotation = float(np.degrees(np.arctan2(A[1, 0], A[0, 0])))
    return {"rotation": rotation, "zoom": 1 / np.sqrt(abs(s_x * s_y)), "aspect": s_y / s_x}
