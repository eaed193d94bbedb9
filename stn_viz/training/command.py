"""python -m stn_viz train: train a network on distorted MNIST and record the run."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from stn_viz.runs import RunError
from stn_viz.training.settings import Settings

DESCRIPTION = """\
Train one of the paper's networks on distorted MNIST and record the run in a folder that the app opens.

  python -m stn_viz train --out runs/mine
      a transformer in front of a CNN learns to find digits that are turned, scaled and moved
  python -m stn_viz train --network cnn --out runs/plain
      the same without a transformer, to compare
  python -m stn_viz train --resume --out runs/mine
      go on after Ctrl-C, a crash or a power cut, as if nothing had happened

While it runs, `streamlit run app.py` shows it under its folder's name. Ctrl-C stops it cleanly."""


def parser() -> argparse.ArgumentParser:
    """The options. Each is None unless given, so that --resume can tell a wish from a default."""
    default = Settings()
    made = argparse.ArgumentParser(
        prog="python -m stn_viz train", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = made.add_argument_group("what is learned")
    what.add_argument(
        "--task", choices=["r", "rts", "p", "e", "t", "tc"],
        help="how the digits are distorted: r rotated, rts rotated, scaled and translated, p projective, e elastic, "
        f"t translated, tc translated in clutter (default {default.task})",
    )  # fmt: skip
    what.add_argument(
        "--network", choices=["fcn", "cnn", "st-fcn", "st-cnn"],
        help=f"fully connected or convolutional; st- puts a spatial transformer before it (default {default.network})",
    )  # fmt: skip
    what.add_argument(
        "--family",
        help="what the transformer may do: affine, attention, similarity, translation, projective, tps, free "
        f"(default {default.family})",
    )
    what.add_argument(
        "--points", type=_at_least_1, help="control points a side: family tps 2 to 8 (default 4), free 5 to 9 (9)"
    )

    how = made.add_argument_group("how long and how fast")
    how.add_argument("--epochs", type=_at_least_1, help=f"passes over the 60,000 digits (default {default.epochs})")
    how.add_argument("--batch", type=_at_least_1, help=f"images a step (default {default.batch})")
    how.add_argument("--rate", type=float, help=f"highest learning rate (default {default.rate})")
    how.add_argument(
        "--localisation-rate",
        type=float,
        metavar="SHARE",
        help="share of the rate for the localisation network; less is safer, more turns the grids sooner "
        f"(default {default.localisation_rate})",
    )
    how.add_argument(
        "--seed", type=int, help=f"a number; the same one gives the same training (default {default.seed})"
    )
    how.add_argument(
        "--limit", type=_at_least_1, help="use only so many digits an epoch, to try things out (default all)"
    )
    how.add_argument(
        "--precision", choices=["float32", "bfloat16"],
        help="bfloat16 multiplies in half precision: up to twice as fast where the hardware has it (default float32)",
    )  # fmt: skip
    how.add_argument("--threads", type=_at_least_1, help="CPU threads (default: as many as torch chooses)")
    how.add_argument("--device", help="auto, cpu, cuda or mps (default auto: a graphics card if there is one)")

    record = made.add_argument_group("what is recorded")
    record.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="where the run is written, such as runs/mine"
    )
    record.add_argument("--records", type=_at_least_1, help=f"recorded steps, dense early (default {default.records})")
    record.add_argument(
        "--snapshots",
        type=_at_least_0,
        help=f"recorded steps that keep the weights; 0 keeps the trace alone (default {default.snapshots})",
    )
    record.add_argument(
        "--probes", type=_at_least_1, help=f"test images followed through the training (default {default.probes})"
    )

    again = made.add_argument_group("a folder that holds a run already").add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with it where it stopped, with its own settings")
    again.add_argument("--force", action="store_true", help="overwrite it")
    return made


def main(words: Sequence[str]) -> int:
    """Run the command; 0 if finished, 130 if stopped by Ctrl-C, 1 with one sentence if it cannot run."""
    options = vars(parser().parse_args(words))
    out, go_on, force = options.pop("out"), options.pop("resume"), options.pop("force")
    given = {name: value for name, value in options.items() if value is not None}
    try:
        # torch comes in here, after --help and mistyped options have been answered.
        from stn_viz.training.loop import resumed, train

        _refuse_unused(given)
        if go_on:
            _refuse_changes(resumed(out, Settings())[0], given)
        outcome = train(
            Settings(**given), out, command=["python", "-m", "stn_viz", "train", *words], go_on=go_on, force=force
        )
    except KeyboardInterrupt:
        print("\nStopped at once. If the folder holds a run, go on with --resume.", file=sys.stderr)
        return 130
    except (RunError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    speed = f"{outcome.images_per_second:,.0f} images/s; recording took {outcome.recording_share:.1%} of the time"
    if outcome.test_error is None:
        print(f"Stopped at step {outcome.step} of {outcome.steps} ({speed}).")
        print(f"Go on with: python -m stn_viz train --resume --out {out}")
        return 130
    print(f"Test error {outcome.test_error:.2%} on 10,000 held-out images ({speed}).")
    print(f"The run is in {out}; see it with: streamlit run app.py")
    return 0


def _refuse_changes(kept: Settings, given: dict[str, object]) -> None:
    for field in fields(Settings):
        name = field.name
        if name in ("threads", "device") or name not in given or given[name] == getattr(kept, name):
            continue
        raise ValueError(
            f"This run was started with --{name} {getattr(kept, name)}; --resume cannot go on with {given[name]}. "
            "Leave the option out, or start another run."
        )


def _refuse_unused(given: dict[str, object]) -> None:
    network = given.get("network", "")
    for name in ("family", "points"):
        if name in given and network in ("fcn", "cnn"):
            raise ValueError(
                f"--{name} concerns the transformer, but --network {network} has none. "
                f"Choose --network st-{network}, or leave --{name} out."
            )
    if "points" in given and given.get("family") not in ("tps", "free"):
        raise ValueError("--points concerns the families tps and free. Add --family tps, or leave --points out.")


def _at_least_1(word: str) -> int:
    return _at_least(1, word)


def _at_least_0(word: str) -> int:
    return _at_least(0, word)


def _at_least(lowest: int, word: str) -> int:
    number = int(word)
    if number < lowest:
        raise argparse.ArgumentTypeError(f"{number} is too small: give {lowest} or more")
    return number
