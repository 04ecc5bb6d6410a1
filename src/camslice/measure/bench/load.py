"""From a row of the table to the fleet that stands for it: so many cameras, all playing the same clip over and over."""

from __future__ import annotations

import random

from camslice.fleet.errors import FleetError
from camslice.fleet.types import CameraSpec, Fleet, Pace, Topology
from camslice.measure.bench.trial import Phases
from camslice.measure.bench.values import Load, Phase, Question
from camslice.stream.boards import MAX_STREAMS
from camslice.stream.topologies.dedicated import Dedicated
from camslice.stream.topologies.make import make_sharing
from camslice.stream.topologies.pooled import Pooled
from camslice.stream.topologies.remote import Remote

_FASTER_THAN_ANY_CLIP_FPS = 1000.0
"""In a closed loop every frame of the clip is due, however many it has in a second."""


def load_for(topology: Topology, pods: int, question: Question) -> Load:
    """The load of one row: `pods` (at least 1) in a topology.

    `pooled` has the cameras of so many pods in its one pod, `remote` so many workers, `dedicated` so many machines when there
    are fewer devices: one of them is measured alone. Raises CamsliceError where this machine cannot do it.
    """
    each = 1 if topology is Topology.DEDICATED else question.streams_per_pod
    cameras = pods * each
    if cameras > MAX_STREAMS:
        raise FleetError(
            f"--pods {pods}: {pods} pods of {each} make {cameras} streams, and one machine runs at most {MAX_STREAMS}."
        )
    if topology is Topology.DEDICATED:
        return _dedicated(pods, question)
    fleet = _fleet(topology, pods, cameras, question)
    sharing = make_sharing(fleet, threads=question.threads)
    sharing.place(fleet.cameras, {})
    if isinstance(sharing, Pooled):
        pods = max(1, len(sharing.devices))
    if isinstance(sharing, Remote):
        pods = sharing.workers
    return Load(topology, pods, cameras, 1, fleet)


def phases_of(question: Question, turn: int) -> Phases:
    """The phase of each camera. Turns differ, and all rows have the same in the same turn."""
    if question.phase is Phase.ALIGNED:
        return lambda _: 0.0
    drawn = random.Random(f"{question.seed}/{turn}")  # noqa: S311 (arrivals, no secrets)
    values = [drawn.random() for _ in range(MAX_STREAMS)]
    return lambda index: values[index % MAX_STREAMS]


def _dedicated(pods: int, question: Question) -> Load:
    """All pods when this machine has a device for each, else one pod that stands for as many machines."""
    alone = _fleet(Topology.DEDICATED, 1, 1, question)
    sharing = make_sharing(alone, threads=question.threads)
    if isinstance(sharing, Dedicated) and 1 < pods <= len(sharing.devices):
        return Load(Topology.DEDICATED, pods, pods, 1, _fleet(Topology.DEDICATED, pods, pods, question))
    return Load(Topology.DEDICATED, pods, pods, pods, alone)


def _fleet(topology: Topology, pods: int, cameras: int, question: Question) -> Fleet:
    workers = question.workers
    if topology is Topology.REMOTE and workers is None:
        workers = pods
    return Fleet(
        question.objective,
        {question.spec.name: question.spec},
        tuple(_camera(number, question) for number in range(1, cameras + 1)),
        Pace.CLOSED_LOOP if question.fps is None else Pace.LIVE,
        topology,
        workers,
        question.streams_per_pod,
    )


def _camera(number: int, question: Question) -> CameraSpec:
    """In an open loop the clip plays at just the rate of the load: every frame of it is due."""
    fps = question.fps or _FASTER_THAN_ANY_CLIP_FPS
    return CameraSpec(f"camera-{number}", question.clip, fps, (question.spec.name,), loop=True, playback_fps=question.fps)
