"""Nodes that stand already, and nodes that stand by."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.plan.optimise.problem import Contents, Option, Problem, Shape
from camslice.plan.optimise.solve import solve
from tests.unit.plan.optimise.made import brute_force, classes, has_room, held, option

LARGE = option("large", 10.0, ((0.1, 0.0), (0.2, 0.0)))
SMALL = option("small", 3.0, ((0.4, 0.0), (0.5, 0.0)))


@st.composite
def options(draw: st.DrawFn) -> tuple[Option, ...]:
    shares = st.sampled_from([0.12, 0.2, 0.26, 0.34, 0.5, 0.7, math.inf])
    rows = st.tuples(shares, st.sampled_from([0.0, 0.15, 0.4]))
    prices = st.sampled_from([1.0, 1.5, 2.25, 4.0, 4.01])
    return tuple(
        option(f"o{number}", draw(prices), (draw(rows), draw(rows)), ((0.1, 0.0), (0.1, 0.0)), draw(st.integers(1, 6)))
        for number in range(draw(st.integers(1, 3)))
    )


@settings(max_examples=40)
@given(options(), st.tuples(st.integers(0, 4), st.integers(0, 3)), st.integers(1, 2), st.integers(2, 6))
def test_nodes_and_spares_together_cost_what_brute_force_says(
    rented: tuple[Option, ...], counts: tuple[int, int], spare: int, most_together: int
) -> None:
    def fits(_option: Option, contents: Contents) -> bool:
        return sum(contents) <= most_together

    problem = Problem(classes(*counts), rented, spare=spare, fits=fits)
    found = solve(problem)
    placed = tuple(count - lost for count, lost in zip(counts, found.unplaced, strict=True))
    assert held(found) == placed
    models = ("a", "b")

    def taken_over_by(stand_in: Option) -> float:
        nodes = brute_force(
            problem, placed, lambda _, contents: has_room(stand_in, contents, models) and fits(stand_in, contents)
        )
        return nodes + spare * stand_in.usd_per_month

    truth = min(map(taken_over_by, rented)) if any(placed) else 0.0
    if math.isinf(truth):
        assert not found.spares
        return
    assert found.usd_per_month == pytest.approx(truth, abs=1e-6)
    assert found.lower_bound_usd_per_month <= truth + 1e-6
    if any(placed):
        (standby,) = found.spares
        assert standby.count == spare
        assert not any(standby.contents)
        assert all(has_room(standby.option, each.contents, models) for each in found.shapes)


def test_smaller_nodes_are_rented_where_the_spare_of_a_large_one_costs_more_than_it_saves() -> None:
    whole = option("whole", 10.0, ((0.25, 0.0),))
    half = option("half", 6.0, ((0.5, 0.0),))
    without = solve(Problem(classes(4), (whole, half)))
    assert [each.option.name for each in without.shapes] == ["whole"]
    found = solve(Problem(classes(4), (whole, half), spare=1))
    assert {each.option.name for each in (*found.shapes, *found.spares)} == {"half"}
    assert (found.usd_per_month, found.optimal) == (18.0, True)


def test_no_spare_is_named_that_could_not_take_every_other_node() -> None:
    only_a = option("only a", 1.0, ((0.5, 0.0), (math.inf, math.inf)))
    only_b = option("only b", 1.0, ((math.inf, math.inf), (0.5, 0.0)))
    found = solve(Problem(classes(2, 2), (only_a, only_b), spare=1))
    assert found.spares == ()
    assert held(found) == (2, 2)


def test_kept_nodes_are_filled_before_anything_is_rented() -> None:
    found = solve(Problem(classes(6, 0), (LARGE, SMALL), kept=(Shape(SMALL, (2, 0), 2),)))
    assert found.shapes[0] == Shape(SMALL, (2, 0), 2)
    assert held(found) == (6, 0)
    assert (found.usd_per_month, found.optimal) == (9.0, True)


def test_kept_nodes_stay_where_nobody_needs_them_any_more() -> None:
    kept = Shape(LARGE, (8, 1), 3)
    found = solve(Problem(classes(9, 1), (LARGE, SMALL), kept=(kept,)))
    assert sum(each.count for each in found.shapes) == 3
    assert all(each.option == LARGE for each in found.shapes)
    assert all(have <= had for each in found.shapes for have, had in zip(each.contents, kept.contents, strict=True))
    assert held(found) == (9, 1)
    assert found.usd_per_month == 30.0


def test_a_kept_node_gives_away_what_it_may_no_longer_hold() -> None:
    def fits(of: Option, contents: Contents) -> bool:
        return sum(contents) <= (2 if of.name == "large" else 9)

    found = solve(Problem(classes(4, 0), (LARGE, SMALL), kept=(Shape(LARGE, (4, 0), 1),), fits=fits))
    assert held(found) == (4, 0)
    assert all(fits(each.option, each.contents) for each in found.shapes)
    assert found.usd_per_month == 13.0


@settings(max_examples=30)
@given(options(), st.tuples(st.integers(0, 4), st.integers(0, 3)), st.tuples(st.integers(0, 3), st.integers(0, 2)))
def test_what_is_rented_beside_kept_nodes_is_the_cheapest_for_the_others(
    rented: tuple[Option, ...], counts: tuple[int, int], stands: tuple[int, int]
) -> None:
    old = option("old", 2.5, ((0.1, 0.0), (0.1, 0.0)))
    found = solve(Problem(classes(*counts), rented, kept=(Shape(old, stands, 1),)))
    left = tuple(max(0, count - have) for count, have in zip(counts, stands, strict=True))
    if any(found.unplaced):
        assert math.isinf(brute_force(Problem(classes(*counts), rented), left))
        return
    assert held(found) == counts
    assert found.usd_per_month == pytest.approx(2.5 + brute_force(Problem(classes(*counts), rented), left), abs=1e-6)


def test_every_way_to_share_streams_among_kept_nodes_is_within_what_they_held() -> None:
    kept = (Shape(LARGE, (3, 2), 1), Shape(SMALL, (1, 1), 2))
    for counts in itertools.product(range(6), range(5)):
        found = solve(Problem(classes(*counts), (LARGE, SMALL), kept=kept))
        assert held(found) == counts
        assert sum(each.count for each in found.shapes if each.option == LARGE) >= 1
        assert sum(each.count for each in found.shapes if each.option == SMALL) >= 2
