"""When a frame was captured, for the three ways in which frames come (see DESIGN: the life of a frame)."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from camslice.video.feed import PacketTime
from camslice.video.timeline import Timeline


class CaptureTime(NamedTuple):
    """`captured_ns` on the monotonic clock; `due_ns` on the clock by which frames are due; `pts_s` of the source."""

    captured_ns: int
    due_ns: int
    pts_s: float | None


class CaptureClock(Protocol):
    """Maps a source's time stamps to the monotonic clock. Told of every packet, asked about every frame."""

    def on_packet(self, packet: PacketTime, asked_ns: int, arrived_ns: int) -> int:
        """A packet was asked for and arrived at these instants. Returns the instant before which it must not be decoded."""
        ...

    def capture_time(self, pts_s: float | None) -> CaptureTime:
        """When the frame with that time stamp was captured. Never goes back."""
        ...


class LosslessClock:
    """For sources that wait for us: a frame is captured when its packet is taken, and due by the source's own time."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._taken_ns = 0

    def on_packet(self, packet: PacketTime, asked_ns: int, arrived_ns: int) -> int:
        """Note when the packet was taken; it may be decoded at once."""
        self._timeline.packet_s(packet)
        self._taken_ns = arrived_ns
        return arrived_ns

    def capture_time(self, pts_s: float | None) -> CaptureTime:
        """The instant at which the last packet was taken."""
        media_s = self._timeline.frame_s(pts_s)
        return CaptureTime(self._taken_ns, round(media_s * 1e9), media_s)
