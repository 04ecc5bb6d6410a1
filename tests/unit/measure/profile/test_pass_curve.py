"""The capacity and its interval, from trials that held and trials that did not."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.measure.profile.pass_curve import Outcome, estimate_capacity, student_quantile


def outcomes(held: list[int], broke: list[int]) -> list[Outcome]:
    return [*(Outcome(streams, True) for streams in held), *(Outcome(streams, False) for streams in broke)]


def test_separated_trials_give_the_middle_of_the_gap_and_an_interval_around_it() -> None:
    found = estimate_capacity(outcomes([8, 9, 10], [12, 13, 14]))
    assert found.streams == 11
    assert found.low < 10.5 < 11.5 < found.high


def test_more_trials_of_the_same_kind_make_the_interval_narrower() -> None:
    few = estimate_capacity(outcomes([38, 39], [42, 43]))
    many = estimate_capacity(outcomes([38, 39] * 5, [42, 43] * 5))
    assert many.width < few.width / 1.5


def test_one_trial_that_contradicts_the_others_makes_the_interval_wider_and_moves_the_capacity_little() -> None:
    clear = outcomes([37, 38, 39, 40] * 2, [43, 44, 45, 46] * 2)
    doubtful = [*clear, Outcome(38, False)]
    before, after = estimate_capacity(clear), estimate_capacity(doubtful)
    assert after.width > before.width
    assert after.streams == pytest.approx(before.streams, rel=0.06)
    assert after.streams < before.streams


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        (1, 12.706),
        (2, 4.303),
        (3, 3.182),
        (4, 2.776),
        (5, 2.571),
        (6, 2.447),
        (8, 2.306),
        (12, 2.179),
        (30, 2.042),
        (120, 1.980),
    ],
)
def test_students_quantile_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert student_quantile(freedom) == pytest.approx(quantile, rel=0.003)


@given(st.integers(2, 300), st.integers(1, 5))
def test_the_capacity_lies_between_what_held_and_what_broke(held: int, gap: int) -> None:
    found = estimate_capacity(outcomes([held, held], [held + gap, held + gap]))
    assert found.low <= found.streams <= found.high
    assert held <= found.streams <= held + gap


@given(st.lists(st.tuples(st.integers(1, 100), st.booleans()), min_size=1, max_size=20), st.randoms())
@settings(max_examples=50)
def test_the_order_of_trials_does_not_matter(pairs: list[tuple[int, bool]], luck: random.Random) -> None:
    trials = [Outcome(streams, held) for streams, held in pairs]
    mixed = list(trials)
    luck.shuffle(mixed)
    one, other = estimate_capacity(trials), estimate_capacity(mixed)
    assert one.streams == pytest.approx(other.streams)
    assert (one.low, one.high) == (pytest.approx(other.low), pytest.approx(other.high))


@pytest.mark.parametrize("capacity", [10.4, 40.3, 150.7])
@pytest.mark.parametrize("spread", [0.01, 0.04])
def test_the_interval_mostly_holds_the_true_capacity(capacity: float, spread: float) -> None:
    holds = 0
    for seed in range(40):
        luck = random.Random(seed)
        loads = [max(1, round(capacity * share)) for share in (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15) for _ in range(3)]
        trials = [Outcome(load, luck.random() < 1 / (1 + math.exp((load - capacity) / (spread * capacity)))) for load in loads]
        found = estimate_capacity(trials)
        holds += found.low <= capacity <= found.high
    assert holds >= 33
