"""Marks of an axis are round and lie on it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.measure.bench.report_html.scales import Linear, Logarithmic


@given(st.floats(1e-3, 1e6))
def test_a_linear_axis_has_a_few_marks_at_equal_distances(highest: float) -> None:
    marks = Linear(highest, 100, 900).marks()
    assert marks[0] == 0
    assert marks[-1] <= highest * (1 + 1e-6)
    assert 3 <= len(marks) <= 7
    steps = {round((after - before) / highest, 9) for before, after in pairwise(marks)}
    assert len(steps) == 1


@pytest.mark.parametrize(("highest", "marks"), [(205, [0, 50, 100, 150, 200]), (10.8, [0, 2.5, 5, 7.5, 10]), (0, [0])])
def test_marks_are_round(highest: float, marks: list[float]) -> None:
    assert Linear(highest, 0, 1).marks() == marks


@given(st.floats(1e-2, 1e3), st.floats(1.5, 1e4), st.floats(0, 1))
def test_a_logarithmic_axis_finds_the_value_of_a_pixel_again(lowest: float, ratio: float, share: float) -> None:
    scale = Logarithmic(lowest, lowest * ratio, 100, 900)
    pixel = 100 + 800 * share
    assert scale.at(scale.value(pixel)) == pytest.approx(pixel, abs=0.01)
    assert all(lowest <= mark <= lowest * ratio for mark in scale.marks())


def test_values_beyond_an_axis_stay_at_its_end() -> None:
    assert Linear(10, 100, 900).at(1e9) == 900
    assert Logarithmic(1, 100, 100, 900).at(1e9) == 900
    assert Logarithmic(1, 100, 100, 900).at(0) == 100
