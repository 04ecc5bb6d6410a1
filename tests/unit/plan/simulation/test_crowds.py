"""What closed loops of pods say of a processor that many of them share, and what is made of it for other loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from camslice.fleet.figures import Figure, RawHistogram
from camslice.fleet.histogram import Histogram
from camslice.fleet.profile import Profile, ProfiledVideo, SharingPoint
from camslice.fleet.types import Objective, Topology
from camslice.plan.simulation.arrivals import arrivals_of
from camslice.plan.simulation.costs import crowding
from camslice.plan.simulation.load import NodeLoad, NodeShape, PodLoad, StreamLoad
from camslice.plan.simulation.simulate import simulate
from camslice.plan.simulation.translate import node_of
from tests.unit.plan.simulation.test_kinds import on_cpu

TWO_CORES = NodeShape(2, 2)


def point(pods: int, fps: float, latencies_ms: tuple[float, ...] = (), **stages: float) -> SharingPoint:
    histograms: dict[str, RawHistogram] = {}
    if latencies_ms:
        total = Histogram()
        total.add(latencies_ms)
        histograms["total"] = RawHistogram.of(total)
    of_stages: Mapping[str, Figure] = {name: Figure.measured(ms) for name, ms in stages.items()}
    return SharingPoint(
        Topology.SLICED, pods, 1, threads_per_pod=1, fps=Figure.measured(fps), stage_ms=of_stages, histograms=histograms
    )


def seen(*points: SharingPoint, **more: object) -> Profile:
    return on_cpu(sharing=points, **more)


def closed(pods: int, profile: Profile, seconds: float = 20.0) -> float:
    """Frames/s that the simulation has of so many pods of one stream, as fast as they can."""
    load = NodeLoad(TWO_CORES, Topology.SLICED, (PodLoad("m", (StreamLoad(None),), 1),) * pods, Objective())
    return simulate(node_of(load, {"m": profile}), seconds, 1).fps


def test_closed_loops_that_were_measured_come_out_as_they_were() -> None:
    """Frames take 12 ms: two cores do 166.7 frames/s when two pods have one each, and fewer when more take turns."""
    profile = seen(point(1, 83.3), point(2, 166.7), point(4, 160.0), point(8, 150.0))
    for pods, fps in ((2, 166.7), (4, 160.0), (8, 150.0)):
        assert closed(pods, profile) == pytest.approx(fps, rel=0.02)


def test_what_nobody_measured_lies_between_or_is_no_worse() -> None:
    profile = seen(point(2, 160.0), point(4, 150.0), point(8, 128.0))
    assert crowding(profile, 0.5) == crowding(profile, 1.0) == 1.0
    assert crowding(profile, 3.0) == pytest.approx((160 / 150 + 160 / 128) / 2)
    assert crowding(profile, 40.0) == crowding(profile, 4.0) == pytest.approx(160 / 128)


def test_a_lucky_measurement_of_many_pods_makes_none_quicker() -> None:
    profile = seen(point(2, 160.0), point(4, 150.0), point(8, 155.0))
    assert [crowding(profile, pods) for pods in (1.0, 2.0, 4.0)] == pytest.approx([1.0, 160 / 150, 160 / 150])


def test_a_profile_without_pods_side_by_side_knows_of_no_crowd() -> None:
    assert crowding(seen(), 8.0) == crowding(seen(point(1, 80.0)), 8.0) == crowding(seen(point(8, 80.0)), 8.0) == 1.0


def test_pods_cost_more_than_pooled_cameras_if_both_were_measured() -> None:
    """Eight cameras in one pod did 180 frames/s, two pods of one 165: a frame of theirs takes 180 / 165 of the CPU time."""
    pooled = replace(point(1, 180.0), topology=Topology.POOLED, streams_per_pod=8, threads_per_pod=2)
    profile = seen(point(1, 83.3), point(2, 165.0), point(8, 150.0), pooled)
    assert [crowding(profile, pods / 2) for pods in (1, 2, 8)] == pytest.approx([1.0, 180 / 165, 180 / 150])
    for pods, fps in ((1, 83.3), (2, 165.0), (8, 150.0)):
        assert closed(pods, profile) == pytest.approx(fps, rel=0.02)
    load = NodeLoad(TWO_CORES, Topology.POOLED, (PodLoad("m", (StreamLoad(None),) * 8, 2),), Objective())
    assert simulate(node_of(load, {"m": profile}), 20.0, 1).fps == pytest.approx(180.0, rel=0.02)


def test_pooled_cameras_are_no_crowd() -> None:
    profile = seen(point(2, 166.7), point(8, 120.0))
    load = NodeLoad(TWO_CORES, Topology.POOLED, (PodLoad("m", (StreamLoad(None),) * 8, 2),), Objective())
    assert simulate(node_of(load, {"m": profile}), 20.0, 1).fps == pytest.approx(2000 / 12, rel=0.02)


def test_frames_of_a_crowd_differ_as_those_of_its_closed_loop_did() -> None:
    dice = np.random.default_rng(1)
    spread = {pods: tuple(dice.normal(100.0, cv * 100.0, 4000)) for pods, cv in ((1, 0.06), (2, 0.1), (8, 0.24))}
    profile = seen(*(point(pods, 80.0 * min(pods, 2), values) for pods, values in spread.items()))

    def cv_of(pods: int) -> float:
        load = NodeLoad(TWO_CORES, Topology.SLICED, (PodLoad("m", (StreamLoad(5.0),)),) * pods, Objective())
        return node_of(load, {"m": profile}).pods[0].work_cv

    assert [cv_of(pods) for pods in (1, 2, 8, 20)] == pytest.approx([0.06, 0.1, 0.24, 0.24], rel=0.1)
    assert cv_of(5) == pytest.approx(0.17, rel=0.1)
    load = NodeLoad(TWO_CORES, Topology.SLICED, (PodLoad("m", (StreamLoad(5.0),)),), Objective())
    told = node_of(load, {"m": seen(*profile.sharing, work_cv=Figure.measured(0.3))})
    assert told.pods[0].work_cv == 0.3, "what a profile says itself goes before"


def test_handing_a_decoded_frame_on_delays_it_by_what_a_pod_alone_showed() -> None:
    """Decoding a frame of one megapixel costs 4 ms; alone the stage took 5."""
    alone = point(1, 50.0, preprocess=1.0, inference=10.0, postprocess=1.0, decode=5.0)
    video = ProfiledVideo("clip", 1000, 1000, 5.0, "h264")
    profile = seen(alone, video=video, other_cpu_ms=Figure.measured(3.0))
    stream = StreamLoad(5.0, megapixels=1.0, codec="h264", source_fps=5.0)
    node = node_of(NodeLoad(TWO_CORES, Topology.SLICED, (PodLoad("m", (stream,)),), Objective()), {"m": profile})
    assert node.pods[0].streams[0].decode_ms == pytest.approx(5.0)
    assert node.pods[0].background_ms == pytest.approx(2.0), "what was seen on the way is not counted beside it again"


def test_cameras_begin_when_a_load_says_so() -> None:
    streams = (StreamLoad(10.0, phase=0.25), StreamLoad(10.0, phase=0.75), StreamLoad(10.0))
    load = NodeLoad(TWO_CORES, Topology.POOLED, (PodLoad("m", streams),), Objective())
    node = node_of(load, {"m": on_cpu()})

    def first_ms(seed: int) -> list[float]:
        arrivals = arrivals_of(node, seed, 900.0)
        return [float(arrivals.captured_ms[arrivals.streams == stream].min()) for stream in range(3)]

    first = {seed: first_ms(seed) for seed in (1, 2)}
    assert first[1][:2] == first[2][:2] == pytest.approx([25.0, 75.0])
    assert first[1][2] != first[2][2], "a phase that is not given is drawn"


def test_cores_that_never_rest_may_be_quicker_than_a_pod_alone() -> None:
    """Two pods do 180 frames/s where a frame alone takes 12 ms: more than 167."""
    profile = seen(point(1, 83.3), point(2, 180.0), point(8, 150.0))
    for pods, fps in ((1, 83.3), (2, 180.0), (8, 150.0)):
        assert closed(pods, profile) == pytest.approx(fps, rel=0.02)
