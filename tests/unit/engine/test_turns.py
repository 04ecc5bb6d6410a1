"""When a request begins that had to wait for the device."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.turns import Turns


class Request:
    def __init__(self) -> None:
        self.started_ns = time.monotonic_ns()
        self.began_ns: int | None = None

    def began(self, at_ns: int) -> None:
        assert self.began_ns is None, "a request begins once"
        self.began_ns = at_ns


def entered(turns: Turns) -> Request:
    request = Request()
    turns.enter(request)
    return request


def test_requests_beyond_the_streams_begin_when_another_is_done() -> None:
    turns = Turns(2)
    first, second, third = (entered(turns) for _ in range(3))
    assert first.began_ns is not None
    assert second.began_ns is not None
    assert third.began_ns is None
    turns.leave(first, at_ns := time.monotonic_ns())
    assert third.began_ns == at_ns


def test_a_request_that_is_done_before_its_turn_was_seen_still_has_a_beginning() -> None:
    turns = Turns(1)
    _, second, third = (entered(turns) for _ in range(3))
    turns.leave(third, time.monotonic_ns())
    assert third.began_ns is not None
    assert third.began_ns >= third.started_ns
    assert second.began_ns is None


def test_a_request_never_begins_before_it_was_started() -> None:
    turns = Turns(1)
    first = entered(turns)
    ended_ns = time.monotonic_ns()
    second = entered(turns)
    turns.leave(first, ended_ns)
    assert second.began_ns is not None
    assert second.began_ns >= second.started_ns


@given(streams=st.integers(1, 3), steps=st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=60))
def test_whatever_the_order_every_request_begins_once_between_start_and_end(streams: int, steps: list[int | None]) -> None:
    turns = Turns(streams)
    inside: list[Request] = []
    for step in steps:
        if step is None or not inside:
            inside.append(entered(turns))
        else:
            done = inside.pop(step % len(inside))
            at_ns = time.monotonic_ns()
            turns.leave(done, at_ns)
            assert done.began_ns is not None
            assert done.started_ns <= done.began_ns <= at_ns
        assert sum(request.began_ns is not None for request in inside) <= streams
