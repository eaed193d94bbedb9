"""python -m stn_viz import: replay somebody's checkpoints on some images and write what they did as a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stn_viz.runs import RunError
from stn_viz.runs.plainly import say

from .options import parser

if TYPE_CHECKING:
    from .kinds import Choices, Transformer
    from .probes import ProbeImages
    from .recognising import Recognised


def main(words: Sequence[str]) -> int:
    """Run the command: 0 if a run was written, 1 if none, 2 for a wish that cannot be, 130 if stopped by Ctrl-C."""
    options = parser().parse_args(words)
    if options.out is None and not options.list:
        return _usage("Say where the run is to be written: --out runs/mine. To look only, --list.")
    if options.out is not None and (options.out / "run.json").exists() and not options.overwrite and not options.list:
        say(f"{options.out} already holds a run. Choose another --out, or --overwrite it.", file=sys.stderr)
        return 1
    try:
        # torch comes in here, after --help and mistyped options have been answered.
        from stn_viz.training.interrupt import interruptible

        with interruptible() as asked_to_stop:
            return _import(options, ["python", "-m", "stn_viz", "import", *words], asked_to_stop)
    except KeyboardInterrupt:
        say("\nStopped at once; no run was written.", file=sys.stderr)
        return 130
    except (RunError, _WishError) as error:
        say(error, file=sys.stderr)
        return 2 if isinstance(error, _WishError) else 1


class _WishError(Exception):
    """An option that does not go with what was found."""


def _import(options: argparse.Namespace, command: list[str], asked_to_stop: Callable[[], bool]) -> int:
    from . import listing
    from .importing import import_run

    recognised = _recognised(options, asked_to_stop)
    problems = list(recognised.problems)
    problems += [(path, f"{error} To open it, add --yes.") for path, error in recognised.waiting]
    if asked_to_stop():
        say("Stopped; no run was written.", file=sys.stderr)
        return 130
    if options.list:
        say(listing.words(recognised))
        _tell(problems)
        return 0 if recognised.checkpoints else 1
    if not recognised.checkpoints:
        if recognised.tree:
            say(f"No transformer was found by its shapes. The files contain:\n\n{recognised.tree}\n", file=sys.stderr)
            say("If it is there, give the code that makes the network: --model package.module:Net", file=sys.stderr)
        _tell(problems)
        say("Nothing was imported.", file=sys.stderr)
        return 1
    transformers = _transformers(recognised, options)
    choices, images = _asked(recognised, transformers, options)
    with _bar("replaying", " files") as progress:
        import_run(
            recognised,
            options.out,
            transformer=transformers or None,
            choices=choices,
            probes=images,
            progress=progress,
            cancelled=asked_to_stop,
            problem=lambda path, sentence: problems.append((path, sentence)),
            command=command,
            overwrite=options.overwrite,
            name=options.name,
        )
    return _report(options.out, problems, _suspicion(recognised, transformers, choices, images))


def _recognised(options: argparse.Namespace, asked_to_stop: Callable[[], bool]) -> Recognised:
    from stn_viz.runs.trust import trust

    from .programs import WARNING
    from .recognising import recognise

    def look() -> Recognised:
        with _bar("reading", " files") as progress:
            return recognise(
                options.files, model=options.model, size=options.size, progress=progress, cancelled=asked_to_stop
            )

    recognised = look()
    if recognised.waiting and options.yes and not asked_to_stop():
        for path, error in recognised.waiting:
            say(f"{path.name}: you said yes (--yes). {WARNING}", file=sys.stderr)
            trust(error.digest, f"{path.name}, by --yes on the command line")
        recognised = look()
    return recognised


def _transformers(recognised: Recognised, options: argparse.Namespace) -> tuple[Transformer, ...]:
    """Those to follow; none where the whole network answers."""
    from .replay import beside_each_other

    found = recognised.transformers
    if options.transformer:
        chosen: list[Transformer] = []
        for name in options.transformer:
            fitting = [one for one in found if one.name == name] or [
                one for one in found if one.name.endswith(f".{name}")
            ]
            if len(fitting) != 1:
                names = ", ".join(repr(one.name) for one in found) or "none"
                raise _WishError(f"--transformer {name}: the transformers found are {names}. Name one of them.")
            chosen += fitting
        return tuple(chosen)
    if recognised.model is not None:
        for name in ("reading", "activation", "output_size", "kernel", "padding"):
            if getattr(options, name) is not None:
                raise _WishError(
                    f"--{name.replace('_', '-')} is for a transformer that is rebuilt from its shapes, but the whole "
                    f"network is given ({recognised.model_name}). Leave it out."
                )
        return ()
    chosen_by_default = beside_each_other(found)
    if len(found) > 1:
        names = ", ".join(one.name or "the one at the top" for one in chosen_by_default)
        others = [one.name for one in found if one not in chosen_by_default]
        rest = f" Left out, since they do not read the image: {', '.join(others)}." if others else ""
        say(f"Followed of {len(found)} transformers: {names}.{rest} --transformer NAME chooses.", file=sys.stderr)
    return chosen_by_default


def _asked(
    recognised: Recognised, transformers: Sequence[Transformer], options: argparse.Namespace
) -> tuple[Choices, ProbeImages]:
    """The choices, with what was given on the command line, and the images under them."""
    from .kinds import Choices
    from .probes import make_probes
    from .shapes.finding import READINGS
    from .sizing import input_of

    names = ("size", "output_size", "reading", "activation", "kernel", "padding", "align_corners", "channel_order")
    given = {name: getattr(options, name) for name in (*names, "value_range") if getattr(options, name) is not None}
    given |= {
        name: tuple(number for group in getattr(options, name) for number in group)
        for name in ("mean", "std")
        if getattr(options, name)
    }
    if transformers:
        if "reading" in given and given["reading"] not in READINGS:
            raise _WishError(f"--reading {given['reading']}: choose one of {', '.join(transformers[0].readings)}.")
        choices = replace(transformers[0].choices, **given)
        return choices, make_probes(
            size=choices.size, channels=transformers[0].channels, choices=choices, source=options.probes
        )
    if options.probes is not None and options.size is None:
        # Their own size first: it is what the network was trained on, if they are its images.
        try:
            raw = make_probes(size=None, channels=None, source=options.probes)
            channels, size, _ = input_of(recognised, size=raw.U.shape[2:])
        except RunError:
            channels, size, _ = input_of(recognised)
        guessed = None
    else:
        channels, size, guessed = input_of(recognised, size=options.size)
    choices = Choices(**({"size": size} | given))
    images = make_probes(size=size, channels=channels, choices=choices, source=options.probes)
    return choices, images if guessed is None else replace(images, notes=(guessed, *images.notes))


def _suspicion(
    recognised: Recognised, transformers: Sequence[Transformer], choices: Choices, images: ProbeImages
) -> str | None:
    """What the form would say beside its preview, if the first transformer's theta is absurd."""
    from .preview import preview

    if not transformers:
        return None
    with suppress(RunError):
        return preview(recognised, transformers[0], choices, images).suspicion
    return None


