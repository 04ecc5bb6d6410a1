"""Requests in front of an engine: whose turn it is, what is refused, and that nothing is lost or answered twice."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.engine.oip.batch_sizes import BatchSizes
from camslice.engine.oip.batcher import Batcher
from camslice.engine.oip.counters import Counters
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.stage_clock import Part
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError
from tests.unit.engine.oip.fakes import MS, FakeClock, FakeEngine, FakeWork, Later

ALL_SIZES = BatchSizes(tuple(range(1, 9)))
GONE = OipError(Status.UNAVAILABLE, "gone")


class Bench:
    """A batcher before a fake engine."""

    def __init__(
        self, *, batches: int = 2, sizes: BatchSizes = ALL_SIZES, limits: Limits | None = None, loaded: bool = True
    ) -> None:
        self.clock = FakeClock()
        self.engine = FakeEngine(self.clock, batches)
        self.counters = Counters()
        self.pool = Later()
        self.batcher = Batcher(limits or Limits(), self.counters, self.pool, self.clock)
        self.sizes = sizes
        if loaded:
            self.load()

    def load(self) -> None:
        self.batcher.use(self.engine, self.sizes)

    def submit(self, name: str = "", **options: object) -> FakeWork:
        work = FakeWork(self.clock, name, **options)  # type: ignore[arg-type]  # per test
        self.batcher.submit(work)
        return work

    def refused(self, **options: object) -> Status:
        with pytest.raises(OipError) as caught:
            self.submit(**options)
        return caught.value.status

    def busy(self) -> list[FakeWork]:
        """Requests that occupy every batch of the engine."""
        return [self.submit() for _ in range(len(self.engine.free))]


def test_a_request_that_finds_a_free_engine_starts_at_once_and_alone() -> None:
    bench = Bench()
    work = bench.submit()
    assert bench.engine.sizes == [1]
    bench.engine.finish()
    assert work.outcome == "answered"


def test_what_gathered_while_the_engine_was_busy_goes_together() -> None:
    bench = Bench()
    first = bench.busy()
    rest = [bench.submit() for _ in range(5)]
    bench.engine.finish()
    assert bench.engine.sizes == [1, 1, 5]
    bench.engine.finish_all()
    assert [work.outcome for work in first + rest] == ["answered"] * 7


def test_idle_queues_of_an_engine_share_what_waits() -> None:
    """Two streams of a device that could compute at once: a batch of four on one would leave the other idle."""
    bench = Bench(batches=4, loaded=False)
    for _ in range(4):
        bench.submit()
    bench.load()
    assert bench.engine.sizes == [2, 2]


@pytest.mark.parametrize(
    ("waiting", "expected"), [(1, [1]), (2, [1, 1]), (3, [1, 1, 1]), (4, [4]), (6, [4, 1, 1]), (9, [8, 1])]
)
def test_only_sizes_that_do_not_lose_are_computed(waiting: int, expected: list[int]) -> None:
    bench = Bench(sizes=BatchSizes((1, 4, 8)))
    bench.busy()
    for _ in range(waiting):
        bench.submit()
    bench.engine.finish_all()
    assert bench.engine.sizes[2:] == expected


def test_the_earliest_deadline_goes_first() -> None:
    bench = Bench(sizes=BatchSizes())
    bench.busy()
    order: list[str] = []
    for name, within_ms in (("late", 300), ("early", 100), ("at leisure", None), ("middle", 200)):
        bench.submit(name, within_ms=within_ms, log=order)
    bench.engine.finish_all()
    assert order == ["early", "middle", "late", "at leisure"]


def test_requests_without_a_deadline_are_not_starved_by_those_with_one() -> None:
    bench = Bench(sizes=BatchSizes())
    bench.busy()
    order: list[str] = []
    bench.submit("at leisure", log=order)
    for number in range(20):
        bench.submit(f"urgent {number}", within_ms=500, log=order)
        bench.engine.finish(after_ms=100)
    assert 3 <= order.index("at leisure") <= 7  # as if it were due after a second


def test_equal_deadlines_are_served_in_the_order_of_arrival() -> None:
    bench = Bench(sizes=BatchSizes())
    bench.busy()
    order: list[str] = []
    for number in range(6):
        bench.submit(str(number), within_ms=500, log=order)
    bench.engine.finish_all()
    assert order == [str(number) for number in range(6)]


def test_a_request_of_many_pictures_is_split_over_slots_and_batches() -> None:
    bench = Bench(sizes=BatchSizes((1, 2, 4)))
    work = bench.submit("w", count=7)
    bench.engine.finish_all()
    assert sorted(work.read_pictures) == list(range(7))
    assert max(bench.engine.sizes) <= 4
    assert work.outcome == "answered"


def test_pictures_of_several_requests_share_a_batch() -> None:
    bench = Bench()
    bench.busy()
    works = [bench.submit(count=3), bench.submit(count=2)]
    bench.engine.finish()
    assert bench.engine.sizes[-1] == 5
    bench.engine.finish_all()
    assert [work.outcome for work in works] == ["answered", "answered"]


def test_a_request_whose_deadline_has_passed_is_refused_on_arrival() -> None:
    bench = Bench()
    assert bench.refused(within_ms=-1) is Status.TOO_LATE
    assert bench.engine.sizes == []


def test_a_request_that_cannot_make_it_by_what_was_measured_at_loading_is_refused_on_arrival() -> None:
    bench = Bench(sizes=BatchSizes((1,), 20 * MS))
    assert bench.refused(within_ms=15) is Status.TOO_LATE
    assert bench.submit(within_ms=25).outcome == "waits"
    assert bench.engine.sizes == [1]


def test_a_request_of_many_pictures_needs_its_many_batches_in_time() -> None:
    bench = Bench(sizes=BatchSizes((1,), 20 * MS))
    assert bench.refused(count=4, within_ms=70) is Status.TOO_LATE
    assert bench.submit(count=4, within_ms=90).outcome == "waits"


def test_a_request_that_became_hopeless_while_it_waited_is_never_computed() -> None:
    bench = Bench(sizes=BatchSizes((1,), 20 * MS))
    bench.busy()
    put: list[str] = []
    hopeless = bench.submit("hopeless", within_ms=50, log=put)
    fine = bench.submit("fine", within_ms=500, log=put)
    bench.engine.finish(after_ms=40)
    bench.engine.finish_all()
    assert hopeless.outcome == "TOO_LATE"
    assert fine.outcome == "answered"
    assert put == ["fine"]


def test_a_hopeless_request_is_refused_before_the_engine_is_free() -> None:
    bench = Bench(sizes=BatchSizes((1,), 20 * MS))
    bench.busy()
    hopeless = bench.submit(within_ms=50)
    bench.clock.sleep(40)
    bench.batcher.look_after()
    assert hopeless.outcome == "TOO_LATE"


def test_requests_without_a_deadline_are_never_late() -> None:
    bench = Bench(sizes=BatchSizes((1,), 20 * MS))
    bench.busy()
    work = bench.submit()
    bench.engine.finish(after_ms=100_000)
    bench.engine.finish_all()
    assert work.outcome == "answered"


def test_one_hiccup_does_not_make_every_later_request_hopeless() -> None:
    bench = Bench(sizes=BatchSizes((1,), 5 * MS))
    for _ in range(30):
        bench.submit()
        bench.engine.finish(after_ms=3000)
    work = bench.submit(within_ms=50)
    bench.engine.finish(after_ms=5)
    assert work.outcome == "answered"


def test_when_the_queue_is_full_the_newcomer_goes_if_it_is_due_last() -> None:
    bench = Bench(limits=Limits(waiting_pictures=2))
    bench.busy()
    waiting = [bench.submit(within_ms=100), bench.submit(within_ms=200)]
    assert bench.refused(within_ms=300) is Status.OVERLOADED
    assert bench.refused(within_ms=200) is Status.OVERLOADED  # no sooner than one that came before
    assert [work.outcome for work in waiting] == ["waits", "waits"]


def test_when_the_queue_is_full_a_more_urgent_newcomer_takes_the_place_of_the_last() -> None:
    bench = Bench(limits=Limits(waiting_pictures=2))
    bench.busy()
    early, late = bench.submit(within_ms=100), bench.submit(within_ms=300)
    newcomer = bench.submit(within_ms=200)
    assert (early.outcome, late.outcome, newcomer.outcome) == ("waits", "OVERLOADED", "waits")
    bench.engine.finish_all()
    assert (early.outcome, newcomer.outcome) == ("answered", "answered")


def test_nobody_is_pushed_out_for_a_newcomer_that_does_not_fit_anyway() -> None:
    bench = Bench(limits=Limits(waiting_pictures=3))
    bench.busy()
    early, late = bench.submit(count=2, within_ms=100), bench.submit(within_ms=300)
    assert bench.refused(count=2, within_ms=200) is Status.OVERLOADED
    assert (early.outcome, late.outcome) == ("waits", "waits")


def test_a_request_larger_than_the_queue_is_too_large_at_any_time() -> None:
    bench = Bench(limits=Limits(waiting_pictures=4, held_bytes=100))
    assert bench.refused(count=5) is Status.TOO_LARGE
    assert bench.refused(held_bytes=101) is Status.TOO_LARGE


def test_bytes_count_until_the_request_is_answered() -> None:
    bench = Bench(limits=Limits(held_bytes=100))
    bench.submit(held_bytes=80)
    assert bench.refused(held_bytes=30) is Status.OVERLOADED
    bench.engine.finish()
    assert bench.submit(held_bytes=30).outcome == "waits"


def test_a_picture_that_cannot_be_read_fails_its_own_request_only() -> None:
    bench = Bench()
    bench.busy()
    good = bench.submit()
    bad = bench.submit(broken=OipError(Status.INVALID_ARGUMENT, "no picture"))
    ugly = bench.submit(broken=RuntimeError("something else"))
    bench.engine.finish_all()
    assert (good.outcome, bad.outcome, ugly.outcome) == ("answered", "INVALID_ARGUMENT", "INTERNAL")
    assert bench.engine.sizes[-1] == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(EngineError("broken"), "INTERNAL"), (EngineAwayError("away"), "UNAVAILABLE"), (TooLateError("late"), "TOO_LATE")],
)
def test_a_failed_batch_fails_its_requests_and_the_next_ones_are_computed(error: Exception, status: str) -> None:
    bench = Bench()
    work = bench.submit()
    bench.engine.finish(error=error)
    assert work.outcome == status
    after = bench.submit()
    bench.engine.finish()
    assert after.outcome == "answered"
    assert len(bench.engine.free) == 2


def test_an_engine_that_cannot_start_fails_the_requests_and_gives_the_batches_back() -> None:
    bench = Bench(loaded=False)
    bench.engine.refuses = RuntimeError("not now")
    works = [bench.submit() for _ in range(100)]
    bench.load()
    assert {work.outcome for work in works} == {"INTERNAL"}
    assert len(bench.engine.free) == 2


def test_requests_wait_for_an_engine_that_is_still_being_loaded() -> None:
    bench = Bench(loaded=False)
    work = bench.submit()
    assert work.outcome == "waits"
    bench.load()
    bench.engine.finish()
    assert work.outcome == "answered"


def test_what_takes_long_to_prepare_is_left_to_the_pool() -> None:
    bench = Bench()
    put: list[str] = []
    work = bench.submit("jpeg", slow=True, log=put)
    assert put == []
    bench.pool.run()
    assert put == ["jpeg"]
    bench.engine.finish()
    assert work.outcome == "answered"


def test_what_needs_a_pool_that_was_shut_down_is_refused_and_the_batch_comes_back() -> None:
    bench = Bench()
    bench.pool.is_shut = True
    work = bench.submit(slow=True)
    assert work.outcome == "UNAVAILABLE"
    assert len(bench.engine.free) == 2


def test_an_engine_that_raises_when_asked_for_a_batch_fails_the_requests_and_nothing_else() -> None:
    bench = Bench()
    bench.engine.lends = RuntimeError("the device is gone")
    assert bench.submit().outcome == "INTERNAL"
    bench.engine.lends = None
    work = bench.submit()
    bench.engine.finish()
    assert work.outcome == "answered"


def test_an_engine_that_raises_while_it_is_looked_after_harms_nobody() -> None:
    bench = Bench()
    running = bench.busy()
    bench.engine.lends = RuntimeError("the device is gone")
    bench.batcher.look_after()
    bench.engine.lends = None
    bench.engine.finish_all()
    assert [work.outcome for work in running] == ["answered", "answered"]


def test_an_engine_that_is_taken_away_while_it_lends_a_batch_still_computes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`close` may come between any two steps of whoever brings a request."""
    bench = Bench()
    really = bench.engine.acquire

    def closing() -> object:
        bench.batcher._engine = None
        return really()

    monkeypatch.setattr(bench.engine, "acquire", closing)
    work = bench.submit()
    bench.engine.finish()
    assert work.outcome == "answered"
    assert len(bench.engine.free) == 2


