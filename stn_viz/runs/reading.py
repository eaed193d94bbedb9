"""Read a run without trusting it: sizes and shapes are checked before anything is loaded, and nothing is executed.

numpy alone reads all but the weights. Opening looks at the folder once and never into a snapshot, so it does not take
longer for a run with many of them; a snapshot is read when its weights are asked for.
"""

import json
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import files
from .files import ORIGINAL
from .info import Probes, RunError, RunInfo, Site
from .trace import Rows, open_trace

if TYPE_CHECKING:
    from torch import Tensor

MAX_JSON = 4 * 2**20
MAX_WEIGHTS = 4 * 2**30
MAX_BASIS = 64 * 2**20
MAX_PIXELS = 2**27  # numbers of all probes together: half a gigabyte

_SNAPSHOT = re.compile(r"step_(\d{6,12})\.safetensors")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One folder of the list. `problem` is one or two sentences; `usable` says whether the run opens all the same."""

    name: str
    path: Path
    title: str
    problem: str | None
    usable: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A run that was opened: S recorded steps of n probe images.

    Shapes: steps, images (S,) int64; loss, error, rate (S,) float32; rows by the names of trace.npz, each read at its
            first use.
    Units:  step counts updates of the weights; images seen so far; loss and error are means over the training batches
            since the record before, nan where none was finite.
    """

    name: str
    path: Path
    info: RunInfo
    probes: Probes
    steps: NDArray[np.int64]
    images: NDArray[np.int64]
    loss: NDArray[np.float32]
    error: NDArray[np.float32]
    rate: NDArray[np.float32]
    snapshots: tuple[int, ...]
    problems: tuple[str, ...]
    version: str
    rows: Mapping[str, NDArray[Any]] = field(repr=False)

    @property
    def probe_loss(self) -> NDArray[np.float32] | None:
        """Loss of every probe at every step, (S, n); None where the network gives no classes."""
        return self.rows.get("probe_loss")

    @property
    def probabilities(self) -> NDArray[np.float32] | None:
        """Class probabilities of every probe at every step, (S, n, K); None where the network gives no classes."""
        return self.rows.get("probabilities")

    @property
    def nbytes(self) -> int:
        """What its images and its trace take in memory once all of them were looked at."""
        return self.probes.U.nbytes + (self.rows.nbytes if isinstance(self.rows, Rows) else 0)

    def load(self) -> "Run":
        """Read all of the trace now, and give the run itself: what is shown must not break in the middle of a page.

        Raises: RunError if the trace is damaged where only its contents tell.
        """
        if isinstance(self.rows, Rows):
            self.rows.load()
        return self

    @property
    def sites(self) -> tuple[Site, ...]:
        """Where the network samples a grid; none for a network without a transformer."""
        return self.info.sites

    def theta(self, site: int = 0) -> NDArray[np.float32] | None:
        """Theta of every probe at every step, (S, n, P); None at a site whose grid is of no family."""
        return self.rows.get(f"theta_{site}")

    def grid(self, site: int = 0) -> NDArray[np.float16] | None:
        """The raw grid, (S, n, H', W', 2), at a site whose grid is of no family; None elsewhere."""
        return self.rows.get(f"grid_{site}")

    def features(self, site: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float16]] | None:
        """What a site deep in the network samples, at some of the snapshots: their steps (F,) and (F, n, c, ...).

        None where the site samples the image itself, or nothing was kept. c is 3 at most: the map's own channels where
        it has no more, else three fixed directions in them ("projection_k" of features.npz, (c, C)).
        """
        if not 0 <= site < len(self.sites) or self.sites[site].on_image:
            return None
        name = f"features_{site}"
        try:
            arrays = files.read_npz(self.path, "features.npz", only=("step", name))
        except RunError:
            return None  # a view is lost with it, not the run
        steps, maps = arrays.get("step"), arrays.get(name)
        if steps is None or maps is None or steps.ndim != 1 or steps.dtype.kind not in "iu" or not len(steps):
            return None
        expected = (len(steps), len(self.probes.labels), *self.sites[site].input_size)
        if maps.ndim < 4 or (*maps.shape[:2], *maps.shape[3:]) != expected or not 1 <= maps.shape[2] <= 3:
            return None
        if (np.diff(steps.astype(np.int64)) <= 0).any() or maps.dtype.kind != "f" or not np.isfinite(maps).all():
            return None
        return steps.astype(np.int64), maps.astype(np.float16, copy=False)

    def snapshot_at(self, step: int) -> int:
        """Find the snapshot that is in force at a step: the last one at or before it, else the first one.

        Raises: RunError if the run has no weights.
        """
        if not self.snapshots:
            raise RunError(f"{self.name} has no weights that can be read, so its network cannot answer.")
        return max((kept for kept in self.snapshots if kept <= step), default=self.snapshots[0])

    def weights(self, step: int) -> "dict[str, Tensor]":
        """Read the weights of a snapshot, in the types they were stored in. Needs torch.

        Raises: RunError naming the file, and the first entry that is not finite, where there is one.
        """
        import safetensors.torch
        import torch

        if step not in self.snapshots:
            known = ", ".join(str(kept) for kept in self.snapshots) or "none"
            raise RunError(f"{self.name} has no weights at step {step}. Ask for one of its snapshots: {known}.")
        name = _snapshot_file(self.path, step)
        content = files.read_file(self.path, name, MAX_WEIGHTS)
        files.check_safetensors(content, name)
        try:
            weights = safetensors.torch.load(content)
        except Exception as error:  # the library's own type of error is not public, and the words say little
            raise RunError(f"{name} is not readable as safetensors ({error}). {ORIGINAL}") from error
        for key, tensor in weights.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise RunError(
                    f"{name}: {key} holds nan or inf, so the network cannot answer at step {step}. "
                    "The training diverged here: choose an earlier step, or train again with a lower rate."
                )
        return weights

    def basis(self, site: int = 0) -> bytes | None:
        """Give the basis of a site's family, the file as it lies in the run; None where there is none to be used."""
        name = f"basis_{site}.safetensors"
        if not 0 <= site < len(self.sites) or self.theta(site) is None:
            return None
        try:
            content = files.read_file(self.path, name, MAX_BASIS)
            files.check_safetensors(content, name)
        except RunError:
            return None  # `problems` says it; a page can ask for the family's basis instead
        return content


