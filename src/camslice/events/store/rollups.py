"""Minute roll-ups while they grow: counts by fate, detections by label and stage times of each stream and minute.

Times are of all frames with known detections, detections of the analysed ones: what was only carried on is not counted again.

A minute stays open while it is one of the few that its stream touched last, and is written again, whole, each time it has
grown. So writing it is idempotent, and a write that failed is simply done again. Nothing here knows a database.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt

from camslice.fleet.accounting import Fate, FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import StreamKey
from camslice.models.detections import label_of
from camslice.stream.results import FrameResult

OPEN_MINUTES = 3
_NO_TIMES = np.empty((0, len(StageTimes._fields)))


@dataclass(slots=True)
class OpenMinute:
    """One stream's minute (counted from 1970) so far. `times_ms` is float64 [frames, stages], as StageTimes orders them.

    `touched` is the minute in which something was last counted here.
    """

    stream: StreamKey
    minute: int
    frames: FrameCounts = field(default_factory=FrameCounts)
    detections: Counter[str] = field(default_factory=Counter)
    times_ms: npt.NDArray[np.float64] = field(default_factory=_NO_TIMES.copy)
    waiting: list[FrameResult] = field(default_factory=list)
    grown: bool = False
    touched: int = 0

    def stages(self) -> dict[int, Histogram]:
        """The histogram of each stage that took part, by its place in StageTimes."""
        histograms = {}
        for place in np.flatnonzero(self.times_ms.any(axis=0)).tolist():
            histograms[place] = Histogram()
            histograms[place].add(self.times_ms[:, place])
        return histograms

    def fold(self) -> None:
        """Count the results that wait: for many at once this costs a tenth of one by one."""
        self.times_ms = np.concatenate([self.times_ms, np.array([result.stages for result in self.waiting], np.float64)])
        analysed = (result for result in self.waiting if result.looked.fate is Fate.ANALYSED)
        for labels, results in groupby(analysed, lambda result: result.labels):
            counts = np.bincount(np.concatenate([result.detections.class_id for result in results]))
            for class_id in np.flatnonzero(counts).tolist():
                self.detections[label_of(class_id, labels)] += int(counts[class_id])
        self.waiting.clear()


class Rollups:
    """The open minutes of all streams. For one thread."""

    def __init__(self) -> None:
        self._open: dict[StreamKey, OrderedDict[int, OpenMinute]] = {}
        self._full: list[OpenMinute] = []
        self._totals: dict[StreamKey, FrameCounts] = {}
        self._now = 0

    def add_results(self, results: Iterable[FrameResult]) -> None:
        """Count results in the minute in which they were captured."""
        for result in results:
            minute = self._at(result.stream, int(result.captured_at_s // 60))
            minute.waiting.append(result)
            minute.grown = True

    def add_totals(self, totals: Mapping[StreamKey, FrameCounts], at_s: float) -> None:
        """Count by how much the running totals grew, in the minute of `at_s`. Totals that fell began anew at zero.

        Samples may be left out: what they would have added is then counted with the next.
        """
        self._now = int(at_s // 60)
        for stream, total in totals.items():
            before = self._totals.get(stream)
            if total == before:
                continue
            began_anew = before is None or total.captured < before.captured or total.decoded < before.decoded
            minute = self._at(stream, self._now)
            minute.frames = minute.frames + (total if began_anew or before is None else total - before)
            minute.grown = True
            self._totals[stream] = total
        self._forget_idle(self._now)

    def grown(self) -> Sequence[OpenMinute]:
        """The minutes to be written, with nothing waiting."""
        grown = [*self._full, *(minute for minutes in self._open.values() for minute in minutes.values() if minute.grown)]
        for minute in grown:
            if minute.waiting:
                minute.fold()
        return grown

    def written(self, minutes: Iterable[OpenMinute]) -> None:
        """These were written as they are."""
        for minute in minutes:
            minute.grown = False
        self._full = [minute for minute in self._full if minute.grown]

    def _forget_idle(self, now: int) -> None:
        """Streams that have been still for some minutes are forgotten: their cameras may be gone for good."""
        for stream, minutes in list(self._open.items()):
            if max(minute.touched for minute in minutes.values()) < now - OPEN_MINUTES:
                self._full.extend(minute for minute in self._open.pop(stream).values() if minute.grown)

    def _at(self, stream: StreamKey, number: int) -> OpenMinute:
        minutes = self._open.setdefault(stream, OrderedDict())
        minute = minutes.get(number)
        if minute is None:
            minute = minutes[number] = OpenMinute(stream, number)
            if len(minutes) > OPEN_MINUTES:
                _, oldest = minutes.popitem(last=False)
                if oldest.grown:
                    self._full.append(oldest)
        minute.touched = self._now
        minutes.move_to_end(number)
        return minute
