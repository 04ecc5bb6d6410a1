"""RTSP cameras, over TCP: a lost UDP packet costs a group of pictures, and firewalls know TCP."""

from __future__ import annotations

from functools import partial

from av.error import FFmpegError

from camslice.video.feed import ConnectionLostError, Feed
from camslice.video.sources.av_reader import NoVideoError, open_container
from camslice.video.sources.faults import reason
from camslice.video.sources.live import PROBE_OPTIONS, LiveFeed
from camslice.video.sources.request import SourceRequest


def open_rtsp(request: SourceRequest) -> Feed:
    """Connect. ConnectionLostError when that fails.

    A silent peer is noticed by FFmpeg's own `timeout` (microseconds) and not by PyAV's time-out between packets: that one takes
    the interpreter's lock several times for every network packet. FFmpeg waits twice before it gives up, hence the half.
    """
    options = {
        "rtsp_transport": "tcp",
        "allowed_media_types": "video",
        "timeout": str(round(request.timeouts.read_s / 2 * 1e6)),
        **PROBE_OPTIONS,
    }
    timeout_s = (request.timeouts.open_s, None)
    try:
        reader = request.reader(partial(open_container, request.address, options=options, timeout_s=timeout_s))
    except (FFmpegError, NoVideoError) as error:
        raise ConnectionLostError(reason(error, request.source)) from None
    return LiveFeed(reader, request.source)
