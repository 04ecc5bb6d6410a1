"""Figures and raw histograms as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.figures import Figure, Provenance, RawHistogram
from camslice.fleet.histogram import Histogram


@given(st.lists(st.floats(0, 3e6), max_size=200))
def test_a_raw_histogram_is_the_same_histogram(values_ms: list[float]) -> None:
    histogram = Histogram()
    histogram.add(values_ms)
    again = RawHistogram.of(histogram).histogram()
    assert again.counts.tolist() == histogram.counts.tolist()
    assert again.sum_ms == pytest.approx(histogram.sum_ms, rel=1e-8)
    for percentile in (50, 95, 99):
        expected = histogram.percentile(percentile)
        assert again.percentile(percentile) == (None if expected is None else pytest.approx(expected, rel=1e-5))


def test_raw_histograms_are_values_that_can_be_compared() -> None:
    histogram = Histogram()
    histogram.add([1.0, 2.0])
    one, other = RawHistogram.of(histogram), RawHistogram.of(histogram.copy())
    histogram.add([3.0])
    assert one == other
    assert RawHistogram.of(histogram) != one


def test_a_measured_figure_needs_no_source_and_no_more_digits_than_it_is_worth() -> None:
    assert Figure.measured(1 / 3, 0.1, 2 / 3) == Figure(0.333333, Provenance.MEASURED, None, 0.1, 0.666667)


def test_measured_is_the_surest_and_assumed_the_least_sure() -> None:
    assert sorted(Provenance, key=lambda each: each.rank) == ["measured", "published", "fitted", "assumed"]
