"""The doctor's round: every rule over every site of a run, what was found and what could not be looked at."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stn_viz.lens.doctor import rules_corners, rules_padding, rules_place, rules_pose, rules_shape, rules_theta
from stn_viz.lens.doctor.findings import Finding, Skipped, found, in_order
from stn_viz.lens.doctor.tracks import Track, track
from stn_viz.runs import Run, RunError

TRACE_RULES: Mapping[str, Callable[[Run, Track], Finding | None]] = {
    "outside": rules_place.outside,
    "horizon": rules_place.horizon,
    "zoom-out": rules_shape.zoom_out,
    "collapse": rules_shape.collapse,
    "mirrored": rules_shape.mirrored,
    "stretched": rules_shape.stretched,
    "folded": rules_shape.folded,
    "constant": rules_theta.constant,
    "start": rules_theta.start,
    "jump": rules_theta.jump,
    "pixels": rules_theta.pixels,
    "swapped": rules_theta.swapped,
    "align-corners": rules_corners.mixed,
    "pose": rules_pose.pose,
    "background": rules_padding.background,
}
"""Rules that read the trace alone, with numpy. Of a site's Track each makes one finding or none."""

STANDS_FOR = {"swapped": ("mirrored", "start"), "pixels": ("outside", "zoom-out", "jump", "background")}
"""A finding that explains others, which then need not be told beside it."""


OF_WRONG_IMAGES = ("outside", "horizon", "zoom-out", "collapse", "mirrored", "stretched", "folded", "background")
"""What a healthy network shows, too, when it is given images that are prepared otherwise than in its training."""

IMPORTED = (
    "The run is imported: images that are prepared otherwise than in the training (--mean, --std, --value-range) make "
    "such grids by themselves, so look at this first."
)


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What a round brought: findings, the worst first; rules that could not look; names of those that did."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    looked: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """No fault. A warning asks for a look and a note for nothing: neither stops a training."""
        return not any(finding.severity == "fault" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "healthy": self.healthy,
            "findings": [finding.to_json() for finding in self.findings],
            "looked": list(self.looked),
            "skipped": [one.to_json() for one in self.skipped],
        }


def examine(run: Run, *, network: bool = True) -> list[Finding]:
    """What is wrong with a run, the worst first; nothing for a healthy one. `examination` says also what was skipped.

    network False leaves out the rules that ask the network, which take some seconds; the others take less than one.
    """
    return list(examination(run, network=network).findings)


def examination(run: Run, *, network: bool = True) -> Examination:
    """As `examine`, with what was looked at and what could not be."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    looked: dict[str, None] = {}  # a set that keeps its order
    tracks: list[Track] = []
    if (gone := _diverged(run)) is not None:
        findings.append(gone)
    if not run.sites:
        skipped.append(Skipped(rule="all", site=None, reason="There is no transformer in this network."))
        return Examination(findings=tuple(findings), skipped=tuple(skipped), looked=())
    for index in range(len(run.sites)):
        try:
            tracks.append(track(run, index))
        except RunError as error:
            skipped.append(Skipped(rule="all of the trace", site=index, reason=str(error)))
            continue
        for name, rule in TRACE_RULES.items():
            if name == "pose" and run.probes.pose is None:
                continue
            try:
                finding = rule(run, tracks[-1])
            except RunError as error:
                skipped.append(Skipped(rule=name, site=index, reason=str(error)))
                continue
            looked[name] = None
            if finding is not None and not _same(finding, findings):
                findings.append(finding)
    if int(run.steps[0]) != 0:
        reason = f"The first record is of {run.info.counter} {int(run.steps[0])}, not of the start."
        skipped.append(Skipped(rule="start", site=None, reason=reason))
        looked.pop("start", None)
    if network:
        from stn_viz.lens.doctor import asking

        asked = asking.ask(run, tracks, findings)
        findings = asked.findings
        skipped += asked.skipped
        looked |= dict.fromkeys(asked.looked)
    else:
        skipped.append(Skipped(rule="all of the network", site=None, reason="The network was not to be asked."))
    findings = [_of_import(one) for one in findings] if run.info.source.startswith("imported") else findings
    return Examination(findings=tuple(in_order(_explained(findings))), skipped=tuple(skipped), looked=tuple(looked))


def until(run: Run, step: int) -> Run:
    """The run as it was at a step: without the records and the weights after it.

    Raises: RunError if nothing was recorded at that step yet.
    """
    records = bisect.bisect_right(run.steps.tolist(), step)
    if records == 0:
        raise RunError(
            f"The first record of {run.name} is of {run.info.counter} {int(run.steps[0])}. Ask for a later one."
        )
    return replace(
        run,
        steps=run.steps[:records],
        images=run.images[:records],
        loss=run.loss[:records],
        error=run.error[:records],
        rate=run.rate[:records],
        snapshots=tuple(kept for kept in run.snapshots if kept <= step),
        rows={name: rows[:records] for name, rows in run.rows.items()},
        problems=run.problems if records == len(run.steps) else (),  # of the trace's end; that it opened is known
    )


def _diverged(run: Run) -> Finding | None:
    """What reading found already: the trace ends in nan or inf, and the run is shown up to there."""
    told = next((problem for problem in run.problems if "diverged there" in problem), None)
    if told is None:
        return None
    return found(
        run,
        "diverged",
        "fault",
        step=run.steps[-1],
        image=0,
        site=0,
        sentence=told.split(" The training diverged")[0],
        cause="The training diverged: a rate too high, or a division by 0 (a projective horizon, a scale of 0).",
        cure="Go back to weights from before that step, lower the rate or clip the gradients.",
    )


def _explained(findings: list[Finding]) -> list[Finding]:
    """Without those that another finding at the same site explains."""
    silent = {(one.site, name) for one in findings for name in STANDS_FOR.get(one.rule, ())}
    for site in {one.site for one in findings}:
        there = {one.rule: one for one in findings if one.site == site}
        constant, gradient = there.get("constant"), there.get("gradient")
        # Dead units are told once: with the theta that they make the same for all.
        if constant and gradient and constant.cause == gradient.cause:
            silent.add((site, "gradient"))
        # A classifier that does not read V teaches the transformer nothing.
        if constant and constant.cause == rules_theta.UNTOUCHED and {"bypass", "same-answer"} & set(there):
            silent.add((site, "constant"))
    return [one for one in findings if (one.site, one.rule) not in silent]


def _of_import(finding: Finding) -> Finding:
    """The same with the likeliest cause first, where the images may have been prepared otherwise than in training."""
    if finding.rule not in OF_WRONG_IMAGES:
        return finding
    return replace(finding, cause=f"{IMPORTED} Else: {finding.cause}")


def _same(finding: Finding, others: list[Finding]) -> bool:
    """Whether another rule has said it: one finding of a kind at a site."""
    return any((one.rule, one.site) == (finding.rule, finding.site) for one in others)
