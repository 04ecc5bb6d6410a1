"""Cameras and videos behind http(s): MJPEG, HLS, and plain video files on a server."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from av.error import FFmpegError

from camslice.video.feed import ConnectionLostError, Feed
from camslice.video.sources.av_reader import NoVideoError, open_container
from camslice.video.sources.faults import reason
from camslice.video.sources.live import PROBE_OPTIONS, LiveFeed
from camslice.video.sources.played import PlayedFeed
from camslice.video.sources.request import SourceRequest

_UNTIMED_FORMATS = {"mpjpeg", "mjpeg", "jpeg_pipe", "mjpeg_2000"}
_SEGMENT_PATIENCE_S = 12.0
"""A playlist may be silent for the length of a segment or two."""


def open_http(request: SourceRequest) -> Feed:
    """Connect. ConnectionLostError when that fails.

    What has an end (a file on a server) is played like a file. HLS comes in segments of seconds, each at once: it is played at
    its own rate too, so its frames are captured, for us, when they are shown. MJPEG has no time stamps: its frames are
    captured when they arrive.
    """
    is_playlist = urlsplit(request.address).path.endswith((".m3u8", ".m3u"))
    read_s = max(request.timeouts.read_s, _SEGMENT_PATIENCE_S) if is_playlist else request.timeouts.read_s
    timeout_s = (request.timeouts.open_s, read_s)
    source = request.source
    try:
        reader = request.reader(partial(open_container, request.address, options=PROBE_OPTIONS, timeout_s=timeout_s))
    except (FFmpegError, NoVideoError) as error:
        raise ConnectionLostError(reason(error, source)) from None
    if reader.has_end:
        return PlayedFeed([lambda: reader], loop=request.loop, shown=request.shown, network=source)
    return LiveFeed(
        reader, source, timed=reader.format_name not in _UNTIMED_FORMATS, live="hls" not in reader.format_name.split(",")
    )
