"""The families of a run's sites, from record to record: found, kept, and exchanged for a larger one where need be."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stn_viz.transformer import Family
from stn_viz.transformer.drawing import drawing_basis

from .fitting import first_family, fit, fitted, smallest, stored_family
from .info import RunError, Site
from .passing import Found
from .writing import RunWriter

MOST_GRIDS = 128 * 2**20  # bytes of raw grids in a run


class SiteFamilies:
    """What is known of each site, and what the trace keeps of it; a run that is gone on with says it itself."""

    def __init__(self, writer: RunWriter) -> None:
        """Nothing known before the first pass."""
        self.writer = writer
        self._families: list[Family | None] | None = None

    def rows(self, step: int, found: list[Found]) -> tuple[dict[int, NDArray[Any]], dict[int, NDArray[Any]]]:
        """Theta of the sites of a family, and the grids of the others, as the trace takes them: by the site's place.

        Raises: RunError if the network samples other grids than at its first record, or raw ones that are too large.
        """
        if self._families is None:
            stored = self.writer.info.sites if self.writer.steps else ()
            if len(stored) == len(found):
                self._families = [one.family or stored_family(site) for one, site in zip(found, stored, strict=True)]
            elif not stored:
                self._families = [first_family(one) for one in found]
                self._describe(found)
        known = self.writer.info.sites
        if [one.shape for one in found] != [(site.input_size, site.output_size, site.channels) for site in known]:
            raise RunError(
                f"step {step}: the network samples {len(found)} grid(s) of other sizes than at its first record, "
                f"where there were {len(known)}. A run follows a network whose sites stay the same."
            )
        thetas, grids = {}, {}
        for index, one in enumerate(found):
            theta = self._theta(index, one, found)
            if theta is None:
                grids[index] = one.grid.numpy()
            else:
                thetas[index] = theta.numpy()
        if grids:
            self._make_room(sum(2 * grid.size for grid in grids.values()), len(found[0].grid))
        return thetas, grids

    def _theta(self, index: int, one: Found, found: list[Found]) -> Tensor | None:
        """Theta of the site's family; a grid that has left the family moves the whole site to a larger one."""
        assert self._families is not None
        current = self._families[index]
        if one.family is not None or current is None:
            return one.theta if current is not None else None
        if not one.grid.isfinite().all():
            return torch.full((len(one.grid), len(current.parameter_names)), math.nan)
        theta = fitted(current, one, given=True)
        return self._moved(index, one, found) if theta is None else theta

    def _moved(self, index: int, one: Found, found: list[Found]) -> Tensor | None:
        # At the identity every family fits, so a network's own family shows only once it moves.
        assert self._families is not None
        current = self._families[index]
        assert current is not None
        rows = [torch.from_numpy(row) for row in self.writer.columns.get(f"theta_{index}", [])]
        larger = smallest(_Grids(one.grid, current, rows), one)
        if larger is None:
            self._make_room(one.grid.numel() * 2, len(one.grid))  # before the grids of all records lie in memory
            rows = [torch.from_numpy(row) for row in self.writer.columns.get(f"theta_{index}", [])]
        self._families[index] = larger
        self.writer.columns.pop(f"theta_{index}", None)
        earlier = _Grids(None, current, rows)
        if larger is None:
            column, name = [grid.numpy().astype(np.float16) for grid in earlier], f"grid_{index}"
        else:
            unknown = torch.full((len(one.grid), len(larger.parameter_names)), math.nan)
            thetas = [fit(larger, grid, one.epsilon) if grid.isfinite().all() else unknown for grid in earlier]
            column, name = [theta.numpy() for theta in thetas if theta is not None], f"theta_{index}"
        if column:
            self.writer.columns[name] = column
        self._describe(found)
        return None if larger is None else fitted(larger, one, given=True)

    def _describe(self, found: list[Found]) -> None:
        assert self._families is not None
        sites, bases = [], []
        for one, fam in zip(found, self._families, strict=True):
            options = {} if fam is None else dict(fam.options)
            settings = {**vars(one.site), "family": None if fam is None else fam.name, "options": options}
            sites.append(Site(**settings))
            bases.append(None if fam is None else drawing_basis(fam))
        self.writer.describe(sites, bases)

    def _make_room(self, size: int, n: int) -> None:
        """Drop every other record where raw grids would take more than their share of the disk."""
        if size > MOST_GRIDS // 2:
            fitting = n * MOST_GRIDS // 2 // size
            raise RunError(
                f"The network's grids are of no family, and as they are they take {size / 2**20:.0f} MB at every "
                f"record. Record with {f'{fitting} probes' if fitting else 'smaller images'} or fewer."
            )
        while size and (len(self.writer.steps) + 1) * size > MOST_GRIDS:
            steps = self.writer.steps
            kept = {steps[0], *steps[::-2]} if len(steps) > 2 else {steps[0]}
            self.writer.drop([step for step in steps if step not in kept])


class _Grids(Sequence[Tensor]):
    """A site's grids, the newest first where there is one, each made of its recorded theta when it is looked at.

    They never lie in memory all at once: hundreds of records of large grids would not fit.
    """

    def __init__(self, newest: Tensor | None, fam: Family, rows: list[Tensor]) -> None:
        self.newest, self.family, self.rows = newest, fam, rows

    def __len__(self) -> int:
        return len(self.rows) + (self.newest is not None)

    def __getitem__(self, index: Any) -> Any:
        if self.newest is not None:
            if index == 0:
                return self.newest
            index -= 1
        row = self.rows[index]
        if row.isfinite().all():
            return self.family.grid(row)
        return torch.full((len(row), *self.family.size, len(self.family.size)), math.nan)  # a step that had diverged

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def __reversed__(self) -> Iterator[Tensor]:
        return (self[index] for index in reversed(range(len(self))))
