"""What somebody published a deployment to cost, beside what it computes to: shown, and never tuned to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from camslice.fleet.profile import PriceRow, Profile


@dataclass(frozen=True, slots=True)
class PublishedPrice:
    """`usd_per_camera_month` as published; `gap`: by what share that lies above (below, if negative) ours. `profile` has it,
    and `source` says what is known of it.
    """

    deployment: str
    usd_per_camera_month: float
    gap: float
    profile: str
    source: str


def published_prices(
    profiles: Iterable[Profile], instance_type: str, cameras_per_node: int, usd_per_camera_month: float
) -> tuple[PublishedPrice, ...]:
    """Published figures of this type with so many cameras on a node, beside ours of the nodes alone, on demand."""
    found = []
    for profile in profiles:
        for row in profile.prices:
            figure = row.usd_per_camera_month
            if figure is not None and _same(row, instance_type, cameras_per_node):
                source = profile.sources.get(figure.source or "", figure.source or "")
                gap = figure.value / usd_per_camera_month - 1
                found.append(PublishedPrice(row.deployment, figure.value, gap, profile.name, source))
    return tuple(found)


def _same(row: PriceRow, instance_type: str, cameras_per_node: int) -> bool:
    return row.instance_type == instance_type and row.cameras == cameras_per_node
