"""USB cameras: `/dev/video0` or `usb:0`, by Video4Linux."""

from __future__ import annotations

from functools import partial

from av.error import FFmpegError

from camslice.video.feed import ConnectionLostError, Feed
from camslice.video.sources.av_reader import NoVideoError, open_container
from camslice.video.sources.faults import reason
from camslice.video.sources.live import PROBE_OPTIONS, LiveFeed
from camslice.video.sources.request import SourceRequest


def open_usb(request: SourceRequest) -> Feed:
    """Open the device. ConnectionLostError when that fails: a camera may be plugged in later."""
    device = device_path(request.address)
    try:
        reader = request.reader(partial(open_container, device, container_format="v4l2", options=PROBE_OPTIONS))
    except (FFmpegError, NoVideoError) as error:
        raise ConnectionLostError(f"{device}: {reason(error, request.source)}") from None
    return LiveFeed(reader, request.source)


def device_path(address: str) -> str:
    """`usb:0` is `/dev/video0`."""
    return f"/dev/video{address.removeprefix('usb:')}" if address.startswith("usb:") else address
