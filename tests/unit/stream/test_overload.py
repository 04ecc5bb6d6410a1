"""Too many frames for the machine: who loses how many, in simulated time."""

from __future__ import annotations

import heapq

import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import Freshness, Objective, Pace, mailbox_depth
from tests.unit.stream.test_scheduler import NEVER, Bench, a_frame

SECOND = 1_000_000_000


def overloaded(rates: list[float], capacity_fps: float, seconds: float, phase: float) -> list[FrameCounts]:
    """Cameras at `rates` on an engine of two batches that does `capacity_fps` frames/s in all."""
    objective = Objective(latency_ms=500)
    bench = Bench(latency_ms=objective.latency_ms, batches=2)
    for row, rate in enumerate(rates):
        bench.scheduler.open(row, mailbox_depth(objective, Pace.LIVE, rate, Freshness.ALL))
    start = bench.clock.now_ns
    arrivals = [(start + int(phase * row * SECOND / rate), row) for row, rate in enumerate(rates)]
    heapq.heapify(arrivals)
    service_ns = int(2 * SECOND / capacity_fps)  # two at once
    ends: list[int] = []
    while arrivals and arrivals[0][0] < start + seconds * SECOND:
        due_ns, row = arrivals[0]
        if ends and ends[0] <= due_ns:
            bench.clock.now_ns = heapq.heappop(ends)
            bench.engine.finish()
        else:
            bench.clock.now_ns = due_ns
            heapq.heapreplace(arrivals, (due_ns + int(SECOND / rates[row]), row))
            bench.scheduler.offer(row, a_frame(bench.clock), 1, NEVER)
        while len(ends) < len(bench.engine.running):
            heapq.heappush(ends, bench.clock.now_ns + service_ns)
    return [bench.counts(row) for row in range(len(rates))]


@pytest.mark.parametrize("phase", [0.0, 0.37, 0.81])
@pytest.mark.parametrize("rates", [[1.0, 5.0, 25.0], [2.0, 10.0, 10.0], [0.5, 3.0, 30.0]])
def test_at_one_and_a_third_of_the_load_cameras_of_all_rates_lose_about_the_same_share(
    rates: list[float], phase: float
) -> None:
    counts = overloaded(rates, capacity_fps=sum(rates) / 1.3, seconds=600, phase=phase)
    shares = [each.drop_rate for each in counts]
    assert all(each.balanced for each in counts)
    assert max(shares) - min(shares) <= 0.05
    total = sum(each.analysed for each in counts) / sum(each.captured for each in counts)
    assert total > 0.7


def test_within_its_capacity_nothing_is_lost() -> None:
    counts = overloaded([1.0, 5.0, 10.0], capacity_fps=20.0, seconds=120, phase=0.3)
    assert [each.dropped for each in counts] == [0, 0, 0]