def _report(out: Path, problems: Sequence[tuple[Path, str]], suspicion: str | None) -> int:
    from stn_viz.runs import open_run
    from stn_viz.runs.closing import command

    run = open_run(out)
    count = len(run.steps)
    counted = "epoch" if run.info.counter == "epoch" else "step"
    span = f"{counted} {run.steps[0]}" if count == 1 else f"{counted}s {run.steps[0]} to {run.steps[-1]}"
    sites = ", ".join(f"{site.name}: {site.family or 'its raw grid'}" for site in run.sites)
    stopped = "Stopped. " if run.info.status == "stopped" else ""
    say(f"{stopped}{count} file{'s' if count > 1 else ''} ({span}) on {len(run.probes.labels)} images; {sites}.")
    for note in run.info.notes:
        say(f"  - {note}")
    if suspicion is not None:
        say(f"Look at this first: {suspicion}")
    _tell(problems)
    say(f"The run is in {out}.\n{command(out)}")
    return 130 if run.info.status == "stopped" else 0


def _tell(problems: Sequence[tuple[Path, str]]) -> None:
    if problems:
        say(f"{len(problems)} file{'s were' if len(problems) > 1 else ' was'} left out:", file=sys.stderr)
    for path, sentence in problems:
        named = sentence if path.name in sentence else f"{path.name}: {sentence}"
        say(f"  - {named}", file=sys.stderr)


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    from tqdm import tqdm

    pause = 0.2 if sys.stderr.isatty() else 60  # seconds: in a log, one line a minute is plenty
    with tqdm(total=0, desc=what, unit=unit, mininterval=pause, disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.n = done
            bar.refresh() if done == total else bar.update(0)

        yield progress


def _usage(sentence: str) -> int:
    say(sentence, file=sys.stderr)
    return 2
