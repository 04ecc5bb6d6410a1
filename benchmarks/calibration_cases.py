"""The loads of the calibration: closed loops that a profile is measured from, and what is predicted from it and then checked.

Each case is written once; from it come the fleet that is run and the node that is simulated.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from camslice.fleet.profile import Profile
from camslice.fleet.types import CameraSpec, Fleet, Objective, Pace, Topology
from camslice.measure.profile.subject import Subject
from camslice.plan.simulation.load import NodeLoad, NodeShape, PodLoad, StreamLoad

POINTS = (1, 2, 4, 8)
"""Sliced pods of one stream each, as fast as they can: all that predictions rest on."""
LIGHT, HEAVY = "light", "heavy"
OBJECTIVE = Objective()
_ANY_RATE = 1000.0


@dataclass(frozen=True, slots=True)
class Case:
    """`streams` of each model. `share`: an open loop that asks for so much of the frames/s that the model reached in its closed
    loops, all streams alike; None is a closed loop. `threads` caps those of each engine."""

    name: str
    topology: Topology
    streams: tuple[tuple[str, int], ...]
    share: float | None = None
    threads: int | None = None
    streams_per_pod: int = 1

    @property
    def count(self) -> int:
        return sum(count for _, count in self.streams)


SLICED, POOLED = Topology.SLICED, Topology.POOLED
CASES = (
    Case("12 pods", SLICED, ((LIGHT, 12),)),
    Case("16 pods", SLICED, ((LIGHT, 16),)),
    Case("5 pooled", POOLED, ((LIGHT, 5),)),
    Case("10 pooled", POOLED, ((LIGHT, 10),)),
    Case("20 pooled", POOLED, ((LIGHT, 20),)),
    Case("5 pooled, 1 thread", POOLED, ((LIGHT, 5),), threads=1),
    Case("2 pods of 4, 2 threads", SLICED, ((LIGHT, 8),), threads=2, streams_per_pod=4),
    Case("2 + 2 pods, mixed", SLICED, ((LIGHT, 2), (HEAVY, 2))),
    Case("4 pods, open, 50 %", SLICED, ((LIGHT, 4),), 0.5),
    Case("8 pods, open, 70 %", SLICED, ((LIGHT, 8),), 0.7),
    Case("12 pods, open, 50 %", SLICED, ((LIGHT, 12),), 0.5),
    Case("16 pods, open, 70 %", SLICED, ((LIGHT, 16),), 0.7),
    Case("5 pooled, open, 50 %", POOLED, ((LIGHT, 5),), 0.5),
    Case("10 pooled, open, 70 %", POOLED, ((LIGHT, 10),), 0.7),
    Case("20 pooled, open, 80 %", POOLED, ((LIGHT, 20),), 0.8),
    Case("10 pooled, 1 thread, open, 35 %", POOLED, ((LIGHT, 10),), 0.35, threads=1),
    Case("4 + 2 pods, mixed, open, 60 %", SLICED, ((LIGHT, 4), (HEAVY, 2)), 0.3),
    Case("4 + 2 pooled, mixed, open, 60 %", POOLED, ((LIGHT, 4), (HEAVY, 2)), 0.3),
)


def rates_of(case: Case, most_fps: Mapping[str, float]) -> dict[str, float]:
    """Frames/s of each stream by model, to two digits; none in a closed loop."""
    if case.share is None:
        return {}
    return {model: float(f"{case.share * most_fps[model] / count:.2g}") for model, count in case.streams}


def fleet_of(case: Case, rates: Mapping[str, float], subjects: Mapping[str, Subject]) -> Fleet:
    """What is run. In an open loop the clip plays at just the rate of the stream: every frame of it is due."""
    cameras = tuple(
        CameraSpec(
            f"{model}-{number}", subjects[model].source, rates.get(model, _ANY_RATE), (model,), loop=True,
            playback_fps=rates.get(model),
        )
        for model, count in case.streams
        for number in range(1, count + 1)
    )  # fmt: skip
    return Fleet(
        OBJECTIVE,
        {model: subjects[model].spec for model, _ in case.streams},
        cameras,
        Pace.LIVE if rates else Pace.CLOSED_LOOP,
        case.topology,
        0 if case.topology is POOLED else None,
        case.streams_per_pod,
    )


def phases_of(case: Case, turn: int) -> list[float]:
    """When, within the interval between two frames, each camera has its first one due; the same when run and when simulated."""
    dice = random.Random(f"{turn}/{case.name}")
    return [dice.random() for _ in range(case.count)]


def node_load(case: Case, rates: Mapping[str, float], turn: int, profiles: Mapping[str, Profile], shape: NodeShape) -> NodeLoad:
    """What is simulated."""
    pods: list[PodLoad] = []
    phases = iter(phases_of(case, turn))
    for model, count in case.streams:
        video = profiles[model].video
        assert video is not None
        stream = StreamLoad(rates.get(model), video.width * video.height / 1e6, video.codec, rates.get(model))
        streams = [replace(stream, phase=next(phases)) for _ in range(count)]
        per_pod = count if case.topology is POOLED else case.streams_per_pod
        threads = case.threads or (shape.vcpu if case.topology is POOLED else None)
        pods += [PodLoad(model, tuple(streams[first : first + per_pod]), threads) for first in range(0, count, per_pod)]
    return NodeLoad(shape, case.topology, tuple(pods), OBJECTIVE)
