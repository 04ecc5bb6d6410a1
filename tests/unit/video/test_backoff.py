from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camslice.video.backoff import Backoff


def test_waits_double_up_to_the_cap() -> None:
    backoff = Backoff(first_s=1, cap_s=6, chance=lambda: 1.0)
    assert [backoff.next_s() for _ in range(5)] == [1, 2, 4, 6, 6]


def test_a_connection_that_held_begins_with_short_waits_again() -> None:
    backoff = Backoff(first_s=1, cap_s=6, chance=lambda: 1.0)
    for _ in range(4):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 1


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 50))
def test_chance_shortens_a_wait_by_half_at_most(chance: float, tries: int) -> None:
    sure, shaken = Backoff(1, 8, lambda: 1.0), Backoff(1, 8, lambda: chance)
    for _ in range(tries):
        full_s = sure.next_s()
        assert full_s / 2 <= shaken.next_s() <= full_s
