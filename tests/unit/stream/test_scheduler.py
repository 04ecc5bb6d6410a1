"""Frames of many cameras, one engine: every frame has one fate at every instant, whatever happens."""

from __future__ import annotations

import threading
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from camslice.fleet.accounting import FrameCounts
from camslice.stream.ledger import Ledger, ledger_bytes
from camslice.stream.outbox import OUTBOX_BYTES, Inbox, Outbox
from camslice.stream.previews import Previews, previews_bytes
from camslice.stream.request import LoadedModel
from camslice.stream.scheduler import ERRORS_IN_A_ROW, Scheduler
from tests.unit.stream.fakes import FakeClock, FakeEngine, a_frame, nothing_found

ROWS = 3
NEVER = threading.Event()


class Bench:
    """A scheduler with everything around it."""

    def __init__(self, latency_ms: float | None = 100.0, batches: int = 2, max_batch: int = 1, depth: int = 3) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger(memoryview(bytearray(ledger_bytes(ROWS))))
        shared = memoryview(bytearray(OUTBOX_BYTES))
        self.inbox = Inbox(shared)
        self.stopped: list[str] = []
        previews = Previews(memoryview(bytearray(previews_bytes(ROWS))))
        self.scheduler = Scheduler(latency_ms, self.ledger, Outbox(shared), previews, self._stopped, self.clock)
        self.engine = FakeEngine(self.clock, batches, max_batch)
        self.scheduler.use(LoadedModel(self.engine, nothing_found, number=0))
        for row in range(ROWS):
            self.scheduler.open(row, depth)

    def _stopped(self, number: int, reason: str) -> None:
        self.stopped.append(reason)

    def offer(self, row: int = 0, **frame: bool) -> None:
        self.scheduler.offer(row, a_frame(self.clock, **frame), 1, NEVER)

    def counts(self, row: int = 0) -> FrameCounts:
        """Of frames."""
        return replace(self.ledger.read(row), accelerator_ns=0)


def test_a_frame_is_analysed_at_once_when_the_engine_is_free() -> None:
    bench = Bench()
    bench.offer()
    assert bench.counts() == FrameCounts(captured=1, in_flight=1)
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=1, analysed=1)
    assert [record.row for record in bench.inbox.take()] == [0]


def test_frames_beyond_the_mailbox_supersede_the_oldest() -> None:
    bench = Bench(batches=1, depth=2)
    for _ in range(5):
        bench.offer()
    assert bench.counts() == FrameCounts(captured=5, superseded=2, in_flight=3)


def test_a_frame_that_waited_too_long_is_stale_and_the_next_is_taken() -> None:
    bench = Bench(latency_ms=100, batches=1)
    bench.offer()
    bench.offer()
    bench.clock.now_ns += 150_000_000
    bench.offer()
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=3, analysed=1, stale=1, in_flight=1)


def test_an_engine_error_fails_its_frames_and_the_next_one_is_analysed() -> None:
    bench = Bench()
    bench.offer()
    bench.engine.finish(RuntimeError("a bad day"))
    bench.offer()
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=2, analysed=1, failed=1)
    assert bench.stopped == []


def test_errors_in_a_row_stop_the_model_and_every_later_frame_fails_at_once() -> None:
    bench = Bench(batches=1, depth=20)
    for _ in range(ERRORS_IN_A_ROW + 3):
        bench.offer()
    for _ in range(ERRORS_IN_A_ROW):
        bench.engine.finish(RuntimeError("broken for good"))
    bench.offer(1)
    assert bench.counts(0) == FrameCounts(captured=ERRORS_IN_A_ROW + 3, failed=ERRORS_IN_A_ROW + 3)
    assert bench.counts(1) == FrameCounts(captured=1, failed=1)
    assert len(bench.stopped) == 1
    assert "broken for good" in bench.stopped[0]


def test_a_picture_that_cannot_be_scaled_fails_alone_and_is_no_fault_of_the_model() -> None:
    bench = Bench()
    for _ in range(ERRORS_IN_A_ROW + 1):
        bench.offer(0, broken=True)
    bench.offer(1)
    bench.engine.finish()
    assert bench.counts(0) == FrameCounts(captured=ERRORS_IN_A_ROW + 1, failed=ERRORS_IN_A_ROW + 1)
    assert bench.counts(1) == FrameCounts(captured=1, analysed=1)
    assert bench.stopped == []


