"""Whose a device's time is: not a nanosecond lost, everybody's share by area, and whoever is counted first has no advantage."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.stream.shares import shared

Slots = list[list[tuple[int, int]]]

pieces = st.tuples(st.integers(0, 5), st.integers(1, 700 * 700))
batches: st.SearchStrategy[Slots] = st.lists(st.lists(pieces, min_size=1, max_size=12), min_size=1, max_size=8)
times_ns = st.integers(0, 10**11)


@given(times_ns, batches)
def test_not_a_nanosecond_is_lost_or_counted_twice(busy_ns: int, slots: Slots) -> None:
    shares = shared(busy_ns, slots)
    assert sum(shares.values()) == busy_ns
    assert all(share >= 0 for share in shares.values())
    assert set(shares) == {row for slot in slots for row, _ in slot}


@given(times_ns, batches)
def test_every_slot_takes_as_much_as_any_other_and_its_pieces_share_it_by_area(busy_ns: int, slots: Slots) -> None:
    for row, share in shared(busy_ns, slots).items():
        parts = [Fraction(area, sum(each for _, each in slot)) for slot in slots for owner, area in slot if owner == row]
        assert abs(share - busy_ns * sum(parts) / len(slots)) <= 1


@given(times_ns, batches, st.randoms(use_true_random=False))
def test_the_order_of_slots_and_pieces_changes_nothing(busy_ns: int, slots: Slots, random: object) -> None:
    shuffle = random.shuffle  # type: ignore[attr-defined]
    other = [list(slot) for slot in slots]
    for slot in other:
        shuffle(slot)
    shuffle(other)
    assert shared(busy_ns, other) == shared(busy_ns, slots)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([[(4, 9)]], {4: 100}),
        ([[(0, 9)], [(1, 9)]], {0: 50, 1: 50}),
        ([[(0, 9)], [(1, 300), (0, 100)]], {0: 63, 1: 37}),
        ([[(2, 5), (1, 5), (0, 5)]], {0: 34, 1: 33, 2: 33}),
    ],
    ids=["a frame alone", "two full frames", "a full frame beside a canvas", "what is left over goes to the lowest row"],
)
def test_who_pays_what_of_a_hundred_nanoseconds(slots: Slots, expected: dict[int, int]) -> None:
    assert shared(100, slots) == expected
