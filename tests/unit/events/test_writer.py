from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from camslice.events import writer
from camslice.events.writer import BatchWriter, WriteError
from tests.unit.events.made import wait_for


class Shelf:
    """A target whose every failure is at a test's command."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.prepared: list[list[int]] = []
        self.ticks = 0
        self.closed = False
        self.fails: WriteError | Exception | None = None
        self.refuses: int | None = None
        self.tried = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def prepare(self, items: Sequence[int]) -> list[int]:
        self.prepared.append(list(items))
        return list(items)

    def write(self, batch: list[int]) -> None:
        self.tried.set()
        assert self.open.wait(20)
        if self.fails is not None:
            raise self.fails
        if self.refuses in batch:
            raise WriteError("the number is refused", hopeless=True)
        self.batches.append(batch)

    def tick(self) -> None:
        self.ticks += 1

    def close(self) -> None:
        self.closed = True

    @property
    def written(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_FIRST_PAUSE_S", 0.005)
    monkeypatch.setattr(writer, "_LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def batches(shelf: Shelf) -> Iterator[BatchWriter[int, list[int]]]:
    made = BatchWriter("shelf", shelf, capacity=100, batch_size=10, interval_s=0.01)
    yield made
    shelf.fails = None
    shelf.open.set()
    made.close()


def test_everything_offered_is_written_in_order_in_bounded_batches(shelf: Shelf, batches: BatchWriter[int, list[int]]) -> None:
    batches.offer(range(25))
    batches.offer(range(25, 64))
    batches.close()
    assert shelf.written == list(range(64))
    assert max(map(len, shelf.batches)) <= 10
    assert batches.written == 64
    assert batches.dropped == {}
    assert shelf.closed


def test_what_does_not_fit_is_dropped_and_counted(shelf: Shelf, batches: BatchWriter[int, list[int]]) -> None:
    shelf.open.clear()
    batches.offer([0])
    assert shelf.tried.wait(20)
    batches.offer(range(1, 91))
    batches.offer(range(91, 121))
    assert batches.dropped == {"queue full": 20}
    shelf.open.set()
    batches.close()
    assert shelf.written == list(range(101))


def test_a_batch_that_fails_is_kept_and_written_once(shelf: Shelf, batches: BatchWriter[int, list[int]]) -> None:
    shelf.fails = WriteError("the shelf is gone")
    batches.offer(range(10))
    wait_for(lambda: batches.retries >= 2, "two retries")
    assert batches.problem == "the shelf is gone"
    assert batches.written == 0
    shelf.fails = None
    wait_for(lambda: batches.written == 10, "the batch")
    assert batches.problem is None
    assert shelf.written == list(range(10))
    assert shelf.prepared == [list(range(10))]
    assert batches.dropped == {}


def test_what_is_refused_is_dropped_and_the_rest_goes_on(shelf: Shelf, batches: BatchWriter[int, list[int]]) -> None:
    shelf.refuses = 3
    batches.offer(range(10))
    batches.offer(range(10, 20))
    batches.close()
    assert shelf.written == list(range(10, 20))
    assert batches.dropped == {"refused": 10}
    assert batches.written == 10


def test_a_defect_costs_its_batch_and_no_other(
    shelf: Shelf, batches: BatchWriter[int, list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    shelf.fails = ZeroDivisionError("a defect")
    batches.offer(range(10))
    wait_for(lambda: batches.dropped, "the drop")
    shelf.fails = None
    batches.offer(range(10, 20))
    batches.close()
    assert shelf.written == list(range(10, 20))
    assert batches.dropped == {"defect": 10}
    assert "a defect" in caplog.text


def test_upkeep_happens_without_work(shelf: Shelf, batches: BatchWriter[int, list[int]]) -> None:
    wait_for(lambda: shelf.ticks > 3, "upkeep")
    assert shelf.batches == []


def test_close_gives_up_after_its_patience_and_counts_what_is_lost(shelf: Shelf, batches: BatchWriter[int, list[int]]) -> None:
    shelf.fails = WriteError("the shelf is gone")
    batches.offer(range(35))
    batches.close(patience_s=0.05)
    assert batches.dropped == {"not written before the end": 35}
    assert batches.problem == "the shelf is gone"


def test_close_does_not_wait_for_a_target_that_hangs(
    shelf: Shelf, batches: BatchWriter[int, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_JOIN_MARGIN_S", 0.05)
    shelf.open.clear()
    batches.offer(range(35))
    assert shelf.tried.wait(20)
    batches.close(patience_s=0.05)
    assert batches.dropped == {"not written before the end": 35}


def test_what_is_offered_after_the_end_is_counted(shelf: Shelf, batches: BatchWriter[int, list[int]]) -> None:
    batches.close()
    batches.offer([1, 2])
    assert batches.dropped == {"offered after the end": 2}
    assert shelf.written == []
