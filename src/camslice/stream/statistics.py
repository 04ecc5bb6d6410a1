"""What the results of each stream add up to: stage histograms, counts by label, and the last ten seconds."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from camslice.fleet.accounting import Fate
from camslice.fleet.histogram import BINS, Histogram, bins_of
from camslice.fleet.stages import STAGES, StageTimes
from camslice.fleet.types import StreamKey
from camslice.models.detections import label_of
from camslice.stream.minute import NOTHING, LastMinute, MinuteWindow
from camslice.stream.results import FrameResult

RECENT_S = 10.0
_FIELDS = StageTimes._fields
_ROWS = np.arange(len(_FIELDS))


@dataclass(slots=True)
class StreamStatistics:
    """One stream since the start. Times are of every frame whose detections are known, those that were carried on too; `labels`
    counts in analysed frames. `recent` holds (monotonic second, total ms, whether it was analysed) of the last ten seconds."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((len(_FIELDS), BINS), np.int64))
    sums_ms: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(_FIELDS)))
    maxima_ms: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(_FIELDS)))
    labels: Counter[str] = field(default_factory=Counter)
    recent: deque[tuple[float, float, bool]] = field(default_factory=deque)
    newest_captured_at_s: float | None = None
    minute: MinuteWindow = field(default_factory=MinuteWindow)

    def stages(self) -> dict[str, Histogram]:
        """A histogram for each stage that took part, and for `total`."""
        return {
            name: Histogram(self.counts[i].copy(), float(self.sums_ms[i]), float(self.maxima_ms[i]))
            for i, name in enumerate(_FIELDS)
            if name not in ("gate", "network") or self.sums_ms[i] > 0
        }


class Statistics:
    """Statistics of every stream. Thread-safe: one thread adds, others read copies."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[StreamKey, StreamStatistics] = {}

    def add(self, results: Sequence[FrameResult]) -> None:
        """Take in a batch of results."""
        if not results:
            return
        values = np.array([result.stages for result in results], np.float64)
        np.maximum(values, 0.0, out=values)
        bins = bins_of(values)
        now = self._clock()
        with self._lock:
            for result, row, where in zip(results, values, bins, strict=True):
                stream = self._streams.get(result.stream) or self._streams.setdefault(result.stream, StreamStatistics())
                stream.counts[_ROWS, where] += 1
                stream.sums_ms += row
                np.maximum(stream.maxima_ms, row, out=stream.maxima_ms)
                stream.newest_captured_at_s = result.captured_at_s
                analysed = result.looked.fate is Fate.ANALYSED
                stream.recent.append((now, result.stages.total, analysed))
                _forget_old(stream.recent, now)
                stream.minute.add(now, result.stages.total, len(result.detections) if analysed else None)
                if not analysed:
                    continue
                for class_id in result.detections.class_id.tolist():
                    stream.labels[label_of(class_id, result.labels)] += 1

    def stages(self, keys: Sequence[StreamKey]) -> dict[StreamKey, dict[str, Histogram]]:
        """Stage histograms of these streams; a stream without results has none."""
        with self._lock:
            return {key: self._streams[key].stages() if key in self._streams else {} for key in keys}

    def labels(self, key: StreamKey) -> Mapping[str, int]:
        """Detections in analysed frames, by label."""
        with self._lock:
            return dict(self._streams[key].labels) if key in self._streams else {}

    def recent(self, key: StreamKey) -> tuple[float, float | None]:
        """Over the last ten seconds: analysed frames/s, and the p95 in ms of these and of those that were carried on."""
        now = self._clock()
        with self._lock:
            stream = self._streams.get(key)
            if stream is None:
                return 0.0, None
            _forget_old(stream.recent, now)
            totals = [total for _, total, _ in stream.recent]
            analysed = sum(was for _, _, was in stream.recent)
            span = min(RECENT_S, max(1.0, now - stream.recent[0][0])) if totals else RECENT_S
        return analysed / span, float(np.percentile(totals, 95)) if totals else None

    def minute(self, key: StreamKey) -> LastMinute:
        """What was analysed or carried on in the last minute."""
        now = self._clock()
        with self._lock:
            stream = self._streams.get(key)
            return NOTHING if stream is None else stream.minute.read(now)

    def newest_captured_at_s(self, key: StreamKey) -> float | None:
        """UTC second at which the newest frame was captured that was analysed or carried on."""
        with self._lock:
            stream = self._streams.get(key)
            return None if stream is None else stream.newest_captured_at_s


def merged(histograms: Sequence[Mapping[str, Histogram]]) -> dict[str, Histogram]:
    """The sum over streams, stage by stage, in the order of a frame's life."""
    total: dict[str, Histogram] = {}
    for name in (*STAGES, "total"):
        parts = [each[name] for each in histograms if name in each]
        if parts:
            total[name] = Histogram()
            for part in parts:
                total[name].merge(part)
    return total


def _forget_old(recent: deque[tuple[float, float, bool]], now: float) -> None:
    while recent and recent[0][0] < now - RECENT_S:
        recent.popleft()
