"""Sources without an end, which send by their own clock: network cameras and USB cameras."""

from __future__ import annotations

from av.error import FFmpegError

from camslice.fleet.secrets import Source
from camslice.video.feed import ConnectionLostError, CorruptPacketError, Decoded, DueFrame, PacketTime
from camslice.video.selection import Selector, Untimed
from camslice.video.sources.av_reader import AvReader
from camslice.video.sources.faults import reason

PROBE_OPTIONS = {"fpsprobesize": "0", "analyzeduration": "1000000"}
"""FFmpeg by default watches a stream for up to five seconds to guess its rate, which we do not need."""
_UNDECODABLE_LIMIT = 500


class LiveFeed:
    """Packets of a camera as they come. Takes over the reader.

    `timed` False: the time stamps are made up by FFmpeg, so a frame counts as captured when it arrived. `live` False: packets
    come in bursts that are to be played at their own rate (HLS).
    """

    def __init__(self, reader: AvReader, source: Source, *, timed: bool = True, live: bool = True) -> None:
        self._reader = reader
        self._source = source
        self._timed = timed
        self.live = live

    @property
    def nominal_fps(self) -> float | None:
        """The rate that the camera declares."""
        return self._reader.nominal_fps

    @property
    def remark(self) -> str:
        """Why it is not decoded as it was asked for."""
        return self._reader.remark

    def advance(self) -> PacketTime:
        """Wait for the next packet. Raises ConnectionLostError."""
        try:
            packet = self._reader.advance()
        except FFmpegError as error:
            raise ConnectionLostError(reason(error, self._source)) from None
        if packet is None:
            raise ConnectionLostError("the camera ended the connection")
        return packet if self._timed else PacketTime(None, None)

    def decode(self) -> list[Decoded]:
        """The frames that the packet completes.

        Raises CorruptPacketError, but not before the first frame: one joins a stream in its middle, and packets up to the first
        keyframe are not corrupt. Raises ConnectionLostError when nothing at all can be decoded.
        """
        try:
            frames = self._reader.decode()
        except CorruptPacketError:
            self._check_undecodable()
            if self._reader.frames:
                raise
            return []
        self._check_undecodable()
        return frames if self._timed else [Decoded(None, frame.picture, frame.corrupt) for frame in frames]

    def decode_due(self, selector: Selector) -> list[DueFrame]:
        """The due frames that the packet completes; up to the first frame nothing is corrupt. Raises ConnectionLostError."""
        try:
            due = self._reader.decode_due(selector if self._timed else Untimed(selector))
        except CorruptPacketError:
            due = []
        self._check_undecodable()
        return due

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def _check_undecodable(self) -> None:
        if self._reader.fruitless >= _UNDECODABLE_LIMIT:
            raise ConnectionLostError("packets come, but no picture can be decoded from them")
