"""The thread that looks after late requests: awake when one's time is up, and asleep otherwise."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue

import pytest

from camslice.engine.oip.client.patience import Patience

PATIENCE_S = 10.0


class Looks:
    """What it was asked, and when it wants to be asked again."""

    def __init__(self) -> None:
        self.times: SimpleQueue[float] = SimpleQueue()
        self.next_s = math.inf

    def __call__(self, now_s: float) -> float:
        next_s, self.next_s = self.next_s, math.inf
        self.times.put(now_s)
        return next_s

    def one(self) -> float:
        return self.times.get(timeout=PATIENCE_S)

    def is_none(self) -> bool:
        try:
            self.times.get(timeout=0.05)
        except Empty:
            return True
        return False


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def patience(looks: Looks) -> Iterator[Patience]:
    patience = Patience(looks, "test")
    looks.one()  # the first look, when there is nothing yet
    yield patience
    patience.close(PATIENCE_S)


def test_it_looks_when_the_time_is_up(looks: Looks, patience: Patience) -> None:
    until_s = looks.next_s = time.monotonic() + 0.1
    patience.until(until_s)
    looks.one()  # told of a time, it looks for the earliest of all
    assert looks.one() >= until_s
    assert looks.is_none()


def test_a_later_time_wakes_nobody_and_an_earlier_one_does(looks: Looks, patience: Patience) -> None:
    looks.next_s = time.monotonic() + 1000
    patience.until(looks.next_s)
    looks.one()
    assert looks.is_none()
    patience.until(time.monotonic() + 2000)
    assert looks.is_none()
    patience.until(time.monotonic() + 500)
    looks.one()


def test_a_time_that_is_told_while_it_looks_is_not_missed() -> None:
    looking, told = threading.Event(), threading.Event()
    looked: SimpleQueue[float] = SimpleQueue()

    def look(now_s: float) -> float:
        looking.set()
        assert told.wait(PATIENCE_S)
        looked.put(now_s)
        return math.inf  # what is told now comes too late for this look

    patience = Patience(look, "test")
    assert looking.wait(PATIENCE_S)
    patience.until(time.monotonic() + 1000)
    told.set()
    for _ in range(2):
        looked.get(timeout=PATIENCE_S)
    patience.close(PATIENCE_S)


def test_it_ends_when_it_is_closed_even_by_itself() -> None:
    before = set(threading.enumerate())
    closed = threading.Event()
    made: SimpleQueue[Patience] = SimpleQueue()

    def look(_: float) -> float:
        made.get(timeout=PATIENCE_S).close(PATIENCE_S)
        closed.set()
        return math.inf

    patience = Patience(look, "test")
    (thread,) = set(threading.enumerate()) - before
    made.put(patience)
    assert closed.wait(PATIENCE_S)
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
