"""The words that `python -m stn_viz import` takes."""

import argparse
from pathlib import Path

DESCRIPTION = """\
Replay the checkpoints of a training on some images, and write what its transformer did as a run that the app opens.

  python -m stn_viz import checkpoints/ --list
      what is in the files, which transformers are found, and what is assumed of them; writes nothing
  python -m stn_viz import checkpoints/ --size 28x28 --mean 0.1307 --std 0.3081 --out runs/mine
      the localisation network is found by its shapes, no code is needed
  python -m stn_viz import checkpoints/ --model mynet.models:Net --probes images.npz --out runs/mine
      the whole network, made by your own code: then its classifier answers too

Nothing in a file is ever run, but for programs (.pt2, TorchScript), and these only after --yes."""


def parser() -> argparse.ArgumentParser:
    """The options. Those of the form are None unless given: what is found in the files has its own defaults."""
    made = argparse.ArgumentParser(
        prog="python -m stn_viz import", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("files", nargs="+", type=Path, metavar="FILES-OR-FOLDER", help="checkpoints, or folders of them")
    where = made.add_argument_group("where to")
    where.add_argument("--out", type=Path, metavar="FOLDER", help="where the run is written, such as runs/mine")
    where.add_argument("--name", help="what the run is called (default: the folder's name)")
    where.add_argument("--overwrite", action="store_true", help="replace a run that is in the folder already")
    where.add_argument("--list", action="store_true", help="only say what was recognised, and write nothing")

    what = made.add_argument_group("the network")
    what.add_argument(
        "--model", metavar="MODULE:FACTORY", help="your own code that makes the whole network, such as mynet.models:Net"
    )
    what.add_argument(
        "--transformer", action="append", metavar="NAME",
        help="which of several transformers to follow, by the name that --list gives; may be repeated "
        "(default: all that read the image)",
    )  # fmt: skip
    what.add_argument("--yes", action="store_true", help="open programs (.pt2, TorchScript) too: this runs their code")

    images = made.add_argument_group("the images")
    images.add_argument(
        "--probes", type=Path, metavar="IMAGES.npz",
        help="images (U, images or x) and labels (y or labels) to follow; up to 64 (default: digits or photographs)",
    )  # fmt: skip
    images.add_argument("--size", type=_size, metavar="HxW", help="of the network's input, such as 24x94")
    images.add_argument("--mean", type=_numbers, nargs="+", metavar="M", help="taken off before the network")
    images.add_argument("--std", type=_numbers, nargs="+", metavar="S", help="divided by then; one, or one a channel")
    images.add_argument("--channel-order", choices=["rgb", "bgr"], help="which the network wants (default rgb)")
    images.add_argument("--value-range", type=int, choices=[1, 255], help="its white before mean and std (default 1)")

    how = made.add_argument_group("what shapes cannot tell of a transformer")
    how.add_argument("--output-size", type=_size, metavar="HxW", help="of V (default: the input's)")
    how.add_argument("--reading", help="what its outputs mean: affine, attention, similarity, ...; --list has them")
    how.add_argument("--activation", choices=["none", "tanh", "sigmoid"], help="of its outputs (default none)")
    how.add_argument("--kernel", choices=["nearest", "bilinear", "bicubic"], help="the sampler's (default bilinear)")
    how.add_argument("--padding", choices=["zeros", "border", "reflection"], help="the sampler's (default zeros)")
    how.add_argument("--align-corners", action="store_true", default=None, help="as the training had it")
    return made


def _size(word: str) -> tuple[int, ...]:
    sides = word.lower().replace("×", "x").split("x")
    if not 1 <= len(sides) <= 3 or not all(side.isdecimal() and 1 <= int(side) <= 4096 for side in sides):
        raise argparse.ArgumentTypeError(f"{word!r} is no size: write height x width, such as 24x94")
    numbers = tuple(int(side) for side in sides)
    return numbers * 2 if len(numbers) == 1 else numbers


def _numbers(word: str) -> list[float]:
    try:
        return [float(part) for part in word.strip(",").split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{word!r} is no number. Put the files before --mean and --std, or another option after them"
        ) from None
