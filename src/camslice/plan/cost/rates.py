"""What a fleet costs besides its nodes: the prices of control plane, disks and network, by provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import cast

import yaml


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars, `dated` YYYY-MM-DD; `source` says who states it, and of what."""

    usd: float
    dated: str
    source: str


@dataclass(frozen=True, slots=True)
class Rates:
    """A provider's prices, of `region`. `vpn_mbps`: what one VPN connection carries."""

    region: str
    control_plane_per_hour: Rate
    disk_per_gb_month: Rate
    nat_per_hour: Rate
    nat_per_gb: Rate
    vpn_per_hour: Rate
    vpn_per_gb: Rate
    direct_per_gb: Rate
    cross_zone_per_gb: Rate
    vpn_mbps: float


@cache
def packaged_rates() -> Mapping[str, Rates]:
    """The prices that come with camslice, by provider (only aws: nobody else charges for these things, as far as they say)."""
    text = resources.files("camslice.plan.cost").joinpath("rates.yaml").read_text("utf-8")
    return {provider: _rates(data) for provider, data in yaml.safe_load(text).items()}


def _rates(data: Mapping[str, object]) -> Rates:
    rates = {name: Rate(**value) for name, value in data.items() if isinstance(value, dict)}
    return Rates(region=str(data["region"]), vpn_mbps=float(cast("float", data["vpn_mbps"])), **rates)
