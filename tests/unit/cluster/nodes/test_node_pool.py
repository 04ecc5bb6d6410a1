"""What makes Karpenter buy the nodes of a plan, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from camslice.cluster.nodes.device_plugin_values import device_plugin_values
from camslice.cluster.nodes.settings import NodeSettings
from camslice.cluster.rendering import RenderSettings, rendered
from camslice.cluster.sharing.protocol import NodeSharing
from camslice.fleet.types import Topology
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.plan import PlannedNode
from tests.unit.cluster import made_plan as made


def objects(*nodes: PlannedNode, spares: int = 0, more: str = "", settings: NodeSettings | None = None) -> list[dict[str, Any]]:
    plan = made.plan(*nodes, spares=spares)
    asked = RenderSettings("street", nodes=settings or NodeSettings())
    made_of_it = rendered(plan, made.declared(plan.cameras, more), made.CATALOGUE, asked)
    return [each for each in made_of_it.objects if each["apiVersion"].startswith("karpenter")]


def of_kind(kind: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in found if each["kind"] == kind]


def allowed(pool: dict[str, Any], key: str) -> list[str]:
    [values] = [each["values"] for each in pool["spec"]["template"]["spec"]["requirements"] if each["key"] == key]
    return list(values)


def test_a_pool_buys_the_plans_type_and_no_more_nodes_than_it_says() -> None:
    [pool] = of_kind("NodePool", objects(made.node(Topology.SLICED, 20, count=3)))
    assert allowed(pool, "node.kubernetes.io/instance-type") == ["g4dn.xlarge"]
    assert allowed(pool, "karpenter.sh/capacity-type") == ["on-demand"]
    assert allowed(pool, "kubernetes.io/arch") == ["amd64"]
    assert allowed(pool, "topology.kubernetes.io/region") == ["us-east-1"]
    assert pool["spec"]["limits"] == {"nodes": "3"}


def test_spare_nodes_are_of_the_fullest_shape_and_only_there_the_limit_is_higher() -> None:
    full, last = made.node(Topology.SLICED, 20, count=2), made.node(Topology.SLICED, 6, first=41, number=2)
    pools = of_kind("NodePool", objects(full, last, spares=1))
    assert [pool["spec"]["limits"]["nodes"] for pool in pools] == ["3", "1"]


def test_nodes_carry_what_pods_and_the_device_plugin_look_for() -> None:
    [pool] = of_kind("NodePool", objects(made.node(Topology.MPS, 20)))
    labels = pool["spec"]["template"]["metadata"]["labels"]
    assert labels["camslice.dev/shape"] == "street.g4dn-xlarge-mps-1"
    assert labels["nvidia.com/gpu.present"] == "true"
    assert labels["nvidia.com/device-plugin.config"] == "mps-20"
    assert labels["nvidia.com/mps.capable"] == "true"
    assert {each["key"] for each in pool["spec"]["template"]["spec"]["taints"]} == {"camslice.dev/cameras", "nvidia.com/gpu"}


def test_karpenter_takes_back_empty_nodes_alone() -> None:
    [pool] = of_kind("NodePool", objects(made.node(Topology.SLICED, 20)))
    disruption = pool["spec"]["disruption"]
    assert disruption["consolidationPolicy"] == "WhenEmpty"
    assert {"nodes": "1", "reasons": ["Drifted"]} in disruption["budgets"]
    assert pool["spec"]["template"]["spec"]["expireAfter"] == "Never"


def test_an_overlay_tells_karpenter_the_shares_for_each_number_of_gpus_in_the_pool() -> None:
    small = made.node(Topology.SLICED, 20)
    large = made.node(Topology.SLICED, 40, instance_type="g4dn.12xlarge", first=21, number=1)
    found = objects(small, large)
    pool_of_both = of_kind("NodePool", found)[1]
    assert allowed(pool_of_both, "node.kubernetes.io/instance-type") == ["g4dn.xlarge", "g4dn.12xlarge"]
    own, one, four = of_kind("NodeOverlay", found)
    assert one["spec"]["capacity"] == {"nvidia.com/gpu.shared": "20"}
    assert four["spec"]["capacity"] == {"nvidia.com/gpu.shared": "80"}
    assert {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "In", "values": ["4"]} in four["spec"]["requirements"]
    assert own["spec"]["capacity"] == {"nvidia.com/gpu.shared": "40"}
    names = [each["metadata"]["name"] for each in (one, four, own)]
    assert len(set(names)) == 3


def test_only_rates_that_were_agreed_on_are_told_and_only_for_their_capacity_type() -> None:
    assert not of_kind("NodeOverlay", objects(made.node(Topology.POOLED, 1)))
    [price] = of_kind("NodeOverlay", objects(made.node(Topology.POOLED, 1, purchase=Purchase.RESERVED)))
    assert price["spec"]["price"] == "0.526"
    assert {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]} in price["spec"]["requirements"]


def test_spot_is_bought_as_spot() -> None:
    [pool] = of_kind("NodePool", objects(made.node(Topology.POOLED, 1, purchase=Purchase.SPOT)))
    assert allowed(pool, "karpenter.sh/capacity-type") == ["spot"]


@pytest.mark.parametrize(("prefixes", "limit"), [(False, "pod_limit"), (True, "pod_limit_prefix")])
def test_the_kubelet_is_told_the_pod_limit_that_the_plan_counted_with(prefixes: bool, limit: str) -> None:
    more = f"planning: {{prefix_delegation: {str(prefixes).lower()}}}\n"
    settings = NodeSettings(cluster_name="shop", role="ShopNodes")
    [node_class] = of_kind("EC2NodeClass", objects(made.node(Topology.SLICED, 20), more=more, settings=settings))
    assert node_class["spec"]["kubelet"] == {"maxPods": getattr(made.CATALOGUE.find("g4dn.xlarge"), limit)}
    assert node_class["spec"]["role"] == "ShopNodes"
    assert node_class["spec"]["subnetSelectorTerms"] == [{"tags": {"karpenter.sh/discovery": "shop"}}]


def test_a_cluster_with_other_node_classes_is_not_asked_for_a_region() -> None:
    settings = NodeSettings(node_class_group="karpenter.kwok.sh", node_class_kind="KWOKNodeClass")
    [pool] = of_kind("NodePool", objects(made.node(Topology.SLICED, 20), settings=settings))
    assert "topology.kubernetes.io/region" not in {each["key"] for each in pool["spec"]["template"]["spec"]["requirements"]}
    assert pool["spec"]["template"]["spec"]["nodeClassRef"]["kind"] == "KWOKNodeClass"


def test_the_plugins_values_hold_each_configuration_once_and_a_plain_one_for_other_nodes() -> None:
    shares = NodeSharing({}, {}, {"version": "v1", "x": 1}, "sliced-20")
    values = device_plugin_values([shares, shares, NodeSharing()])
    assert values is not None
    assert list(values["config"]["map"]) == ["plain", "sliced-20"]
    assert values["config"]["default"] == "plain"
    assert device_plugin_values([NodeSharing()]) is None


def test_node_objects_come_class_first() -> None:
    kinds = [each["kind"] for each in objects(made.node(Topology.SLICED, 20))]
    assert kinds == ["EC2NodeClass", "NodePool", "NodeOverlay"]