def test_a_failure_in_starting_a_batch_is_logged_and_not_told_to_whoever_brought_a_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.batcher, "_put", broken)
    bench.submit()
    bench.submit(slow=True)
    bench.pool.run()
    assert caplog.text.count("a batch could not be started") == 2


def test_a_closed_batcher_finishes_what_runs_and_refuses_the_rest() -> None:
    bench = Bench()
    running = bench.busy()
    waiting = bench.submit()
    bench.batcher.close(GONE)
    assert bench.refused() is Status.UNAVAILABLE
    assert waiting.outcome == "UNAVAILABLE"
    bench.engine.finish_all()
    assert [work.outcome for work in running] == ["answered", "answered"]


def test_closing_with_patience_waits_for_all_that_was_taken_on() -> None:
    bench = Bench()
    works = [*bench.busy(), bench.submit()]
    closer = threading.Thread(target=bench.batcher.close, args=(GONE, 20.0))
    closer.start()
    until_s = time.monotonic() + 20
    while True:
        try:
            bench.batcher.submit(FakeWork(bench.clock, within_ms=-1))
        except OipError as error:
            if error.status is Status.UNAVAILABLE or time.monotonic() > until_s:
                break
    bench.engine.finish_all()
    closer.join(20)
    assert not closer.is_alive()
    assert [work.outcome for work in works] == ["answered"] * 3


