"""Plans as values, without a planner: one node of each topology, with the pods that it would have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from camslice.fleet.spec import parse_fleet
from camslice.fleet.types import Fleet, Objective, StreamFormat, Topology
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.plan import Latency, Plan, PlannedClass, PlannedNode, PlannedPod, Predicted, SpareNode

CATALOGUE: Catalogue = load_catalogue(None)
OBJECTIVE = Objective(500.0, 95.0, 0.01, 30.0)
HD = StreamFormat(1920, 1080, 25.0, "h264", 2000.0)
FLEET = """
objective: {latency_ms: 500, percentile: 95, drop_rate: 0.01, usd_per_camera_month: 30}
models:
  people: {weights: yolox-nano, confidence: 0.25}
cameras:
  - {name: gate, source: "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.20.0.7/1", fps: 4, model: people, count: COUNT}
"""


def declared(count: int, more: str = "", cameras: str = "") -> Fleet:
    """A fleet of `count` cameras called gate-1, gate-2, ... `more`: further keys; `cameras`: further cameras."""
    text = FLEET.replace("COUNT", str(count)) + cameras + more
    return parse_fleet(text, Path("/fleets"), {"CAM_USER": "viewer", "CAM_PASSWORD": "open-sesame"}, "fleet.yaml")


def node(
    topology: Topology,
    pods: int,
    *,
    instance_type: str = "g4dn.xlarge",
    count: int = 1,
    streams_per_pod: int = 1,
    shares: int = 1,
    cpu_m: int = 100,
    first: int = 1,
    number: int = 1,
    partition: str | None = None,
    purchase: Purchase = Purchase.ON_DEMAND,
) -> PlannedNode:
    """`count` nodes with so many pods each, and cameras from gate-FIRST on."""
    streams = pods * streams_per_pod
    parts = [instance_type, topology.value, *([partition] if partition else [])]
    placed = [[f"gate-{first + index * streams + each}/people" for each in range(streams)] for index in range(count)]
    return PlannedNode(
        shape=f"{'/'.join(parts)}#{number}",
        instance_type=instance_type,
        region="us-east-1",
        purchase=purchase,
        count=count,
        topology=topology,
        streams_per_pod=streams_per_pod,
        usd_per_hour=0.526,
        contents={"people@4": streams},
        pods=(PlannedPod("people", pods, streams_per_pod, cpu_m, 400.5, shares, {"people@4": streams_per_pod}),),
        placements=tuple(tuple(each) for each in placed),
        predicted=Predicted(Latency(1000, 50.0, 49.0, 86.0, 95.0, 120.0), 86.0, 0.0, 60.0, 1),
        binding_constraint="cpu",
        utilisation={"cpu": 0.5},
    )


def plan(*nodes: PlannedNode, spares: int = 0) -> Plan:
    """A plan of these nodes."""
    streams = sum(each.streams_per_node * each.count for each in nodes)
    standing_by = (SpareNode(nodes[0].instance_type, "us-east-1", Purchase.ON_DEMAND, spares, 0.526),) if spares else ()
    return Plan(
        feasible=True,
        cameras=streams,
        usd_per_month=1229.74,
        usd_per_camera_month=22.8,
        usd_per_month_nodes_only=1151.94,
        usd_per_camera_month_nodes_only=21.3,
        lower_bound_usd_per_month=1229.74,
        optimal=True,
        solver="cp-sat",
        hours_per_month=730.0,
        objective=OBJECTIVE,
        classes=(PlannedClass("people@4", "people", 4.0, HD, OBJECTIVE, streams),),
        nodes=nodes,
        spares=standing_by,
        lines=(),
        profiles=(),
        rejected=(),
    )


def of_region(planned: PlannedNode, region: str) -> PlannedNode:
    """The same elsewhere."""
    return replace(planned, region=region)
