"""What is asked of one node: which pods stand on it, and which streams they carry."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.fleet.types import Objective, Topology


@dataclass(frozen=True, slots=True)
class NodeShape:
    """The machine, as far as a simulation cares. `vcpu` is what the system schedules on, two on a core with hyper-threads."""

    vcpu: int
    physical_cores: int
    accelerators: int = 0


@dataclass(frozen=True, slots=True)
class StreamLoad:
    """One stream: `fps` frames per second fall due (None: a closed loop, the next as soon as the last is done).

    `megapixels` and `codec` of the source and the `source_fps` that must be decoded to get them; None: decoding costs nothing
    (as in the published case study, which does not mention it).
    """

    fps: float | None
    megapixels: float | None = None
    codec: str | None = None
    source_fps: float | None = None


@dataclass(frozen=True, slots=True)
class PodLoad:
    """A pod of `model` (the name under which its profile is given) with its streams. `threads`: of its engine, on a CPU."""

    model: str
    streams: tuple[StreamLoad, ...]
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """Everything that runs on one node. In `remote` the pods are the workers, and the node holds their engine server too."""

    shape: NodeShape
    topology: Topology
    pods: tuple[PodLoad, ...]
    objective: Objective
