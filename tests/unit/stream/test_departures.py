"""Results of a stream leave in the order of their capture, whatever order their frames end in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.accounting import Fate, FrameCounts
from camslice.fleet.geometry import Region
from camslice.stream.departures import MANY, MOST, Departures
from camslice.stream.ledger import Ledger, ledger_bytes
from camslice.stream.outbox import OUTBOX_BYTES, Inbox, Outbox, Record
from camslice.stream.records import carried_record
from camslice.stream.request import Request
from camslice.stream.watching.look import Look
from tests.unit.stream.fakes import FakeClock, a_frame
from tests.unit.stream.test_scheduler_regions import CARRIED, STILL, Bench

LATENCY_MS = 100


class Line:
    """One stream's way out."""

    def __init__(self, latency_ms: int | None = LATENCY_MS) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger(memoryview(bytearray(ledger_bytes(1))))
        shared = memoryview(bytearray(OUTBOX_BYTES))
        self._inbox = Inbox(shared)
        latency_ns = None if latency_ms is None else latency_ms * 1_000_000
        self.departures = Departures(self.ledger, Outbox(shared), latency_ns, self.clock)
        self.departures.open(0)
        self.handles: list[int] = []
        self.left: list[Record] = []

    def capture(self) -> int:
        self.handles.append(self.departures.enter(0, self.clock()))
        return len(self.handles) - 1

    def is_done(self, sequence: int) -> None:
        self.departures.leave(self.handles[sequence], a_record(sequence, self.clock), self.clock())

    def is_lost(self, sequence: int, fate: Fate = Fate.STALE) -> None:
        self.departures.end(0, self.handles[sequence], fate)

    def sequences(self) -> list[int]:
        """Of all that has left so far."""
        self.left += self._inbox.take()
        return [record.sequence for record in self.left]

    def counts(self) -> FrameCounts:
        return self.ledger.read(0)

    def wait(self, ms: float) -> None:
        self.clock.now_ns += round(ms * 1e6)


def a_record(sequence: int, clock: FakeClock) -> Record:
    bench = Bench()
    bench.attention.next = CARRIED
    decision = bench.attention.decide(0, STILL, 1.0, (64, 48), 1.0)
    request = Request(0, 0, 1, a_frame(clock, sequence), Region(0, 0, 64, 48), decision)
    return carried_record(request, decision, 0, clock())


@given(st.data(), st.integers(1, MANY))
def test_results_leave_in_the_order_of_capture_as_soon_as_none_before_them_is_open(data: st.DataObject, frames: int) -> None:
    line = Line()
    open_frames = [line.capture() for _ in range(frames)]
    done: list[int] = []
    while open_frames:
        line.wait(data.draw(st.integers(0, 30)))
        sequence = open_frames.pop(data.draw(st.integers(0, len(open_frames) - 1)))
        if data.draw(st.booleans()):
            line.is_done(sequence)
            done.append(sequence)
        else:
            line.is_lost(sequence)
        assert line.sequences() == sorted(each for each in done if not open_frames or each < open_frames[0])
        assert line.counts().balanced
        assert line.counts().in_flight == frames - len(line.sequences()) - line.counts().stale
    assert line.counts() == FrameCounts(captured=frames, predicted=len(done), stale=frames - len(done))
    line.departures.close(0)


def test_the_wait_for_an_earlier_frame_is_queue_and_the_stages_still_add_up() -> None:
    line = Line()
    line.capture(), line.capture()
    line.wait(5)
    line.is_done(1)
    line.wait(30)
    line.is_lost(0)
    assert line.sequences() == [1]
    *stages, total = line.left[0].stages
    assert line.left[0].stages.queue == pytest.approx(30)
    assert sum(stages) == pytest.approx(total)


def test_what_waits_for_nobody_has_no_wait() -> None:
    line = Line()
    line.capture()
    line.wait(5)
    line.is_done(0)
    assert line.sequences() == [0]
    assert line.left[0].stages.queue == 0


@pytest.mark.parametrize(("latency_ms", "many"), [(LATENCY_MS, MANY), (None, MOST)])
def test_a_frame_that_never_ends_is_overtaken_once_many_wait_and_is_stale_if_it_does(latency_ms: int | None, many: int) -> None:
    line = Line(latency_ms)
    line.capture()
    line.wait(LATENCY_MS + 1)
    for _ in range(many):
        line.is_done(line.capture())
    assert line.sequences() == []
    assert line.counts() == FrameCounts(captured=many + 1, in_flight=many + 1)
    line.is_done(line.capture())
    assert line.sequences() == list(range(1, many + 2))
    assert line.counts() == FrameCounts(captured=many + 2, predicted=many + 1, in_flight=1)
    line.is_done(0)
    assert line.sequences() == list(range(1, many + 2))
    assert line.counts() == FrameCounts(captured=many + 2, predicted=many + 1, stale=1)
    line.departures.close(0)


def test_a_frame_that_can_still_be_in_time_is_not_overtaken() -> None:
    line = Line()
    line.capture()
    line.wait(LATENCY_MS)
    for _ in range(2 * MANY):
        line.is_done(line.capture())
    assert line.sequences() == []
    line.is_done(0)
    assert line.sequences() == list(range(2 * MANY + 1))


def test_an_overtaken_frame_may_meet_any_fate() -> None:
    line = Line()
    line.capture()
    line.wait(LATENCY_MS + 1)
    for _ in range(MANY + 1):
        line.is_done(line.capture())
    line.is_lost(0, Fate.FAILED)
    assert line.counts() == FrameCounts(captured=MANY + 2, predicted=MANY + 1, failed=1)


def test_the_look_at_a_frame_says_its_fate() -> None:
    bench = Bench()
    bench.offer()
    bench.offer(CARRIED)
    assert bench.counts() == FrameCounts(captured=2, in_flight=2), "it waits for the canvas of the frame before it"
    bench.wait(50)
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=2, analysed=1, regions=1, predicted=1)
    assert [record.look for record in bench.inbox.take()] == [Look.REGIONS, Look.CARRIED]
