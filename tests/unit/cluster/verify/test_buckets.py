"""Counts between edges give the mean exactly, percentiles within their bin, and infinite ones where frames were dropped."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.cluster.verify.buckets import Buckets
from camslice.fleet.histogram import Histogram

EDGES_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, math.inf)
latencies = st.lists(st.floats(0.01, 400.0), min_size=1, max_size=200)


def of_edges(values: list[float]) -> Buckets:
    return Buckets.cumulative({edge: float(sum(value <= edge for value in values)) for edge in EDGES_MS}, sum(values))


@given(latencies, st.floats(1.0, 99.9), st.integers(0, 50))
def test_a_percentile_lies_in_the_bin_of_the_true_one(values: list[float], percentile: float, dropped: int) -> None:
    rank = math.ceil(percentile / 100 * (len(values) + dropped) - 1e-9)
    buckets = of_edges(values)
    low = buckets.at_least(percentile, dropped)
    if rank > len(values):
        assert low is None
        assert buckets.percentile(percentile, dropped) is None
        return
    true = sorted(values)[max(rank, 1) - 1]
    high = min(edge for edge in EDGES_MS if edge >= true)
    found = buckets.percentile(percentile, dropped)
    assert low is not None
    assert low < true <= high
    assert found is None if math.isinf(high) else found is not None and low <= found <= high


@given(latencies, latencies)
def test_two_together_are_as_one_of_all(one: list[float], other: list[float]) -> None:
    together, merged = of_edges(one + other), Buckets.merged([of_edges(one), of_edges(other)])
    assert merged.counts == together.counts
    assert merged.sum_ms == pytest.approx(together.sum_ms)


@given(latencies)
def test_a_histogram_of_ours_keeps_its_mean_and_its_percentiles(values: list[float]) -> None:
    histogram = Histogram()
    histogram.add(np.array(values))
    buckets = Buckets.of(histogram)
    assert buckets.n == len(values)
    assert buckets.mean == pytest.approx(float(np.mean(values)))
    found = buckets.percentile(95)
    expected = sorted(values)[math.ceil(0.95 * len(values)) - 1]
    assert found == pytest.approx(expected, rel=0.021)


def test_a_count_that_falls_between_two_scrapes_is_none() -> None:
    assert Buckets.cumulative({1.0: 5.0, 2.0: 4.0, 3.0: 6.0}, 9.0).counts == {(0.0, 1.0): 5.0, (2.0, 3.0): 1.0}


def test_nothing_has_no_mean_and_no_percentile() -> None:
    assert (Buckets().mean, Buckets().percentile(95), Buckets().at_least(95)) == (None, None, None)
