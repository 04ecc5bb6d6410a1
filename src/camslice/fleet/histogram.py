"""A latency histogram of fixed size: exact count, sum and maximum, percentiles within 1 %.

Bins grow by 2 % each, from 1 microsecond to an hour, so a bin's middle is at most 1 % off. Adding is one vectorised pass,
merging is addition, and the size does not depend on how many values went in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

LOWEST_MS = 1e-3
GROWTH = 1.02
_LOG_GROWTH = math.log(GROWTH)
BINS = math.ceil(math.log(3.6e6 / LOWEST_MS) / _LOG_GROWTH) + 2


@dataclass(slots=True)
class Histogram:
    """Latencies in milliseconds.

    >>> h = Histogram()
    >>> h.add([1.0, 2.0, 3.0])
    >>> h.n, h.mean
    (3, 2.0)
    """

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    sum_ms: float = 0.0
    max_ms: float = 0.0

    def add(self, values_ms: Iterable[float] | npt.NDArray[np.float64]) -> None:
        """Add latencies in ms. Negative ones count as 0."""
        values = np.asarray(list(values_ms) if not isinstance(values_ms, np.ndarray) else values_ms, np.float64)
        if values.size == 0:
            return
        values = np.maximum(values, 0.0)
        self.counts += np.bincount(bins_of(values), minlength=BINS)
        self.sum_ms += float(values.sum())
        self.max_ms = max(self.max_ms, float(values.max()))

    def merge(self, other: Histogram) -> None:
        """Add everything in `other`."""
        self.counts += other.counts
        self.sum_ms += other.sum_ms
        self.max_ms = max(self.max_ms, other.max_ms)

    def copy(self) -> Histogram:
        """An independent copy."""
        return Histogram(self.counts.copy(), self.sum_ms, self.max_ms)

    @property
    def n(self) -> int:
        """How many values."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """The exact mean in ms; None when empty."""
        n = self.n
        return self.sum_ms / n if n else None

    def percentile(self, percentile: float, infinite: int = 0) -> float | None:
        """The percentile (0..100) in ms, with `infinite` further values that are infinitely large.

        None when there are no values, or when the percentile falls among the infinite ones.
        """
        n = self.n
        rank = math.ceil(percentile / 100.0 * (n + infinite))
        if n == 0 or rank > n:
            return None
        index = int(np.searchsorted(np.cumsum(self.counts), max(rank, 1)))
        return min(_middle_of(index), self.max_ms)

    def count_up_to(self, edges_ms: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """How many values lie at or below each edge (within the bins' 1 %)."""
        cumulative = np.concatenate([[0], np.cumsum(self.counts)])
        counted: npt.NDArray[np.int64] = cumulative[bins_of(np.asarray(edges_ms, np.float64)) + 1]
        return counted

    def as_latency(self) -> dict[str, float | int | None]:
        """The *latency* object of the command line: n, mean, p50, p95, p99, max (ms, 3 decimals)."""
        figures = {"mean": self.mean, "p50": self.percentile(50), "p95": self.percentile(95), "p99": self.percentile(99)}
        rounded = {name: None if value is None else round(value, 3) for name, value in figures.items()}
        return {"n": self.n, **rounded, "max": round(self.max_ms, 3) if self.n else None}


def bins_of(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The bin of each value in ms, below `BINS`; any shape."""
    logs = np.log(np.maximum(values, LOWEST_MS) / LOWEST_MS) / _LOG_GROWTH
    bins: npt.NDArray[np.int64] = np.clip(np.floor(logs).astype(np.int64), 0, BINS - 1)
    return bins


def _middle_of(index: int) -> float:
    return LOWEST_MS * math.exp((index + 0.5) * _LOG_GROWTH)
