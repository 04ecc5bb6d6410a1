"""The shapes of a plan as a cluster has them: its nodes, their pods, and what each pod has room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from camslice.cluster.objects import NodeShape, PodShape, Slot
from camslice.cluster.wire import object_name
from camslice.fleet.types import Planning, Topology
from camslice.plan.catalogue.allocatable import allocatable
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import InstanceType
from camslice.plan.plan import Plan, PlannedClass, PlannedNode, PlannedPod

_ENGINE_CPU_M, _ENGINE_MEMORY_MB = 500, 1000.0
"""What an engine server of topology remote asks for beside its accelerator, where the workers leave so much; assumed, for a
plan counts what it uses with the workers."""


def node_shapes(plan: Plan, catalogue: Catalogue, planning: Planning | None = None) -> tuple[NodeShape, ...]:
    """One for each shape of the plan, in its order. `planning`: as the fleet file says; what runs on each node besides our pods
    is in it. Raises CatalogueError for a type that the catalogue lacks."""
    classes = {each.name: each for each in plan.classes}
    return tuple(_shape(node, plan.nodes, classes, catalogue, planning or Planning()) for node in plan.nodes)


def _shape(
    node: PlannedNode,
    others: Sequence[PlannedNode],
    classes: Mapping[str, PlannedClass],
    catalogue: Catalogue,
    planning: Planning,
) -> NodeShape:
    pods = [_pod(index, pod, classes) for index, pod in enumerate(node.pods)]
    if node.topology is Topology.REMOTE:
        pods.append(_engine(node, catalogue.find(node.instance_type), catalogue, planning))
    return NodeShape(
        object_name(node.shape.replace("#", "-").replace(".", "-").replace("/", "-").replace(" ", "-")),
        node.instance_type,
        node.region,
        node.purchase.value,
        node.count,
        node.topology,
        node.usd_per_hour,
        tuple(pods),
        round(node.predicted.latency.p95, 3),
        _partition(node),
        _fallback(node, others),
    )


def _engine(node: PlannedNode, machine: InstanceType, catalogue: Catalogue, planning: Planning) -> PodShape:
    accelerator = machine.accelerator
    servers = 1 if accelerator is None else accelerator.count
    offered = allocatable(machine, catalogue.pods_of_system(planning.system_pods), planning.prefix_delegation)
    left_m = (offered.cpu_m - sum(pod.count * pod.cpu_m for pod in node.pods)) // servers
    shares = 0 if accelerator is None else 1
    return PodShape("engine", servers, max(1, min(_ENGINE_CPU_M, left_m)), _ENGINE_MEMORY_MB, shares, (), role="engine")


def _pod(index: int, pod: PlannedPod, classes: Mapping[str, PlannedClass]) -> PodShape:
    slots = tuple(
        Slot(classes[name].model, classes[name].fps, streams, classes[name].format) for name, streams in pod.contents.items()
    )
    return PodShape(f"{object_name(pod.model)[:20]}-{index}", pod.count, pod.cpu_m, pod.memory_mb, pod.shares, slots)


def _partition(node: PlannedNode) -> str | None:
    """How `mig` cuts the cards: the third part of a shape's name, such as p4d.24xlarge/mig/1g.5gb#1."""
    return node.shape.partition("#")[0].split("/")[2] if node.topology is Topology.MIG else None


def _fallback(node: PlannedNode, others: Sequence[PlannedNode]) -> tuple[str, ...]:
    """Types for which the plan verified a shape of the same topology that holds at least as much."""
    return tuple(
        sorted(
            {
                other.instance_type
                for other in others
                if other.instance_type != node.instance_type
                and (other.topology, other.region) == (node.topology, node.region)
                and all(other.contents.get(name, 0) >= streams for name, streams in node.contents.items())
            }
        )
    )
