"""What is asked of one node: which pods stand on it, and which streams they carry."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.fleet.types import Freshness, Objective, Topology


@dataclass(frozen=True, slots=True)
class NodeShape:
    """The machine, as far as a simulation cares. `vcpu` is what the system schedules on, two on a core with hyper-threads.

    `mig`: each accelerator is cut into `partitions`, each of them `partition_share` of it.
    """

    vcpu: int
    physical_cores: int
    accelerators: int = 0
    partitions: int = 1
    partition_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Unevenness:
    """How unevenly frames arrive; the default is evenly.

    `jitter_ms`: each frame is late by a random time, exponential with this mean. A keyframe (every `keyframe_interval_s`
    seconds of the camera, 0: none) is so large that it takes `keyframe_delay_ms` to arrive, and the frames behind it wait for
    it and come in a burst. What a frame is late by counts in its stage `decode`, as at a live camera.
    """

    jitter_ms: float = 0.0
    keyframe_interval_s: float = 0.0
    keyframe_delay_ms: float = 0.0


EVENLY = Unevenness()


@dataclass(frozen=True, slots=True)
class StreamLoad:
    """One stream: `fps` frames per second fall due (None: a closed loop, the next as soon as the last is done).

    `megapixels` and `codec` of the source and the `source_fps` that must be decoded to get them; None: decoding costs nothing
    (as in the published case study, which does not mention it). `phase`: when its first frame is due, as a share (0..1) of the
    time between two; None: drawn from the seed.
    """

    fps: float | None
    megapixels: float | None = None
    codec: str | None = None
    source_fps: float | None = None
    unevenness: Unevenness = EVENLY
    freshness: Freshness = Freshness.ALL
    phase: float | None = None


@dataclass(frozen=True, slots=True)
class Looking:
    """How much of each frame is looked at under a policy: `inferences_per_frame`, full frames and canvases together, and CPU ms
    of each frame for finding what moves, and for deciding, packing and putting together."""

    policy: str
    inferences_per_frame: float
    gate_cpu_ms: float
    own_cpu_ms: float


@dataclass(frozen=True, slots=True)
class PodLoad:
    """A pod of `model` (the name under which its profile is given) with its streams. `threads`: of its engine, on a CPU.
    `looking`: where less than full frames is analysed."""

    model: str
    streams: tuple[StreamLoad, ...]
    threads: int | None = None
    looking: Looking | None = None


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """Everything that runs on one node. In `remote` the pods are the workers, and the node holds their engine server too.

    A node with several accelerators has its pods dealt out to them in turn.
    """

    shape: NodeShape
    topology: Topology
    pods: tuple[PodLoad, ...]
    objective: Objective
