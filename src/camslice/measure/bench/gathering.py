"""Which results belong to a window of time: those of exactly the frames that the ledger says were analysed in it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult
from camslice.stream.statistics import Statistics, merged

_LOOK_S = 0.01


class Gathering:
    """Counts results of each stream as they come, and keeps the times of those that fall into the window.

    A stream's n-th result is that of its n-th analysed frame, so the ledger's counts at both ends of the window say which
    results lie between: no clock is compared with another. `take` may be called from any thread, the others from one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._came: defaultdict[StreamKey, deque[FrameResult]] = defaultdict(deque)
        self._passed: defaultdict[StreamKey, int] = defaultdict(int)
        self._first: dict[StreamKey, int] | None = None
        self._statistics = Statistics()
        self.negative_stages = 0
        """Results of the window with a stage below 0 ms. Histograms take it for 0, so that only this count shows it."""

    def take(self, results: Sequence[FrameResult]) -> None:
        """Results as they come, from before the window too."""
        with self._lock:
            for result in results:
                self._came[result.stream].append(result)

    def begin(self, counts: Mapping[StreamKey, FrameCounts]) -> None:
        """The window opens with these counts."""
        self._first = {key: each.analysed for key, each in counts.items()}
        self.gather(counts)

    def gather(self, counts: Mapping[StreamKey, FrameCounts]) -> int:
        """Take over what the ledger has counted as analysed. Returns how many results of it are still to come."""
        first = self._first or {}
        inside: list[FrameResult] = []
        missing = 0
        with self._lock:
            for key, each in counts.items():
                came = self._came[key]
                while came and self._passed[key] < each.analysed:
                    result = came.popleft()
                    self._passed[key] += 1
                    if self._passed[key] > first.get(key, 0):
                        inside.append(result)
                missing += each.analysed - self._passed[key]
        self._statistics.add(inside)
        self.negative_stages += sum(min(result.stages) < 0 for result in inside)
        return missing

    def gather_all(self, counts: Mapping[StreamKey, FrameCounts], patience_s: float) -> int:
        """The window closes with these counts: wait for the results that are on their way. Returns how many never came."""
        until_s = time.monotonic() + patience_s
        while (missing := self.gather(counts)) and time.monotonic() < until_s:
            time.sleep(_LOOK_S)
        return missing

    def stages(self) -> dict[str, Histogram]:
        """Histograms of all streams together."""
        return merged(list(self._statistics.stages(list(self._passed)).values()))
