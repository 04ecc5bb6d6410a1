"""Whether the pods of a node fit, counted one by one: addresses, devices, memory. Simulation judges the rest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from camslice.fleet.types import Topology
from camslice.plan.capacity.shares import memory_mb
from camslice.plan.node_kind import NodeKind
from camslice.plan.optimise.problem import Contents
from camslice.plan.plan import PlannedClass, PlannedPod

_ROUNDING = 1e-6


def planned_pods(
    kind: NodeKind, contents: Contents, classes: Sequence[PlannedClass], cpu_shares: Sequence[float]
) -> tuple[PlannedPod, ...]:
    """The pods of a node with what each asks for, alike ones together. `cpu_shares`: of the node's processor, that one stream
    of each class takes."""
    cpu_of: dict[str, float] = {}
    for each, count, share in zip(classes, contents, cpu_shares, strict=True):
        if count:
            streams = sum(n for other, n in zip(classes, contents, strict=True) if other.model == each.model)
            cpu_of[each.model] = cpu_of.get(each.model, 0.0) + share * count / streams
    alike = Counter((model, tuple(sorted(Counter(part).items()))) for model, part in kind.pod_classes(contents, classes))
    pods = []
    for (model, held), count in alike.items():
        streams = sum(number for _, number in held)
        pods.append(
            PlannedPod(
                model,
                count,
                streams,
                max(1, math.ceil(cpu_of[model] * streams * kind.allocatable.cpu_m - _ROUNDING)),
                round(memory_mb(kind.profiles[model].memory, streams) or 0.0, 1),
                1 if kind.shape.accelerators and kind.topology is not Topology.REMOTE else 0,
                {classes[index].name: number for index, number in held},
            )
        )
    return tuple(pods)


def why_too_full(kind: NodeKind, contents: Contents, classes: Sequence[PlannedClass]) -> str | None:
    """The limit that these streams break on one node, or None."""
    pods = kind.pods(contents, classes)
    needed = len(pods)
    if kind.topology is Topology.REMOTE:
        needed += max(1, kind.shape.accelerators)  # the engine servers
    if needed > kind.most_pods:
        return "pods"
    memory = [memory_mb(kind.profiles[pod.model].memory, len(pod.streams)) or 0.0 for pod in pods]
    if sum(memory) > kind.allocatable.memory_mb:
        return "memory"
    if kind.instance_type.accelerator is not None and _accelerator_mb(kind, contents, classes) > 1.0:
        return "accelerator_memory"
    return None


def _accelerator_mb(kind: NodeKind, contents: Contents, classes: Sequence[PlannedClass]) -> float:
    """The share of one accelerator's memory that the fullest needs."""
    accelerator = kind.instance_type.accelerator
    if accelerator is None:
        return 0.0
    devices = accelerator.count * kind.shape.partitions
    held = [0.0] * devices
    for index, pod in enumerate(kind.pods(contents, classes)):
        memory = kind.profiles[pod.model].memory
        if memory.accelerator_pod_mb is None:
            continue
        further = 0.0 if memory.accelerator_further_stream_mb is None else memory.accelerator_further_stream_mb.value
        if kind.topology is Topology.REMOTE:  # the model once per device, in its server
            held = [max(each, memory.accelerator_pod_mb.value) for each in held]
        else:
            held[index % devices] += memory.accelerator_pod_mb.value + further * (len(pod.streams) - 1)
    said = [kind.profiles[pod.model].machine.accelerator_memory_mb for pod in kind.pods(contents, classes)]
    usable = min([accelerator.memory_mb * kind.shape.partition_share, *(each for each in said if each is not None)])
    return max(held) / usable
