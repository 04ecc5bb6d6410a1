"""Which of a camera's frames are wanted: asked frame by frame, in the order in which they are shown, decoded or not.

The capture clock and the due clock have to hear of every frame of the source, else their grid would shift with what is left
out. So whoever reads a source asks here for each frame it knows of, before it decides whether that frame has to be decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from camslice.video.capture_clock import CaptureClock, CaptureTime
from camslice.video.feed import Decoded, DueFrame
from camslice.video.pacing import NS_PER_S, DueClock


class Selector(Protocol):
    """Asked by an open source about its frames, in the order in which they are shown."""

    def due(self, pts_s: float | None, *, eligible: bool = True) -> CaptureTime | None:
        """When the next frame was captured if it is due, else None. One that is not `eligible` is not due, and another
        takes its place."""
        ...

    def take_back(self) -> None:
        """The last frame said to be due cannot be decoded: the next one is due in its place."""
        ...

    @property
    def seconds_to_due(self) -> float:
        """From the last frame asked about to the earliest that can be due."""
        ...

    @property
    def period_s(self) -> float:
        """Between two due frames."""
        ...

    def of(self, frames: Iterable[Decoded]) -> Iterator[DueFrame]:
        """Those that are due of frames that were all decoded. Asks about each and counts it."""
        ...

    def count(self, *, decoded: int = 0, skipped: int = 0, corrupt: int = 0) -> None:
        """So many more frames were decoded, were left out before the decoder, or are corrupt."""
        ...


class Selection:
    """The selector of one connection: a capture clock of its own, and its camera's due clock."""

    __slots__ = ("_clock", "_due", "_last_ns", "corrupt", "decoded", "period_s", "skipped")

    def __init__(self, clock: CaptureClock, due: DueClock) -> None:
        self._clock = clock
        self._due = due
        self._last_ns = 0
        self.period_s = due.period_s
        self.decoded = self.skipped = self.corrupt = 0
        """Since the last `taken_counts`."""

    def due(self, pts_s: float | None, *, eligible: bool = True) -> CaptureTime | None:
        """The frame's capture time if it is due, else None."""
        captured = self._clock.capture_time(pts_s)
        self._last_ns = captured.due_ns
        return captured if eligible and self._due.is_due(captured.due_ns) else None

    def take_back(self) -> None:
        """The next frame is due in place of the last one that was."""
        self._due.take_back()

    @property
    def seconds_to_due(self) -> float:
        """From the last frame asked about to the earliest that can be due."""
        return (self._due.earliest_ns - self._last_ns) / NS_PER_S

    def count(self, *, decoded: int = 0, skipped: int = 0, corrupt: int = 0) -> None:
        """Add to what has been counted."""
        self.decoded += decoded
        self.skipped += skipped
        self.corrupt += corrupt

    def of(self, frames: Iterable[Decoded]) -> Iterator[DueFrame]:
        """Those that are due of frames that were all decoded."""
        for frame in frames:
            self.count(decoded=1, corrupt=int(frame.corrupt))
            captured = self.due(frame.pts_s)
            if captured is not None:
                yield DueFrame(captured, frame.picture)

    def taken_counts(self) -> tuple[int, int, int]:
        """`decoded`, `skipped` and `corrupt` since the last call."""
        counts = self.decoded, self.skipped, self.corrupt
        self.decoded = self.skipped = self.corrupt = 0
        return counts


class Untimed:
    """A selector for a source whose time stamps mean nothing: its frames are captured when they arrive."""

    __slots__ = ("_selector",)

    def __init__(self, selector: Selector) -> None:
        self._selector = selector

    def due(self, pts_s: float | None, *, eligible: bool = True) -> CaptureTime | None:
        """As the selector says, by the clock."""
        return self._selector.due(None, eligible=eligible)

    def of(self, frames: Iterable[Decoded]) -> Iterator[DueFrame]:
        """As the selector says, by the clock."""
        return self._selector.of(Decoded(None, frame.picture, frame.corrupt) for frame in frames)

    def take_back(self) -> None:
        """As it is."""
        self._selector.take_back()

    @property
    def seconds_to_due(self) -> float:
        """As it is."""
        return self._selector.seconds_to_due

    @property
    def period_s(self) -> float:
        """As it is."""
        return self._selector.period_s

    def count(self, *, decoded: int = 0, skipped: int = 0, corrupt: int = 0) -> None:
        """As it is."""
        self._selector.count(decoded=decoded, skipped=skipped, corrupt=corrupt)
