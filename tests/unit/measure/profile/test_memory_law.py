"""Memory by pods and streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.measure.profile.memory_law import most_streams_in, pod_and_stream_mb


@given(st.floats(10, 1000), st.floats(0, 50), st.sets(st.integers(1, 64), min_size=2, max_size=6))
def test_a_straight_line_is_found_again(pod_mb: float, stream_mb: float, streams: set[int]) -> None:
    seen = [(count, pod_mb + (count - 1) * stream_mb) for count in streams]
    found_pod, found_stream = pod_and_stream_mb(seen)
    assert found_pod == pytest.approx(pod_mb, abs=0.01, rel=1e-3)
    assert found_stream == pytest.approx(stream_mb, abs=0.01, rel=1e-3)


def test_memory_that_falls_with_more_streams_is_noise_and_no_gift() -> None:
    assert pod_and_stream_mb([(1, 200.0), (8, 190.0)])[1] == 0


def test_from_one_number_of_streams_nothing_is_known_of_further_ones_but_their_share() -> None:
    assert pod_and_stream_mb([(1, 200.0), (1, 210.0)]) == (205.0, 205.0)


@given(st.floats(0, 1e5), st.floats(1, 500), st.floats(0.1, 50))
def test_what_fits_fits_and_one_more_does_not(memory_mb: float, pod_mb: float, stream_mb: float) -> None:
    streams = most_streams_in(memory_mb, pod_mb, stream_mb)
    if streams:
        assert pod_mb + (streams - 1) * stream_mb <= memory_mb * (1 + 1e-9)
    assert pod_mb + streams * stream_mb > memory_mb * (1 - 1e-9) or streams == 0
