"""The live scheduler and the simulator get the same frames at the same times, and every frame meets the same fate in both."""

from __future__ import annotations

import heapq
import threading
from dataclasses import dataclass, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from camslice.fleet.accounting import Fate
from camslice.plan.simulation.frames import SimulatedFrame
from camslice.plan.simulation.node import Processor, SimulatedNode, SimulatedPod, SimulatedStream, Slices, Step, Where
from camslice.plan.simulation.pod import Pod
from camslice.plan.simulation.result import ANALYSED, STALE, SUPERSEDED
from camslice.plan.simulation.simulate import Way, simulate
from camslice.plan.simulation.site import Site
from camslice.stream.ledger import Ledger, ledger_bytes
from camslice.stream.outbox import OUTBOX_BYTES, Outbox
from camslice.stream.previews import Previews, previews_bytes
from camslice.stream.request import LoadedModel
from camslice.stream.scheduler import Scheduler
from camslice.video.frame import Frame, FrameStamp
from tests.unit.stream.fakes import FakeBatch, FakeClock, FakeEngine, FakePicture, nothing_found

ROWS = 4
LATENCY_MS = 100.0
FATES = {Fate.ANALYSED: ANALYSED, Fate.SUPERSEDED: SUPERSEDED, Fate.STALE: STALE}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame of a stream; `late_ns` after it was captured."""

    at_ns: int
    stream: int
    late_ns: int


class WitnessedLedger(Ledger):
    """Remembers the fate of each frame: of a stream, in the order of capture."""

    def __init__(self) -> None:
        super().__init__(memoryview(bytearray(ledger_bytes(ROWS))))
        self.fates: dict[tuple[int, int], int] = {}
        self._handles: dict[tuple[int, int], int] = {}
        self._captured = [0] * ROWS

    def captured(self, row: int) -> int:
        handle = super().captured(row)
        self._handles[row, handle] = self._captured[row]
        self._captured[row] += 1
        return handle

    def ended(
        self, row: int, handle: int, fate: Fate, *, by_regions: bool = False, unchanged_at_s: float | None = None
    ) -> None:
        super().ended(row, handle, fate, by_regions=by_regions, unchanged_at_s=unchanged_at_s)
        self.fates[row, self._handles.pop((row, handle))] = FATES[fate]


def live(arrivals: list[Arrival], service_ns: tuple[int, ...], slots: int, depth: int) -> dict[tuple[int, int], int]:
    """The fates by the scheduler itself, its engine and clock under control: a batch of n takes service_ns[n - 1]."""
    clock, ledger = FakeClock(), WitnessedLedger()
    clock.now_ns = 0
    previews = Previews(memoryview(bytearray(previews_bytes(ROWS))))
    scheduler = Scheduler(LATENCY_MS, ledger, Outbox(memoryview(bytearray(OUTBOX_BYTES))), previews, lambda *_: None, clock)
    engine = FakeEngine(clock, slots, len(service_ns))
    scheduler.use(LoadedModel(engine, nothing_found, number=0))
    for row in range(ROWS):
        scheduler.open(row, depth)
    due: list[tuple[int, int, Arrival | FakeBatch]] = [
        (arrival.at_ns, number, arrival) for number, arrival in enumerate(arrivals)
    ]  # fmt: skip
    heapq.heapify(due)
    seen: set[int] = set()
    never = threading.Event()
    while due:
        clock.now_ns, number, what = heapq.heappop(due)
        if isinstance(what, Arrival):
            captured_ns = what.at_ns - what.late_ns
            stamp = FrameStamp(number, None, captured_ns / 1e9, captured_ns, clock.now_ns)
            scheduler.offer(what.stream, Frame(FakePicture(), stamp), 1, never)
        else:
            engine.running.remove(what)
            engine.running.appendleft(what)
            seen.discard(id(what))
            engine.finish()
        for batch in engine.running:
            if id(batch) not in seen:
                seen.add(id(batch))
                heapq.heappush(due, (clock.now_ns + service_ns[batch.count - 1], len(arrivals) + len(due), batch))
    return ledger.fates


def simulated(arrivals: list[Arrival], service_ns: tuple[int, ...], slots: int, depth: int) -> dict[tuple[int, int], int]:
    """The fates by a simulated pod."""
    site = Site(Processor(64, 64), ())
    batches = tuple((Step("inference", Where.NOTHING, ns / 1e6),) for ns in service_ns)
    streams = (SimulatedStream(50.0, depth),) * ROWS
    pod = Pod(site, SimulatedPod("m", streams, (), batches, (), slots=slots, lanes=slots), 0, LATENCY_MS, lambda *_: None)
    frames: list[SimulatedFrame] = []
    for arrival in arrivals:
        captured_ms = (arrival.at_ns - arrival.late_ns) / 1e6
        frames.append(SimulatedFrame(captured_ms, 0, arrival.stream, since_ms=captured_ms))
        site.clock.at(arrival.at_ns / 1e6, lambda frame=frames[-1]: pod.arrive(frame))  # type: ignore[misc] # binds the loop's
    site.clock.run(1e9, site.shared)
    counts = [0] * ROWS
    fates: dict[tuple[int, int], int] = {}
    for frame in frames:
        fates[frame.stream, counts[frame.stream]] = frame.fate
        counts[frame.stream] += 1
    return fates


@st.composite
def traces(draw: st.DrawFn) -> list[Arrival]:
    """Up to 120 frames of four cameras in about a second: mostly more than one engine can do."""
    gaps_us = draw(st.lists(st.integers(1, 20_000), min_size=1, max_size=120))
    at_ns, arrivals = 200_000_000, []
    for gap_us in gaps_us:
        at_ns += 1_000 * gap_us + 7  # no two things happen at the same nanosecond
        arrivals.append(Arrival(at_ns, draw(st.integers(0, ROWS - 1)), draw(st.sampled_from([0, 0, 3_000_001, 40_000_003]))))
    return in_order_of_capture(arrivals)


def in_order_of_capture(arrivals: list[Arrival]) -> list[Arrival]:
    """A camera's frames arrive in the order in which they were captured."""
    last = [0] * ROWS
    found = []
    for each in arrivals:
        captured_ns = max(last[each.stream] + 1, each.at_ns - each.late_ns)
        last[each.stream] = captured_ns
        found.append(replace(each, late_ns=each.at_ns - captured_ns))
    return found


