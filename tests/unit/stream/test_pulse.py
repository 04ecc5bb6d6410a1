"""How a scheduler shows that work goes on, and how it shows that it does not."""

from __future__ import annotations

from camslice.stream.pulse import Pulse
from tests.unit.stream.test_scheduler import Bench

MS = 1_000_000


def later(bench: Bench, ms: int) -> None:
    bench.clock.now_ns += ms * MS


def test_nothing_to_do_is_no_trouble() -> None:
    bench = Bench()
    later(bench, 3_600_000)
    assert bench.scheduler.pulse() == Pulse(0.0, None)


def test_a_batch_that_never_comes_back_grows_older() -> None:
    bench = Bench(batches=2)
    bench.offer()
    later(bench, 40)
    bench.offer()
    later(bench, 60)
    assert bench.scheduler.pulse().oldest_ms == 100
    bench.engine.finish()
    assert bench.scheduler.pulse().oldest_ms == 60
    bench.engine.finish()
    assert bench.scheduler.pulse().oldest_ms == 0


def test_the_usual_time_is_known_after_the_first_batch() -> None:
    bench = Bench(latency_ms=None)
    for _ in range(200):
        bench.offer()
        later(bench, 20)
        bench.engine.finish()
    usual_ms = bench.scheduler.pulse().usual_ms
    assert usual_ms is not None
    assert 19 < usual_ms < 21


def test_a_batch_that_failed_or_could_not_start_is_forgotten() -> None:
    bench = Bench()
    bench.offer()
    bench.engine.finish(ValueError("lost"))
    later(bench, 1000)
    assert bench.scheduler.pulse().oldest_ms == 0


def test_frames_that_wait_while_nobody_starts_them_are_seen() -> None:
    bench = Bench(latency_ms=None, batches=1)
    bench.engine.free.clear()  # a batch that got lost: the engine has none to give
    bench.offer()
    assert bench.scheduler.pulse().oldest_ms == 0
    later(bench, 700)
    assert bench.scheduler.pulse().oldest_ms == 700


def test_frames_that_wait_without_a_model_are_no_trouble_of_the_scheduler() -> None:
    bench = Bench(latency_ms=None)
    bench.scheduler.give_up()
    bench.offer()
    bench.scheduler.pulse()
    later(bench, 700)
    assert bench.scheduler.pulse().oldest_ms == 0
