"""run.json: what a run says about itself, as frozen dataclasses that check what they read."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
"""The newest version of the run format that this STN Viz reads, and the one that it writes."""

Kernel = Literal["nearest", "bilinear", "bicubic"]
Padding = Literal["zeros", "border", "reflection"]
Status = Literal["running", "stopped", "finished"]

MAX_SITES = 64
MAX_SIDE = 16384
MAX_POINTS = {2: 2**24, 3: 2**27}
"""Of one grid over an image, and over a volume: more are nowhere drawn, and fill the memory of who tries."""
MAX_CHANNELS = 65536
MAX_CLASSES = 10_000
MAX_NOTES = 200
MAX_LETTERS = 2000


class RunError(Exception):
    """A run that cannot be read or written as it stands: one or two sentences, what was found and what to do."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """One place where the network samples a grid.

    Shapes: input_size (H, W) or (D, H, W) of U; output_size (H', W') or (D', H', W') of V; channels of both.
    family is None where the grid fits no family: then the trace keeps the grid itself. on_image says whether the site
    samples the run's image itself, rather than a feature map or the output of another site.
    """

    name: str
    family: str | None
    options: Mapping[str, int]
    kernel: Kernel
    padding: Padding
    align_corners: bool
    input_size: tuple[int, ...]
    output_size: tuple[int, ...]
    channels: int
    on_image: bool = True


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What run.json holds. `network` is what `networks.build(**network)` takes, or None where it is not known.

    Units: snapshots maps a step to the size in bytes of its weights' file, so that a truncated one is seen
           without opening any; None means that no sizes were written down.
    """

    name: str
    source: str
    task: str
    classes: tuple[str, ...]
    network: Mapping[str, Any] | None
    seed: int | None
    training: Mapping[str, Any]
    command: tuple[str, ...] = ()
    status: Status = "running"
    sites: tuple[Site, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    pose_family: str | None = None
    snapshots: Mapping[int, int] | None = field(default_factory=dict)
    counter: Literal["step", "epoch"] = "step"
    preparation: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    @property
    def families(self) -> str:
        """Families of the sites, in words: "affine + tps", "3 × affine + grid"."""
        counts: dict[str, int] = {}
        for site in self.sites:
            counts[site.family or "grid"] = counts.get(site.family or "grid", 0) + 1
        return " + ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())

    @property
    def title(self) -> str:
        """What a list shows: "rts · ST-CNN · affine", or "mine · affine" where no task is told."""
        network = str(self.network.get("name", "")).upper() if self.network else ""
        network = "" if network in ("FOUND", "PROGRAM") else network  # words for programs, not for people
        return " · ".join(part for part in (self.task or self.name, network, self.families) if part)

    def to_json(self) -> dict[str, Any]:
        """Give the content of run.json; numbers that JSON does not have (nan, inf) become null."""
        plain = {"format": FORMAT} | asdict(self)
        if self.snapshots is None:
            del plain["snapshots"]
        else:
            plain["snapshots"] = {str(step): size for step, size in self.snapshots.items()}
        return cast("dict[str, Any]", _finite(plain))

    @classmethod
    def from_json(cls, content: object) -> "RunInfo":
        """Check what run.json holds, entry by entry.

        Raises: RunError naming the entry, what it holds and what it should hold; for a newer format, that an update
                is needed.
        """
        table = _Table(content, "run.json")
        _check_format(table.content)
        snapshots = None
        if "snapshots" in table.content:
            sizes = _Table(table.of("snapshots", dict, {}), "run.json: snapshots")
            snapshots = {_step_number(key): sizes.of(key, int) for key in sizes.content}
        sites = table.of("sites", list, [])
        if len(sites) > MAX_SITES:
            raise RunError(f"run.json lists {len(sites)} sites; at most {MAX_SITES} are read. Record fewer of them.")
        classes = tuple(str(word)[:MAX_LETTERS] for word in table.of("classes", list, []))
        if len(classes) > MAX_CLASSES:
            raise RunError(f"run.json lists {len(classes):,} classes; at most {MAX_CLASSES:,} are read.")
        return cls(
            name=table.of("name", str, "")[:MAX_LETTERS],
            source=table.of("source", str, "")[:MAX_LETTERS],
            command=tuple(str(word)[:MAX_LETTERS] for word in table.of("command", list, [])[:MAX_NOTES]),
            status=table.choice("status", get_args(Status), "stopped"),
            task=table.of("task", str, "")[:MAX_LETTERS],
            classes=classes,
            sites=tuple(_site(entry, index) for index, entry in enumerate(sites)),
            network=table.optional("network", dict),
            seed=table.optional("seed", int),
            training=table.of("training", dict, {}),
            metrics=table.of("metrics", dict, {}),
            versions=table.of("versions", dict, {}),
            created=table.of("created", str, "")[:MAX_LETTERS],
            pose_family=table.optional("pose_family", str),
            snapshots=snapshots,
            counter=table.choice("counter", ("step", "epoch"), "step"),
            preparation=_preparation(table),
            notes=tuple(str(words)[:MAX_LETTERS] for words in table.of("notes", list, [])[:MAX_NOTES]),
        )


@dataclass(frozen=True, kw_only=True)
class Probes:
    """The images that a run follows from its first step to its last.

    Shapes: U (n, C, h, w) float32; labels (n,) int64, -1 where unknown; pose (n, P) float32 or None.
    Units:  U as the network sees it; bytes may be given, value / 255 is kept. pose is the theta of a perfect localiser.
    """

    U: NDArray[np.float32]
    labels: NDArray[np.int64]
    pose: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Bring the arrays to their types.

        Raises: RunError if there is not one label, and one pose, for each image.
        """
        U = np.asarray(self.U)
        U = U / np.float32(255) if U.dtype == np.uint8 else U.astype(np.float32)
        object.__setattr__(self, "U", U)
        object.__setattr__(self, "labels", np.asarray(self.labels).astype(np.int64))
        if self.pose is not None:
            object.__setattr__(self, "pose", np.asarray(self.pose).astype(np.float32))
        posed = len(U) if self.pose is None else len(self.pose)
        if U.ndim not in (4, 5) or len(U) == 0 or self.labels.shape != (len(U),) or posed != len(U):
            raise RunError(
                f"the probes hold U {U.shape}, labels {self.labels.shape}"
                + (f", pose {self.pose.shape}" if self.pose is not None else "")
                + "; expected U (n, C, h, w) and one label (and one pose) for each of its n images."
            )

    @property
    def compact(self) -> NDArray[Any]:
        """U as bytes (uint8, value / 255) where that loses nothing, else U itself."""
        with np.errstate(invalid="ignore"):
            scaled = np.rint(self.U * np.float32(255)).clip(0, 255).astype(np.uint8)
        return scaled if np.array_equal(scaled / np.float32(255), self.U) else self.U


class _Table:
    """A JSON object that is asked for entries of a type; what is wrong is said with the entry's name."""

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise RunError(
                f"{where} holds {_kind(content)}, not an object. It is not a run's: take it from the original folder."
            )
        self.content: dict[str, Any] = content
        self.where = where

    def of(self, name: str, kind: type, default: Any = None) -> Any:
        value = self.content.get(name, default)
        # bool is an int in Python, but true is no number in JSON
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise RunError(
                f"{self.where}: {name!r} is {_short(value)}, expected {_kind(kind())}. "
                "Correct this entry, or take run.json from the original folder."
            )
        return value

    def optional(self, name: str, kind: type) -> Any:
        return None if self.content.get(name) is None else self.of(name, kind)

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> Any:
        value = self.content.get(name, default)
        if value not in choices:
            raise RunError(f"{self.where}: {name!r} is {_short(value)}, expected one of {', '.join(choices)}.")
        return value

    def sizes(self, name: str) -> tuple[int, ...]:
        value = self.of(name, list)
        whole = all(isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= MAX_SIDE for side in value)
        if len(value) not in (2, 3) or not whole:
            raise RunError(
                f"{self.where}: {name!r} is {_short(value)}, expected two or three whole numbers from 1 to {MAX_SIDE}."
            )
        if math.prod(value) > MAX_POINTS[len(value)]:
            raise RunError(
                f"{self.where}: {name!r} is {_short(value)}, which makes {math.prod(value):,} points; at most "
                f"{MAX_POINTS[len(value)]:,} are read."
            )
        return tuple(value)


def _preparation(table: _Table) -> Mapping[str, Any] | None:
    content = table.optional("preparation", dict)
    if content is None:
        return None
    inner = _Table(content, "run.json: preparation")
    mean, std = (inner.of(name, list) for name in ("mean", "std"))
    numbers = [*mean, *std]
    if (
        not mean
        or len(mean) != len(std)
        or len(mean) > MAX_CHANNELS
        or not all(isinstance(value, int | float) and -1e30 < value < 1e30 for value in numbers)
        or not all(value > 0 for value in std)
    ):
        raise RunError(
            f"run.json: 'preparation' has mean {_short(mean)} and std {_short(std)}; expected as many numbers in each, "
            "one for each channel, std above 0. Correct this entry."
        )
    return {
        "mean": tuple(float(value) for value in mean),
        "std": tuple(float(value) for value in std),
        "channel_order": inner.choice("channel_order", ("rgb", "bgr"), "rgb"),
        "value_range": 255 if inner.of("value_range", int, 1) == 255 else 1,
    }


def _site(content: object, index: int) -> Site:
    table = _Table(content, f"run.json: site {index}")
    options = table.of("options", dict, {})
    channels = table.of("channels", int)
    if not 1 <= channels <= MAX_CHANNELS:
        raise RunError(f"{table.where}: 'channels' is {_short(channels)}, expected a number from 1 to {MAX_CHANNELS}.")
    return Site(
        name=table.of("name", str, f"site_{index}")[:MAX_LETTERS],
        family=table.optional("family", str),
        options={key: _Table(options, f"{table.where}: options").of(key, int) for key in options},
        kernel=table.choice("kernel", get_args(Kernel)),
        padding=table.choice("padding", get_args(Padding)),
        align_corners=table.of("align_corners", bool),
        input_size=table.sizes("input_size"),
        output_size=table.sizes("output_size"),
        channels=channels,
        on_image=table.of("on_image", bool, True),
    )


def _check_format(content: Mapping[str, Any]) -> None:
    found = content.get("format")
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise RunError(
            f"run.json says format {_short(found)}, expected a whole number such as {FORMAT}. "
            "It is not a run's: take it from the original folder."
        )
    if found > FORMAT:
        raise RunError(
            f"written by a newer STN Viz (format {found}; this one reads {FORMAT}): update STN Viz to open it."
        )


def _step_number(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) <= 12):
        raise RunError(f"run.json: snapshots has the key {_short(key)}, expected a step such as '800'.")
    return int(key)


def _short(value: object) -> str:
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
    }
    return names.get(type(value), "null")


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
