"""A number that says where it comes from, and the raw counts behind a latency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from camslice.fleet.histogram import BINS, Histogram


class Provenance(StrEnum):
    """How a figure came to be known, the surest first."""

    MEASURED = "measured"
    """By camslice, on the machine that the profile names."""
    PUBLISHED = "published"
    """Stated in a public source."""
    FITTED = "fitted"
    """Computed from published or measured figures by a model that might be wrong."""
    ASSUMED = "assumed"
    """Neither: somebody's estimate."""

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return list(Provenance).index(self)


class Strict:
    """Has the border (`profile_json`) refuse unknown keys, and numbers that are none, in the dataclasses that inherit it."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Mapping[str, object]] = MappingProxyType({"extra": "forbid", "allow_inf_nan": False})


@dataclass(frozen=True, slots=True)
class Figure(Strict):
    """One number, in the unit that the name of its field says.

    `source` is a key of the profile's `sources`; only a measured figure may do without. `low` and `high`: the 95 % confidence
    interval of a measured figure, the range of values that fit the data equally well of a fitted one.
    """

    value: float
    provenance: Provenance
    source: str | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def measured(cls, value: float, low: float | None = None, high: float | None = None) -> Figure:
        """What was measured here; to six significant digits, which is more than any clock is worth."""
        return cls(rounded(value), Provenance.MEASURED, None, *(None if end is None else rounded(end) for end in (low, high)))


@dataclass(frozen=True, slots=True)
class RawHistogram(Strict):
    """The counts of a `Histogram` as a value: pairs (bin, count) of the bins that are not empty, in order.

    Bin k holds latencies from `LOWEST_MS` x `GROWTH`^k on, in ms, up to the next one.
    """

    bins: tuple[tuple[int, int], ...]
    sum_ms: float
    max_ms: float

    @classmethod
    def of(cls, histogram: Histogram) -> RawHistogram:
        """The counts of a histogram as they are now."""
        filled = np.flatnonzero(histogram.counts).tolist()
        bins = tuple((where, int(histogram.counts[where])) for where in filled)
        return cls(bins, rounded(histogram.sum_ms, 9), rounded(histogram.max_ms))

    def histogram(self) -> Histogram:
        """A histogram to add to, merge, or ask for percentiles."""
        counts = np.zeros(BINS, np.int64)
        for where, count in self.bins:
            counts[where] = count
        return Histogram(counts, self.sum_ms, self.max_ms)


def rounded(value: float, digits: int = 6) -> float:
    """`value` to so many significant digits."""
    return float(f"{value:.{digits}g}")
