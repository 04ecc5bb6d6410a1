"""Pods that look at less than full frames: what they cost, and what their frames wait for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.policy import PATIENCE
from camslice.fleet.profile_json import load_profile
from camslice.fleet.types import Objective, Topology
from camslice.plan.simulation.frames import DECODE, QUEUE
from camslice.plan.simulation.load import Looking, NodeLoad, NodeShape, PodLoad, StreamLoad
from camslice.plan.simulation.node import SimulatedNode
from camslice.plan.simulation.simulate import Way, simulate
from camslice.plan.simulation.translate import node_of
from tests.unit.plan.simulation.test_kinds import on_cpu, on_gpu

LATENCY_MS = 500.0


def load(looking: Looking | None, topology: Topology = Topology.POOLED, streams: int = 1, accelerators: int = 0) -> NodeLoad:
    stream = StreamLoad(5.0, 1.0, "h264", 5.0, phase=0.1)
    pods = (PodLoad("m", (stream,) * streams, 2, looking),)
    return NodeLoad(NodeShape(2, 2, accelerators), topology, pods, Objective(LATENCY_MS))


def looked(share: float, gate_ms: float = 0.0, own_ms: float = 0.0) -> Looking:
    return Looking("regions", share, gate_ms, own_ms)


def node(looking: Looking | None, streams: int = 1) -> SimulatedNode:
    return node_of(load(looking, streams=streams), {"m": on_cpu()})


def test_a_frame_alone_waits_for_company_and_for_a_whole_canvas() -> None:
    """4 ms of decoding lie behind the wait; a frame's share of the 12 ms that a picture takes is 3, and the rest is waited."""
    stages = simulate(node(looked(0.25)), 20.0, 1).stages
    assert stages["total"].mean == pytest.approx(0.4 * LATENCY_MS + 4.0 + 12.0, rel=0.01)
    assert stages["queue"].mean == pytest.approx(0.4 * LATENCY_MS + 9.0, rel=0.01)
    assert stages["decode"].mean == pytest.approx(4.0, rel=0.01)
    assert stages["inference"].mean == pytest.approx(2.5, rel=0.02)


@given(st.floats(0.0, 1.0), st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.integers(1, 4))
def test_work_is_a_share_of_inference_and_all_of_the_rest(share: float, gate_ms: float, own_ms: float, streams: int) -> None:
    found = simulate(node(looked(share, gate_ms, own_ms), streams), 20.0, 1, way=Way.GENERAL)
    frame_ms = 4.0 + gate_ms + own_ms + share * 12.0
    assert found.utilisation["cpu"] == pytest.approx(streams * 5.0 * frame_ms / 2000.0, abs=0.005)


@pytest.mark.parametrize("topology", [Topology.POOLED, Topology.SLICED, Topology.DEDICATED, Topology.REMOTE])
def test_the_wait_is_time_in_the_queue_in_every_topology(topology: Topology) -> None:
    of = load_profile("t4-case-study") if topology is Topology.REMOTE else on_gpu()
    asked = replace(load(looked(0.3, 0.5, 0.5), topology, accelerators=1), shape=NodeShape(8, 8, 1))
    asked = replace(asked, pods=tuple(replace(pod, streams=(StreamLoad(5.0),)) for pod in asked.pods))
    trace = simulate(node_of(asked, {"m": of}), 5.0, 1, way=Way.GENERAL).trace
    known = np.isfinite(trace.total_ms)
    assert known.any()
    assert np.all(trace.stage_ms >= 0.0)
    assert np.all(trace.stage_ms[known, QUEUE] >= PATIENCE * LATENCY_MS - 1e-6)
    assert np.all(trace.stage_ms[known, DECODE] < 1.0)


def test_every_way_through_a_simulation_comes_to_the_same() -> None:
    made = node(looked(0.5, 0.3, 0.4), streams=6)
    general, compiled = (simulate(made, 10.0, 3, way=way) for way in (Way.GENERAL, Way.COMPILED))
    assert np.allclose(general.trace.stage_ms, compiled.trace.stage_ms)
    assert np.array_equal(general.trace.fates, compiled.trace.fates)


def test_a_wait_longer_than_the_objective_allows_drops_every_frame() -> None:
    """What an objective leaves after the wait must do for the work: 12 ms of work do not fit into 60 % of 20 ms."""
    tight = replace(load(looked(0.9)), objective=Objective(20.0))
    found = simulate(node_of(tight, {"m": on_cpu()}), 10.0, 1)
    assert found.node.percentile_all(95.0) is None or (found.node.percentile_all(95.0) or 0.0) > 20.0


def test_a_closed_loop_waits_for_nobody() -> None:
    made = replace(load(looked(0.5)), pods=(PodLoad("m", (StreamLoad(None, 1.0, "h264"),), 2, looked(0.5)),))
    assert simulate(node_of(made, {"m": on_cpu()}), 5.0, 1).stages["total"].mean == pytest.approx(4.0 + 6.0, rel=0.05)
