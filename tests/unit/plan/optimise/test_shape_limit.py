"""At most so many different shapes, and what that costs."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.plan.optimise.problem import Contents, Option, Problem
from camslice.plan.optimise.solve import solve
from tests.unit.plan.optimise.made import classes, has_room, held, option


def ways(total: int, shapes: int) -> list[list[tuple[int, int]]]:
    """Every way to put so many streams of one class on nodes of at most so many shapes: (streams on a node, nodes)."""
    found: list[list[tuple[int, int]]] = []

    def go(left: int, largest: int, so_far: list[tuple[int, int]]) -> None:
        if not left:
            found.append(so_far)
        elif len(so_far) < shapes:
            for streams in range(min(largest, left), 0, -1):
                for nodes in range(1, left // streams + 1):
                    go(left - streams * nodes, streams - 1, [*so_far, (streams, nodes)])

    go(total, total, [])
    return found


@settings(max_examples=30)
@given(
    st.integers(1, 11),
    st.integers(1, 2),
    st.lists(st.tuples(st.sampled_from([1.0, 1.7, 2.9, 4.1]), st.sampled_from([0.15, 0.21, 0.3, 0.5])), min_size=1, max_size=3),
)
def test_one_class_on_few_shapes_costs_what_brute_force_says(
    streams: int, most_shapes: int, priced: list[tuple[float, float]]
) -> None:
    rented = tuple(option(f"o{number}", usd, ((share, 0.0),)) for number, (usd, share) in enumerate(priced))

    def cheapest(on_a_node: int) -> float:
        return min((each.usd_per_month for each in rented if has_room(each, (on_a_node,), ("a",))), default=math.inf)

    truth = min(sum(cheapest(size) * nodes for size, nodes in way) for way in ways(streams, most_shapes))
    found = solve(Problem(classes(streams), rented, most_shapes=most_shapes))
    assert held(found) == (streams,)
    assert len(found.shapes) <= most_shapes
    assert found.lower_bound_usd_per_month <= truth + 1e-6
    assert found.usd_per_month >= truth - 1e-6
    if found.optimal:
        assert found.usd_per_month == pytest.approx(truth, abs=1e-6)


def test_the_limit_says_what_it_costs() -> None:
    node = option("node", 1.0, ((0.2, 0.0),))
    free, limited = (solve(Problem(classes(13), (node,), most_shapes=most)) for most in (12, 1))
    assert [(each.contents, each.count) for each in free.shapes] == [((5,), 2), ((3,), 1)]
    assert free.shape_limit_usd_per_month == 0.0
    assert [(each.contents, each.count) for each in limited.shapes] == [((1,), 13)]
    assert (limited.usd_per_month, limited.shape_limit_usd_per_month) == (13.0, 10.0)


def test_twelve_shapes_are_enough_for_many_classes_on_many_nodes() -> None:
    counts = tuple(97 + 31 * number for number in range(6))
    use = tuple((0.004 * (number + 1), 0.01) for number in range(6))
    big, little = option("big", 9.0, use), option("little", 2.0, tuple((5 * one, 5 * other) for one, other in use))
    found = solve(Problem(classes(*counts), (big, little)))
    assert held(found) == counts
    assert len(found.shapes) <= 12
    assert found.usd_per_month <= 1.02 * found.lower_bound_usd_per_month


def test_what_fits_refuses_counts_in_few_shapes_too() -> None:
    def fits(_option: Option, contents: Contents) -> bool:
        return sum(contents) <= 3

    node = option("node", 1.0, ((0.1, 0.0), (0.1, 0.0)))
    found = solve(Problem(classes(9, 6), (node,), most_shapes=2, fits=fits))
    assert held(found) == (9, 6)
    assert len(found.shapes) <= 2
    assert all(sum(each.contents) <= 3 for each in found.shapes)
    assert found.usd_per_month == 5.0
