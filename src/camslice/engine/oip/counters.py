"""What one model did, counted as it happens."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping

from camslice.engine.oip.descriptions import EDGES_S, NO_REQUESTS, BatchStatistics, ModelStatistics, Sum
from camslice.engine.oip.messages import Status
from camslice.engine.oip.stage_clock import Part, StageClock

_EDGES_NS = tuple(round(edge_s * 1e9) for edge_s in EDGES_S)


class Counters:
    """Counts of one model over all its loads. Thread-safe."""

    def __init__(self, utc_ns: Callable[[], int] = time.time_ns) -> None:
        self._utc_ns = utc_ns
        self._lock = threading.Lock()
        self._success = Sum()
        self._fail = Sum()
        self._parts = dict.fromkeys(Part, Sum())
        self._batches: dict[int, BatchStatistics] = {}
        self._refused: Counter[str] = Counter()
        self._queued = list(NO_REQUESTS)
        self._took = list(NO_REQUESTS)
        self._last_inference_ms = 0

    def batch(self, pictures: int, preprocess_ns: int, inference_ns: int, postprocess_ns: int) -> None:
        """The engine has computed a batch."""
        with self._lock:
            before = self._batches.get(pictures, BatchStatistics(pictures))
            self._batches[pictures] = BatchStatistics(
                pictures,
                before.compute_input.plus(preprocess_ns),
                before.compute_infer.plus(inference_ns),
                before.compute_output.plus(postprocess_ns),
            )
            self._last_inference_ms = self._utc_ns() // 1_000_000

    def answered(self, clock: StageClock) -> None:
        """A request got its answer."""
        with self._lock:
            self._success = self._success.plus(clock.total_ns)
            self._took[bisect_left(_EDGES_NS, clock.total_ns)] += 1
            self._queued[bisect_left(_EDGES_NS, clock.spent_ns[Part.QUEUE])] += 1
            for part, ns in clock.spent_ns.items():
                self._parts[part] = self._parts[part].plus(ns)

    def refused(self, status: Status, after_ns: int) -> None:
        """A request got none, `after_ns` behind its arrival."""
        with self._lock:
            self._fail = self._fail.plus(after_ns)
            self._refused[status.value] += 1

    def statistics(self, name: str, version: str) -> ModelStatistics:
        """All of it, at one instant."""
        with self._lock:
            batches = tuple(self._batches[size] for size in sorted(self._batches))
            refused: Mapping[str, int] = dict(self._refused)
            return ModelStatistics(
                name,
                version,
                self._last_inference_ms,
                sum(each.batch_size * each.compute_infer.count for each in batches),
                sum(each.compute_infer.count for each in batches),
                self._success,
                self._fail,
                self._parts[Part.QUEUE],
                self._parts[Part.PREPROCESS],
                self._parts[Part.INFERENCE],
                self._parts[Part.POSTPROCESS],
                batches,
                refused,
                tuple(self._queued),
                tuple(self._took),
            )
