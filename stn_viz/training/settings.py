"""What a training is told: every choice that its result depends on, as run.json keeps it under "training"."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One training.

    `localisation_rate` is the localisation network's share of `rate`; `points` concerns the family tps alone; `limit`
    is images an epoch. None leaves the choice to the family or to torch (threads), or means all images.
    """

    task: str = "rts"
    network: str = "st-cnn"
    family: str = "affine"
    points: int | None = None
    epochs: int = 12
    batch: int = 128
    rate: float = 3e-3
    localisation_rate: float = 1.0
    seed: int = 0
    snapshots: int = 20
    records: int = 300
    probes: int = 40
    limit: int | None = None
    precision: str = "float32"
    threads: int | None = None
    device: str = "auto"

    def network_arguments(self, *, size: tuple[int, int]) -> dict[str, Any]:
        """What `networks.build` is called with."""
        from stn_viz.networks import arguments  # brings torch, which --help does not wait for

        options = {} if self.points is None else {"points": self.points}
        return arguments(self.network, size=size, family=self.family, **options)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Settings":
        """Out of run.json's "training"; entries that are no setting (steps, device in words) are passed over."""
        return cls(**{field.name: content[field.name] for field in fields(cls) if field.name in content})
