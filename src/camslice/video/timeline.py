"""The time inside a video that is played: one clock that only goes forward, over loops, files in a row and bad time stamps."""

from __future__ import annotations

from typing import Protocol

from camslice.video.feed import PacketTime

DEFAULT_FPS = 25.0
MAX_PAUSE_S = 10.0
"""A longer step between two packets of one file is a splice, not a pause."""
MAX_REORDERING_S = 1.0
"""A longer step back is a splice, not packets out of order (whose decoding time is unknown)."""
_SAME_S = 1e-6
"""Nearer frames are at the same time but for rounding: less than any time stamp's tick."""


class Timeline(Protocol):
    """Media time in seconds from the first frame. Told of every packet, asked about every frame that comes out."""

    def packet_s(self, packet: PacketTime) -> float:
        """The media time at which this packet is to be decoded."""
        ...

    def frame_s(self, pts_s: float | None) -> float:
        """The media time of the next frame that the decoder gave out."""
        ...


class CountedTimeline:
    """Frames come at a rate of our choice: frame k at k / fps, whatever the file says."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._frames = 0

    def packet_s(self, packet: PacketTime) -> float:
        """The time of the frame that comes out next, whether this packet or a later one completes it."""
        return self._frames / self._fps

    def frame_s(self, pts_s: float | None) -> float:
        """k / fps."""
        self._frames += 1
        return (self._frames - 1) / self._fps


class SourceTimeline:
    """Frames come as the source's time stamps say. A new pass continues one frame after the last.

    Packets are paced by their decoding time stamp: a decoder that reorders gives out, for a packet with decoding time t, the
    frame to be shown at t, so each frame is decoded just when it is scheduled.
    """

    def __init__(self, nominal_fps: float | None) -> None:
        self._interval_s = 1 / (nominal_fps or DEFAULT_FPS)
        self._shift_s = 0.0
        self._started = False
        self._last_packet_s: float | None = None
        self._newest_s: float | None = None
        self._last_frame_s: float | None = None

    def packet_s(self, packet: PacketTime) -> float:
        """The packet's decoding time moved onto this timeline; where it has none, one interval after the packet before."""
        raw_s = packet.dts_s if packet.dts_s is not None else packet.pts_s
        if raw_s is None:
            media_s = self._end_s() if packet.starts_pass else self._after_last_packet_s()
        elif not self._started or packet.starts_pass or self._is_splice(raw_s):
            self._started = True
            first_s = packet.pts_s if packet.pts_s is not None else raw_s
            self._shift_s = self._end_s() - first_s
            self._newest_s = None
            media_s = raw_s + self._shift_s
        else:
            media_s = raw_s + self._shift_s
        self._last_packet_s = media_s
        shown_s = media_s if packet.pts_s is None else packet.pts_s + self._shift_s
        self._newest_s = shown_s if self._newest_s is None else max(self._newest_s, shown_s)
        return media_s

    def frame_s(self, pts_s: float | None) -> float:
        """The frame's time moved onto this timeline; where it has none or a wrong one, one interval after the last.

        Wrong is one that goes back, and one beyond every packet since the last splice: a decoder that reorders still gives
        out frames from before the splice, and their stamps do not belong to the part that is read now.
        """
        media_s = self._end_s() if pts_s is None else pts_s + self._shift_s
        if self._last_frame_s is not None:
            step_s = media_s - self._last_frame_s
            if step_s < _SAME_S or self._is_beyond_packets(media_s):
                media_s = self._last_frame_s + self._interval_s
            elif step_s < MAX_PAUSE_S:
                self._interval_s = step_s
        self._last_frame_s = media_s
        return media_s

    def _end_s(self) -> float:
        return 0.0 if self._last_frame_s is None else self._last_frame_s + self._interval_s

    def _after_last_packet_s(self) -> float:
        return 0.0 if self._last_packet_s is None else self._last_packet_s + self._interval_s

    def _is_beyond_packets(self, media_s: float) -> bool:
        return self._newest_s is not None and media_s > self._newest_s + self._interval_s

    def _is_splice(self, raw_s: float) -> bool:
        if self._last_packet_s is None:
            return False
        step_s = raw_s + self._shift_s - self._last_packet_s
        return step_s < -MAX_REORDERING_S or step_s > max(MAX_PAUSE_S, 5 * self._interval_s)
