"""What became of every frame: exactly one fate each, and the identity that holds whenever it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum


class Fate(StrEnum):
    """The one end of a frame that was due for analysis."""

    ANALYSED = "analysed"
    GATED = "gated"
    PREDICTED = "predicted"
    SUPERSEDED = "superseded"
    STALE = "stale"
    FAILED = "failed"


class Looked(StrEnum):
    """How a frame with known detections was looked at."""

    FULL = "full"
    REGIONS = "regions"
    """Only what moves, or was found before, was analysed; the rest of its detections was carried on."""
    PREDICTED = "predicted"
    """Nothing of it was analysed: all of its detections were carried on."""

    @property
    def fate(self) -> Fate:
        """What becomes of a frame that is looked at so."""
        return Fate.PREDICTED if self is Looked.PREDICTED else Fate.ANALYSED


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames of one stream (or a sum of streams) by fate.

    `captured`: due for analysis. `in_flight`: held right now, counted and not derived.
    `decoded`, `skipped` (left out before the decoder, as no due frame needs them), `corrupt` and `missed` (due while the
    camera was down) stand outside the identity; so does `regions`: those of the analysed of which only regions were.
    `accelerator_ns` counts no frames: it is the device time that they took, that of each batch shared by area.
    """

    captured: int = 0
    analysed: int = 0
    gated: int = 0
    predicted: int = 0
    superseded: int = 0
    stale: int = 0
    failed: int = 0
    in_flight: int = 0
    decoded: int = 0
    corrupt: int = 0
    missed: int = 0
    skipped: int = 0
    regions: int = 0
    accelerator_ns: int = 0

    @property
    def in_full(self) -> int:
        """Those of the analysed that were analysed whole."""
        return self.analysed - self.regions

    @property
    def ended(self) -> int:
        """Frames whose fate is known."""
        return self.analysed + self.gated + self.predicted + self.superseded + self.stale + self.failed

    @property
    def balanced(self) -> bool:
        """Whether every captured frame has exactly one fate or is in flight. False is a defect of camslice."""
        return self.captured == self.ended + self.in_flight

    @property
    def dropped(self) -> int:
        """Frames that should have been analysed and were not."""
        return self.superseded + self.stale + self.failed

    @property
    def drop_rate(self) -> float:
        """Share of the frames with a known fate that were dropped; 0 when there are none."""
        known = self.captured - self.in_flight
        return self.dropped / known if known > 0 else 0.0

    def __add__(self, other: FrameCounts) -> FrameCounts:
        return FrameCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: FrameCounts) -> FrameCounts:
        return FrameCounts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))


def total_of(counts: Iterable[FrameCounts]) -> FrameCounts:
    """The sum over streams."""
    total = FrameCounts()
    for one in counts:
        total = total + one
    return total
