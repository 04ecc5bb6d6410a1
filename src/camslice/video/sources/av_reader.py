"""One container and one decoder: the only place that talks to FFmpeg.

FFmpeg's own log is off (PyAV's default, made sure of here): it would write addresses with passwords to standard error, and it
takes the interpreter's lock for every line. What went wrong comes as exceptions, and `faults` puts them into words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import EOFError as AvEndOfFileError
from av.error import ExternalError, FFmpegError, UnknownError
from av.error import MemoryError as AvMemoryError
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from camslice.video.feed import CorruptPacketError, Decoded, DueFrame, PacketTime
from camslice.video.picture import AvPicture
from camslice.video.ring import PacketRing
from camslice.video.selection import Selector
from camslice.video.sources.dependence import ReadDependence, dependence_reader
from camslice.video.sources.hardware import SOFTWARE, Hardware
from camslice.video.sources.sieve import Sieve

av.logging.set_level(None)

OpenContainer = Callable[[HWAccel | None], InputContainer]
"""Opens the source, to be decoded on that device."""
_DEVICE_FAULTS = (ExternalError, UnknownError, AvMemoryError)
"""What a device fails with that is there and full."""

_TEXT_CODECS = {"ansi", "bintext", "xbin", "idf"}
"""FFmpeg would draw a text file as a picture of its letters."""


class NoVideoError(Exception):
    """The source can be read but holds no video."""


class AvReader:
    """Reads packets of one video stream and decodes them. Owned and used by one thread."""

    def __init__(
        self,
        open_container: OpenContainer,
        ring: PacketRing | None = None,
        *,
        patient: bool = False,
        key_frames: bool = False,
        device: Hardware = SOFTWARE,
    ) -> None:
        """Open. Every packet goes to `ring` too, if there is one. Raises FFmpegError, or NoVideoError.

        `patient` and `key_frames` are for `decode_due`, as the sieve has them. What `device` cannot decode is decoded in
        software, and `remark` says why.
        """
        self._open_container = open_container
        self._ring = ring
        self._patient = patient
        self._key_frames = key_frames
        self._device = device
        self._open()

    def _open(self) -> None:
        self.remark = self._device.lacking
        """Why this is not decoded as it was asked for, '' if it is."""
        self._container = self._opened()
        try:
            self._stream = _video_stream(self._container)
        except NoVideoError:
            self._container.close()
            raise
        _discard_all_but(self._stream, self._container)
        # One decoder thread per camera: with many cameras more threads only cost memory and switches.
        self._stream.codec_context.thread_count = 1
        self._tick_s = float(self._stream.time_base or 0)
        self._packets: Iterator[Packet[VideoStream]] = self._container.demux(self._stream)
        self._packet: Packet[VideoStream] | None = None
        self._begin()
        context = self._stream.codec_context
        self._dependence_of = dependence_reader(context.name, context.extradata, intra_only=context.codec.intra_only)

    def _opened(self) -> InputContainer:
        accelerator = self._device.accelerator()
        try:
            return self._open_container(accelerator)
        except _DEVICE_FAULTS as error:
            if accelerator is None:
                raise
            self.remark = self._device.failed(error)
            return self._open_container(None)

    def _begin(self) -> None:
        self.frames = 0
        """Frames decoded since opening or rewinding."""
        self.fruitless = 0
        """Packets given to the decoder since a frame came out of it."""
        self._sieve: Sieve[Packet[VideoStream], av.VideoFrame] = Sieve(
            self._give, self._tick_s, self._reorders, patient=self._patient, key_frames=self._key_frames
        )

    @property
    def nominal_fps(self) -> float | None:
        """The rate that the container declares or FFmpeg guessed."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else None

    @property
    def format_name(self) -> str:
        """FFmpeg's name of the container format."""
        return self._container.format.name

    @property
    def has_end(self) -> bool:
        """Whether the container says how long it is."""
        return bool(self._container.duration and self._container.duration > 0)

    def advance(self, *, starts_pass: bool = False) -> PacketTime | None:
        """Read the next packet; None at the end. Raises FFmpegError."""
        packet = self._packet = next(self._packets, None)
        if packet is None:
            return None
        if self._ring is not None and packet.size:
            self._ring.add(packet, time.monotonic_ns())
        pts, dts, tick_s = packet.pts, packet.dts, self._tick_s
        return PacketTime(None if pts is None else pts * tick_s, None if dts is None else dts * tick_s, starts_pass)

    def decode(self) -> list[Decoded]:
        """The frames completed by the packet read last. Raises CorruptPacketError."""
        frames = [] if self._packet is None else self._give(self._packet)
        return [Decoded(self._time_of(frame), partial(AvPicture, frame), frame.is_corrupt) for frame in frames]

    def decode_due(self, selector: Selector) -> list[DueFrame]:
        """The due frames completed by the packet read last; only what they need is decoded.

        Raises CorruptPacketError before the first frame, and counts from then on.
        """
        packet = self._packet
        if packet is None:
            return []
        read: ReadDependence | None = self._dependence_of
        if read is None:
            return list(selector.of(self.decode()))
        due = self._sieve.offer(packet, read(memoryview(packet)), selector)
        return [DueFrame(captured, partial(AvPicture, frame)) for frame, captured in due]

    def _give(self, packet: Packet[VideoStream]) -> list[av.VideoFrame]:
        self.fruitless += 1
        try:
            frames = packet.decode()
        except AvEndOfFileError:
            return []
        except FFmpegError as error:
            raise CorruptPacketError(error.strerror) from None
        if frames:
            if not self.frames and self._device.device is not None and not self.remark:
                self._look_at_device()
            self.fruitless = 0
            self.frames += len(frames)
        return frames

    def _look_at_device(self) -> None:
        """FFmpeg goes over to software without a word; then its frames are not the device's."""
        context = self._stream.codec_context
        if not context.is_hwaccel or context.pix_fmt != self._device.device:
            self.remark = self._device.refused(context.name)

    def _reorders(self) -> bool:
        context = self._stream.codec_context
        return context.has_b_frames and not context.codec.intra_only

    def rewind(self) -> None:
        """Go back to the first packet, by opening anew where the source cannot seek. Raises FFmpegError, or NoVideoError."""
        self._packets = iter(())
        self._packet = None
        # After a round without a frame, seeking is not to be trusted.
        if self.frames and self._seek_to_start():
            self._packets = self._container.demux(self._stream)
            self._begin()
            return
        self._container.close()
        self._open()

    def _seek_to_start(self) -> bool:
        try:
            self._container.seek(0)
        except FFmpegError:
            return False
        return True

    def close(self) -> None:
        """Let go of connection and decoder."""
        self._packets = iter(())
        self._packet = None
        self._container.close()

    def _time_of(self, frame: av.VideoFrame) -> float | None:
        ticks = frame.pts if frame.pts is not None else frame.dts
        return None if ticks is None else ticks * self._tick_s


