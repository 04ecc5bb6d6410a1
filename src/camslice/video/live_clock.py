"""When a live source captured a frame: its time stamps mapped to our monotonic clock by the smallest offset.

A packet's arrival minus its time stamp is the offset between the two clocks plus the packet's delay on the way. The delay is
never negative, so the smallest offset seen is the best estimate, and what a frame took longer than the fastest one shows up
as latency: in the network, in a socket that nobody empties, in a decoder.

The clocks drift, so the smallest offset is forgotten after a window. But not while the reader is behind: then every packet is
late, and forgetting would hide exactly the lag that has to be seen. A reader that had to wait for a packet is not behind,
so the window ends at the last packet that was waited for.
"""

from __future__ import annotations

from collections import deque

from camslice.video.capture_clock import CaptureTime
from camslice.video.feed import PacketTime

NS_PER_S = 1_000_000_000
WINDOW_NS = 30 * NS_PER_S
WAITED_NS = 10_000_000
"""Shorter waits may be the interpreter's lock, not the network."""
BACKWARD_JUMP_NS = NS_PER_S
"""Frames out of order step back by less; more is a camera whose clock was set."""
_MAX_MINIMA = 64


class LiveClock:
    """Maps one connection's time stamps to the monotonic clock. A packet without one was captured when it arrived."""

    def __init__(self) -> None:
        self._minima: deque[tuple[int, int]] = deque()
        """(arrival, offset) with rising offsets: the first is the smallest of the window, at most one per second is kept."""
        self._arrived_ns = 0
        self._caught_up_ns: int | None = None
        self._last_pts_ns: int | None = None
        self._last_captured_ns = 0

    def on_packet(self, packet: PacketTime, asked_ns: int, arrived_ns: int) -> int:
        """Learn from a packet's arrival. It may be decoded at once."""
        self._arrived_ns = arrived_ns
        if packet.pts_s is None:
            return arrived_ns
        pts_ns = round(packet.pts_s * NS_PER_S)
        if self._last_pts_ns is not None and pts_ns < self._last_pts_ns - BACKWARD_JUMP_NS:
            self._minima.clear()
        self._last_pts_ns = pts_ns
        if self._caught_up_ns is None or arrived_ns - asked_ns >= WAITED_NS:
            self._caught_up_ns = arrived_ns
        self._observe(arrived_ns, arrived_ns - pts_ns, self._caught_up_ns - WINDOW_NS)
        return arrived_ns

    def capture_time(self, pts_s: float | None) -> CaptureTime:
        """When the frame was captured: never later than the last packet's arrival, never before the frame before it."""
        captured_ns = self._arrived_ns
        if pts_s is not None and self._minima:
            captured_ns = min(captured_ns, round(pts_s * NS_PER_S) + self._minima[0][1])
        self._last_captured_ns = max(captured_ns, self._last_captured_ns)
        return CaptureTime(self._last_captured_ns, self._last_captured_ns, pts_s)

    def _observe(self, arrived_ns: int, offset_ns: int, forget_before_ns: int) -> None:
        minima = self._minima
        while minima and minima[-1][1] >= offset_ns:
            minima.pop()
        while minima and minima[0][0] < forget_before_ns:
            minima.popleft()
        if not minima or (arrived_ns - minima[-1][0] >= NS_PER_S and len(minima) < _MAX_MINIMA):
            minima.append((arrived_ns, offset_ns))
