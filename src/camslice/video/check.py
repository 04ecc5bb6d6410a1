"""A quick look at a camera's source before anything is started, so that a mistake is one sentence and not a silent camera."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    with _opened(spec) as feed:
        if feed is not None:
            _decode_one(feed, spec)


def native_fps(spec: CameraSpec) -> float | None:
    """The rate at which the source says its frames come; None if it does not say, or is on the network or a device.

    SourceError as for `check_source`.
    """
    with _opened(spec) as feed:
        return None if feed is None else feed.nominal_fps


@contextmanager
def _opened(spec: CameraSpec) -> Iterator[Feed | None]:
    """The open source, None for one that is not opened here. Errors are told without what came from the environment."""
    try:
        if needs_network_or_device(spec.watched.reveal()):
            yield None
            return
        feed = open_source(SourceRequest(spec, Pace.LOSSLESS))
        try:
            yield feed
        finally:
            feed.close()
    except SourceError as error:
        raise SourceError(spec.scrub(str(error))) from None
    except OSError as error:
        raise SourceError(f"{spec.watched.redacted} cannot be opened: {error.strerror or 'no reason given'}") from None


def _decode_one(feed: Feed, spec: CameraSpec) -> None:
    shown = spec.watched.redacted
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
