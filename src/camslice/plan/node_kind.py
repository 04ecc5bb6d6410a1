"""A way to use a node: an instance type, how its accelerators are shared, and the profiles that speak for it.

The one place that says which pods stand on a node for given streams: simulation, limits and plan all take them from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from camslice.fleet.profile import Profile
from camslice.fleet.types import Objective, Topology
from camslice.plan.catalogue.allocatable import Allocatable
from camslice.plan.catalogue.instance_type import InstanceType, MigProfile
from camslice.plan.optimise.problem import Contents
from camslice.plan.plan import PlannedClass
from camslice.plan.simulation.load import Looking, NodeLoad, NodeShape, PodLoad, StreamLoad

SHARED_BY_PODS = (Topology.SLICED, Topology.MPS, Topology.MIG, Topology.REMOTE)
"""Topologies in which pods of a few streams each stand side by side."""
MPS_CLIENTS = 48
"""The most clients of one GPU under MPS."""


@dataclass(frozen=True, slots=True, eq=False)
class NodeKind:
    """Compared by identity: there is one of each.

    `profiles` by model: as they hold on this machine, scaled where the user said so; models without one cannot run here.

    `alternatives`: the same with other sets of values for what is fitted.

    `looking` by model: where less than full frames is analysed.

    `streams_per_pod`: of the topologies whose pods have a fixed number; `partition`: how cards are cut in `mig`.
    """

    instance_type: InstanceType
    topology: Topology
    streams_per_pod: int
    allocatable: Allocatable
    profiles: Mapping[str, Profile]
    alternatives: tuple[Mapping[str, Profile], ...] = ()
    partition: MigProfile | None = None
    looking: Mapping[str, Looking] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Such as `g4dn.8xlarge/sliced`, with the streams per pod where they are more than one."""
        parts = [self.instance_type.name, self.topology.value]
        if self.partition is not None:
            parts.append(self.partition.name)
        if self.streams_per_pod > 1:
            parts.append(f"{self.streams_per_pod} per pod")
        return "/".join(parts)

    @property
    def shape(self) -> NodeShape:
        """The machine as a simulation sees it."""
        machine, accelerator = self.instance_type, self.instance_type.accelerator
        cut = self.partition
        return NodeShape(
            machine.vcpu,
            machine.physical_cores,
            0 if accelerator is None else accelerator.count,
            1 if cut is None else cut.count,
            1.0 if cut is None else cut.slices / cut.of_slices,
        )

    @property
    def most_pods(self) -> int:
        """Pods of ours that the node may hold at once by its addresses, devices or partitions."""
        slots = self.allocatable.pods
        accelerators = self.shape.accelerators
        if self.topology is Topology.DEDICATED:
            return min(slots, max(1, accelerators))
        if self.topology is Topology.MIG:
            return min(slots, accelerators * self.shape.partitions)
        if self.topology is Topology.MPS:
            return min(slots, MPS_CLIENTS * accelerators)
        return slots

    def engines(self, model: str) -> int:
        """Engine processes of `pooled`: one for each accelerator; on a machine without one, as many as its processors are
        times those of the machine that was profiled, for nobody measured a larger engine."""
        if self.shape.accelerators:
            return self.shape.accelerators
        profiled = self.profiles[model].machine.vcpu
        return max(1, self.shape.vcpu // profiled) if profiled else 1

    def threads(self, model: str) -> int | None:
        """Threads of an engine process of `pooled` on a machine without accelerator; None where that is for others to say."""
        if self.shape.accelerators or self.topology is not Topology.POOLED:
            return None
        profile = self.profiles[model]
        return profile.model.threads or profile.machine.vcpu

    def load(self, contents: Contents, classes: Sequence[PlannedClass]) -> NodeLoad:
        """These streams on one node."""
        return NodeLoad(self.shape, self.topology, self.pods(contents, classes), strictest(contents, classes))

    def pods(self, contents: Contents, classes: Sequence[PlannedClass]) -> tuple[PodLoad, ...]:
        """The pods that carry these streams, those of one model together."""
        loads = {
            index: stream_load(each, decoded=bool(self.profiles[each.model].decode))
            for index, (each, count) in enumerate(zip(classes, contents, strict=True))
            if count
        }
        return tuple(
            PodLoad(model, tuple(loads[index] for index in part), self.threads(model), self.looking.get(model))
            for model, part in self.pod_classes(contents, classes)
        )

    def pod_classes(self, contents: Contents, classes: Sequence[PlannedClass]) -> list[tuple[str, tuple[int, ...]]]:
        """For each of `pods` its model and the class (its index) of each of its streams."""
        pods: list[tuple[str, tuple[int, ...]]] = []
        for model in dict.fromkeys(each.model for each in classes):
            of_model = [index for index, each in enumerate(classes) if each.model == model for _ in range(contents[index])]
            if of_model:
                pods += [(model, part) for part in self._parts(model, of_model)]
        return pods

    def _parts(self, model: str, streams: list[int]) -> list[tuple[int, ...]]:
        if self.topology is Topology.POOLED:  # dealt out in turn, so that every engine has about the same load
            engines = min(self.engines(model), len(streams))
            return [tuple(streams[index::engines]) for index in range(engines)]
        size = 1 if self.topology is Topology.DEDICATED else self.streams_per_pod
        return [tuple(streams[start : start + size]) for start in range(0, len(streams), size)]


def stream_load(of: PlannedClass, *, decoded: bool) -> StreamLoad:
    """One stream of a class, as a simulation takes it. Not `decoded`: the profile says nothing of decoding, as the published
    one; then it costs nothing, and the plan remarks on it."""
    if not decoded:
        return StreamLoad(of.fps)
    picture = of.format
    return StreamLoad(of.fps, picture.width * picture.height / 1e6, picture.codec, picture.fps)


def strictest(contents: Contents, classes: Sequence[PlannedClass]) -> Objective:
    """What a node must keep whose streams have several objectives: the hardest of each demand."""
    of = [each.objective for each, count in zip(classes, contents, strict=True) if count] or [classes[0].objective]
    return Objective(
        min(each.latency_ms for each in of), max(each.percentile for each in of), min(each.drop_rate for each in of)
    )
