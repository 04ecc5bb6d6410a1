"""The real Karpenter, with a provider that only pretends to buy: it buys the plan's nodes at its price, and gives them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from camslice.cluster.nodes.settings import NodeSettings
from camslice.cluster.pods import preview
from camslice.cluster.rendering import Rendered, RenderSettings, rendered
from camslice.fleet.types import Topology
from camslice.plan.catalogue.instance_type import InstanceType, Purchase
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import until
from tests.unit.cluster import made_plan as made

TYPES = ("g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge")
PODS, NODES = 20, 2
CPU_M = 370
"""Of one pod: 20 of them fit the 8 vCPU of a g4dn.2xlarge, and not the 4 of the cheaper g4dn.xlarge."""


def offered(machine: InstanceType) -> dict[str, Any]:
    """As Karpenter's provider for tests reads it."""
    accelerator = machine.accelerator
    price = machine.prices["us-east-1", Purchase.ON_DEMAND].usd_per_hour
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
        "offerings": [{"Price": price, "Available": True, "Requirements": requirements}],
    }


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
    settings = NodeSettings(node_class_group="karpenter.kwok.sh", node_class_kind="KWOKNodeClass")
    fleet = made.declared(PODS * NODES, "planning: {system_pods: case-study}\n")
    return rendered(made.plan(planned), fleet, made.CATALOGUE, RenderSettings("street", namespace, nodes=settings))


def to_buy(found: Rendered) -> list[dict[str, Any]]:
    """Pool and overlay. The label has a stage of kwok's play the device plugin, which adds the shares to a node."""
    pool, overlay = (next(each for each in found.objects if each["kind"] == kind) for kind in ("NodePool", "NodeOverlay"))
    pool["spec"]["template"]["metadata"]["labels"]["test/shared-gpus"] = str(PODS)
    return [pool, overlay]


def test_it_buys_the_plans_nodes_and_takes_back_what_is_empty(market: Plane, namespace: str) -> None:
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
    pods = [each for each in preview(found.fleet, found.cameras) if each["kind"] == "Pod"]
    market.apply(pods)

    def running() -> bool:
        phases = Counter(each["status"].get("phase") for each in market.get("pods", "--namespace", namespace))
        return phases == {"Running": PODS * NODES}

    until(running, "all pods on bought nodes", 90)
    claims = market.get("nodeclaims")
    bought = Counter(each["metadata"]["labels"]["node.kubernetes.io/instance-type"] for each in claims)
    assert bought == {"g4dn.2xlarge": NODES}
    price = made.CATALOGUE.find("g4dn.2xlarge").prices["us-east-1", Purchase.ON_DEMAND].usd_per_hour
    paid = sum(made.CATALOGUE.find(name).prices["us-east-1", Purchase.ON_DEMAND].usd_per_hour * n for name, n in bought.items())
    assert paid == pytest.approx(NODES * price)

    where = Counter(each["spec"]["nodeName"] for each in market.get("pods", "--namespace", namespace))
    assert set(where.values()) == {PODS}
    emptied = sorted(where)[0]
    gone = [
        each["metadata"]["name"] for each in market.get("pods", "--namespace", namespace) if each["spec"]["nodeName"] == emptied
    ]
    market.kubectl("delete", "pod", "--namespace", namespace, "--grace-period=0", "--force", *gone)
    until(lambda: len(market.get("nodeclaims")) == NODES - 1, "the empty node to be given back", 90)


def _ready(plane: Plane, kind: str) -> bool:
    conditions = [
        each["status"]
        for found in plane.get(kind)
        for each in found.get("status", {}).get("conditions", [])
        if each["type"] == "Ready"
    ]
    return bool(conditions) and set(conditions) == {"True"}
