"""Clips as so many cameras: each plays a clip from a moment of its own, all at the same rate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from camslice.fleet.errors import SourceError
from camslice.fleet.types import CameraSpec, Pace
from camslice.video.feed import ConnectionLostError, CorruptPacketError, Decoded, Feed, SourceEndedError
from camslice.video.frame import Picture
from camslice.video.pacing import DueClock
from camslice.video.sources.open import open_source
from camslice.video.sources.request import SourceRequest


@dataclass(frozen=True, slots=True)
class Due:
    """One frame that is due. `key` names it among all frames of all clips: two cameras of one clip share frames."""

    camera: int
    key: tuple[str, int]
    picture: Picture
    at_s: float
    starts: bool


class PlayedCamera:
    """The frames of one camera that are due, `skip` of them left out, the clip played again and again. Used by one thread."""

    def __init__(self, camera: int, spec: CameraSpec, skip: int) -> None:
        self._camera = camera
        self._spec = spec
        self._feed: Feed | None = None
        self._frames = self._played()
        self.cpu_s = 0.0
        """Processor time spent on reading and decoding."""
        for _ in range(skip):
            next(self._frames)
        self.cpu_s = 0.0
        self.first = True
        self._served = 0

    @property
    def fps(self) -> float:
        """Frames that are due in a second."""
        return self._spec.fps

    @property
    def masks(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """Where motion is no news."""
        return self._spec.masks

    def next(self) -> Due:
        """The next frame. Raises SourceError."""
        started_s = time.thread_time()
        number, decoded = next(self._frames)
        self.cpu_s += time.thread_time() - started_s
        starts, self.first = self.first, False
        key = (self._spec.watched.redacted, number)
        self._served += 1
        return Due(self._camera, key, decoded.picture(), self._served / self._spec.fps, starts)

    def close(self) -> None:
        """Close the clip."""
        if self._feed is not None:
            self._feed.close()

    def _played(self) -> Iterator[tuple[int, Decoded]]:
        while True:
            feed = self._feed = open_source(SourceRequest(self._spec, Pace.LOSSLESS))
            due, number = DueClock(self._spec.fps), 0
            self.first = True
            for decoded in _decoded(feed):
                at_s = decoded.pts_s
                if at_s is None or due.is_due(round(at_s * 1e9)):
                    yield number, decoded
                    number += 1
            feed.close()
            if not number:
                raise SourceError(f"{self._spec.watched.redacted} holds no frame; check it with a video player.")


def _decoded(feed: Feed) -> Iterator[Decoded]:
    while True:
        try:
            feed.advance()
            yield from feed.decode()
        except CorruptPacketError:
            continue
        except (SourceEndedError, ConnectionLostError):
            return


def frames_in(spec: CameraSpec, most: int) -> int:
    """How many frames of a clip are due; of what has no end, so many are enough."""
    feed = open_source(SourceRequest(spec, Pace.LOSSLESS))
    try:
        due = DueClock(spec.fps)
        frames = (each for each in _decoded(feed) if each.pts_s is None or due.is_due(round(each.pts_s * 1e9)))
        return sum(1 for _ in islice(frames, most))
    finally:
        feed.close()


def cameras_of(specs: Sequence[CameraSpec], cameras: int, frames_each: int) -> list[PlayedCamera]:
    """So many cameras (at least one for each clip), those of one clip spread evenly over it, or over so many frames of each
    where it has no end."""
    lengths = [frames_in(spec, frames_each * cameras) for spec in specs]
    shares = [len(range(index, max(cameras, len(specs)), len(specs))) for index in range(len(specs))]
    made: list[PlayedCamera] = []
    for spec, length, share in zip(specs, lengths, shares, strict=True):
        for index in range(share):
            made.append(PlayedCamera(len(made), spec, length * index // share))
    return made