def list_runs(roots: Sequence[Path | str]) -> list[Listed]:
    """List every folder below the roots, broken ones too, in the order of the roots and then of their names.

    Names are unique: a second "mine" is "mine-2". Reads run.json and, once for each state of it, the trace.
    """
    listed: list[Listed] = []
    taken: set[str] = set()
    for root in roots:
        for path in _folders(Path(root)):
            name, count = path.name, 1
            while name in taken:
                count += 1
                name = f"{path.name}-{count}"
            taken.add(name)
            listed.append(_listed(name, path))
    return listed


def open_run(path: Path | str, *, name: str | None = None) -> Run:
    """Open a run's folder; `name` is what it goes by in the list, else the folder's own.

    Raises: RunError if there is nothing to show: no folder, no run.json, no trace, or files that are not a run's.
            What can be done without is left out and said in `problems`.
    """
    path = Path(path)
    for _ in range(3):
        try:
            return _open(path, name or path.name)
        except (OSError, ValueError, ArithmeticError, TypeError, LookupError, MemoryError) as error:
            # A door for strangers' folders: one of them must not take the list of all runs down with it.
            raise RunError(
                f"{path.name} cannot be read ({type(error).__name__}: {str(error)[:80]}). {ORIGINAL}"
            ) from error
        except RunError as error:
            # A run that is being written can change between two of its files; a moment later they agree again.
            fault = error
            if not _just_written(path):
                break
            time.sleep(0.1)
    raise fault


