"""Plays a file or a scene in real time: each frame has a scheduled instant, and that is its capture time.

A thread that is late keeps the schedule, so that its lateness is seen as latency of decoding. Only when it is hopelessly late
(the machine was suspended, or cannot decode this many cameras) the schedule is moved, and the frames skipped are missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from camslice.video.capture_clock import CaptureTime
from camslice.video.feed import PacketTime
from camslice.video.timeline import Timeline

MAX_LATE_NS = 3_000_000_000
_ROUNDING = 1e-9
"""Of a frame: what adding up fractions may lose."""


class SkippedFrames:
    """Turns skipped time into whole frames. What is left of a frame counts with the time skipped next, so that nothing is lost
    at low rates, where a skip is shorter than the interval between two frames.

    >>> skipped = SkippedFrames()
    >>> [skipped.take(3_000_000_000, 0.5) for _ in range(4)]
    [1, 2, 1, 2]
    """

    def __init__(self) -> None:
        self._left = 0.0

    def take(self, skipped_ns: int, rate_fps: float) -> int:
        """How many frames have been missed that no earlier call has told."""
        self._left += skipped_ns / 1e9 * rate_fps
        whole = math.floor(self._left + _ROUNDING)
        self._left -= whole
        return whole


class PlaybackClock:
    """The schedule of one played source. `on_skipped` is told by how many nanoseconds the schedule was moved."""

    def __init__(self, timeline: Timeline, on_skipped: Callable[[int], None], start_ns: int | None = None) -> None:
        """`start_ns`: when the first frame is scheduled, None for as soon as it is there."""
        self._timeline = timeline
        self._on_skipped = on_skipped
        self._start_ns = start_ns

    def on_packet(self, packet: PacketTime, asked_ns: int, arrived_ns: int) -> int:
        """The instant at which the packet is to be decoded. The first packet starts the schedule."""
        offset_ns = round(self._timeline.packet_s(packet) * 1e9)
        if self._start_ns is None:
            self._start_ns = arrived_ns
        late_ns = arrived_ns - (self._start_ns + offset_ns)
        if late_ns > MAX_LATE_NS:
            self._start_ns += late_ns
            self._on_skipped(late_ns)
        return self._start_ns + offset_ns

    def capture_time(self, pts_s: float | None) -> CaptureTime:
        """The frame's scheduled instant."""
        media_s = self._timeline.frame_s(pts_s)
        captured_ns = (self._start_ns or 0) + round(media_s * 1e9)
        return CaptureTime(captured_ns, captured_ns, media_s)
