"""The rules that ask the network itself: loaded once, each rule for itself, and what cannot be asked is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stn_viz.lens.doctor.findings import Finding, Skipped
from stn_viz.lens.doctor.tracks import Track
from stn_viz.runs import Run, RunError

INSTEAD = {
    "answer": ("constant", "collapse", "outside", "zoom-out", "bypass", "same-answer"),
    "align-corners": ("constant", "outside", "collapse", "same-answer"),
}
"""Rules that say nothing new where one of these faults is found."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All findings, those of the trace with what the network adds to them; what was skipped; the rules that looked."""

    findings: list[Finding]
    skipped: list[Skipped]
    looked: list[str]


def ask(run: Run, tracks: Sequence[Track], findings: list[Finding]) -> Asked:
    """Ask the network of the run's newest snapshot. Loads torch."""
    from stn_viz.lens.doctor import patient, rules_answer, rules_gradient, rules_use

    rules = {
        "gradient": rules_gradient.gradient,
        "bypass": rules_use.bypass,  # before those that it explains
        "answer": rules_answer.answers,
        "align-corners": rules_use.align_corners,
    }
    try:
        opened = patient.called(run)
    except RunError as error:
        return Asked(
            findings=findings, skipped=[Skipped(rule=name, site=None, reason=str(error)) for name in rules], looked=[]
        )
    skipped: list[Skipped] = []
    looked: dict[str, None] = {}
    told = list(findings)
    for track in tracks:
        faults = {one.rule for one in told if one.site == track.index and one.severity == "fault"}
        told = [
            rules_gradient.hidden_units(opened, track, one)
            if one.rule == "constant" and one.site == track.index
            else one
            for one in told
        ]
        for name, rule in rules.items():
            if before := faults & set(INSTEAD.get(name, ())):
                reason = f"Another fault stands before it: {', '.join(sorted(before))}."
                skipped.append(Skipped(rule=name, site=track.index, reason=reason))
                continue
            try:
                finding = rule(opened, track)
            except RunError as error:
                skipped.append(Skipped(rule=name, site=track.index, reason=str(error)))
                continue
            except Exception as error:  # a stranger's network; the other rules go on
                words = next(iter(str(error).splitlines()), "")[:160]
                skipped.append(
                    Skipped(rule=name, site=track.index, reason=f"It broke off ({type(error).__name__}: {words}).")
                )
                continue
            looked[name] = None
            same = finding and any(one.rule == finding.rule and one.site == finding.site for one in told)
            if finding is not None and not same:
                told.append(finding)
                faults |= {finding.rule} if finding.severity == "fault" else set()
    return Asked(findings=told, skipped=skipped, looked=list(looked))
