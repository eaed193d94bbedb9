"""python -m stn_viz table: our table 1 beside the paper's, out of the runs that exist."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stn_viz import paper, shelf
from stn_viz.runs import RunError
from stn_viz.runs.info import RunInfo
from stn_viz.runs.reading import list_runs, read_info
from stn_viz.training.bundled import cells, command_for

DESCRIPTION = """\
Print the test errors that the runs here reached beside those of the paper (Jaderberg et al. 2015, table 1), with the
training that each took, and for every missing cell the command that makes it.

  python -m stn_viz table
      of the bundled runs and those in runs/
  python -m stn_viz table runs/ --markdown
      of the runs in one folder, as a table for a text"""

WHAT = {"r": "R", "rts": "RTS", "p": "P", "e": "E", "tc": "TC"}
WIDTH = 13


@dataclass(frozen=True)
class Entry:
    """One finished training: its cell, the share of wrong answers of `tested` images, and how many it was shown."""

    name: str
    cell: tuple[str, str, str | None]
    wrong: float
    tested: int
    seen: int

    @property
    def line(self) -> str:
        """Its error beside the paper's, with the training of both."""
        theirs = paper.error_percent(*self.cell[:2], self.cell[2])
        beside = "" if theirs is None else f" (paper {theirs} %)"
        spent = f"{self.seen / 1e6:.1f} of the paper's {paper.TRAINED_ON / 1e6:.1f} million images"
        return f"{self.name}: {paper.percent(self.wrong, self.tested)} %{beside}, {self.tested:,} test images; {spent}"


def entries(infos: Sequence[tuple[str, RunInfo]]) -> list[Entry]:
    """The finished trainings of ours among some runs, of each cell the one that was shown the most images.

    By the training and not by the error: choosing the better of two test errors would make it look better than it is.
    """
    found: dict[tuple[str, str, str | None], Entry] = {}
    for name, info in infos:
        result, seen, network = paper.reached(info), paper.images_seen(info), info.network or {}
        if info.source != "stn_viz train" or result is None or seen is None:
            continue
        cell = (info.task, str(network.get("name")), network.get("family"))
        if cell not in found or seen > found[cell].seen:
            found[cell] = Entry(name, cell, *result, seen)
    return list(found.values())


def rows(found: Sequence[Entry]) -> list[list[str]]:
    """The table as text: a head, then a row for each network, "ours / paper" in each cell, "-" where there is none."""
    by_cell = {entry.cell: entry for entry in found}
    nets = dict.fromkeys((network, None if task == "tc" else family) for task, network, family in cells())
    nets = {key: None for key in nets if key[1] or not key[0].startswith("st-")}
    lines = [["test error %, ours / paper", *(WHAT[task] for task in paper.TASKS)]]
    for network, family in nets:
        title = network.upper() + (f" {'TPS' if family == 'tps' else family}" if family else "")
        lines.append([title, *(_cell(by_cell, task, network, family) for task in paper.TASKS)])
    for network in ("st-fcn", "st-cnn"):
        lines.append(
            [f"{network.upper()} attention", *(_cell(by_cell, task, network, "attention") for task in paper.TASKS)]
        )
    return lines


def _cell(found: dict[tuple[str, str, str | None], Entry], task: str, network: str, family: str | None) -> str:
    theirs = paper.error_percent(task, network, family)
    if task == "tc" and network.startswith("st-") and family != "attention":
        return ""
    entry = found.get((task, network, family))
    if entry is None and theirs is None:
        return ""
    ours = "-" if entry is None else paper.percent(entry.wrong, entry.tested)
    return f"{ours} / {'-' if theirs is None else theirs}"


def missing(found: Sequence[Entry]) -> list[str]:
    """A command for every cell that the paper has and these runs have not."""
    there = {entry.cell for entry in found}
    return [command_for(*cell) for cell in cells() if cell not in there]


def text(lines: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """The rows in columns, or as a markdown table."""
    if markdown:
        head, *rest = ("| " + " | ".join(line) + " |" for line in lines)
        return "\n".join([head, "|" + "---|" * len(lines[0]), *rest])
    first = max(len(line[0]) for line in lines) + 2
    return "\n".join(
        (line[0].ljust(first) + "".join(cell.ljust(WIDTH) for cell in line[1:])).rstrip() for line in lines
    )


def main(words: Sequence[str]) -> int:
    """Run the command; 0, or 1 with one sentence if a folder holds no run."""
    made = argparse.ArgumentParser(
        prog="python -m stn_viz table", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folders of runs (default: the app's)")
    made.add_argument("--markdown", action="store_true", help="as a markdown table")
    options = made.parse_args(words)
    roots = options.folders or shelf.roots()
    if lost := [str(folder) for folder in options.folders if not folder.is_dir()]:
        print(f"{lost[0]} is no folder. Give folders that hold runs, such as checkpoints/.", file=sys.stderr)
        return 1
    infos = []
    for listed in list_runs(roots):
        try:
            infos.append((listed.name, read_info(listed.path)))
        except RunError:
            continue  # the app's list says what is wrong with it
    found = entries(infos)
    print(text(rows(found), markdown=options.markdown))
    print()
    for entry in found:
        print(("- " if options.markdown else "") + entry.line)
    if lacking := missing(found):
        print(f"\n{len(lacking)} cells of the paper's are missing here (-). To make them:\n")
        print("\n".join(f"    {each}" for each in lacking))
    return 0