def read_info(path: Path) -> RunInfo:
    """Read and check run.json.

    Raises: RunError if it is missing, not JSON, of a newer format, or holds what it should not.
    """
    try:
        if not path.is_dir():
            raise RunError(f"{path.name} is not a folder. Choose the folder that holds run.json.")
        if not any(path.iterdir()):
            raise RunError(f"{path.name} is empty. Delete it, or train a run into it.")
    except OSError as error:
        raise RunError(f"{path.name} cannot be read ({error.strerror}). Check the folder's permissions.") from error
    content = files.read_file(path, "run.json", MAX_JSON)
    try:
        return RunInfo.from_json(json.loads(content.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        words = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise RunError(f"run.json is not JSON ({words}). {ORIGINAL}") from error


def read_probes(path: Path) -> Probes:
    """Read probes.npz.

    Raises: RunError if it is missing or holds no images with their labels.
    """
    arrays = files.read_npz(path, "probes.npz")
    for name in ("U", "labels"):
        if name not in arrays:
            raise RunError(f"probes.npz has no {name}; it holds {', '.join(arrays) or 'nothing'}. {ORIGINAL}")
    U = arrays["U"]
    if U.size > MAX_PIXELS:  # of bytes four times as much memory is made
        raise RunError(f"probes.npz: U has {U.size:,} numbers; at most {MAX_PIXELS:,} are read. Record fewer images.")
    if U.dtype.kind == "f" and not np.isfinite(U).all():
        raise RunError(f"probes.npz: U holds nan or inf, so its images cannot be drawn. {ORIGINAL}")
    return Probes(U=U, labels=arrays["labels"], pose=arrays.get("pose"))


def _open(path: Path, name: str) -> Run:
    info = read_info(path)
    version, sizes = _scan(path)
    probes = read_probes(path)
    info = replace(info, sites=tuple(_placed(site, probes) for site in info.sites))
    if info.status == "running" and "trace.npz" not in os.listdir(path):
        raise RunError(
            "nothing is recorded yet. Wait for the first record; if the training was killed, start it again."
        )
    rows, problems = open_trace(path, info, probes)
    snapshots, faults = _snapshots(sizes, info)
    problems += faults
    problems += [fault for site in range(len(info.sites)) if (fault := _basis_fault(path, site, rows)) is not None]
    nothing = np.full(len(rows["step"]), np.nan, np.float32)
    return Run(
        name=name,
        path=path,
        info=info,
        probes=probes,
        steps=rows["step"],
        images=rows.get("images", rows["step"]),
        loss=rows.get("loss", nothing),
        error=rows.get("error", nothing),
        rate=rows.get("rate", nothing),
        snapshots=snapshots,
        problems=tuple(problems),
        version=version,
        rows=rows,
    )


def _placed(site: Site, probes: Probes) -> Site:
    """The site, on the image only where it can be: older runs do not say which site is."""
    fits = (site.channels, *site.input_size) == probes.U.shape[1:]
    return replace(site, on_image=site.on_image and fits)


def _snapshots(sizes: Mapping[int, int], info: RunInfo) -> tuple[tuple[int, ...], list[str]]:
    """Tell which snapshots can be used, and those of another size than run.json wrote down."""
    if info.snapshots is None:
        return tuple(sorted(sizes)), []
    # A file that run.json does not list was being written when the training was killed: it is not there yet.
    missing = [step for step in info.snapshots if step not in sizes]
    wrong = [step for step, size in info.snapshots.items() if step in sizes and sizes[step] != size]
    faults = []
    if wrong:
        step = wrong[0]
        faults.append(
            f"{_several(wrong, 'is truncated or changed', 'are truncated or changed')}: "
            f"{sizes[step]:,} bytes, expected {info.snapshots[step]:,}. "
            "Take the file from the original folder; until then an earlier snapshot answers in its place."
        )
    if missing:
        faults.append(
            f"{_several(missing, 'is missing', 'are missing')}. "
            "Take the file from the original folder; until then an earlier snapshot answers in its place."
        )
    return tuple(sorted(step for step in info.snapshots if step not in {*missing, *wrong})), faults


def _several(steps: Sequence[int], one: str, many: str) -> str:
    name = f"step_{steps[0]:06d}.safetensors"
    return f"{name} {one}" if len(steps) == 1 else f"{name} and {len(steps) - 1} more {many}"


def _snapshot_file(path: Path, step: int) -> str:
    plain = f"step_{step:06d}.safetensors"
    if (path / plain).exists():
        return plain
    # A hand-made run may have more zeros in its names.
    return next((name.name for name in path.glob("step_*.safetensors") if _step_of(name.name) == step), plain)


def _step_of(name: str) -> int | None:
    match = _SNAPSHOT.fullmatch(name)
    return int(match[1]) if match else None


def _basis_fault(path: Path, site: int, rows: Rows) -> str | None:
    theta = rows.shapes.get(f"theta_{site}")
    if theta is None:
        return None
    name = f"basis_{site}.safetensors"
    try:
        shapes = files.check_safetensors(files.read_file(path, name, MAX_BASIS), name)
    except RunError as error:
        return str(error)
    (P,) = shapes.get("identity", ())[:1] or (0,)
    if theta[2] == P:
        return None
    raise RunError(
        f"trace.npz: theta_{site} has {theta[2]} entries, but the family in {name} has {P}. "
        "One of the two files came from another run: take both from the original folder."
    )


def _folders(root: Path) -> Iterator[Path]:
    try:
        children = sorted(root.iterdir(), key=lambda path: path.name)
    except OSError:
        return
    yield from (path for path in children if path.is_dir() and not path.name.startswith((".", "__")))


_checked: dict[tuple[str, str], tuple[str | None, bool]] = {}


def _listed(name: str, path: Path) -> Listed:
    try:
        info = read_info(path)
        key = (str(path), _scan(path)[0])
    except RunError as error:
        return Listed(name=name, path=path, title=name, problem=str(error), usable=False)
    except (OSError, ValueError, ArithmeticError, TypeError, LookupError, MemoryError) as error:
        problem = f"{path.name} cannot be read ({type(error).__name__}: {str(error)[:80]}). {ORIGINAL}"
        return Listed(name=name, path=path, title=name, problem=problem, usable=False)
    if key not in _checked:
        if len(_checked) > 1000:  # runs that are being written leave an entry for each state
            _checked.clear()
        _checked[key] = _check(path)
    problem_found, usable = _checked[key]
    return Listed(name=name, path=path, title=info.title, problem=problem_found, usable=usable)


def _check(path: Path) -> tuple[str | None, bool]:
    try:
        problems = open_run(path).problems
    except RunError as error:
        return str(error), False
    return (problems[0] if problems else None), True


def _just_written(path: Path) -> bool:
    try:
        newest = max((path / name).stat().st_mtime for name in ("run.json", "trace.npz"))
    except OSError:
        return False
    return abs(time.time() - newest) < 1.0


def _scan(path: Path) -> tuple[str, dict[int, int]]:
    """Look at the folder once: a name for its state, for caches, and the sizes of the snapshots."""
    states: list[str] = []
    sizes: dict[int, int] = {}
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith(".tmp") or entry.name == "resume.pt":  # no part of what a reader sees
                continue
            found = entry.stat(follow_symlinks=False)
            states.append(f"{entry.name} {found.st_size} {found.st_mtime_ns}")
            match = _SNAPSHOT.fullmatch(entry.name)
            if match and (stat.S_ISREG(found.st_mode) or entry.is_file()):
                sizes[int(match[1])] = entry.stat().st_size
    return blake2b("\n".join(sorted(states)).encode(), digest_size=8).hexdigest(), sizes
