"""python -m stn_viz doctor: say what is wrong with a run, for a person or, as JSON, for a training job."""

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stn_viz import shelf
from stn_viz.lens.doctor.examining import Examination, examination, until
from stn_viz.lens.doctor.findings import Finding, Severity
from stn_viz.runs import Run, RunError, open_run
from stn_viz.runs.plainly import plain, say

DESCRIPTION = """\
Look over a run: does its transformer do what a transformer should? Each finding is one sentence with the step, the
image, the likely cause and the cure.

  python -m stn_viz doctor runs/mine
      for a person
  python -m stn_viz doctor runs/mine --json || stop the training
      for a training job, while it writes the run

The exit status is 0 for a run without faults, 1 for one with faults (warnings and notes are none), 2 for one that
cannot be read."""

COLOURS: dict[Severity, str] = {"fault": "31", "warning": "33", "note": "36"}  # red, yellow, cyan
WIDTH = 100


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m stn_viz doctor", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("run", metavar="RUN", help="a run's folder, or its name under runs/ or checkpoints/")
    made.add_argument("--json", action="store_true", help="print one JSON object: healthy, findings, looked, skipped")
    made.add_argument("--at", type=int, metavar="STEP", help="look at the run as it was at this step")
    made.add_argument("--no-network", action="store_true", help="read the trace alone, which takes less than a second")
    return made


def main(words: Sequence[str]) -> int:
    """Look over the run that the words name, and give the exit status."""
    given = parser().parse_args(list(words))
    try:
        run = _opened(given.run)
        if given.at is not None:
            run = until(run, given.at)
        found = examination(run, network=not given.no_network)
    except RunError as error:
        if given.json:
            say(json.dumps({"healthy": None, "error": str(error)}, ensure_ascii=False))
        else:
            say(error, file=sys.stderr)
        return 2
    if given.json:
        say(json.dumps(_for_a_job(run, found), ensure_ascii=False, indent=1))
    else:
        print(told(run, found, colour=sys.stdout.isatty()))
    return 0 if found.healthy else 1


def told(run: Run, found: Examination, *, colour: bool) -> str:
    """What a person reads: each finding with its place, then what was looked at and what was not."""
    counter = run.info.counter
    lines = [
        f"{plain(run.name)}: {len(run.steps)} records of {len(run.probes.labels)} images, "
        f"{counter} {int(run.steps[0])} to {int(run.steps[-1])}"
    ]
    for finding in found.findings:
        lines += ["", *_finding(finding, colour=colour)]
    lines.append("")
    if not found.findings:
        lines.append("Nothing was found." if found.looked else "Nothing was looked at.")
    if found.looked:
        lines += _wrapped("Looked at: " + ", ".join(found.looked) + ".", "")
    if found.skipped:
        lines.append("Not looked at:")
    reasons: dict[str, list[str]] = {}  # several rules often share one
    for one in found.skipped:
        site = "" if one.site is None or len(run.sites) < 2 else f" at site {run.sites[one.site].name!r}"
        reasons.setdefault(one.reason, []).append(one.rule + site)
    for reason, rules in reasons.items():
        lines += _wrapped(f"- {', '.join(rules)}: {reason}", "  ")
    return "\n".join(lines)


def _finding(finding: Finding, *, colour: bool) -> list[str]:
    label = finding.severity.upper()
    if colour:
        label = f"\x1b[1;{COLOURS[finding.severity]}m{label}\x1b[0m"
    return [
        f"{label} {finding.rule}",
        *_wrapped(finding.sentence, "  "),
        *_wrapped(f"Likely cause: {finding.cause}", "  "),
        *_wrapped(f"Cure: {finding.cure}", "  "),
        f"  See it in the app: {finding.link}",
    ]


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        plain(text), WIDTH, initial_indent=indent if indent and text[:1] != "-" else "", subsequent_indent=indent
    )


def _for_a_job(run: Run, found: Examination) -> dict[str, Any]:
    return {
        "run": run.name,
        "counter": run.info.counter,
        "step": int(run.steps[-1]),
        "status": run.info.status,
        **found.to_json(),
    }


def _opened(name: str) -> Run:
    """The run of a folder, or of a name in the app's list. Raises: RunError if there is neither."""
    path = Path(name)
    if path.is_dir():
        listed = next((entry for entry in shelf.listed() if _same(entry.path, path)), None)
        return open_run(path, name=listed.name if listed else path.resolve().name)  # a link needs the list's name
    known = [entry.name for entry in shelf.listed()]
    if name in known:
        return shelf.opened(name)
    words = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    raise RunError(f"{name[:200]!r} is neither a folder nor a run of the list. Give a folder, or one of: {words}.")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve()
    except OSError:
        return False
