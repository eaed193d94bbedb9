"""A yes to code: for one very file, by the hash of its content, given on the machine where it would run."""

import hashlib
from pathlib import Path

from stn_viz import shelf
from stn_viz.pages.runrows import program_of
from stn_viz.runs import RunError, trust
from stn_viz.runs.files import read_file

MAX_PROGRAM = 4 * 2**30


def say_yes_to_program(name: str) -> None:
    """Remember the yes to the program that a run of the list keeps.

    Raises: RunError if the run keeps none, or if the file is not the one that run.json tells of.
    """
    run = shelf.opened(name)
    digest = program_of(run.info)
    if digest is None or run.info.network is None:
        raise RunError(f"{name} keeps no program.")
    file = str(run.info.network.get("file", "network.pt2"))
    if Path(file).name != file:
        raise RunError(f"{name}: its program is named {file[:80]!r}, which does not lie in the run. It stays closed.")
    found = hashlib.sha256(read_file(run.path, file, MAX_PROGRAM)).hexdigest()
    if found != digest:
        raise RunError(
            f"{file} is not the file that run.json tells of (SHA-256 {found[:12]}…, expected {digest[:12]}…), so it "
            "stays closed. Take both from the original folder."
        )
    trust.trust(digest, f"the program of the run {name}")
