"""Probes that are volumes on their way to the browser: as they are, and no more of them than it holds with ease."""

from typing import Any

from numpy.typing import NDArray

from stn_viz.runs import Probes

MOST_BYTES = 64 * 2**20


def kept(probes: Probes) -> int:
    """How many of the run's probes travel: all images; of volumes the first ones, within 64 MB and at least one."""
    if probes.U.ndim != 5:
        return len(probes.U)
    return max(1, min(len(probes.U), MOST_BYTES // int(probes.U[0].nbytes)))


def shown(probes: Probes) -> NDArray[Any]:
    """U (n, C, h, w) as it is; of volumes (n, C, d, h, w) those that are kept."""
    return probes.U[: kept(probes)]


def problem(probes: Probes) -> str | None:
    """One sentence where some of the volumes stay behind."""
    count, here = len(probes.U), kept(probes)
    if here == count:
        return None
    size, first = probes.U.nbytes / 2**20, "one is" if here == 1 else f"{here} are"
    return (
        f"The {count} probe volumes take {size:,.0f} MB, more than the {MOST_BYTES // 2**20} MB that are sent to a "
        f"browser: the first {first} shown. Record the run with fewer or smaller probes to see all."
    )