def open_container(
    url: str,
    accelerator: HWAccel | None = None,
    *,
    container_format: str | None = None,
    options: Mapping[str, str] | None = None,
    timeout_s: tuple[float | None, float | None] | None = None,
) -> InputContainer:
    """FFmpeg's container for `url`; `timeout_s` for opening and between packets. Raises FFmpegError."""
    return av.open(url, "r", format=container_format, options=dict(options or {}), timeout=timeout_s, hwaccel=accelerator)


def _video_stream(container: InputContainer) -> VideoStream:
    """Of several the one marked as default, else the largest picture: FFmpeg's own choice ignores the renditions of HLS."""
    moving = [stream for stream in container.streams.video if _is_moving(stream)]
    if not moving:
        raise NoVideoError
    return max(moving, key=_preference)


def _is_moving(stream: VideoStream) -> bool:
    if Disposition.attached_pic in stream.disposition or stream.codec_context is None:
        return False
    return stream.codec_context.name not in _TEXT_CODECS


def _preference(stream: VideoStream) -> tuple[bool, int, int]:
    bitrate = stream.metadata.get("variant_bitrate", "")
    area = stream.codec_context.width * stream.codec_context.height
    return Disposition.default in stream.disposition, area, int(bitrate) if bitrate.isdecimal() else 0


def _discard_all_but(wanted: VideoStream, container: InputContainer) -> None:
    """FFmpeg fetches every rendition of an HLS or DASH source that nobody said is not needed."""
    for stream in container.streams:
        if stream.index != wanted.index:
            stream.discard = Discard.all
