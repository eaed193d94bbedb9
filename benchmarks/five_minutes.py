"""How long until somebody sees theta of a training of their own: from an ordinary training file to the picture.

    python -m benchmarks.five_minutes

benchmarks/ordinary_training.py knows nothing of STN Viz. Two ways are timed, each to the first drawn stage:

    record   three lines are added to the file (shown below), it trains, the app opens the run
    import   the file trains as it is; `python -m stn_viz import` replays its .pt files, the app opens the run

Typing is not timed. What recording costs is the trainings' difference beside the plain one, in the same run.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.servers import APP, ROOT
from benchmarks.start import first_paint

GOAL = 300
FILE = Path(__file__).with_name("ordinary_training.py")

# What a person types: after the line that holds the first text, the second; what is inside the block moves in by four.
IMPORT = ("import torch.nn.functional as F\n", "import torch.nn.functional as F\nimport stn_viz\n")
BLOCK = (
    "for epoch in range(EPOCHS):\n",
    "with stn_viz.record(RUN, probes=x_test, labels=y_test) as recorder:\n for epoch in range(EPOCHS):\n",
)
STEP = ("        optimizer.step()\n", "        recorder.step(model, loss=loss)\n        optimizer.step()\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["STN_VIZ_HOME"] = str(folder / "home")
        recorded = folder / "recorded_training.py"
        recorded.write_text(with_three_lines(FILE.read_text(), folder / "runs" / "recorded"))
        plain = timed([sys.executable, str(FILE)], FILES=str(folder / "files"))
        training = timed([sys.executable, str(recorded)], FILES=str(folder / "again"))
        seen = first_paint(APP, folder / "runs", "?run=recorded")[1]
        command = [sys.executable, "-m", "stn_viz", "import", str(folder / "files"), "--mean", "0", "--std", "1"]
        importing = timed([*command, "--out", str(folder / "runs" / "imported")])
        seen_too = first_paint(APP, folder / "runs", "?run=imported")[1]
    print(f"seconds              training  import  app  in all (goal {GOAL}, training apart from it)")
    print(f"record, three lines  {training:8.1f}  {'':6}  {seen:3.1f}  {training + seen:6.1f}")
    print(f"import of its files  {plain:8.1f}  {importing:6.1f}  {seen_too:3.1f}  {plain + importing + seen_too:6.1f}")
    print(f"ratio: training with the recorder / without = {training / plain:.3f}")


def with_three_lines(text: str, run: Path) -> str:
    """The training file with the recorder in it. Raises: SystemExit if a line is not where it was."""
    for old, _ in (IMPORT, BLOCK, STEP):
        if text.count(old) != 1:
            raise SystemExit(
                f"{FILE.name} has changed: {old.strip()!r} is there {text.count(old)} times, expected once."
            )
    before, body = text.replace(*IMPORT).replace(*STEP).split(BLOCK[0])
    head = BLOCK[1].replace("RUN", repr(str(run))).replace("\n for", "\n    for")
    return before + head + "".join(f"    {line}\n" for line in body.rstrip().splitlines())


def timed(words: list[str], **environment: str) -> float:
    start = time.monotonic()
    subprocess.run(words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, check=True)
    return time.monotonic() - start


if __name__ == "__main__":
    main()
