"""An engine's occupancy is the share of the last ten seconds in which it computed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from camslice.web.busy import Occupancy

S = 1_000_000_000


@dataclass
class Clock:
    now_s: float = 50.0

    def __call__(self) -> float:
        return self.now_s


def occupancy() -> tuple[Occupancy, Clock]:
    clock = Clock()
    return Occupancy(clock), clock


def test_the_first_look_knows_nothing() -> None:
    busy, _ = occupancy()
    assert busy.of("people", 7 * S, 1) == 0.0


def test_a_quarter_of_the_time_is_a_quarter() -> None:
    busy, clock = occupancy()
    busy.of("people", 3 * S, 1)
    clock.now_s += 4
    assert busy.of("people", 4 * S, 1) == pytest.approx(0.25)


def test_queues_share_the_occupancy() -> None:
    busy, clock = occupancy()
    busy.of("people", 0, 2)
    clock.now_s += 4
    assert busy.of("people", 4 * S, 2) == pytest.approx(0.5)


def test_it_is_never_above_one() -> None:
    busy, clock = occupancy()
    busy.of("people", 0, 1)
    clock.now_s += 1
    assert busy.of("people", 5 * S, 1) == 1.0


def test_what_is_older_than_ten_seconds_is_forgotten() -> None:
    busy, clock = occupancy()
    total = 0
    for second in range(60):
        total += S if second < 30 else 0
        last = busy.of("people", total, 1)
        clock.now_s += 1
    assert last == 0.0


def test_an_engine_that_was_started_anew_counts_from_zero() -> None:
    busy, clock = occupancy()
    busy.of("people", 100 * S, 1)
    clock.now_s += 2
    assert busy.of("people", 0, 1) == 0.0
    clock.now_s += 2
    assert busy.of("people", S, 1) == pytest.approx(0.5)


def test_engines_do_not_mix() -> None:
    busy, clock = occupancy()
    busy.of("people", 0, 1)
    busy.of("cars", 0, 1)
    clock.now_s += 2
    assert (busy.of("people", 2 * S, 1), busy.of("cars", S, 1)) == (pytest.approx(1.0), pytest.approx(0.5))


def test_two_looks_at_one_instant_divide_by_nothing() -> None:
    busy, _ = occupancy()
    busy.of("people", 0, 1)
    assert busy.of("people", S, 1) == 0.0
