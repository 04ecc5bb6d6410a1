"""What the simulator says where the answer is known: by hand, by an independent loop, or because it must be so."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.errors import PlanError
from camslice.fleet.profile_json import load_profile
from camslice.plan.simulation.compiled import can_compile
from camslice.plan.simulation.enough import Enough, percentile_interval, simulate_enough
from camslice.plan.simulation.node import Concurrent, SimulatedNode, Slices
from camslice.plan.simulation.result import Simulated
from camslice.plan.simulation.simulate import Way, simulate
from tests.unit.plan.simulation.nodes import case_study, cpu, gpu, node, pod


def mean_ms(found: Simulated, stage: str = "total") -> float:
    mean = found.stages[stage].mean
    assert mean is not None
    return mean


def round_robin(pods: int, work_ms: float, slice_ms: float, switch_ms: float, seconds: float) -> float:
    """Mean latency of closed loops on one accelerator, the plain way: a queue of contexts, a switch when they change."""
    queue = deque((which, work_ms) for which in range(pods))
    began = [0.0] * pods
    now, last, total, done = 0.0, -1, 0.0, 0
    while now < seconds * 1000:
        which, left = queue.popleft()
        if which != last:
            now += switch_ms
            last = which
        now += min(left, slice_ms)
        left -= slice_ms
        if left > 1e-9:
            queue.append((which, left))
            continue
        if now > seconds * 100:
            total, done = total + now - began[which], done + 1
        began[which] = now
        queue.append((which, work_ms))
    return total / done


@pytest.mark.parametrize(
    ("pods", "work_ms", "slice_ms", "switch_ms"), [(1, 26.0, 2.0, 0.5), (3, 25.0, 6.0, 0.3), (5, 9.0, 2.0, 0.2)]
)
def test_contexts_take_turns_as_a_plain_queue_has_it(pods: int, work_ms: float, slice_ms: float, switch_ms: float) -> None:
    made = node(*(pod(None, work=(gpu(work_ms),)) for _ in range(pods)), device=Slices(slice_ms, switch_ms))
    found = simulate(made, 60.0, 1, warm_up_s=6.0)
    assert mean_ms(found) == pytest.approx(round_robin(pods, work_ms, slice_ms, switch_ms, 66.0), rel=0.01)


def test_a_frame_alone_takes_the_sum_of_its_steps() -> None:
    found = simulate(node(pod(100.0, before=(cpu(3.0),), work=(gpu(7.0),))), 10.0, 1)
    assert mean_ms(found) == pytest.approx(10.0)
    assert mean_ms(found, "preprocess") == pytest.approx(3.0)
    assert mean_ms(found, "inference") == pytest.approx(7.0)
    assert found.fps == pytest.approx(10.0, rel=0.02)
    assert found.utilisation["accelerator"] == pytest.approx(0.07, rel=0.03)


def test_threads_share_a_processor_equally() -> None:
    """Four pods of nothing but processor work on one core: each frame takes four times as long."""
    found = simulate(node(*(pod(None, before=(cpu(5.0),), work=()) for _ in range(4)), cores=1), 20.0, 1)
    assert mean_ms(found) == pytest.approx(20.0, rel=0.01)
    assert found.fps == pytest.approx(200.0, rel=0.01)


def test_contexts_that_compute_at_once_share_what_they_get_done() -> None:
    """Two at once do 1.5 times the work of one: each frame takes 10 / 0.75 ms."""
    device = Concurrent(cap=1.0, throughput=(1.0, 1.5))
    found = simulate(node(pod(None), pod(None), device=device), 20.0, 1)
    assert mean_ms(found) == pytest.approx(10.0 / 0.75, rel=0.02)


def test_a_cap_holds_even_if_the_others_idle() -> None:
    found = simulate(node(pod(100.0), device=Concurrent(cap=0.25, throughput=(1.0,))), 10.0, 1)
    assert mean_ms(found) == pytest.approx(40.0, rel=0.01)


def test_an_overload_is_dropped_and_every_frame_has_one_fate() -> None:
    """150 % of what the accelerator can do."""
    found = simulate(node(*(pod(20.0) for _ in range(3))), 30.0, 1)
    frames = found.node.frames
    assert frames.captured == frames.analysed + frames.superseded + frames.stale + frames.in_flight
    assert frames.drop_rate == pytest.approx(1 / 3, abs=0.03)
    assert found.fps == pytest.approx(100.0, rel=0.02)


@pytest.mark.parametrize(("pods", "published_ms"), [(1, 10.8), (20, 108.0), (54, 205.0)])
def test_the_article_s_table_comes_out_within_5_percent(pods: int, published_ms: float) -> None:
    """In-sample: the profile was fitted to these rows."""
    assert mean_ms(simulate(case_study(pods), 60.0, 1)) == pytest.approx(published_ms, rel=0.05)


def test_the_article_s_split_comes_out_within_10_percent() -> None:
    found = simulate(case_study(54), 60.0, 1)
    split = [mean_ms(found, stage) for stage in ("preprocess", "inference", "postprocess")]
    assert split == pytest.approx([21.0, 56.0, 128.0], rel=0.10)


def test_54_streams_at_4_frames_per_second_fit_on_one_t4_and_at_5_they_do_not() -> None:
    assert simulate(case_study(54, 4.0), 120.0, 1).node.frames.drop_rate == 0.0
    assert simulate(case_study(54, 5.0), 120.0, 1).node.frames.drop_rate > 0.01


def test_every_other_set_of_values_explains_the_article_s_table_too() -> None:
    for number in range(len(load_profile("t4-case-study").fits)):
        for pods, published_ms in ((1, 10.8), (20, 108.0), (54, 205.0)):
            found = simulate(case_study(pods, fit=number), 30.0, 1)
            assert mean_ms(found) == pytest.approx(published_ms, rel=0.06), f"set {number} at {pods} pods"


@pytest.mark.parametrize("fps", [None, 4.0])
def test_the_same_seed_gives_the_same_result_and_another_seed_another(fps: float | None) -> None:
    first, again, other = (simulate(case_study(20, fps), 5.0, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.trace.stage_ms, again.trace.stage_ms)
    assert not np.array_equal(first.trace.stage_ms, other.trace.stage_ms)


@pytest.mark.parametrize("fps", [None, 4.0, 12.0])
def test_compiled_pure_and_general_ways_come_to_the_same(fps: float | None) -> None:
    made = case_study(20, fps)
    pure = simulate(made, 5.0, 1, way=Way.PURE)
    if can_compile():
        compiled = simulate(made, 5.0, 1, way=Way.COMPILED)
        assert np.array_equal(pure.trace.stage_ms, compiled.trace.stage_ms), "not the same to the bit"
        assert np.array_equal(pure.trace.fates, compiled.trace.fates)
    general = simulate(made, 5.0, 1, way=Way.GENERAL)
    assert mean_ms(general) == pytest.approx(mean_ms(pure), rel=1e-3)
    assert general.node.frames.captured == pure.node.frames.captured


@settings(max_examples=25)
@given(
    pods=st.integers(1, 5),
    interval_ms=st.sampled_from([None, 15.0, 40.0]),
    work_ms=st.floats(0.5, 12.0),
    cpu_ms=st.floats(0.0, 6.0),
    cores=st.integers(1, 4),
    slice_ms=st.floats(0.5, 5.0),
    switch_ms=st.floats(0.0, 0.5),
)
def test_stages_add_up_no_more_is_done_than_can_be_and_every_frame_has_a_fate(
    pods: int, interval_ms: float | None, work_ms: float, cpu_ms: float, cores: int, slice_ms: float, switch_ms: float
) -> None:
    made = node(
        *(pod(interval_ms, before=(cpu(cpu_ms),), work=(gpu(work_ms),)) for _ in range(pods)),
        device=Slices(slice_ms, switch_ms),
        cores=cores,
    )
    found = simulate(made, 3.0, 1, warm_up_s=0.5)
    assert all(share <= 1.0 + 1e-6 for share in found.utilisation.values())
    frames = found.node.frames
    assert frames.balanced
    stages = [histogram.sum_ms for name, histogram in found.stages.items() if name != "total"]
    assert math.fsum(stages) == pytest.approx(found.stages["total"].sum_ms, rel=1e-6)
    alone_ms = cpu_ms + work_ms
    assert found.node.frames.analysed == 0 or found.stages["total"].mean >= alone_ms * (1 - 1e-6)  # type: ignore[operator]


def test_a_stall_passes_where_there_is_room_and_its_frames_are_counted() -> None:
    calm = node(pod(50.0), stall_ms=1_000.0)
    assert simulate(calm, 10.0, 1, warm_up_s=3.0).node.frames.drop_rate == 0.0
    seen = simulate(calm, 10.0, 1, warm_up_s=0.0)
    assert seen.node.frames.superseded + seen.node.frames.stale > 0


def test_a_simulation_lasts_as_long_as_its_percentile_needs() -> None:
    enough = Enough(percentile=95.0, within=0.05, least_s=5.0, most_s=300.0)
    found = simulate_enough(case_study(20, 4.0), 1, enough)
    interval = percentile_interval(found.trace, 95.0)
    assert interval is not None
    assert interval.is_within(0.05) or found.seconds == 300.0


def test_a_length_that_is_none_is_refused() -> None:
    with pytest.raises(PlanError, match="give seconds above 0"):
        simulate(_calm(), -1.0, 1)


def _calm() -> SimulatedNode:
    return node(pod(50.0))
