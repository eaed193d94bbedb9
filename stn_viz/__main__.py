"""python -m stn_viz <command>: the door for the command line. Each command's module loads only when it is called."""

import sys
from collections.abc import Sequence
from importlib import import_module

# name: (module with `main(words) -> exit status`, what it does)
COMMANDS = {
    "train": ("stn_viz.training.command", "train a network on distorted MNIST and record the run"),
    "table": ("stn_viz.training.table", "print the test errors of the runs here beside the paper's"),
    "import": ("stn_viz.foreign.command", "replay checkpoints of your own on some images and write a run"),
    "doctor": ("stn_viz.lens.doctor.command", "say what is wrong with a run, why, and what to do"),
}


def main(words: Sequence[str]) -> int:
    """Hand the words after the command's name to its module; without a command, say which there are."""
    if not words or words[0] in ("-h", "--help"):
        print("usage: python -m stn_viz <command> [options]\n\ncommands:")
        for name, (_, purpose) in COMMANDS.items():
            print(f"  {name:8} {purpose}")
        print(
            "\nEach explains itself: python -m stn_viz <command> --help"
            "\nThe app itself starts with: streamlit run app.py"
        )
        return 0
    if words[0] not in COMMANDS:
        print(f"There is no command '{words[0]}'. Choose one of: {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    return int(import_module(COMMANDS[words[0]][0]).main(words[1:]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
