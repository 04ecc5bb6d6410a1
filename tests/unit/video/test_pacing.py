from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from camslice.video.pacing import NS_PER_S, DueClock, Outage

source_rates = st.floats(5, 60)
wanted_rates = st.floats(0.2, 60)


def due_times(fps: float, times_s: list[float]) -> list[float]:
    clock = DueClock(fps)
    return [time_s for time_s in times_s if clock.is_due(round(time_s * NS_PER_S))]


@given(source_rates, wanted_rates, st.floats(2, 30))
def test_the_number_of_due_frames_is_the_smaller_rate_times_the_time(source: float, wanted: float, duration_s: float) -> None:
    times = [k / source for k in range(int(duration_s * source) + 1)]
    expected = min(source, wanted) * times[-1] + 1
    assert abs(len(due_times(wanted, times)) - expected) <= 1


@given(source_rates, wanted_rates)
@example(5.0, 0.24)  # an instant halfway between two frames, and rounding
def test_due_frames_are_spread_evenly(source: float, wanted: float) -> None:
    due = due_times(wanted, [k / source for k in range(300)])
    steps = [after - before for before, after in itertools.pairwise(due)]
    assert all(step >= 1 / wanted - 1 / source - 1e-6 for step in steps)
    assert all(step <= max(1 / wanted, 1 / source) + 1 / source + 1e-6 for step in steps)


@given(source_rates, st.floats(1, 4))
def test_a_source_slower_than_wanted_has_every_frame_due(source: float, faster: float) -> None:
    times = [k / source for k in range(200)]
    assert due_times(source * faster, times) == times


@given(st.lists(st.floats(-0.15, 0.15), min_size=100, max_size=100))
def test_jitter_of_a_seventh_of_the_interval_loses_no_frame_at_equal_rates(jitter: list[float]) -> None:
    times = [(k + shake) / 25 + 1 for k, shake in enumerate(jitter)]
    assert len(due_times(25, times)) >= 99


def test_after_a_gap_there_is_no_burst() -> None:
    before = [k / 25 for k in range(50)]
    after = [20 + k / 25 for k in range(50)]
    due = due_times(5, before + after)
    assert len([time for time in due if time >= 20]) == pytest.approx(10, abs=1)
    steps = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert min(steps) >= 0.12


@pytest.mark.parametrize(("source_fps", "rate_fps"), [(5, 5), (10, 10), (25, 10)])
def test_frames_fall_due_at_the_wanted_rate_or_the_sources(source_fps: int, rate_fps: int) -> None:
    clock = DueClock(10)
    assert clock.rate_fps == 10, "nothing is known yet"
    for k in range(50):
        clock.is_due(k * NS_PER_S // source_fps)
    assert clock.rate_fps == pytest.approx(rate_fps)
    clock.break_off()
    clock.is_due(500 * NS_PER_S)
    assert clock.rate_fps == pytest.approx(rate_fps), "an outage is no slow source"
    assert Outage(clock.rate_fps, 0).newly_missed(10 * NS_PER_S + 1) == pytest.approx(10 * rate_fps, abs=1)


def test_a_clock_that_is_set_back_starts_anew() -> None:
    clock = DueClock(1)
    assert clock.is_due(100 * NS_PER_S)
    assert clock.is_due(5 * NS_PER_S)
    assert not clock.is_due(5 * NS_PER_S + NS_PER_S // 10)
    assert clock.is_due(6 * NS_PER_S)


def test_a_change_of_the_sources_rate_keeps_the_wanted_rate() -> None:
    fast = [k / 60 for k in range(600)]
    slow = [10 + k / 6 for k in range(60)]
    due = due_times(2, fast + slow)
    assert len(due) == pytest.approx(40, abs=1)


@pytest.mark.parametrize(
    ("down_s", "missed"),
    [(0.0, 0), (0.19, 0), (0.2, 0), (0.21, 1), (1.0, 4), (1.01, 5), (20.0, 99)],
)
def test_frames_due_strictly_between_two_captures_were_missed(down_s: float, missed: int) -> None:
    assert Outage(fps=5, last_ns=7 * NS_PER_S).newly_missed(round((7 + down_s) * NS_PER_S)) == missed


@given(st.floats(0.2, 30), st.lists(st.integers(1, 5 * NS_PER_S), max_size=20))
def test_missed_frames_are_reported_once_however_often_one_asks(fps: float, steps_ns: list[int]) -> None:
    often, once, now_ns, total = Outage(fps, 0), Outage(fps, 0), 1, 0
    for step_ns in steps_ns:
        now_ns += step_ns
        total += often.newly_missed(now_ns)
    total += often.newly_missed(now_ns)
    assert total == once.newly_missed(now_ns)


@given(source_rates, wanted_rates, st.integers(1, 40))
def test_a_frame_that_is_lost_after_it_was_due_has_the_next_one_in_its_place(source: float, wanted: float, lost: int) -> None:
    times_ns = [round(k / source * NS_PER_S) for k in range(100)]
    plain = DueClock(wanted)
    due = [time_ns for time_ns in times_ns if plain.is_due(time_ns)]
    victim = due[min(lost, len(due) - 2)]
    clock = DueClock(wanted)
    found = []
    for time_ns in times_ns:
        if clock.is_due(time_ns):
            if time_ns == victim:
                clock.take_back()
            else:
                found.append(time_ns)
    replaced = times_ns[times_ns.index(victim) + 1]
    assert replaced in found
    assert [time_ns for time_ns in found if time_ns < victim] == [time_ns for time_ns in due if time_ns < victim]
    assert len(found) >= len(due) - 1


@given(source_rates, wanted_rates)
def test_no_frame_is_due_before_the_earliest_that_is_told(source: float, wanted: float) -> None:
    clock = DueClock(wanted)
    for k in range(200):
        captured_ns = round(k / source * NS_PER_S)
        earliest_ns = clock.earliest_ns
        due = clock.is_due(captured_ns)
        if k > 2:  # the source's interval is known from the second frame on
            assert due == (captured_ns >= earliest_ns) or abs(captured_ns - earliest_ns) < 10