def test_the_engine_hears_of_a_deadline_only_when_all_of_a_batch_have_one() -> None:
    bench = Bench()
    bench.busy()
    early, late = bench.submit(within_ms=100), bench.submit(within_ms=200)
    bench.engine.finish()
    assert bench.engine.running[-1].deadline_ns == late.deadline_ns != early.deadline_ns
    bench.submit(within_ms=100)
    bench.submit()
    bench.engine.finish()
    assert bench.engine.running[-1].deadline_ns is None


def test_the_parts_of_a_requests_time_are_where_it_went() -> None:
    bench = Bench(batches=1)
    bench.submit()
    work = bench.submit()
    bench.clock.sleep(3)
    bench.engine.finish()
    bench.engine.finish(after_ms=5)
    assert work.clock.spent_ns == {Part.QUEUE: 3 * MS, Part.PREPROCESS: 0, Part.INFERENCE: 5 * MS, Part.POSTPROCESS: 0}


def test_waiting_for_a_thread_that_prepares_is_waiting() -> None:
    bench = Bench()
    work = bench.submit(slow=True)
    bench.clock.sleep(4)
    bench.pool.run()
    bench.engine.finish(after_ms=5)
    assert work.clock.spent_ns == {Part.QUEUE: 4 * MS, Part.PREPROCESS: 0, Part.INFERENCE: 5 * MS, Part.POSTPROCESS: 0}


