"""The shapes of a plan as a cluster has them: its nodes, their pods, and what each pod has room for."""

from __future__ import annotations

from collections.abc import Sequence

from camslice.cluster.objects import NodeShape, PodShape, Slot
from camslice.cluster.wire import object_name
from camslice.fleet.types import Topology
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.plan import Plan, PlannedClass, PlannedNode, PlannedPod

_ENGINE_CPU_M, _ENGINE_MEMORY_MB = 500, 1000.0
"""What an engine server of topology remote asks for beside its accelerator; assumed, for a plan counts it with the workers."""


def node_shapes(plan: Plan, catalogue: Catalogue) -> tuple[NodeShape, ...]:
    """One for each shape of the plan, in its order."""
    classes = {each.name: each for each in plan.classes}
    return tuple(_shape(node, plan.nodes, classes, catalogue) for node in plan.nodes)


def _shape(
    node: PlannedNode, others: Sequence[PlannedNode], classes: dict[str, PlannedClass], catalogue: Catalogue
) -> NodeShape:
    pods = [_pod(index, pod, classes) for index, pod in enumerate(node.pods)]
    if node.topology is Topology.REMOTE:
        accelerator = catalogue.find(node.instance_type).accelerator
        servers = 1 if accelerator is None else accelerator.count
        shares = 0 if accelerator is None else 1
        pods.append(PodShape("engine", servers, _ENGINE_CPU_M, _ENGINE_MEMORY_MB, shares, (), role="engine"))
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


def _pod(index: int, pod: PlannedPod, classes: dict[str, PlannedClass]) -> PodShape:
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
