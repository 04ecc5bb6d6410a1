"""Every request of a stream ends once: by its answer, by its patience, or with the stream."""

from __future__ import annotations

import math

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.oip.client.in_flight import InFlight, Waiting
from camslice.engine.oip.descriptors import message_class
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError

URL = "grpc://server:1"
GONE = EngineAwayError("gone")


def message(name: str) -> Message:
    return message_class("ModelInferResponse")(id=name)


def nothing(_: EngineAwayError) -> None:
    pass


class Asker:
    """Somebody who has sent requests, and what each of them heard."""

    def __init__(self) -> None:
        self.in_flight = InFlight(URL)
        self.heard: dict[str, list[Message | EngineError]] = {}

    def ask(self, name: str, until_s: float = 10.0, *, hurried: bool = True) -> None:
        self.in_flight.add(name, Waiting(self.heard.setdefault(name, []).append, until_s, hurried))

    def kinds(self) -> dict[str, list[type]]:
        return {name: [type(each) for each in heard] for name, heard in self.heard.items()}


def test_answers_in_another_order_reach_those_who_asked() -> None:
    asker = Asker()
    for name in "abc":
        asker.ask(name)
    for name in "cab":
        assert asker.in_flight.answered(name, message(name))
    assert {name: [each.id for each in heard] for name, heard in asker.heard.items()} == {name: [name] for name in "abc"}


def test_an_answer_that_nobody_asked_for_or_that_came_before_is_said_to_be_one() -> None:
    asker = Asker()
    asker.ask("a")
    assert not asker.in_flight.answered("b", message("b"))
    assert asker.in_flight.answered("a", message("a"))
    assert not asker.in_flight.answered("a", message("a"))
    assert len(asker.heard["a"]) == 1


def test_a_request_is_given_up_when_its_time_is_over_and_its_late_answer_is_heard_by_nobody() -> None:
    asker = Asker()
    asker.ask("a", until_s=5.0)
    asker.ask("b", until_s=7.0, hurried=False)
    asker.ask("c", until_s=9.0)
    assert asker.in_flight.give_up(4.9) == 5.0
    assert asker.kinds() == {"a": [], "b": [], "c": []}
    assert asker.in_flight.give_up(7.0) == 9.0
    assert asker.kinds() == {"a": [TooLateError], "b": [EngineAwayError], "c": []}
    assert all("no answer came in time" in str(asker.heard[name][0]) for name in "ab")
    assert asker.in_flight.given_up == 2
    assert asker.in_flight.answered("a", message("a"))
    assert asker.in_flight.given_up == 1
    assert len(asker.heard["a"]) == 1
    assert asker.in_flight.answered("c", message("c"))
    assert asker.in_flight.give_up(8.0) == math.inf


def test_a_request_that_was_given_up_before_it_was_sent_is_not_to_be_sent() -> None:
    asker = Asker()
    asker.ask("a", until_s=5.0)
    asker.ask("b", until_s=9.0)
    asker.in_flight.give_up(7.0)
    assert not asker.in_flight.still_waits("a")
    assert asker.in_flight.still_waits("b")
    assert asker.in_flight.given_up == 0
    assert not asker.in_flight.answered("a", message("a"))


def test_the_end_is_told_first_to_the_owner_and_then_to_all_who_wait() -> None:
    asker = Asker()
    order: list[str] = []
    asker.in_flight.add("a", Waiting(lambda _: order.append("who waits"), 10.0, True))
    asker.in_flight.end(GONE, lambda _: order.append("owner"))
    asker.in_flight.end(GONE, lambda _: order.append("owner again"))
    assert order == ["owner", "who waits"]
    with pytest.raises(EngineAwayError, match="gone"):
        asker.ask("b")


def test_a_mistake_in_taking_an_answer_leaves_the_others_theirs(caplog: pytest.LogCaptureFixture) -> None:
    asker = Asker()

    def fail(_: object) -> None:
        raise ZeroDivisionError

    asker.in_flight.add("a", Waiting(fail, 10.0, True))
    asker.ask("b")
    asker.in_flight.end(GONE, nothing)
    assert asker.kinds()["b"] == [EngineAwayError]
    assert "ZeroDivisionError" in caplog.text


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("ask"), st.integers(0, 20)),
            st.tuples(st.just("answer"), st.integers(0, 20)),
            st.tuples(st.just("give up"), st.integers(0, 20)),
        ),
        max_size=60,
    )
)
def test_whatever_happens_in_whatever_order_each_request_ends_once(events: list[tuple[str, int]]) -> None:
    asker = Asker()
    owed: set[str] = set()  # what a server that answers every request once has still to answer
    for index, (what, number) in enumerate(events):
        if what == "ask":
            asker.ask(str(index), until_s=float(number))
            owed.add(str(index))
        elif what == "answer":
            name = sorted(owed)[number % len(owed)] if owed else "nobody's"
            assert asker.in_flight.answered(name, message(name)) == (name in owed)
            owed.discard(name)
        else:
            asker.in_flight.give_up(float(number))
    asker.in_flight.end(GONE, nothing)
    assert all(len(heard) == 1 for heard in asker.heard.values())
