"""A quick look at a camera's source before anything is started, so that a mistake is one sentence and not a silent camera."""

from __future__ import annotations

from camslice.fleet.errors import SourceError
from camslice.fleet.types import CameraSpec, Pace
from camslice.video.feed import CorruptPacketError, Feed, SourceEndedError
from camslice.video.sources.open import needs_network_or_device, open_source
from camslice.video.sources.request import SourceRequest

_PATIENCE_PACKETS = 300


def check_source(spec: CameraSpec) -> None:
    """Open the source and decode one frame. SourceError, in one sentence, when that fails.

    Cameras on the network or on USB are not opened: they may be down now and come up later.
    """
    if needs_network_or_device(spec.source.reveal()):
        return
    feed = _open(spec)
    try:
        _decode_one(feed, spec)
    finally:
        feed.close()


def native_fps(spec: CameraSpec) -> float | None:
    """The rate at which the source says its frames come; None if it does not say, or is on the network or a device.

    SourceError as for `check_source`.
    """
    if needs_network_or_device(spec.source.reveal()):
        return None
    feed = _open(spec)
    try:
        return feed.nominal_fps
    finally:
        feed.close()


def _open(spec: CameraSpec) -> Feed:
    return open_source(SourceRequest(spec, Pace.LOSSLESS))


def _decode_one(feed: Feed, spec: CameraSpec) -> None:
    shown = spec.source.redacted
    for _ in range(_PATIENCE_PACKETS):
        try:
            feed.advance()
            if feed.decode():
                return
        except CorruptPacketError:
            continue
        except SourceEndedError:
            break
    raise SourceError(f"{shown} holds no frame that can be decoded; check the file with a video player")