def test_one_hiccup_does_not_make_every_later_frame_hopeless() -> None:
    bench = Bench(latency_ms=100, batches=1)
    for _ in range(40):
        bench.offer()
        bench.clock.now_ns += 10_000_000_000
        bench.engine.finish()
    analysed = bench.counts().analysed
    for _ in range(10):
        bench.offer()
        bench.clock.now_ns += 1_000_000
        if bench.engine.running:
            bench.engine.finish()
    assert bench.counts().analysed > analysed


def test_at_pace_lossless_the_decoder_waits_for_room_and_nothing_is_dropped() -> None:
    bench = Bench(latency_ms=None, batches=1, depth=1)
    bench.offer()
    bench.offer()
    done = threading.Event()

    def decode() -> None:
        bench.offer()
        done.set()

    decoder = threading.Thread(target=decode)
    decoder.start()
    assert not done.wait(0.05)
    bench.clock.now_ns += 10**12
    bench.engine.finish()
    assert done.wait(5)
    decoder.join()
    bench.engine.finish()
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=3, analysed=3)


def test_a_model_is_replaced_between_two_frames_without_losing_one() -> None:
    bench = Bench(batches=1)
    bench.offer()
    bench.offer()
    other = FakeEngine(bench.clock)
    before = bench.scheduler.use(LoadedModel(other, nothing_found, number=1))
    assert before is not None
    assert before.engine is bench.engine
    bench.engine.finish()
    other.finish()
    assert [record.model for record in bench.inbox.take()] == [0, 1]
    assert bench.counts() == FrameCounts(captured=2, analysed=2)


def test_the_stages_of_a_frame_add_up_to_its_total() -> None:
    bench = Bench(batches=1)
    for _ in range(2):
        bench.offer()
        bench.clock.now_ns += 7_000_000
    bench.engine.finish()
    bench.clock.now_ns += 13_000_000
    bench.engine.finish()
    for record in bench.inbox.take():
        *stages, total = record.stages
        assert abs(sum(stages) - total) < 1e-3
        assert total > 0


class Life(RuleBasedStateMachine):
    """Everything that can happen to frames, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(batches=2, max_batch=2)
        self.open = set(range(ROWS))

    @rule(row=st.integers(0, ROWS - 1), broken=st.booleans())
    def offer(self, row: int, broken: bool) -> None:
        if row in self.open:
            self.bench.offer(row, broken=broken)

    @rule(ms=st.integers(0, 200))
    def time_passes(self, ms: int) -> None:
        self.bench.clock.now_ns += ms * 1_000_000

    @precondition(lambda self: self.bench.engine.running)
    @rule(fails=st.booleans())
    def a_batch_ends(self, fails: bool) -> None:
        self.bench.engine.finish(RuntimeError("no") if fails else None)

    @precondition(lambda self: not self.bench.engine.running)
    @rule(row=st.integers(0, ROWS - 1))
    def a_camera_goes_or_comes(self, row: int) -> None:
        if row in self.open:
            self.bench.scheduler.close(row, patience_s=0.0)
            self.open.discard(row)
            assert self.bench.counts(row).in_flight == 0
        else:
            self.bench.scheduler.open(row, 3)
            self.open.add(row)

    @rule()
    def the_model_is_replaced(self) -> None:
        while self.bench.engine.running:
            self.bench.engine.finish()
        engine = FakeEngine(self.bench.clock, 2, 2)
        self.bench.scheduler.use(LoadedModel(engine, nothing_found, number=0))
        self.bench.engine = engine

    @invariant()
    def every_frame_has_one_fate_or_is_held(self) -> None:
        held = 0
        for row in range(ROWS):
            counts = self.bench.counts(row)
            assert counts.balanced
            held += counts.in_flight
        waiting = len(self.bench.scheduler._queue)
        assert held == waiting + sum(batch.count for batch in self.bench.engine.running)
        assert waiting <= 3 * ROWS

    @invariant()
    def streams_used_all_of_the_device_time(self) -> None:
        assert sum(self.bench.ledger.read(row).accelerator_ns for row in range(ROWS)) == self.bench.scheduler.busy_ns

    @invariant()
    def nothing_waits_while_the_engine_is_idle(self) -> None:
        if len(self.bench.engine.free) == 2 and not self.bench.stopped:
            assert len(self.bench.scheduler._queue) == 0


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
