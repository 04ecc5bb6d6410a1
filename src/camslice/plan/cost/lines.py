"""What a fleet costs in a month, line by line: its nodes, and what comes with them.

    cost per camera = (hourly prices of the nodes x hours [+ control plane + disks + system nodes + network]) / cameras

What a provider charges besides nodes is known for AWS only (`rates.yaml`), so other machines cost what they cost and no more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from camslice.fleet.types import HOURS_PER_MONTH, Ingest
from camslice.plan.catalogue.instance_type import InstanceType, Purchase
from camslice.plan.cost.network import VideoIn, network_lines
from camslice.plan.cost.rates import Rates, packaged_rates
from camslice.plan.plan import CostLine

DISK_GB_PER_NODE = 20.0
"""The smallest disk that Amazon EKS gives a node by default: system, image, logs."""


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """`count` nodes alike, at `usd_per_hour` each. `what` is put before the type in the line's words (spare, system)."""

    instance_type: InstanceType
    count: int
    usd_per_hour: float
    purchase: Purchase = Purchase.ON_DEMAND
    region: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class CostSettings:
    """What is counted besides the nodes. `system_nodes` run nothing of ours, but the cluster needs them; by default it needs
    none, for its own pods stand on the planned nodes. `rates` by provider.
    """

    hours_per_month: float = HOURS_PER_MONTH
    disk_gb_per_node: float = DISK_GB_PER_NODE
    ingest: Ingest = Ingest.DIRECT
    system_nodes: tuple[NodeGroup, ...] = ()
    rates: Mapping[str, Rates] = field(default_factory=packaged_rates)


@dataclass(frozen=True, slots=True)
class CostLines:
    """The lines of the nodes, and the rest. Each adds up to its total, and both to the full one."""

    nodes: tuple[CostLine, ...]
    rest: tuple[CostLine, ...]
    cameras: int

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """All of them."""
        return self.nodes + self.rest

    @property
    def usd_per_month(self) -> float:
        """Everything."""
        return _total(self.lines)

    @property
    def usd_per_month_nodes_only(self) -> float:
        """The nodes alone."""
        return _total(self.nodes)

    @property
    def usd_per_camera_month(self) -> float:
        """Everything, shared by the cameras; infinite for none."""
        return self.usd_per_month / self.cameras if self.cameras else math.inf

    @property
    def usd_per_camera_month_nodes_only(self) -> float:
        """The nodes alone, shared by the cameras; infinite for none."""
        return self.usd_per_month_nodes_only / self.cameras if self.cameras else math.inf


def cost_lines(nodes: Sequence[NodeGroup], video: VideoIn, settings: CostSettings) -> CostLines:
    """The cost of these nodes for the cameras that send `video`.

    Raises PlanError if a camera does not say what the network line needs.
    """
    priced = tuple(_nodes_line(group, settings) for group in nodes if group.count)
    providers = [group.instance_type.provider for group in nodes if group.count]
    rest = (*disk_lines(nodes, settings), *fixed_lines(providers, video, settings))
    return CostLines(priced, rest, video.cameras)


def node_usd_per_month(
    instance_type: InstanceType, usd_per_hour: float, settings: CostSettings, nodes_only: bool = False
) -> float:
    """One node more: its price and, unless `nodes_only`, what comes with each node (a disk)."""
    disk = 0.0 if nodes_only else _disk_usd_per_month(instance_type, settings)
    return usd_per_hour * settings.hours_per_month + disk


def disk_lines(nodes: Sequence[NodeGroup], settings: CostSettings) -> tuple[CostLine, ...]:
    """The disks of all nodes, the system's included: none where the provider charges for none."""
    groups = [*nodes, *settings.system_nodes]
    total = math.fsum(group.count * _disk_usd_per_month(group.instance_type, settings) for group in groups)
    count = sum(group.count for group in groups if group.instance_type.provider in settings.rates)
    if not count:
        return ()
    return (CostLine(f"disks: {count} x {settings.disk_gb_per_node:g} GB", total),)


def fixed_lines(providers: Iterable[str], video: VideoIn, settings: CostSettings) -> tuple[CostLine, ...]:
    """What does not grow with the nodes: control plane, system nodes, network. `providers` are those of the nodes.

    Raises PlanError if a camera does not say what the network line needs.
    """
    lines = []
    charging = [provider for provider in dict.fromkeys(providers) if provider in settings.rates]
    for provider in charging:
        per_hour = settings.rates[provider].control_plane_per_hour.usd
        lines.append(CostLine(f"control plane ({provider}): {per_hour:g} $/h", per_hour * settings.hours_per_month))
    lines += [_nodes_line(group, settings, "system ") for group in settings.system_nodes if group.count]
    for provider in charging[:1]:
        lines += network_lines(video, settings.ingest, settings.rates[provider], settings.hours_per_month)
    return tuple(lines)


def _disk_usd_per_month(instance_type: InstanceType, settings: CostSettings) -> float:
    rates = settings.rates.get(instance_type.provider)
    return 0.0 if rates is None else settings.disk_gb_per_node * rates.disk_per_gb_month.usd


def _nodes_line(group: NodeGroup, settings: CostSettings, what: str = "") -> CostLine:
    where = f", {group.region}" if group.region else ""
    how = f"{group.purchase.replace('_', ' ')}{where}, {group.usd_per_hour:g} $/h"
    words = f"{what or group.what}nodes: {group.count} x {group.instance_type.name} ({how})"
    return CostLine(words, group.count * group.usd_per_hour * settings.hours_per_month)


def _total(lines: Iterable[CostLine]) -> float:
    return math.fsum(line.usd_per_month for line in lines)
