"""Small nodes whose fate can be worked out by hand, and the published case study's."""

from __future__ import annotations

from camslice.fleet.profile_json import load_profile
from camslice.fleet.types import Objective, Topology
from camslice.plan.simulation.load import NodeLoad, NodeShape, PodLoad, StreamLoad
from camslice.plan.simulation.node import (
    Concurrent,
    Processor,
    SimulatedNode,
    SimulatedPod,
    SimulatedStream,
    Slices,
    Step,
    Where,
)
from camslice.plan.simulation.translate import node_of

ARTICLE = {1: (4, 2), 20: (8, 4), 54: (32, 16)}
"""vCPU and physical cores of the published rows, by pods."""


def case_study(pods: int, fps: float | None = None, fit: int | None = None) -> SimulatedNode:
    """So many pods on the machine that the article had for them; `fit`: with another set of fitted values."""
    of = ARTICLE.get(pods, (32, 16))
    load = NodeLoad(
        NodeShape(*of, 1),
        Topology.SLICED,
        tuple(PodLoad("yolov8", (StreamLoad(fps),)) for _ in range(pods)),
        Objective(),
    )
    profile = load_profile("t4-case-study")
    return node_of(load, {"yolov8": profile if fit is None else profile.alternatives[fit]})


def cpu(ms: float, stage: str = "preprocess") -> Step:
    return Step(stage, Where.CPU, ms)


def gpu(ms: float, stage: str = "inference") -> Step:
    return Step(stage, Where.ACCELERATOR, ms)


def pod(
    interval_ms: float | None,
    before: tuple[Step, ...] = (),
    work: tuple[Step, ...] = (gpu(10.0),),
    streams: int = 1,
    depth: int = 2,
    **more: object,
) -> SimulatedPod:
    made = tuple(SimulatedStream(interval_ms, depth=depth) for _ in range(streams))
    return SimulatedPod("m", made, before, (work,), (), device=0, **more)  # type: ignore[arg-type]  # per test


def node(
    *pods: SimulatedPod,
    device: Slices | Concurrent = Slices(2.0, 0.0),  # noqa: B008 (frozen)
    cores: int = 64,
    latency_ms: float = 500.0,
    **more: object,
) -> SimulatedNode:
    return SimulatedNode(Processor(cores, cores), (device,), pods, latency_ms, 95.0, **more)  # type: ignore[arg-type]  # per test