def test_statistics_of_inference_hold_nothing_else() -> None:
    bench = Bench()
    bench.submit()
    bench.engine.finish(after_ms=10, preprocess_ns=1 * MS, queue_ns=2 * MS, postprocess_ns=3 * MS)
    (batches,) = bench.counters.statistics("m", "1").batches
    spent = (batches.compute_input.ns, batches.compute_infer.ns, batches.compute_output.ns)
    assert spent == (1 * MS, 4 * MS, 3 * MS)


def test_batches_are_counted_by_size() -> None:
    bench = Bench()
    bench.busy()
    for _ in range(3):
        bench.submit()
    bench.engine.finish_all(after_ms=2)
    seen = bench.counters.statistics("m", "1")
    assert [(each.batch_size, each.compute_infer.count) for each in seen.batches] == [(1, 2), (3, 1)]
    assert (seen.inference_count, seen.execution_count) == (5, 3)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("sssfffewl"), st.integers(1, 5), st.integers(0, 60)), max_size=80), st.integers(0, 9))
def test_whatever_happens_every_request_is_answered_once_and_every_batch_comes_back(
    steps: list[tuple[str, int, int]], seed: int
) -> None:
    dice = random.Random(seed)
    bench = Bench(sizes=BatchSizes((1, 2, 4), 5 * MS), limits=Limits(waiting_pictures=8, held_bytes=50))
    works: list[FakeWork] = []
    refused = 0
    for step, count, ms in steps:
        if step == "s":
            broken = OipError(Status.INVALID_ARGUMENT, "broken") if dice.random() < 0.1 else None
            within_ms = None if dice.random() < 0.3 else ms
            slow = dice.random() < 0.2
            work = FakeWork(bench.clock, count=count, within_ms=within_ms, held_bytes=ms // 3, broken=broken, slow=slow)
            try:
                bench.batcher.submit(work)
                works.append(work)
            except OipError:
                refused += 1
                assert work.outcome == "waits"
        elif step == "w":
            bench.clock.sleep(ms)
        elif step == "l":
            bench.batcher.look_after()
        elif bench.engine.running:
            bench.engine.finish(after_ms=ms / 10, error=EngineError("broken") if step == "e" else None)
        else:
            bench.pool.run()
    while bench.engine.running or bench.pool.waiting:
        bench.pool.run()
        bench.engine.finish_all(after_ms=1)
    bench.batcher.look_after()
    assert all(work.outcome != "waits" for work in works)
    assert all(sorted(work.read_pictures) == list(range(work.count)) for work in works if work.answered)
    assert all(sum(work.clock.spent_ns.values()) == work.clock.total_ns for work in works)
    assert len(bench.engine.free) == 2
    assert max(bench.engine.sizes, default=0) <= 4
    if all(work.answered for work in works):  # a picture that fails while it is put leaves its batch smaller
        assert set(bench.engine.sizes) <= {1, 2, 4}


def test_many_threads_bring_requests_and_none_is_lost() -> None:
    clock = FakeClock()
    engine = FakeEngine(clock, batches=4)
    ends = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        batcher = Batcher(Limits(waiting_pictures=10_000), Counters(), pool)
        batcher.use(engine, ALL_SIZES)
        works = [FakeWork(clock, count=1 + number % 3, slow=number % 7 == 0) for number in range(600)]

        def compute() -> None:
            while not ends.is_set() or engine.running:
                try:
                    engine.finish()
                except IndexError:
                    ends.wait(0.0005)

        def bring(part: list[FakeWork]) -> None:
            for work in part:
                batcher.submit(work)

        device = threading.Thread(target=compute)
        device.start()
        clients = [threading.Thread(target=bring, args=(works[number::4],)) for number in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(30)
        batcher.close(GONE, 30.0)
        ends.set()
        device.join(30)
    assert {work.outcome for work in works} == {"answered"}
    assert len(engine.free) == 4
