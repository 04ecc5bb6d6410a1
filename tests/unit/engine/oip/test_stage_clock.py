"""Where a request's time went."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.oip.stage_clock import Part, StageClock
from camslice.engine.protocol import InferenceTimes

durations = st.integers(0, 1000)


@given(st.lists(st.tuples(*[durations] * 9), max_size=6), durations)
def test_the_parts_add_up_to_the_time_between_arrival_and_answer(batches: list[tuple[int, ...]], arrived_ns: int) -> None:
    clock = StageClock(arrived_ns)
    last_ns = arrived_ns
    for taken, fill, wait, compute, read, *apart in batches:
        taken_ns = arrived_ns + taken
        filled_ns = taken_ns + fill
        began_ns = filled_ns + wait
        ended_ns = began_ns + compute
        read_ns = ended_ns + read
        clock.batch(taken_ns, filled_ns, InferenceTimes(began_ns, ended_ns, *apart), read_ns)
        last_ns = max(last_ns, read_ns)
    assert all(ns >= 0 for ns in clock.spent_ns.values())
    assert sum(clock.spent_ns.values()) == clock.total_ns
    if all(sum(apart) <= compute for _, _, _, compute, _, *apart in batches):
        assert clock.total_ns == last_ns - arrived_ns


def test_each_part_is_what_its_stamps_say() -> None:
    clock = StageClock(100)
    clock.until(Part.PREPROCESS, 101)
    clock.batch(110, 115, InferenceTimes(120, 140), 143)
    clock.until(Part.POSTPROCESS, 145)
    assert clock.spent_ns == {Part.QUEUE: 9 + 5, Part.PREPROCESS: 1 + 5, Part.INFERENCE: 20, Part.POSTPROCESS: 3 + 2}


def test_what_an_engine_prepares_itself_is_no_inference() -> None:
    clock = StageClock(0)
    clock.batch(0, 0, InferenceTimes(0, 100, queue_ns=10, preprocess_ns=20, postprocess_ns=30), 100)
    assert clock.spent_ns == {Part.QUEUE: 10, Part.PREPROCESS: 20, Part.INFERENCE: 40, Part.POSTPROCESS: 30}


def test_batches_that_overlap_count_once() -> None:
    clock = StageClock(0)
    clock.batch(0, 1, InferenceTimes(1, 11), 12)
    clock.batch(0, 2, InferenceTimes(2, 21), 22)
    assert clock.total_ns == 22
    assert clock.spent_ns[Part.INFERENCE] == 10 + 9
