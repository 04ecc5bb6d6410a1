"""The pods that a fleet may have, by lasting names: each is one place in the plan, whatever pod fills it just now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from camslice.cluster.objects import FleetObject, NodeShape, PodShape


@dataclass(frozen=True, slots=True)
class Shard:
    """A place for a camera pod. `node` counts the nodes of all shapes, spares last; shards fill in the order of `rank`."""

    name: str
    shape: NodeShape
    pod: PodShape
    node: int
    rank: int
    spare: bool = False


def shards_of(fleet: FleetObject) -> tuple[Shard, ...]:
    """All of them, in the order in which they fill: node after node, so that as few nodes as possible are needed."""
    return tuple(_numbered(fleet))


def _numbered(fleet: FleetObject) -> Iterator[Shard]:
    node = rank = 0
    nodes = [(shape, index, False) for shape in fleet.shapes for index in range(shape.nodes)]
    if fleet.spare_nodes:  # a spare must be able to take over any of the others
        largest = max(fleet.shapes, key=lambda shape: sum(slot.streams * pod.count for pod in shape.pods for slot in pod.slots))
        nodes += [(largest, largest.nodes + index, True) for index in range(fleet.spare_nodes)]
    for shape, index, spare in nodes:
        for pod in shape.pods:
            if pod.role != "camera":
                continue
            for number in range(pod.count):
                yield Shard(f"{shape.name}-{pod.name}-{index * pod.count + number}", shape, pod, node, rank, spare)
                rank += 1
        node += 1
