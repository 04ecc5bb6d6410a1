"""What can be rented or bought: a machine, its accelerators, its limits, its prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Purchase(StrEnum):
    """How a machine is paid for."""

    ON_DEMAND = "on_demand"
    RESERVED = "reserved"
    SPOT = "spot"
    OWNED = "owned"
    """Bought: its price per hour is what it costs over its years, power included."""


@dataclass(frozen=True, slots=True)
class MigProfile:
    """A way to cut one card into partitions: `count` of them, each with `slices` of the card's `of_slices`."""

    name: str
    count: int
    slices: int
    of_slices: int
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Accelerator:
    """The accelerators of a machine, all alike. `memory_mb` of each; `fraction`: the share of a card that each is."""

    name: str
    count: int
    memory_mb: float
    fraction: float = 1.0
    mig_profiles: tuple[MigProfile, ...] = ()


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per hour; `dated` YYYY-MM-DD, `source` says who states it."""

    usd_per_hour: float
    dated: str
    source: str


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One type of machine. Memory in MB (10^6 bytes).

    `pod_limit` is the most pods that its network interfaces give addresses to, system pods included;
    `pod_limit_prefix` the same with prefix delegation. `prices` by region and purchase.
    `interruption`: how often spot capacity is taken back in a month, in the provider's words (such as `5-10%`).
    """

    name: str
    provider: str
    family: str
    cpu_family: str
    architecture: str
    vcpu: int
    physical_cores: int
    memory_mb: float
    accelerator: Accelerator | None = None
    pod_limit: int | None = None
    pod_limit_prefix: int | None = None
    network_mbps: float | None = None
    interruption: str | None = None
    prices: Mapping[tuple[str, Purchase], Price] = field(default_factory=dict)

    @property
    def accelerator_name(self) -> str:
        """`cpu` where there is none, as in a profile."""
        return "cpu" if self.accelerator is None else self.accelerator.name
