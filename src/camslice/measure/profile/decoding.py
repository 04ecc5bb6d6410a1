"""What decoding costs in CPU ms per megapixel: the clip as it is, and encoded anew in the codecs that cameras speak.

Of every frame. What a camera has left undecoded is up to how it is set, so no profile takes it for granted.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import cast

import av
from av.error import FFmpegError
from av.video.stream import VideoStream

from camslice.fleet.errors import SourceError
from camslice.fleet.figures import Figure
from camslice.fleet.profile import DecodeCost, ProfiledVideo
from camslice.video.picture import AvPicture
from camslice.video.sources.av_reader import open_container

log = logging.getLogger(__name__)

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg"}
_OPTIONS = {
    "h264": {"preset": "veryfast", "tune": "zerolatency"},
    "hevc": {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none"},
    "mjpeg": {"qmin": "4", "qmax": "4"},
}
"""Without B-frames, as cameras send; MJPEG at the quality of an ordinary camera."""
_KEY_FRAME_EVERY_S = 2.0


def video_of(clip: Path) -> ProfiledVideo:
    """What the clip is. SourceError when it is none that can be read."""
    try:
        with open_container(f"file:{clip}") as container:
            stream = container.streams.video[0]
            rate, context = stream.average_rate or stream.guessed_rate, stream.codec_context
            duration_s = (container.duration or 0) / 1e6
            kbps = clip.stat().st_size * 8 / 1000 / duration_s if duration_s > 0 else None
            return ProfiledVideo(
                clip.name,
                context.width,
                context.height,
                float(rate or 25),
                context.name,
                None if kbps is None else round(kbps, 1),
            )
    except (FFmpegError, OSError, IndexError) as error:
        reason = "it holds no video" if isinstance(error, IndexError) else error.strerror
        raise SourceError(f"{clip} cannot be read: {reason}; give a video file with --clip.") from None


def pictures_of(clip: Path, frames: int) -> list[AvPicture]:
    """The clip's first pictures, decoded."""
    with open_container(f"file:{clip}") as container:
        pictures = [AvPicture(frame) for frame in islice(container.decode(video=0), frames)]
    if not pictures:
        raise SourceError(f"{clip} holds no frame that can be decoded; check the file with a video player.")
    return pictures


def own_decode_cost(clip: Path, frames: int) -> DecodeCost:
    """Decoding the clip as it is, on one thread."""
    video = video_of(clip)
    with open_container(f"file:{clip}") as container:
        return DecodeCost(video.codec, Figure.measured(_ms_per_megapixel(container, frames)), video.kbps)


def transcoded_decode_cost(clip: Path, codec: str, frames: int) -> DecodeCost | None:
    """Decoding the clip's first frames when they are encoded in `codec`; None where FFmpeg came without that encoder."""
    try:
        encoded, kbps = _encoded(clip, codec, frames)
        with av.open(io.BytesIO(encoded), "r") as container:
            cost = _ms_per_megapixel(container, frames)
    except (FFmpegError, ValueError) as error:
        log.warning("decoding %s is not measured: it cannot be encoded here (%s)", codec, error)
        return None
    return DecodeCost(codec, Figure.measured(cost), round(kbps, 1), transcoded=True)


def _ms_per_megapixel(container: av.container.InputContainer, frames: int) -> float:
    """CPU time of this thread, which is the only one that decodes; reading packets counts."""
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    pixels, started_s = 0, time.thread_time()
    for frame in islice(container.decode(stream), frames):
        pixels += frame.width * frame.height
    spent_s = time.thread_time() - started_s
    if not pixels:
        raise ValueError("nothing can be decoded")
    return max(1e-6, spent_s * 1000) / (pixels / 1e6)


def _encoded(clip: Path, codec: str, frames: int) -> tuple[bytes, float]:
    """The clip's first frames as a file in memory, and the kbit/s that they came to."""
    buffer = io.BytesIO()
    video = video_of(clip)
    rate = Fraction(video.fps).limit_denominator(1000)
    written = 0
    with av.open(buffer, "w", format="matroska") as output:
        stream = cast("VideoStream", output.add_stream(_ENCODERS[codec], rate=rate, options=_OPTIONS[codec]))
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.width, stream.height = video.width // 2 * 2, video.height // 2 * 2
        stream.gop_size = max(1, round(rate * _KEY_FRAME_EVERY_S))
        for number, frame in enumerate(_first_frames(clip, frames)):
            frame.pts, frame.time_base = number, 1 / rate
            output.mux(stream.encode(frame))
            written += 1
        output.mux(stream.encode())
    seconds = float(written / rate) or 1.0
    return buffer.getvalue(), len(buffer.getvalue()) * 8 / 1000 / seconds


def _first_frames(clip: Path, frames: int) -> Iterator[av.VideoFrame]:
    with open_container(f"file:{clip}") as container:
        yield from islice(container.decode(video=0), frames)
