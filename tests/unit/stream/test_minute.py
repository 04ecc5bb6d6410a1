"""The last minute of a stream."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.stream.minute import MinuteWindow

TIMES = st.lists(st.tuples(st.floats(0, 30, width=32), st.floats(0, 1000, width=32), st.integers(0, 9)), max_size=60)


@given(TIMES, st.floats(0, 100))
def test_what_is_older_than_a_minute_is_forgotten_and_what_is_younger_than_50_s_is_not(
    frames: list[tuple[float, float, int]], pause_s: float
) -> None:
    window, at_s, told = MinuteWindow(), 1000.0, []
    for step_s, total_ms, detections in frames:
        at_s += step_s
        window.add(at_s, total_ms, detections)
        told.append((at_s, total_ms, detections))
    now_s = at_s + pause_s
    found = window.read(now_s)
    sure = [frame for frame in told if frame[0] > now_s - 50]
    perhaps = [frame for frame in told if frame[0] > now_s - 60]
    assert len(sure) <= found.frames <= len(perhaps)
    kept = perhaps[len(perhaps) - found.frames :]
    assert found.totals_ms.tolist() == sorted(total_ms for _, total_ms, _ in kept)
    assert found.detections == sum(detections for _, _, detections in kept)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=50), st.integers(0, 20), st.sampled_from([50.0, 90.0, 95.0, 99.0]))
def test_a_dropped_frame_counts_as_infinitely_late(totals_ms: list[int], dropped: int, percentile: float) -> None:
    window = MinuteWindow()
    for total_ms in totals_ms:
        window.add(5.0, float(total_ms), 1)
    everything = sorted([*map(float, totals_ms), *[math.inf] * dropped])
    expected = next(value for place, value in enumerate(everything, 1) if place >= percentile / 100 * len(everything) - 1e-9)
    assert window.read(5.0).percentile_ms(percentile, dropped) == (None if math.isinf(expected) else expected)


def test_a_stream_that_brought_nothing_has_no_figures() -> None:
    found = MinuteWindow().read(0.0)
    assert (found.frames, found.detections_per_frame, found.percentile_ms(95), found.percentile_ms(95, 3)) == (
        0,
        None,
        None,
        None,
    )


def test_detections_per_frame_are_those_of_the_minute() -> None:
    window = MinuteWindow()
    window.add(0.0, 10.0, 100)
    for found in (1, 2, 3):
        window.add(100.0, 10.0, found)
    assert window.read(100.0).detections_per_frame == pytest.approx(2.0)
