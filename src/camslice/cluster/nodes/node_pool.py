"""The Karpenter NodePool, EC2NodeClass and NodeOverlays of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from camslice.cluster.names import FLEET, SHAPE, TAINT
from camslice.cluster.nodes.settings import NodeSettings
from camslice.cluster.objects import FleetObject, NodeShape
from camslice.cluster.placement.shards import shards_of
from camslice.cluster.sharing.protocol import NodeSharing, Sharing
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import InstanceType

Manifest = dict[str, Any]
_CAPACITY_TYPES = {"on_demand": "on-demand", "reserved": "on-demand", "spot": "spot"}
"""How Karpenter calls each purchase: reserved instances and savings plans are discounts on what is bought on demand."""
_PRICED = ("reserved",)
"""Purchases whose price Karpenter does not know, and is told."""


def node_objects(
    fleet: FleetObject, shape: NodeShape, sharing: Sharing, catalogue: Catalogue, settings: NodeSettings, *, prefixes: bool
) -> Iterator[Manifest]:
    """What makes Karpenter buy nodes of this shape. `prefixes`: the network gives nodes whole prefixes of addresses.

    Raises ClusterError for what cannot be, CatalogueError for a type that the catalogue lacks.
    """
    types = [catalogue.find(name) for name in (shape.instance_type, *shape.fallback)]
    first = types[0]
    shared = sharing.node(shape, _accelerators(first))
    yield node_class(fleet, shape, first, settings, prefixes=prefixes)
    yield node_pool(fleet, shape, types, shared, settings)
    yield from overlays(fleet, shape, types, shared)


def pool_name(fleet: FleetObject, shape: NodeShape) -> str:
    """The name of the pool, of its class, and the value of the label camslice.dev/shape."""
    return f"{fleet.name}.{shape.name}"


def node_pool(
    fleet: FleetObject, shape: NodeShape, types: list[InstanceType], shared: NodeSharing, settings: NodeSettings
) -> Manifest:
    """A pool of this shape's type and of those that may stand in for it. It never buys more than the plan and its spares."""
    nodes = len({shard.node for shard in shards_of(fleet) if shard.shape is shape})
    requirements = [
        _in("node.kubernetes.io/instance-type", [each.name for each in types]),
        _in("kubernetes.io/arch", sorted({"arm64" if each.architecture == "arm64" else "amd64" for each in types})),
        _in("kubernetes.io/os", ["linux"]),
        _in("karpenter.sh/capacity-type", [_CAPACITY_TYPES.get(shape.purchase, "on-demand")]),
    ]
    if settings.node_class_kind == "EC2NodeClass":
        requirements.append(_in("topology.kubernetes.io/region", [shape.region]))
    taints = [{"key": TAINT, "value": fleet.name, "effect": "NoSchedule"}]
    if any(pod.shares for pod in shape.pods):
        taints.append({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"})
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": pool_name(fleet, shape), "labels": {FLEET: fleet.name}},
        "spec": {
            "template": {
                "metadata": {"labels": {FLEET: fleet.name, SHAPE: pool_name(fleet, shape), **shared.labels}},
                "spec": {
                    "nodeClassRef": {
                        "group": settings.node_class_group,
                        "kind": settings.node_class_kind,
                        "name": pool_name(fleet, shape),
                    },
                    "requirements": requirements,
                    "taints": taints,
                    "expireAfter": "Never",
                },
            },
            # Karpenter knows no latency: it may take what the operator has emptied, and replace one outdated node at a time.
            "disruption": {
                "consolidationPolicy": "WhenEmpty",
                "consolidateAfter": "1m",
                "budgets": [{"nodes": "100%", "reasons": ["Empty"]}, {"nodes": "1", "reasons": ["Drifted"]}],
            },
            "limits": {"nodes": str(nodes)},
        },
    }


def node_class(
    fleet: FleetObject, shape: NodeShape, machine: InstanceType, settings: NodeSettings, *, prefixes: bool
) -> Manifest:
    """How Amazon starts the nodes: image, role, network, disk, and the pod limit that the plan counted with."""
    limit = machine.pod_limit_prefix if prefixes else machine.pod_limit
    discovered = [{"tags": {"karpenter.sh/discovery": settings.cluster_name}}]
    spec: Manifest = {
        "role": settings.role,
        "amiSelectorTerms": [{"alias": settings.ami_alias}],
        "subnetSelectorTerms": discovered,
        "securityGroupSelectorTerms": discovered,
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {"volumeSize": f"{settings.disk_gb}Gi", "volumeType": "gp3", "encrypted": True},
            }
        ],
        "tags": {"camslice.dev/fleet": fleet.name},
    }
    if limit is not None:
        spec["kubelet"] = {"maxPods": limit}
    return {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": pool_name(fleet, shape), "labels": {FLEET: fleet.name}},
        "spec": spec,
    }


def overlays(fleet: FleetObject, shape: NodeShape, types: list[InstanceType], shared: NodeSharing) -> Iterator[Manifest]:
    """What Karpenter cannot know: the shares of a node, for each number of accelerators, and rates that were agreed on."""
    pool = _in("karpenter.sh/nodepool", [pool_name(fleet, shape)])
    numbers = sorted({_accelerators(each) for each in types})
    for number in numbers:
        capacity = shared.capacity(number)
        if not capacity:
            continue
        name = pool_name(fleet, shape) if len(numbers) == 1 else f"{pool_name(fleet, shape)}-{number}"
        of_number = [] if len(numbers) == 1 else [_in("karpenter.k8s.aws/instance-gpu-count", [str(number)])]
        yield _overlay(fleet, name, [pool, *of_number], {"capacity": {key: str(value) for key, value in capacity.items()}})
    if shape.purchase in _PRICED:
        requirements = [
            pool,
            _in("node.kubernetes.io/instance-type", [shape.instance_type]),
            _in("karpenter.sh/capacity-type", [_CAPACITY_TYPES[shape.purchase]]),
        ]
        yield _overlay(fleet, f"{pool_name(fleet, shape)}-price", requirements, {"price": _decimal(shape.usd_per_hour)})


def _overlay(fleet: FleetObject, name: str, requirements: list[Manifest], adds: Mapping[str, Any]) -> Manifest:
    return {
        "apiVersion": "karpenter.sh/v1alpha1",
        "kind": "NodeOverlay",
        "metadata": {"name": name, "labels": {FLEET: fleet.name}},
        "spec": {"requirements": requirements, **adds},
    }


def _decimal(usd: float) -> str:
    """As Karpenter reads prices: digits and a point, no exponent."""
    return f"{usd:.6f}".rstrip("0").rstrip(".")


def _in(key: str, values: list[str]) -> Manifest:
    return {"key": key, "operator": "In", "values": values}


def _accelerators(machine: InstanceType) -> int:
    return 0 if machine.accelerator is None else machine.accelerator.count
