"""What one stream takes of a node, as shares of its resources: the first and cheapest limit on what a node carries.

Work is what must be computed whatever else runs; switches between contexts, spinning and waiting come on top, which only a
simulation knows. So these shares are a bound from below, and a node filled to 1.0 by them is still too full.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from camslice.fleet.profile import Memory, Profile
from camslice.fleet.types import Topology
from camslice.plan.node_kind import NodeKind
from camslice.plan.plan import PlannedClass
from camslice.plan.simulation.load import NodeLoad
from camslice.plan.simulation.node import SimulatedNode, SimulatedPod, Step, Where

RESOURCES = ("cpu", "accelerator", "memory", "accelerator_memory", "pods", "network", "fault domain")
"""In the order in which shares stand."""

Translate = Callable[[NodeLoad], SimulatedNode]
"""What a simulation makes of a load with the profiles of a kind."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of `RESOURCES` that one stream takes, and what its model takes once on a node."""

    use: tuple[float, ...]
    fixed: tuple[float, ...]


def shares_of(kind: NodeKind, of: PlannedClass, translate: Translate, cameras_per_node: int | None) -> Shares:
    """The shares of one stream of this class on a node of this kind, which has a profile of its model."""
    one = kind.load((1,), (of,))
    node = translate(one)
    cpu_ms, accelerator_ms = demand_ms_per_s(node, of.fps)
    machine = kind.instance_type
    accelerators = max(1, kind.shape.accelerators * kind.shape.partitions)
    allocatable = kind.allocatable
    pods, fixed_pods = _pods(kind, of.model)
    memory, fixed_memory = _memory(kind, of.model)
    on_accelerator, fixed_on_accelerator = _accelerator_memory(kind, of.model)
    fixed_memory_share = _share(fixed_memory, allocatable.memory_mb)
    cores = node.processor.capacity(machine.vcpu) * allocatable.cpu_m / (1000 * machine.vcpu)
    return Shares(
        (
            _share(cpu_ms, 1000 * cores),
            _share(accelerator_ms, 1000 * accelerators),
            _share(memory, allocatable.memory_mb),
            on_accelerator,
            _share(pods, kind.most_pods),
            _share(of.format.kbps / 1000, machine.network_mbps or math.inf),
            1 / cameras_per_node if cameras_per_node else 0.0,
        ),
        (
            0.0,
            0.0,
            fixed_memory_share,
            fixed_on_accelerator,
            _share(fixed_pods, kind.most_pods),
            0.0,
            0.0,
        ),
    )


def demand_ms_per_s(node: SimulatedNode, fps: float) -> tuple[float, float]:
    """CPU ms (of a whole core) and accelerator ms that the one stream of this node needs in each second, in the batches that
    cost the least."""
    pod = node.pods[0]
    batches = pod.batches if pod.server is None else node.servers[pod.server].batches
    cpu_ms = sum(_cpu_ms(step) for step in (*pod.before, *pod.after)) + pod.background_ms
    cpu_ms += min(sum(_cpu_ms(step) for step in steps) / size for size, steps in enumerate(batches, 1))
    accelerator_ms = sum(step.ms for step in (*pod.before, *pod.after) if step.where is Where.ACCELERATOR)
    accelerator_ms += min(
        sum(step.ms for step in steps if step.where is Where.ACCELERATOR) / size for size, steps in enumerate(batches, 1)
    )
    return fps * (cpu_ms + _decode_ms(pod)), fps * accelerator_ms


def memory_mb(memory: Memory, streams: int) -> float | None:
    """Of a pod in a cluster with so many streams; None where the profile does not know."""
    if memory.pod_mb is None:
        return None
    further = 0.0 if memory.further_stream_mb is None else memory.further_stream_mb.value
    supervisor = 0.0 if memory.supervisor_mb is None else memory.supervisor_mb.value
    return memory.pod_mb.value + supervisor + further * (streams - 1)


def _decode_ms(pod: SimulatedPod) -> float:
    stream = pod.streams[0]
    return stream.decode_ms + stream.undue_decode_ms


def _cpu_ms(step: Step) -> float:
    return step.ms * step.threads if step.where is Where.CPU else 0.0


def _pods(kind: NodeKind, model: str) -> tuple[float, float]:
    """Pods for each stream, and for the model once."""
    if kind.topology is Topology.POOLED:
        return 0.0, float(kind.engines(model))
    if kind.topology is Topology.DEDICATED:
        return 1.0, 0.0
    engines = kind.shape.accelerators if kind.topology is Topology.REMOTE else 0
    return 1.0 / kind.streams_per_pod, float(engines)


def _memory(kind: NodeKind, model: str) -> tuple[float, float]:
    memory = kind.profiles[model].memory
    alone = memory_mb(memory, 1)
    if alone is None:
        return 0.0, 0.0
    if kind.topology is Topology.POOLED:
        each = 0.0 if memory.further_stream_mb is None else memory.further_stream_mb.value
        return each, kind.engines(model) * (alone - each)
    size = 1 if kind.topology is Topology.DEDICATED else kind.streams_per_pod
    return (memory_mb(memory, size) or 0.0) / size, 0.0


def _accelerator_memory(kind: NodeKind, model: str) -> tuple[float, float]:
    """Shares of all accelerators' memory that a stream takes, and its model once."""
    accelerator, memory = kind.instance_type.accelerator, kind.profiles[model].memory
    if accelerator is None or memory.accelerator_pod_mb is None:
        return 0.0, 0.0
    whole = accelerator.memory_mb * accelerator.count
    usable = _usable_mb(kind.profiles[model], whole)
    each = 0.0 if memory.accelerator_further_stream_mb is None else memory.accelerator_further_stream_mb.value
    alone = memory.accelerator_pod_mb.value
    if kind.topology in (Topology.POOLED, Topology.REMOTE):
        return each / usable, kind.engines(model) * (alone - each) / usable
    size = 1 if kind.topology is Topology.DEDICATED else kind.streams_per_pod
    return (alone + each * (size - 1)) / size / usable, 0.0


def _usable_mb(profile: Profile, whole_mb: float) -> float:
    """What the profile says that an accelerator has, where it says so: less than the card's name."""
    said = profile.machine.accelerator_memory_mb
    return whole_mb if said is None else min(whole_mb, said * max(1, round(whole_mb / said)))


def _share(of: float, whole: float) -> float:
    if of <= 0.0:
        return 0.0
    return math.inf if whole <= 0 else of / whole
