"""Looking at a fleet again and again, to know what happened lately and not only since the start.

The fleet's counters run since its start; an operator at night asks about the last minute. The observer keeps a bounded row of
looks and takes differences: latencies over `RECENT_S`, drops over `DROPS_S`, and a history of both for the chart.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import StreamKey
from camslice.web.view import FleetStatus, RunningFleet, StreamStatus

RECENT_S = 10.0
DROPS_S = 60.0
HISTORY_S = 300.0
_SPACING_S = 0.9
"""Looks closer together than this are not kept: many readers must not fill the row."""


@dataclass(frozen=True, slots=True)
class Point:
    """One instant of the history: UTC seconds, analysed frames/s, the objective's percentile and of how many frames.

    `p_all_ms` None is infinite (too many frames were dropped), or unknown when there were no `frames`.
    """

    at_s: float
    analysed_fps: float
    p_all_ms: float | None
    frames: int


@dataclass(frozen=True, slots=True)
class Look:
    """The fleet at one instant and what lately happened in it.

    `latency` merges the `total` of all streams since the start, `frames` sums their fates, those of removed cameras included;
    `recent_latency` and `recent_frames` are the same over the last 10 s; `minute_frames` is of each stream's last minute.
    """

    status: FleetStatus
    at_s: float
    latency: Histogram
    frames: FrameCounts
    recent_latency: Histogram
    recent_frames: FrameCounts
    minute_frames: Mapping[StreamKey, FrameCounts]


class Observer:
    """Owns the row of looks. Thread-safe; its memory is bounded by the number of streams."""

    def __init__(
        self,
        fleet: RunningFleet,
        monotonic_s: Callable[[], float] = time.monotonic,
        utc_s: Callable[[], float] = time.time,
    ) -> None:
        self._fleet = fleet
        self._monotonic_s = monotonic_s
        self._utc_s = utc_s
        self._lock = threading.Lock()
        self._row: deque[_Kept] = deque(maxlen=int(DROPS_S / _SPACING_S) + 1)
        self._history: deque[Point] = deque(maxlen=int(HISTORY_S / _SPACING_S) + 1)

    def look(self) -> Look:
        """Look now."""
        with self._lock:
            status = self._fleet.status()
            now = _kept(status, self._monotonic_s())
            earlier = self._baseline(now)
            look = Look(
                status=status,
                at_s=self._utc_s(),
                latency=now.latency,
                frames=now.sum,
                recent_latency=_difference(now.latency, earlier.latency),
                recent_frames=now.sum - earlier.sum,
                minute_frames=self._minute_frames(now),
            )
            if not self._row or now.at_s - self._row[-1].at_s >= _SPACING_S:
                self._row.append(now)
                self._history.append(_point(look))
            return look

    def history(self) -> list[Point]:
        """The last minutes, oldest first."""
        with self._lock:
            return list(self._history)

    def _baseline(self, now: _Kept) -> _Kept:
        """The oldest look of the recent window; `now` if there is none. Sums never shrink: removed cameras stay in them."""
        baseline = now
        for kept in reversed(self._row):
            if now.at_s - kept.at_s > RECENT_S:
                break
            baseline = kept
        return baseline

    def _minute_frames(self, now: _Kept) -> Mapping[StreamKey, FrameCounts]:
        oldest: dict[StreamKey, FrameCounts] = {}
        for kept in self._row:
            if now.at_s - kept.at_s <= DROPS_S:
                for key, frames in kept.frames.items():
                    oldest.setdefault(key, frames)
        return {key: _growth(frames, oldest.get(key, frames)) for key, frames in now.frames.items()}


@dataclass(frozen=True, slots=True)
class _Kept:
    at_s: float
    frames: Mapping[StreamKey, FrameCounts]
    sum: FrameCounts
    latency: Histogram


def _kept(status: FleetStatus, at_s: float) -> _Kept:
    ever = [*status.streams, *status.removed]
    frames = {stream.key: stream.frames for stream in status.streams}
    return _Kept(at_s, frames, total_of(stream.frames for stream in ever), _merged(ever))


def _merged(streams: Iterable[StreamStatus]) -> Histogram:
    merged = Histogram()
    for stream in streams:
        if "total" in stream.stages:
            merged.merge(stream.stages["total"])
    return merged


def _difference(now: Histogram, earlier: Histogram) -> Histogram:
    return Histogram(now.counts - earlier.counts, now.sum_ms - earlier.sum_ms, now.max_ms)


def _growth(now: FrameCounts, earlier: FrameCounts) -> FrameCounts:
    """What was added since `earlier`; all of `now` when a camera of the same name began anew in between."""
    return now if now.captured < earlier.captured else now - earlier


def _point(look: Look) -> Point:
    objective = look.status.fleet.objective
    return Point(
        at_s=look.at_s,
        analysed_fps=sum(stream.fps for stream in look.status.streams),
        p_all_ms=look.recent_latency.percentile(objective.percentile, look.recent_frames.dropped),
        frames=look.recent_latency.n + look.recent_frames.dropped,
    )
