"""The runs that come with the project, and the command that makes each of them again.

None of these settings was chosen by looking at a test error, but those of rts-st-cnn-affine (README says how): the
others are the defaults, as long for every network of a task as two CPU cores allow.
"""

from stn_viz.paper import FAMILIES, TASKS

_LONG = "--epochs 24 --precision bfloat16 --threads 1 --probes 128"
_WEIGHTS = "--records 200 --snapshots 8"
_TRACE = "--records 100 --snapshots 0"

BUNDLED = {
    "rts-st-cnn-affine": "--task rts --network st-cnn --family affine --epochs 36 --threads 1 --probes 64",
    "rts-cnn": "--task rts --network cnn --epochs 36 --precision bfloat16 --threads 1 --probes 64 --snapshots 2",
    "rts-st-fcn-affine": "--task rts --network st-fcn --family affine --epochs 60 --precision bfloat16 --threads 1 "
    f"--probes 128 {_WEIGHTS}",
    "r-st-cnn-affine": f"--task r --network st-cnn --family affine {_LONG} {_WEIGHTS}",
    "p-st-cnn-projective": f"--task p --network st-cnn --family projective {_LONG} {_WEIGHTS}",
    "e-st-cnn-tps": f"--task e --network st-cnn --family tps {_LONG} --records 150 --snapshots 8",
    "tc-st-cnn-attention": f"--task tc --network st-cnn --family attention {_LONG} {_WEIGHTS}",
    **{f"{task}-fcn": f"--task {task} --network fcn {_LONG} {_TRACE}" for task in TASKS if task != "tc"},
    "tc-fcn": f"--task tc --network fcn {_LONG} --records 50 --snapshots 0",  # its images are the largest
    **{f"{task}-cnn": f"--task {task} --network cnn {_LONG} {_TRACE}" for task in ("r", "p", "e")},
    "tc-cnn": f"--task tc --network cnn --epochs 10 --precision bfloat16 --threads 1 --probes 128 {_TRACE}",
}
"""Name of the folder in checkpoints/ -> words of `python -m stn_viz train`, without --out."""


def command(name: str) -> str:
    """The command that makes a bundled run again."""
    return f"python -m stn_viz train {BUNDLED[name]} --out checkpoints/{name}"


def command_for(task: str, network: str, family: str | None = None) -> str:
    """The command that fills a cell of the table: that of the bundled run, else one of the same length beside it."""
    name = "-".join(part for part in (task, network, family) if part)
    if name in BUNDLED:
        return command(name)
    transformer = f" --family {family}" if family else ""
    return (
        f"python -m stn_viz train --task {task} --network {network}{transformer} {_LONG} {_WEIGHTS} --out runs/{name}"
    )


def cells() -> list[tuple[str, str, str | None]]:
    """(task, network, family) of every cell that the paper has a number for; cluttered digits with attention here."""
    plain: list[tuple[str, str, str | None]] = [(task, network, None) for network in ("fcn", "cnn") for task in TASKS]
    nets = ("st-fcn", "st-cnn")
    transformed = [(task, net, family) for net in nets for family in FAMILIES for task in TASKS if task != "tc"]
    return plain + transformed + [("tc", net, "attention") for net in nets]
