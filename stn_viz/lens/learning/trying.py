"""Images behind a snapshot's own weights, read under thetas that are not the network's: a pose, any theta, a search."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stn_viz.lens.laying import Newest, laid
from stn_viz.lens.learning.habit import as_sampled, habitual, only
from stn_viz.lens.learning.part import Part, pose_grids
from stn_viz.lens.learning.rest import Rest
from stn_viz.lens.learning.sampling import sampled
from stn_viz.lens.learning.search import Found, search
from stn_viz.lens.question import LensError
from stn_viz.runs import Run
from stn_viz.transformer import Family
from stn_viz.view import View

MOST = 64
"""Images of one question: a search over 64 takes some seconds."""

HABIT, POSE, NEITHER = 0, 1, -1
"""What the true pose was read as: brought to the network's habit, as it stands, or not known."""


@dataclass(frozen=True, eq=False)
class Tried:
    """Some images of a part behind the network's own weights, ready to be read under any theta (n, P) float64."""

    part: Part
    family: Family
    rest: Rest
    own: Tensor
    r: Tensor | None

    @classmethod
    def of(cls, run: Run, view: View, part: Part, indices: NDArray[np.intp], r: Tensor | None) -> Tried:
        """Those images of a part, behind the weights that answered for it; r is its habit."""
        some = only(part, indices)
        assert some.site is not None
        assert some.theta is not None
        if len(some.site.output_size) != 2:
            raise LensError("This site samples volumes; another theta is tried over flat pictures alone.")
        over = laid(some.site.family, some.site.output_size, some.site.align_corners, some.site.options).family
        rest = Rest(run, _network(run, part.snapshot), view.site, some.U)
        return cls(some, over, rest, torch.from_numpy(some.theta).double(), r)

    @property
    def pixels(self) -> tuple[float, float]:
        """Pixels of what the site samples that one unit of its grid spans, x and y."""
        assert self.part.site is not None
        H, W = ((side - 1 if self.part.site.align_corners else side) / 2 for side in self.part.site.input_size)
        return W, H

    def scores(self, grid: Tensor, rows: Tensor) -> Tensor:
        """Class scores (m, K) for grids (m, H', W', 2) of the images `rows`."""
        assert self.part.site is not None
        return self.rest.scores(sampled(self.part.site, self.rest.sampled_from[rows], grid), rows)

    def read(self, theta: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Probability (n,) of the wanted class and whether it is the answer; nan and False where theta is nan."""
        rows = torch.arange(len(theta))[theta.isfinite().all(1)]
        p, right = torch.full((len(theta),), math.nan, dtype=torch.float64), torch.zeros(len(theta), dtype=torch.bool)
        with torch.no_grad():
            for some in torch.split(rows, MOST) if len(rows) else ():
                said = self.scores(self.family.grid(theta[some]).float(), some).double().softmax(-1)
                p[some] = said.gather(1, wanted[some, None])[:, 0]
                right[some] = (said.argmax(1) == wanted[some]) & said.isfinite().all(1)
        return p, right

    def moved(self, theta: Tensor) -> Tensor:
        """Pixels (n,), root mean square over the grid's points, from the network's own grid."""
        apart = torch.full((len(theta),), math.nan, dtype=torch.float64)
        rows = theta.isfinite().all(1)
        if not bool(rows.any()):
            return apart
        there, here = self.family.grid(theta[rows]), self.family.grid(self.own[rows])
        apart[rows] = ((there - here) * here.new_tensor(self.pixels)).square().sum(-1).flatten(1).mean(1).sqrt()
        return apart

    def pose(self, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Which of habit and bare pose reads the wanted class better, (n,), and its theta (n, P); nan if none."""
        assert self.part.site is not None
        kinds, theta = torch.full((len(wanted),), NEITHER), torch.full_like(self.own, math.nan)
        best = torch.full((len(wanted),), -1.0, dtype=torch.float64)
        posed = pose_grids(self.part)
        if posed is None:
            return kinds, theta
        grids = {POSE: posed.double()} | ({} if self.r is None else {HABIT: habitual(self.part, self.r)})
        for kind, grid in grids.items():
            fitted = self._fitted(as_sampled(self.part.site, grid))
            p, _ = self.read(fitted, wanted)
            better = p > best
            kinds[better], theta[better], best[better] = kind, fitted[better], p[better]
        return kinds, theta

    def search(self, wanted: Tensor, *, px: float, steps: int) -> Found:
        """As search.search, from the network's own theta."""
        return search(self.family, self.scores, self.own, wanted, pixels=self.pixels, bound_px=px, steps=steps)

    def _fitted(self, grid: Tensor) -> Tensor:
        whole = grid.isfinite().flatten(1).all(1)
        theta = torch.full_like(self.own, math.nan)
        if bool(whole.any()):
            theta[whole] = self.family.fit(grid[whole]).theta.double()
        return theta


def _network(run: Run, snapshot: int) -> torch.nn.Module:
    """A copy of this module's own: its transformer stands aside, which nobody else may meet."""
    from stn_viz.foreign.network import network_of

    return _NETWORKS.get((run.path, run.version, snapshot), lambda: network_of(run, snapshot))


_NETWORKS = Newest(most=2)
