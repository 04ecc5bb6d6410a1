from __future__ import annotations

import pytest

from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Pace
from camslice.video.camera import Camera
from camslice.video.feed import PacketTime
from camslice.video.playback import MAX_LATE_NS, PlaybackClock, SkippedFrames
from camslice.video.timeline import SourceTimeline
from tests.camera_recorder import Recorder

S = 1_000_000_000


def clock_and_skips() -> tuple[PlaybackClock, list[int]]:
    skips: list[int] = []
    return PlaybackClock(SourceTimeline(10), skips.append), skips


def test_the_schedule_starts_with_the_first_packet_and_follows_the_stamps() -> None:
    clock, _ = clock_and_skips()
    assert clock.on_packet(PacketTime(7.0, 7.0, starts_pass=True), 99 * S, 100 * S) == 100 * S
    assert clock.capture_time(7.0).captured_ns == 100 * S
    assert clock.on_packet(PacketTime(7.5, 7.5), 100 * S, 100 * S) == 100 * S + S // 2


def test_a_late_thread_keeps_the_schedule_so_that_lateness_is_latency() -> None:
    clock, skips = clock_and_skips()
    clock.on_packet(PacketTime(0.0, 0.0, starts_pass=True), 0, 100 * S)
    late_ns = 102 * S
    assert clock.on_packet(PacketTime(0.1, 0.1), late_ns, late_ns) == 100 * S + S // 10
    assert clock.capture_time(0.1).captured_ns == 100 * S + S // 10
    assert not skips


def test_a_hopelessly_late_thread_skips_and_says_how_much() -> None:
    clock, skips = clock_and_skips()
    clock.on_packet(PacketTime(0.0, 0.0, starts_pass=True), 0, 100 * S)
    woken_ns = 100 * S + S // 10 + MAX_LATE_NS + 5 * S
    assert clock.on_packet(PacketTime(0.1, 0.1), woken_ns, woken_ns) == woken_ns
    assert clock.capture_time(0.1).captured_ns == woken_ns
    assert skips == [MAX_LATE_NS + 5 * S]


@pytest.mark.parametrize(("fps", "skips_s", "frames"), [(0.2, 3.1, 12), (0.1, 3.3, 6), (1.0, 3.5, 70), (25.0, 3.01, 1505)])
def test_no_frame_is_rounded_away_however_low_the_rate(fps: float, skips_s: float, frames: int) -> None:
    skipped = SkippedFrames()
    assert sum(skipped.take(int(skips_s * S), fps) for _ in range(20)) == frames


def test_a_camera_tells_all_the_frames_that_it_skips() -> None:
    told = Recorder()
    camera = Camera(CameraSpec("slow", Source("scene://people", "scene://people"), 0.2, ("model",)), Pace.LIVE, told)
    for _ in range(20):
        camera._tell_skipped(4 * S)
    assert told.missed == 16, "80 s at one frame in five seconds"
