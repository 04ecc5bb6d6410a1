"""The compiled kernel of all kinds of nodes against the simulator that it was written after: the same, to the bit."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.profile_json import load_profile
from camslice.fleet.types import Objective, Topology
from camslice.plan.simulation.compiled import is_open
from camslice.plan.simulation.general import Raw, run_general
from camslice.plan.simulation.load import EVENLY, NodeLoad, NodeShape, PodLoad, StreamLoad, Unevenness
from camslice.plan.simulation.node import (
    Concurrent,
    Processor,
    SimulatedNode,
    SimulatedPod,
    SimulatedServer,
    SimulatedStream,
    Slices,
    Step,
    Where,
)
from camslice.plan.simulation.result import ANALYSED, STALE, SUPERSEDED
from camslice.plan.simulation.simulate import Way, quickest_way, simulate
from camslice.plan.simulation.translate import node_of
from tests.unit.plan.simulation.nodes import node, pod

pytest.importorskip("numba")

EITHER_WAY = (Where.CPU, Where.CPU, Where.ACCELERATOR, Where.NOTHING)
DEVICES = (Slices(2.0, 0.3), Slices(math.inf, 0.0), Concurrent(0.4, (1.0, 1.4, 1.6)))
BURSTS = Unevenness(5.0, 1.0, 50.0)


def steps(dice: random.Random, stage: str, least: int = 0) -> tuple[Step, ...]:
    return tuple(
        Step(
            stage,
            dice.choice(EITHER_WAY),
            dice.choice((0.0, 0.5, 3.0, 7.3, dice.uniform(0, 10))),
            dice.choice((1.0, 1.0, 2.0, 0.5)),
        )
        for _ in range(dice.randint(least, 2))
    )


def stream(dice: random.Random) -> SimulatedStream:
    return SimulatedStream(
        dice.choice((20.0, 40.0, 33.3, 100.0, 250.0)),
        dice.randint(1, 6),
        dice.choice((0.0, 0.0, 2.0)),
        dice.choice((0.0, 0.0, 1.5)),
        dice.choice((EVENLY, EVENLY, BURSTS)),
        dice.choice((None, None, 0.0, 0.5)),
    )


def any_node(dice: random.Random) -> SimulatedNode:
    devices = tuple(dice.choice(DEVICES) for _ in range(dice.randint(0, 2)))

    def device() -> int | None:
        return dice.randrange(len(devices)) if devices and dice.random() < 0.8 else None

    servers = tuple(
        SimulatedServer(
            tuple(steps(dice, "inference", 1) for _ in range(dice.randint(1, 3))),
            device(),
            dice.choice((0.0, 3.0, 10.0)),
            dice.randint(1, 3),
        )
        for _ in range(dice.randint(0, 2))
    )
    pods = tuple(
        SimulatedPod(
            "m",
            tuple(stream(dice) for _ in range(dice.randint(1, 6))),
            steps(dice, "preprocess"),
            tuple(steps(dice, "inference") for _ in range(dice.randint(1, 4))),
            steps(dice, "postprocess"),
            device(),
            dice.randrange(len(servers)) if servers and dice.random() < 0.5 else None,
            dice.randint(1, 5),
            dice.randint(1, 3),
            dice.choice((0.0, 1.0, 1.5)),
            dice.choice((0.0, 0.3)),
            dice.choice((0.0, 2.0)),
            dice.choice((0.0, 0.3)),
        )
        for _ in range(dice.randint(1, 5))
    )
    processor = Processor(dice.choice((2, 4, 8)), 2, 0.3)
    return SimulatedNode(
        processor, devices, pods, dice.choice((50.0, 200.0, 500.0)), 95.0, servers, dice.choice((0.0, 1_000.0))
    )


def same(of: SimulatedNode, seed: int, warm_up_ms: float = 700.0, end_ms: float = 3_000.0) -> Raw:
    from camslice.plan.simulation.general_compiled import run_general_compiled

    by_rules = run_general(of, seed, warm_up_ms, end_ms)
    compiled = run_general_compiled(of, seed, warm_up_ms, end_ms)
    for name in ("captured_ms", "pods", "streams", "fates", "stage_ms"):
        assert np.array_equal(getattr(by_rules.trace, name), getattr(compiled.trace, name)), name
    assert (by_rules.events, by_rules.processor_ms, by_rules.devices_ms) == (
        compiled.events,
        compiled.processor_ms,
        compiled.devices_ms,
    )
    return compiled


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_any_node_comes_out_the_same(seed: int) -> None:
    same(any_node(random.Random(seed)), seed % 1000)


@pytest.mark.parametrize("topology", [Topology.REMOTE, Topology.SLICED])
def test_an_overload_comes_out_the_same(topology: Topology) -> None:
    pods = tuple(PodLoad("yolov8", (StreamLoad(8.0), StreamLoad(2.0))) for _ in range(16))
    load = NodeLoad(NodeShape(4, 2, 1), topology, pods, Objective(300.0))
    raw = same(node_of(load, {"yolov8": load_profile("t4-case-study")}), 1, end_ms=20_000.0)
    assert {ANALYSED, STALE} <= set(raw.trace.fates.tolist())


def test_full_mailboxes_come_out_the_same() -> None:
    raw = same(node(pod(20.0, streams=5, depth=1), pod(30.0, streams=3, depth=2), latency_ms=400.0), 1)
    assert {ANALYSED, SUPERSEDED} <= set(raw.trace.fates.tolist())


def test_a_pod_of_many_streams_is_simulated_by_the_compiled_kernel() -> None:
    crowd = node(pod(50.0, streams=40, depth=3, slots=2))
    assert quickest_way(crowd) is Way.COMPILED
    compiled, by_rules = (simulate(crowd, 3.0, 1, way=way) for way in (Way.COMPILED, Way.GENERAL))
    assert compiled.compiled
    assert np.array_equal(compiled.trace.stage_ms, by_rules.trace.stage_ms)


def test_closed_loops_of_many_streams_and_networks_that_jitter_are_left_to_the_general_way() -> None:
    jitters = SimulatedServer((), 0, 1.0, network_jitter_ms=0.5)
    for left in (node(pod(None, streams=2)), node(pod(50.0), latency_ms=math.inf), node(pod(50.0), servers=(jitters,))):
        assert not is_open(left)
    assert quickest_way(node(pod(None, streams=2))) is Way.AUTO
