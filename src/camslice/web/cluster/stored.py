"""What the fleet's store says of a camera, for the page: also of one whose pod is gone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

from camslice.events.store.queries import StoredResults
from camslice.fleet.accounting import total_of
from camslice.fleet.errors import StoreError
from camslice.fleet.histogram import Histogram

_HOUR_S = 3600.0


class Stored:
    """Opens the store when it is first asked, and again after it failed. Thread-safe. Every question may raise StoreError."""

    def __init__(self, url: Callable[[], str]) -> None:
        """`url` tells it whenever the store is opened: its password may have changed. It may raise StoreError."""
        self._url = url
        self._lock = threading.Lock()
        self._results: StoredResults | None = None

    def last_hour(self, camera: str, now_s: float) -> Mapping[str, object]:
        """Frames by fate, detections by label and the p95 over the minutes of the last hour."""
        try:
            minutes = self._opened().minutes(camera, now_s - _HOUR_S, now_s + 60.0)
        except StoreError:
            self.close()
            raise
        frames = total_of(minute.frames for minute in minutes)
        latency = Histogram()
        detections: Counter[str] = Counter()
        for minute in minutes:
            detections.update(minute.detections)
            if "total" in minute.stages:
                latency.merge(minute.stages["total"])
        return {
            "captured": frames.captured,
            "analysed": frames.analysed,
            "dropped": frames.dropped,
            "missed": frames.missed,
            "p95_ms": latency.percentile(95.0),
            "detections": dict(detections.most_common(20)),
            "last_minute_at_s": max((minute.start_s for minute in minutes), default=None),
        }

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._results is not None:
                self._results.close()
                self._results = None

    def _opened(self) -> StoredResults:
        with self._lock:
            if self._results is None:
                self._results = StoredResults(self._url())
            return self._results
