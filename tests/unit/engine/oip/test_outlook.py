"""Whether a request can still make it."""

from __future__ import annotations

from camslice.engine.oip.outlook import Outlook
from tests.unit.engine.oip.fakes import MS


def late(outlook: Outlook, left_ms: float | None, rounds: int = 1, *, idle: bool = True) -> bool:
    return outlook.is_late(0, None if left_ms is None else int(left_ms * MS), rounds, idle=idle)


def test_nothing_is_late_without_a_deadline() -> None:
    assert not late(Outlook(10 * MS), None, rounds=1000)


def test_what_was_measured_at_loading_is_expected_at_first() -> None:
    outlook = Outlook(10 * MS)
    assert late(outlook, 9)
    assert not late(outlook, 11)
    assert late(outlook, 29, rounds=3)
    assert not late(outlook, 31, rounds=3)


def test_a_passed_deadline_is_late_even_when_nothing_is_known() -> None:
    outlook = Outlook()
    assert late(outlook, -1)
    assert late(outlook, 0)
    assert not late(outlook, 1)


def test_a_busy_engine_is_expected_to_take_as_long_as_lately() -> None:
    outlook = Outlook(10 * MS)
    for _ in range(100):
        outlook.note(50 * MS)
    assert late(outlook, 40, idle=False)
    assert not late(outlook, 40, idle=True)


def test_near_misses_lower_an_expectation_that_may_be_wrong() -> None:
    outlook = Outlook(100 * MS)
    assert late(outlook, 60)
    for _ in range(200):
        if not late(outlook, 60):
            break
    assert not late(outlook, 60)


def test_requests_without_a_chance_do_not_lower_what_a_busy_engine_is_expected_to_take() -> None:
    outlook = Outlook(100 * MS)
    for _ in range(1000):
        assert late(outlook, 1, idle=False)
    assert late(outlook, 99, idle=False)


def test_an_idle_engine_does_not_refuse_for_ever_what_was_never_tried() -> None:
    """Its first batch may have been slow: with nothing being computed nobody would ever learn better."""
    outlook = Outlook(100 * MS)
    assert not all(late(outlook, 10) for _ in range(300))
    outlook.note(8 * MS)
    assert not late(outlook, 10)


def test_a_request_that_was_tried_in_doubt_and_was_slow_restores_the_expectation() -> None:
    outlook = Outlook(100 * MS)
    while late(outlook, 10):
        pass
    outlook.note(100 * MS)
    assert late(outlook, 10)
    assert not all(late(outlook, 10) for _ in range(300)), "and is tried again now and then"


def test_requests_whose_time_is_up_lower_nothing() -> None:
    outlook = Outlook(100 * MS)
    for _ in range(1000):
        assert late(outlook, -1)
    assert late(outlook, 99)
