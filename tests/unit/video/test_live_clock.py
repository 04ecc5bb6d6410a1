from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.video.feed import PacketTime
from camslice.video.live_clock import WINDOW_NS, LiveClock

MS = 1_000_000
S = 1000 * MS
OFFSET = 1000 * S


class Wire:
    """Feeds a clock packets that were captured at a camera time and took a delay to arrive."""

    def __init__(self) -> None:
        self.clock = LiveClock()

    def deliver(self, pts_s: float, delay_ms: float, *, waited: bool = True, offset: int = OFFSET) -> int:
        """Returns captured minus true capture time, in ns."""
        true_ns = round(pts_s * S) + offset
        arrived_ns = true_ns + round(delay_ms * MS)
        self.clock.on_packet(PacketTime(pts_s, None), arrived_ns - (30 * MS if waited else 0), arrived_ns)
        captured_ns = self.clock.capture_time(pts_s).captured_ns
        assert captured_ns <= arrived_ns
        return captured_ns - true_ns


def test_capture_is_the_stamp_plus_the_smallest_offset_seen() -> None:
    wire = Wire()
    assert wire.deliver(0.0, 50) == 50 * MS
    assert wire.deliver(0.1, 10) == 10 * MS
    assert wire.deliver(0.2, 80) == 10 * MS, "the delay beyond that of the fastest packet is latency"


@given(st.lists(st.floats(0, 500), min_size=1, max_size=100))
def test_no_frame_is_captured_after_it_arrived_or_before_the_frame_before_it(delays_ms: list[float]) -> None:
    clock, arrived_ns, last_ns = LiveClock(), 0, 0
    for k, delay_ms in enumerate(delays_ms):
        asked_ns = arrived_ns
        arrived_ns = max(arrived_ns, OFFSET + round(k * 0.04 * S + delay_ms * MS))
        clock.on_packet(PacketTime(k * 0.04, None), asked_ns, arrived_ns)
        captured_ns = clock.capture_time(k * 0.04).captured_ns
        assert last_ns <= captured_ns <= arrived_ns
        last_ns = captured_ns


def test_a_starved_reader_sees_its_lag_as_latency_however_long_it_lasts() -> None:
    wire = Wire()
    for k in range(50):
        wire.deliver(k / 10, 5)
    for k in range(50, 3000):
        error_ns = wire.deliver(k / 10, 2500, waited=False)
    assert error_ns == 5 * MS, "five minutes behind by 2.5 s: still captured when it was, not when it was read"


def test_a_camera_whose_clock_runs_slow_is_followed() -> None:
    wire = Wire()
    drift_per_s = 200e-6
    for k in range(6000):
        time_s = k / 10
        error_ns = wire.deliver(time_s, 5, offset=OFFSET + round(time_s * drift_per_s * S))
    assert abs(error_ns) <= WINDOW_NS * drift_per_s + 6 * MS


def test_a_clock_set_back_starts_anew() -> None:
    wire = Wire()
    for k in range(20):
        wire.deliver(100 + k / 10, 5)
    jumped = OFFSET + 102 * S
    assert wire.deliver(0.1, 5, offset=jumped) == 5 * MS
    assert wire.deliver(0.2, 25, offset=jumped) == 5 * MS


def test_one_stamp_far_in_the_future_does_not_make_all_later_frames_old() -> None:
    wire = Wire()
    for k in range(20):
        wire.deliver(k / 10, 5)
    wire.deliver(50.0, 5 - 48_000)
    assert wire.deliver(2.1, 5) == 5 * MS


def test_frames_out_of_order_are_no_jump() -> None:
    wire = Wire()
    wire.deliver(0.0, 5)
    wire.clock.on_packet(PacketTime(0.12, None), 0, OFFSET + 130 * MS)
    wire.clock.on_packet(PacketTime(0.04, None), 0, OFFSET + 140 * MS)
    assert wire.clock.capture_time(0.04).captured_ns == OFFSET + 45 * MS


def test_without_a_stamp_a_frame_is_captured_when_it_arrives() -> None:
    clock = LiveClock()
    clock.on_packet(PacketTime(None, None), 0, 77)
    assert clock.capture_time(None).captured_ns == 77


@pytest.mark.parametrize("hours", [1])
def test_memory_stays_small(hours: int) -> None:
    wire = Wire()
    for k in range(hours * 3600):
        wire.deliver(float(k), k * 0.01, waited=k < 10)
    assert len(wire.clock._minima) <= 64
