"""What the way of the cameras' video to the nodes costs.

Bytes are billed per GB, here 10^9 bytes; a camera sends all the month. Only the video counts: what is asked of cameras and
answered to users is small beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from camslice.fleet.errors import PlanError
from camslice.fleet.types import CameraSpec, Ingest
from camslice.plan.cost.rates import Rates
from camslice.plan.plan import CostLine

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class VideoIn:
    """What so many cameras send together, in kilobits per second; `silent` names one that does not say."""

    cameras: int
    kbps: float = 0.0
    silent: str | None = None

    @classmethod
    def of(cls, cameras: Sequence[CameraSpec]) -> VideoIn:
        """What these cameras say that they send."""
        silent = next((camera.name for camera in cameras if camera.stream is None), None)
        return cls(len(cameras), sum(camera.stream.kbps for camera in cameras if camera.stream is not None), silent)


def network_lines(video: VideoIn, ingest: Ingest, rates: Rates, hours_per_month: float) -> tuple[CostLine, ...]:
    """The way in, and traffic between zones.

    Raises PlanError if the way costs by the byte and a camera does not say what it sends.
    """
    if video.silent is not None and ingest is not Ingest.DIRECT:
        raise PlanError(
            f"{video.silent} does not say what it sends, and by {ingest} each GB costs; give its `stream` with kbps, which "
            "`camslice probe` finds out."
        )
    gb = gb_per_month(video.kbps, hours_per_month)
    return (*_way_in(ingest, video.kbps, gb, rates, hours_per_month), _between_zones())


def gb_per_month(kbps: float, hours_per_month: float) -> float:
    """GB (10^9 bytes) in a month, of kilobits (10^3 bits) per second."""
    return kbps * 1000 / 8 * _SECONDS_PER_HOUR * hours_per_month / 1e9


def _way_in(ingest: Ingest, kbps: float, gb: float, rates: Rates, hours_per_month: float) -> tuple[CostLine, ...]:
    if ingest is Ingest.NAT:
        per_hour, per_gb = rates.nat_per_hour.usd, rates.nat_per_gb.usd
        return (
            CostLine(f"NAT gateway: 1 x {per_hour:g} $/h", per_hour * hours_per_month),
            CostLine(f"video through NAT: {gb:.0f} GB x {per_gb:g} $/GB", gb * per_gb),
        )
    if ingest is Ingest.VPN:
        connections = max(1, math.ceil(kbps / 1000 / rates.vpn_mbps))
        per_hour, per_gb = rates.vpn_per_hour.usd, rates.vpn_per_gb.usd
        return (
            CostLine(f"VPN connections: {connections} x {per_hour:g} $/h", connections * per_hour * hours_per_month),
            CostLine(f"video through VPN: {gb:.0f} GB x {per_gb:g} $/GB", gb * per_gb),
        )
    per_gb = rates.direct_per_gb.usd
    amount = f"{gb:.0f} GB x " if gb else ""
    return (CostLine(f"video in, direct: {amount}{per_gb:g} $/GB", gb * per_gb),)


def _between_zones() -> CostLine:
    """Nothing that is planned crosses zones: the engine of `remote` and its workers share a node, hence a zone."""
    return CostLine("traffic between zones: none", 0.0)
