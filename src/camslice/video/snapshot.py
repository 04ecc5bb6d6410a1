"""One picture of a camera's main stream, fetched when somebody asks: the stream is opened for it and closed again.

Analysis may look at a substream; people want to see the large picture. A connection that is open all the time would cost the
decoding that the substream saves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import cv2
import numpy as np

from camslice.fleet.errors import SourceError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import CameraSpec, Decoding, Pace
from camslice.video.feed import ConnectionLostError, CorruptPacketError, Feed
from camslice.video.frame import Picture
from camslice.video.slot import RgbSlot
from camslice.video.sources.open import needs_network_or_device, open_source
from camslice.video.sources.request import SourceRequest, Timeouts

LONGEST_S = 10.0
"""From asking to the first frame that can be decoded: most cameras send a key frame at least every four seconds."""
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A picture at full size as `jpeg`, taken at `taken_at_s` (UTC)."""

    jpeg: bytes
    width: int
    height: int
    taken_at_s: float


def take_snapshot(spec: CameraSpec, longest_s: float = LONGEST_S) -> Snapshot:
    """Open the camera's `source`, take its first whole frame, and close it. SourceError, without credentials, if it has none.

    Of network cameras only: what a file shows first is not what the camera shows now, and a device has one reader.
    """
    main = replace(spec, substream=None, decode=Decoding.ALL)
    try:
        if not needs_network_or_device(main.source.reveal()) or main.source.reveal().startswith(("usb:", "/dev/")):
            raise SourceError(f"camera {spec.name}: snapshots are taken of cameras on the network, and this is none")
        feed = open_source(SourceRequest(main, Pace.LIVE, Timeouts(longest_s / 2, longest_s / 2)))
        try:
            return _of(_first_whole(feed, spec.name, time.monotonic() + longest_s))
        finally:
            feed.close()
    except (ConnectionLostError, SourceError) as error:
        raise SourceError(spec.scrub(str(error))) from None


def _first_whole(feed: Feed, name: str, until_s: float) -> Picture:
    while time.monotonic() < until_s:
        feed.advance()
        try:
            whole = [frame for frame in feed.decode() if not frame.corrupt]
        except CorruptPacketError:
            continue
        if whole:
            return whole[0].picture()
    raise SourceError(f"camera {name}: no picture could be decoded in time")


def _of(picture: Picture) -> Snapshot:
    width, height = picture.width, picture.height
    slot = RgbSlot(np.empty((height, width, 3), np.uint8))
    picture.scale_into(slot, Letterbox(Region(0, 0, width, height), width, height, 0, 0, width, height))
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(slot.rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return Snapshot(encoded.tobytes(), width, height, time.time())
