"""What the doctor says: one finding is one sentence with its place, its likely cause and its cure."""

from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from stn_viz.runs import Run
from stn_viz.view import View

Severity = Literal["fault", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a rule found at one site.

    step and image are where it shows best, `view` the workbench there. `sentence` says what is seen, with its number;
    `cause` what most likely made it so; `cure` what to do.
    """

    rule: str
    severity: Severity
    step: int
    image: int
    site: int
    sentence: str
    cause: str
    cure: str
    view: View

    @property
    def link(self) -> str:
        """The workbench's address at this place, without its host: "?run=mine&image=3&step=800"."""
        return "?" + urlencode(self.view.to_query())

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON has it, `view` as the query of a link."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "view"}
        return {**plain, "view": self.view.to_query(), "link": self.link}


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A rule that could not look, and why, in a sentence; `site` is None where it concerns the whole run."""

    rule: str
    site: int | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {"rule": self.rule, "site": self.site, "reason": self.reason}


def found(
    run: Run,
    rule: str,
    severity: Severity,
    *,
    step: int,
    image: int,
    site: int,
    sentence: str,
    cause: str,
    cure: str,
) -> Finding:
    """A finding with the view that shows it."""
    view = View(run=run.name, image=int(image), step=int(step), site=site)
    return Finding(
        rule=rule,
        severity=severity,
        step=int(step),
        image=int(image),
        site=site,
        sentence=sentence,
        cause=cause,
        cure=cure,
        view=view,
    )


def in_order(findings: list[Finding]) -> list[Finding]:
    """The worst first, and of equals the earliest."""
    return sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), one.step, one.site, one.rule))


def onset(bad: NDArray[Any] | np.bool_) -> int:
    """Index of the first record of the last unbroken stretch that ends at the last record. Shapes: bad (S,)."""
    good = np.flatnonzero(~np.asarray(bad))
    return int(good[-1]) + 1 if len(good) else 0