@settings(max_examples=150, deadline=None)
@given(
    arrivals=traces(),
    service_us=st.integers(2_000, 90_000),
    more_us=st.integers(500, 30_000),
    max_batch=st.integers(1, 4),
    slots=st.integers(1, 3),
    depth=st.integers(1, 4),
)
def test_every_frame_meets_the_same_fate_in_the_scheduler_and_in_the_simulator(
    arrivals: list[Arrival], service_us: int, more_us: int, max_batch: int, slots: int, depth: int
) -> None:
    service_ns = tuple(1_000 * (service_us + more_us * size) + 13 for size in range(max_batch))
    there = live(arrivals, service_ns, slots, depth)
    assert len(there) == len(arrivals)
    assert simulated(arrivals, service_ns, slots, depth) == there


@settings(max_examples=25, deadline=None)
@example(
    pods=1, interval_ms=18.773878783199024, work_ms=33.89118249881044, depth=4, work_cv=0.3, seed=4
)  # several stale at once
@given(
    pods=st.integers(1, 6),
    interval_ms=st.floats(15.0, 60.0),
    work_ms=st.floats(3.0, 40.0),
    depth=st.integers(1, 4),
    work_cv=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 5),
)
def test_the_quick_kernel_comes_to_the_fates_of_the_rules_that_it_repeats(
    pods: int, interval_ms: float, work_ms: float, depth: int, work_cv: float, seed: int
) -> None:
    """Overloads mostly: mailboxes overflow, and frames go stale."""
    steps = (Step("inference", Where.CPU, 1.0), Step("inference", Where.ACCELERATOR, work_ms))
    pod = SimulatedPod("m", (SimulatedStream(interval_ms, depth),), (), (steps,), (), device=0, work_cv=work_cv)
    node = SimulatedNode(Processor(4, 2, 0.3), (Slices(2.0, 0.2),), (pod,) * pods, LATENCY_MS, 95.0)
    quick, by_rules = (simulate(node, 3.0, seed, warm_up_s=0.0, way=way).trace for way in (Way.PURE, Way.GENERAL))
    assert quick.fates.tolist() == by_rules.fates.tolist()
