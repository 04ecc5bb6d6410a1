"""Latencies as counts between edges: what Prometheus keeps of a histogram, and what one of ours can be turned into."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from camslice.fleet.histogram import GROWTH, LOWEST_MS, Histogram

Bin = tuple[float, float]
"""Lower and upper edge in ms; the upper one may be infinite."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Counts (of fractions of frames, where a window was extrapolated) by bin, and their sum in ms.

    >>> each = Buckets({(0.0, 10.0): 8.0, (10.0, 50.0): 2.0}, 120.0)
    >>> each.n, each.mean, each.percentile(50), each.percentile(95), each.percentile(95, infinite=5)
    (10.0, 12.0, 6.25, 40.0, None)
    """

    counts: Mapping[Bin, float] = field(default_factory=dict)
    sum_ms: float = 0.0

    @classmethod
    def of(cls, histogram: Histogram) -> Buckets:
        """Of one of ours, as fine as it is."""
        filled = np.flatnonzero(histogram.counts).tolist()
        counts = {
            (0.0 if k == 0 else LOWEST_MS * GROWTH**k, LOWEST_MS * GROWTH ** (k + 1)): float(histogram.counts[k])
            for k in filled
        }
        return cls(counts, histogram.sum_ms)

    @classmethod
    def cumulative(cls, up_to: Mapping[float, float], sum_ms: float) -> Buckets:
        """From how many lie at or below each upper edge in ms. A count that falls, by a race of two scrapes, counts as none."""
        counts: dict[Bin, float] = {}
        low, before = 0.0, 0.0
        for edge in sorted(up_to):
            if (count := up_to[edge] - before) > 0.0:
                counts[low, edge] = count
            low, before = edge, max(before, up_to[edge])
        return cls(counts, sum_ms)

    @classmethod
    def merged(cls, many: Iterable[Buckets]) -> Buckets:
        """All of them together."""
        counts: Counter[Bin] = Counter()
        sum_ms = 0.0
        for each in many:
            counts.update(each.counts)
            sum_ms += each.sum_ms
        return cls(dict(counts), sum_ms)

    @property
    def n(self) -> float:
        """How many."""
        return math.fsum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """In ms; None when empty."""
        return self.sum_ms / self.n if self.n > 0 else None

    def percentile(self, percentile: float, infinite: float = 0.0) -> float | None:
        """In ms, on a straight line within a bin, with `infinite` further ones that are infinitely late. None when empty, or
        when it falls among those, or beyond the last finite edge."""
        found = self._bin_of(percentile, infinite)
        if found is None or math.isinf(found[0][1]):
            return None
        (low, high), share = found
        return low + (high - low) * share

    def at_least(self, percentile: float, infinite: float = 0.0) -> float | None:
        """What the percentile is at the least, in ms: the lower edge of its bin, for where in it nobody knows. None as above,
        but for a bin without an upper edge."""
        found = self._bin_of(percentile, infinite)
        return None if found is None else found[0][0]

    def _bin_of(self, percentile: float, infinite: float) -> tuple[Bin, float] | None:
        """The bin that a percentile falls into, and how far into it, as a share of its frames."""
        rank = percentile / 100.0 * (self.n + infinite)
        below = 0.0
        for low, high in sorted(self.counts, key=lambda each: (each[1], each[0])):
            count = self.counts[low, high]
            if count > 0.0 and below + count >= rank * (1 - 1e-12):
                return (low, high), min(1.0, max(0.0, rank - below) / count)
            below += count
        return None

    def as_latency(self) -> dict[str, float | int | None]:
        """A *latency* of the command line; its largest is not known."""
        figures = {"mean": self.mean, "p50": self.percentile(50), "p95": self.percentile(95), "p99": self.percentile(99)}
        return {
            "n": round(self.n),
            **{name: None if value is None else round(value, 3) for name, value in figures.items()},
            "max": None,
        }
