"""How long a frame will probably take."""

from __future__ import annotations

import random

from camslice.fleet.service_time import ServiceTime

MS = 1_000_000


def test_most_frames_take_no_longer_than_expected() -> None:
    dice = random.Random(1)
    service = ServiceTime()
    late = 0
    for number in range(2000):
        took_ns = int(dice.gauss(30, 6) * MS)
        late += number >= 50 and took_ns > service.expected_ns
        service.note(took_ns)
    assert late < 0.1 * 1950
    assert service.expected_ns < 60 * MS


def test_a_steady_time_is_expected_as_it_is() -> None:
    service = ServiceTime()
    for _ in range(300):
        service.note(30 * MS)
    assert abs(service.expected_ns - 30 * MS) < MS


def test_frames_given_up_lower_an_estimate_that_may_be_out_of_date() -> None:
    service = ServiceTime()
    service.note(10_000 * MS)
    before_ns = service.expected_ns
    for _ in range(300):
        service.doubt()
    assert service.expected_ns < before_ns / 10


def test_what_was_measured_beforehand_is_expected_from_the_first_frame_on() -> None:
    service = ServiceTime(first_ns=30 * MS)
    assert service.expected_ns == 30 * MS
    service.note(30 * MS)
    assert service.expected_ns == 30 * MS


def test_no_frame_is_taken_to_need_more_than_half_of_its_objective() -> None:
    service = ServiceTime(first_ns=900 * MS)
    assert service.expected_within(1000 * MS) == 500 * MS
    assert service.expected_within(2000 * MS) == 900 * MS
