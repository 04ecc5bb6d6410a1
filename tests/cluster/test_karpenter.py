"""The real Karpenter, with a provider that only pretends to buy: it buys the plan's nodes at its price, and gives them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camslice.cluster.nodes.settings import NodeSettings
from camslice.cluster.rendering import Rendered, RenderSettings, rendered
from camslice.cluster.wire import camera_manifest, fleet_manifest
from camslice.fleet.types import Topology
from camslice.plan.catalogue.instance_type import InstanceType, Purchase
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import until
from tests.cluster.test_operator import RunningOperator
from tests.unit.cluster import made_plan as made

TYPES = ("g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge")
PODS, NODES = 20, 2
CPU_M = 370
"""Of one pod: 20 of them fit the 8 vCPU of a g4dn.2xlarge, and not the 4 of the cheaper g4dn.xlarge."""


def offered(machine: InstanceType) -> dict[str, Any]:
    """As Karpenter's provider for tests reads it."""
    accelerator = machine.accelerator
    gpus = {} if accelerator is None else {"nvidia.com/gpu": str(accelerator.count)}
    requirements = [
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"]},
    ]
    return {
        "name": machine.name,
        "architecture": "amd64",
        "operatingSystems": ["linux"],
        "resources": {
            "cpu": str(machine.vcpu),
            "memory": f"{machine.memory_mb:.0f}M",
            "pods": str(machine.pod_limit),
            "ephemeral-storage": "100Gi",
            **gpus,
        },
        "offerings": [{"Price": price_of(machine), "Available": True, "Requirements": requirements}],
    }


def price_of(machine: InstanceType) -> float:
    return machine.prices["us-east-1", Purchase.ON_DEMAND].usd_per_hour


@pytest.fixture
def market(plane: Plane) -> Iterator[Plane]:
    """Karpenter, types to buy, and nothing bought."""
    plane.start_karpenter([offered(made.CATALOGUE.find(name)) for name in TYPES])
    node_class = {"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass"}
    name = "street.g4dn-2xlarge-sliced-1"
    plane.apply([{**node_class, "metadata": {"name": name}}])
    yield plane
    plane.kubectl("delete", "nodepools,nodeoverlays", "--all", "--wait=false")
    until(lambda: not plane.get("nodeclaims"), "nodes to be given back", 60)
    plane.stop_karpenter()


def plan_rendered(namespace: str) -> Rendered:
    planned = made.node(Topology.SLICED, PODS, instance_type="g4dn.2xlarge", count=NODES, cpu_m=CPU_M)
    planned = replace(planned, usd_per_hour=0.752)
    settings = NodeSettings(node_class_group="karpenter.kwok.sh", node_class_kind="KWOKNodeClass")
    fleet = made.declared(PODS * NODES, "planning: {system_pods: case-study}\n")
    return rendered(made.plan(planned), fleet, made.CATALOGUE, RenderSettings("street", namespace, nodes=settings))


def to_buy(found: Rendered) -> list[dict[str, Any]]:
    """Pool and overlay. The label has a stage of kwok's play the device plugin, which adds the shares to a node."""
    pool, overlay = (next(each for each in found.objects if each["kind"] == kind) for kind in ("NodePool", "NodeOverlay"))
    pool["spec"]["template"]["metadata"]["labels"]["test/shared-gpus"] = str(PODS)
    return [pool, overlay]


def test_it_buys_the_plans_nodes_and_takes_back_what_is_empty(market: Plane, namespace: str, tmp_path: Path) -> None:
    found = plan_rendered(namespace)
    pool, overlay = to_buy(found)
    [types] = [
        each for each in pool["spec"]["template"]["spec"]["requirements"] if each["key"] == "node.kubernetes.io/instance-type"
    ]
    assert types["values"] == ["g4dn.2xlarge"]
    types["values"] = list(TYPES)  # a cheaper one whose slices are as many, and whose processors are not
    pool["spec"]["disruption"]["consolidateAfter"] = "5s"
    market.apply([overlay, pool])
    until(lambda: _ready(market, "nodeoverlays"), "the overlay", 30)
    operator = RunningOperator(market, namespace, tmp_path, "--compact-after", "3")
    operator.start()
    try:
        market.apply([fleet_manifest(found.fleet), *map(camera_manifest, found.cameras)])
        until(lambda: running(market, namespace) == PODS * NODES, "all pods on bought nodes", 120, operator.check)
        assert bought(market) == {"g4dn.2xlarge": NODES}
        paid = sum(number * price_of(made.CATALOGUE.find(name)) for name, number in bought(market).items())
        assert paid == pytest.approx(sum(shape.usd_per_hour * shape.nodes for shape in found.fleet.shapes))

        # Half of the cameras go, so that both nodes are half empty: the rest is moved together, and Karpenter takes one back.
        gone = [each.object_name for each in found.cameras][::2]
        market.kubectl("delete", "cameras", "--namespace", namespace, *gone)
        until(lambda: bought(market) == {"g4dn.2xlarge": NODES - 1}, "the emptied node to be given back", 150, operator.check)
        assert running(market, namespace) == PODS * NODES // 2
    finally:
        operator.kill()
        market.kubectl("delete", "camerafleets,cameras,pods", "--all", "--namespace", namespace, "--grace-period=0", "--force")


def running(plane: Plane, namespace: str) -> int:
    pods = plane.get("pods", "--namespace", namespace)
    return sum(each["status"].get("phase") == "Running" and not each["metadata"].get("deletionTimestamp") for each in pods)


def bought(plane: Plane) -> Counter[str]:
    claims = plane.get("nodeclaims")
    return Counter(each["metadata"]["labels"]["node.kubernetes.io/instance-type"] for each in claims)


def _ready(plane: Plane, kind: str) -> bool:
    conditions = [
        each["status"]
        for found in plane.get(kind)
        for each in found.get("status", {}).get("conditions", [])
        if each["type"] == "Ready"
    ]
    return bool(conditions) and set(conditions) == {"True"}
