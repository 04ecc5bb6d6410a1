"""Batches are used only where they gain."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from camslice.engine.oip.batch_sizes import BatchSizes, load_engine
from camslice.engine.protocol import Engine, InferenceTimes, OnDone
from camslice.fleet.errors import EngineError
from camslice.video.slot import Slot
from tests.unit.engine.oip.fakes import FakeBatch, FakeClock, FakeEngine

Cost = Callable[[int], float]
"""Time of a batch by its size."""


class TimedBatch(FakeBatch):
    """Says at once that it took as long as its size costs."""

    def __init__(self, engine: TimedEngine) -> None:
        super().__init__(engine, 1)
        self._timed = engine

    def slot_for(self, index: int, letterbox: object) -> Slot:
        raise AssertionError("what lies in the slots does not matter")

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        self._timed.sizes.append(count)
        error = EngineError("broken") if self._timed.broken else None
        on_done(self, [], InferenceTimes(0, int(self._timed.cost(count) * 1000)), error)


class TimedEngine(FakeEngine):
    def __init__(self, max_batch: int, cost: Cost, *, broken: bool = False) -> None:
        super().__init__(FakeClock(), 0, max_batch)
        self.cost = cost
        self.broken = broken
        self.free.append(TimedBatch(self))


def loaded(
    alone: Cost, together: Cost, max_batch: int = 8, *, broken: bool = False
) -> tuple[Engine, BatchSizes, list[TimedEngine]]:
    made: list[TimedEngine] = []

    def make(largest: int) -> Engine:
        made.append(TimedEngine(largest, alone if largest == 1 else together, broken=broken and largest > 1))
        return made[-1]

    try:
        engine, sizes = load_engine(make, max_batch, 0.0)
    except EngineError:
        assert all(engine.closed for engine in made)
        raise
    assert [each.closed for each in made] == [each is not engine for each in made]
    return engine, sizes, made


def linear(size: int) -> float:
    return 10.0 * size


def parallel(size: int) -> float:
    return 10.0 + size


def test_a_device_that_gains_from_batches_gets_every_size() -> None:
    engine, sizes, _ = loaded(lambda _: 11.0, parallel)
    assert sizes == BatchSizes((1, 2, 4, 8), 11_000.0)
    assert engine.info.max_batch == 8


def test_the_largest_size_is_tried_even_when_it_is_no_power_of_two() -> None:
    assert loaded(lambda _: 11.0, parallel, 6)[1].sizes == (1, 2, 4, 6)


def test_a_processor_that_gains_nothing_keeps_the_engine_without_batches() -> None:
    engine, sizes, made = loaded(linear, linear)
    assert sizes.sizes == (1,)
    assert engine.info.max_batch == 1
    assert set(made[1].sizes) == {1, 2}  # larger ones were not even tried


def test_an_engine_for_batches_that_loses_at_single_pictures_is_not_used() -> None:
    """However much it gains at eight: one request at a time must not become slower."""
    engine, sizes, _ = loaded(lambda _: 10.0, parallel)
    assert sizes.sizes == (1,)
    assert engine.info.max_batch == 1


def test_no_size_beyond_the_first_that_loses_is_used() -> None:
    cost = {1: 10.0, 2: 15.0, 4: 60.0, 8: 20.0}
    assert loaded(lambda _: 10.0, cost.__getitem__)[1].sizes == (1, 2)


def test_a_model_of_one_picture_at_a_time_gets_one_engine() -> None:
    _, sizes, made = loaded(linear, linear, 1)
    assert sizes.sizes == (1,)
    assert len(made) == 1


def test_an_engine_that_fails_while_it_is_measured_is_closed() -> None:
    with pytest.raises(EngineError, match="broken"):
        loaded(linear, linear, broken=True)


@pytest.mark.parametrize(("waiting", "taken"), [(0, 1), (1, 1), (3, 1), (4, 4), (7, 4), (8, 8), (100, 8)])
def test_a_batch_has_the_largest_useful_size_that_can_be_filled_now(waiting: int, taken: int) -> None:
    assert BatchSizes((1, 4, 8)).at_most(waiting) == taken
