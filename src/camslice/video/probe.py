"""What a source sends: size, rate, codec and bit rate, from its container and a few seconds of packets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from camslice.fleet.errors import SourceError
from camslice.fleet.types import CameraSpec, Pace, StreamFormat
from camslice.video.feed import ConnectionLostError, CorruptPacketError, Feed, PacketTime, SourceEndedError
from camslice.video.ring import CompressedPacket, PacketRing
from camslice.video.sources.open import open_source
from camslice.video.sources.pictures import PicturesFeed
from camslice.video.sources.request import SourceRequest

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

FILE_SECONDS = 60.0
"""Of a file so much is read, in its own time: it costs no waiting."""
_PATIENCE_S = 10.0
_UNTIMED_PACKETS = 10_000
DRAWN = "rawvideo"
"""The codec of what is drawn here and never was a stream."""
_PICTURE_CODECS = {".jpg": "mjpeg", ".jpeg": "mjpeg", ".tif": "tiff"}


def probe(spec: CameraSpec, seconds: float = 5.0, clock: Callable[[], float] = time.monotonic) -> StreamFormat:
    """Open the camera's source, watch it for `seconds` (a file for its first minute), and say what it sends.

    A file that is played at another rate than its own is said to send at that one. Raises SourceError without credentials.
    """
    try:
        return _probe(spec, seconds, clock)
    except ConnectionLostError as error:
        raise SourceError(f"{spec.watched.redacted}: {spec.scrub(str(error))}.") from None
    except SourceError as error:
        raise SourceError(spec.scrub(str(error))) from None
    except OSError as error:
        raise SourceError(f"{spec.watched.redacted} cannot be opened: {error.strerror or 'no reason given'}.") from None


def _probe(spec: CameraSpec, seconds: float, clock: Callable[[], float]) -> StreamFormat:
    meter = _Meter()
    feed = open_source(SourceRequest(replace(spec, loop=False), Pace.LOSSLESS, ring=meter))
    try:
        if isinstance(feed, PicturesFeed):
            return _of_pictures(feed, spec)
        watched = _watch(feed, meter, seconds, clock)
    finally:
        feed.close()
    size = watched.size or meter.size
    if size is None:
        raise SourceError(f"{spec.watched.redacted} holds no frame that can be decoded; check it with a video player.")
    fps = watched.fps(feed.nominal_fps)
    if fps is None:
        raise SourceError(f"{spec.watched.redacted} does not say its frame rate; write the camera's `stream` yourself.")
    shown_fps = spec.playback_fps if spec.playback_fps is not None and not feed.live else fps
    kbps = meter.mean_bytes * shown_fps * 8 / 1000
    return StreamFormat(*size, round(shown_fps, 3), meter.codec or DRAWN, round(kbps, 1))


class _Meter(PacketRing):
    """Stands where a ring of packets would, and keeps of each no more than its size."""

    def __init__(self) -> None:
        super().__init__(0.0, 0)
        self.packets = 0
        self.bytes = 0
        self.codec: str | None = None
        self.size: tuple[int, int] | None = None

    @property
    def mean_bytes(self) -> float:
        return self.bytes / self.packets if self.packets else 0.0

    def add(self, packet: CompressedPacket, arrived_ns: int) -> None:
        """Count the packet."""
        self.packets += 1
        self.bytes += packet.size
        if self.codec is None:
            context = cast("Packet[VideoStream]", packet).stream.codec_context
            self.codec = context.name
            self.size = (context.width, context.height) if context.width and context.height else None


@dataclass(slots=True)
class _Span:
    """Points in time, in seconds of one clock: how many, and from when to when."""

    count: int = 0
    first: float = math.inf
    last: float = -math.inf

    def add(self, at_s: float) -> None:
        self.count += 1
        self.first, self.last = min(self.first, at_s), max(self.last, at_s)

    @property
    def seconds(self) -> float:
        return self.last - self.first if self.count else 0.0


@dataclass(slots=True)
class _Watched:
    """When packets were due by their stamps, when they came, and the size of a decoded frame."""

    live: bool
    stamps: _Span = field(default_factory=_Span)
    arrivals: _Span = field(default_factory=_Span)
    size: tuple[int, int] | None = None

    @property
    def span(self) -> _Span:
        """By stamps, and by arrival only for a live source that has none."""
        return self.arrivals if self.live and self.stamps.count < 2 else self.stamps

    def fps(self, nominal: float | None) -> float | None:
        """The rate that the source declares if packets bear it out, else theirs; None if nobody knows."""
        span = self.span
        seen = (span.count - 1) / span.seconds if span.seconds > 0 else None
        if seen is None or (nominal is not None and abs(seen / nominal - 1) <= 0.1):
            return nominal
        return seen


def _watch(feed: Feed, meter: _Meter, seconds: float, clock: Callable[[], float]) -> _Watched:
    watched = _Watched(feed.live)
    wanted_s = seconds if feed.live else FILE_SECONDS
    began_s = clock()
    while watched.arrivals.count < _UNTIMED_PACKETS:
        try:
            packet = feed.advance()
        except SourceEndedError:
            break
        if watched.size is None:
            watched.size = _decoded_size(feed)
        watched.arrivals.add(clock())
        if (stamp := _time_of(packet)) is not None:
            watched.stamps.add(stamp)
        if watched.size is not None and (watched.span.seconds >= wanted_s or meter.codec is None):
            break
        if clock() - began_s > seconds + _PATIENCE_S:
            break
    return watched


def _decoded_size(feed: Feed) -> tuple[int, int] | None:
    try:
        frames = feed.decode()
    except CorruptPacketError:
        return None
    if not frames:
        return None
    picture = frames[0].picture()
    return picture.width, picture.height


def _time_of(packet: PacketTime) -> float | None:
    return packet.dts_s if packet.pts_s is None else packet.pts_s


def _of_pictures(feed: PicturesFeed, spec: CameraSpec) -> StreamFormat:
    """Pictures are read one by one at the camera's rate, so that is how fast they come."""
    feed.advance()
    size = _decoded_size(feed)
    if size is None:
        raise SourceError(f"{spec.watched.redacted}: its first picture cannot be read; check the file.")
    paths = feed.paths
    mean_bytes = sum(path.stat().st_size for path in paths) / len(paths)
    return StreamFormat(*size, spec.fps, _codec_of(paths[0]), round(mean_bytes * spec.fps * 8 / 1000, 1))


def _codec_of(picture: Path) -> str:
    suffix = picture.suffix.lower()
    return _PICTURE_CODECS.get(suffix, suffix.removeprefix("."))
