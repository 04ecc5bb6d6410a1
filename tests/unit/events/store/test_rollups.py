from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.events.store.rollups import OPEN_MINUTES, OpenMinute, Rollups
from camslice.fleet.accounting import FrameCounts, Looked, total_of
from camslice.fleet.stages import StageTimes
from tests.unit.events.made import GATE, NOON_S, YARD, found, made, many

NOON = int(NOON_S // 60)


def by_minute(rollups: Rollups) -> dict[tuple[str, int], OpenMinute]:
    return {(minute.stream.camera, minute.minute): minute for minute in rollups.grown()}


def test_results_count_in_the_minute_of_their_capture() -> None:
    rollups = Rollups()
    rollups.add_results(many(600))
    minutes = by_minute(rollups)
    assert {key: len(minute.times_ms) for key, minute in minutes.items()} == {("gate", NOON): 300, ("gate", NOON + 1): 300}
    assert minutes["gate", NOON].detections == {"person": 150}


def test_a_stage_that_took_no_part_has_no_histogram() -> None:
    rollups = Rollups()
    rollups.add_results([made(0, inference_ms=10.0), made(1, inference_ms=30.0)])
    (minute,) = rollups.grown()
    named = {StageTimes._fields[place]: histogram for place, histogram in minute.stages().items()}
    assert set(named) == {"decode", "preprocess", "queue", "inference", "postprocess", "total"}
    assert named["inference"].n == 2
    assert named["inference"].sum_ms == pytest.approx(40.0)


def test_detections_count_by_the_labels_of_their_own_model() -> None:
    rollups = Rollups()
    one = found((0, 0, 1, 1), class_id=1)
    rollups.add_results([made(0, detections=one), made(1, detections=one, labels=("dog", "cat")), made(2, detections=one)])
    (minute,) = rollups.grown()
    assert minute.detections == {"bicycle": 2, "cat": 1}


def test_what_was_only_carried_on_is_timed_and_not_counted_again() -> None:
    rollups = Rollups()
    one = found((0, 0, 1, 1))
    rollups.add_results([made(0, detections=one), made(1, detections=one, looked=Looked.PREDICTED)])
    rollups.add_results([made(2, detections=one, looked=Looked.REGIONS)])
    (minute,) = rollups.grown()
    assert minute.detections == {"person": 2}
    assert len(minute.times_ms) == 3


def test_a_minute_is_written_again_only_when_it_has_grown() -> None:
    rollups = Rollups()
    rollups.add_results(many(10))
    rollups.written(rollups.grown())
    assert list(rollups.grown()) == []
    rollups.add_results(many(5, first=10))
    (minute,) = rollups.grown()
    assert len(minute.times_ms) == 15


def test_a_minute_pushed_out_before_it_was_written_is_still_written() -> None:
    rollups = Rollups()
    for place in range(OPEN_MINUTES + 2):
        rollups.add_results([made(place, captured_at_s=NOON_S + 60 * place)])
    assert {minute.minute for minute in rollups.grown()} == {NOON + place for place in range(OPEN_MINUTES + 2)}
    rollups.written(rollups.grown())
    assert list(rollups.grown()) == []


def test_totals_count_by_how_much_they_grew() -> None:
    rollups = Rollups()
    rollups.add_totals({GATE: FrameCounts(captured=10, analysed=7, in_flight=3)}, NOON_S)
    rollups.add_totals({GATE: FrameCounts(captured=25, analysed=20, stale=4, in_flight=1)}, NOON_S + 60)
    minutes = by_minute(rollups)
    assert minutes["gate", NOON].frames == FrameCounts(captured=10, analysed=7, in_flight=3)
    assert minutes["gate", NOON + 1].frames == FrameCounts(captured=15, analysed=13, stale=4, in_flight=-2)
    assert all(minute.frames.balanced for minute in minutes.values())


def test_totals_that_fell_began_anew() -> None:
    rollups = Rollups()
    rollups.add_totals({GATE: FrameCounts(captured=10, analysed=10)}, NOON_S)
    rollups.add_totals({GATE: FrameCounts(captured=4, analysed=4)}, NOON_S + 1)
    assert by_minute(rollups)["gate", NOON].frames.captured == 14


def test_a_stream_that_is_left_out_for_a_while_is_not_counted_twice() -> None:
    rollups = Rollups()
    rollups.add_totals({GATE: FrameCounts(captured=10, analysed=10)}, NOON_S)
    rollups.add_totals({}, NOON_S + 1)
    rollups.add_totals({GATE: FrameCounts(captured=12, analysed=12)}, NOON_S + 2)
    assert by_minute(rollups)["gate", NOON].frames.captured == 12


def test_a_stream_that_stands_still_takes_no_room() -> None:
    rollups = Rollups()
    still = {GATE: FrameCounts(captured=10, analysed=10)}
    for minute in range(10):
        rollups.add_totals({**still, YARD: FrameCounts(captured=minute, analysed=minute)}, NOON_S + 60 * minute)
        rollups.written(rollups.grown())
    assert GATE not in rollups._open
    assert YARD in rollups._open


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=30))
def test_whatever_samples_are_missed_the_sum_over_minutes_is_the_total(steps: list[tuple[int, int, bool]]) -> None:
    rollups = Rollups()
    total, at_s, minutes = FrameCounts(), NOON_S, {}
    for captured, at_most, sampled in steps:
        ended = min(at_most, total.in_flight + captured)
        total = total + FrameCounts(captured=captured, analysed=ended, in_flight=captured - ended, decoded=2 * captured)
        at_s += 17.0
        if sampled:
            rollups.add_totals({GATE: total}, at_s)
            minutes.update(by_minute(rollups))
            rollups.written(rollups.grown())
    rollups.add_totals({GATE: total}, at_s)
    minutes.update(by_minute(rollups))
    assert total_of(minute.frames for minute in minutes.values()) == total
