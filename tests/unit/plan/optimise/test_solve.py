"""The cheapest nodes: against brute force where that is possible, against an independent checker everywhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.types import Topology
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.optimise.problem import Contents, Option, Problem, Shape, Solution, StreamClass
from camslice.plan.optimise.solve import solve

RESOURCES = ("cpu", "memory")


def option(
    name: str,
    usd: float,
    use: tuple[tuple[float, ...], ...],
    fixed: tuple[tuple[float, ...], ...] | None = None,
    most: int = 99,
) -> Option:
    none = tuple(tuple(0.0 for _ in RESOURCES) for _ in use)
    return Option(
        name, name, Topology.SLICED, 1, Purchase.ON_DEMAND, "r", usd, RESOURCES, use, fixed or none, (most,) * len(use)
    )  # fmt: skip


def classes(*counts: int, models: str = "ab") -> tuple[StreamClass, ...]:
    return tuple(StreamClass(f"class {index}", models[index], count) for index, count in enumerate(counts))


def room(of: Option, contents: Contents, models: tuple[str, ...]) -> bool:
    """Whether the contents are within the shares and `most`, counted the plain way."""
    if any(count > most for count, most in zip(contents, of.most, strict=True)):
        return False
    for column in range(len(RESOURCES)):
        taken, seen = 0.0, set()
        for index, count in enumerate(contents):
            if count:
                taken += of.use[index][column] * count
                if models[index] not in seen:
                    taken += of.fixed[index][column]
                    seen.add(models[index])
        if taken > 1.0 + 1e-9:
            return False
    return True


def check(problem: Problem, found: Solution) -> None:
    models = tuple(each.model for each in problem.classes)
    for index, each in enumerate(problem.classes):
        held = sum(shape.contents[index] * shape.count for shape in found.shapes)
        assert held + found.unplaced[index] == each.count, "a stream is lost or placed twice"
    kept = {shape.option.name for shape in problem.kept}
    for shape in found.shapes:
        assert shape.count >= 1
        if shape.option.name not in kept:
            assert room(shape.option, shape.contents, models)
        assert problem.fits(shape.option, shape.contents)
    paid = math.fsum(shape.option.usd_per_month * shape.count for shape in (*found.shapes, *found.spares))
    assert found.usd_per_month == pytest.approx(paid, abs=1e-4)
    assert found.lower_bound_usd_per_month <= found.usd_per_month + 1e-6


def cheapest(problem: Problem) -> float:
    """By trying every way to put the streams on nodes. Infinite if some cannot be placed."""
    models = tuple(each.model for each in problem.classes)
    demand = tuple(each.count for each in problem.classes)
    fitting = [
        (of.usd_per_month, contents)
        for of in problem.options
        for contents in itertools.product(*(range(count + 1) for count in demand))
        if any(contents) and room(of, contents, models) and problem.fits(of, contents)
    ]

    @cache
    def best(left: Contents) -> float:
        if not any(left):
            return 0.0
        costs = [
            usd + best(tuple(have - take for have, take in zip(left, contents, strict=True)))
            for usd, contents in fitting
            if all(take <= have for have, take in zip(left, contents, strict=True))
        ]
        return min(costs, default=math.inf)

    return best(demand)


shares = st.sampled_from([0.0, 0.12, 0.2, 0.26, 0.34, 0.5, 0.7, math.inf])
rows = st.tuples(shares, shares)


@st.composite
def problems(draw: st.DrawFn, fits: Callable[[Option, Contents], bool] | None = None) -> Problem:
    counts = draw(st.tuples(st.integers(0, 5), st.integers(0, 4)))
    models = draw(st.sampled_from(["ab", "aa"]))
    options = []
    for number in range(draw(st.integers(1, 3))):
        fixed = draw(st.tuples(st.sampled_from([0.0, 0.1, 0.3]), st.just(0.0)))
        use = draw(st.tuples(rows, rows))
        options.append(
            option(f"o{number}", draw(st.sampled_from([1.0, 1.5, 2.25, 4.0])), use, (fixed, fixed), draw(st.integers(1, 6)))
        )
    return Problem(classes(*counts, models=models), tuple(options), **({} if fits is None else {"fits": fits}))


@settings(max_examples=60, deadline=None)
@given(problems())
def test_small_fleets_cost_what_brute_force_says(problem: Problem) -> None:
    found = solve(problem)
    check(problem, found)
    truth = cheapest(problem)
    if math.isinf(truth):
        assert any(found.unplaced)
    else:
        assert not any(found.unplaced)
        assert found.usd_per_month == pytest.approx(truth, abs=1e-4)
        assert found.optimal
        assert found.lower_bound_usd_per_month == pytest.approx(truth, abs=1e-3)


def at_most_two(_of: Option, contents: Contents) -> bool:
    return sum(contents) <= 2


@settings(max_examples=30, deadline=None)
@given(problems(fits=at_most_two))
def test_what_a_simulation_refuses_is_never_rented(problem: Problem) -> None:
    found = solve(problem)
    check(problem, found)
    truth = cheapest(problem)
    if not any(found.unplaced) and not math.isinf(truth):
        assert found.usd_per_month >= truth - 1e-4
        assert found.lower_bound_usd_per_month <= truth + 1e-4


@settings(max_examples=20, deadline=None)
@given(problems(), st.integers(0, 1))
def test_a_stream_more_never_costs_less(problem: Problem, index: int) -> None:
    counts = [each.count + (number == index) for number, each in enumerate(problem.classes)]
    models = "".join(each.model for each in problem.classes)
    more = Problem(classes(*counts, models=models), problem.options)
    before, after = solve(problem), solve(more)
    if before.optimal and after.optimal and not any(before.unplaced) and not any(after.unplaced):
        assert after.usd_per_month >= before.usd_per_month - 1e-4


@settings(max_examples=15, deadline=None)
@given(problems())
def test_equal_problems_have_equal_solutions(problem: Problem) -> None:
    first, second = solve(problem), solve(problem)
    assert (first.shapes, first.usd_per_month, first.unplaced) == (second.shapes, second.usd_per_month, second.unplaced)


LARGE = option("large", 10.0, ((0.1, 0.0), (0.2, 0.0)))
SMALL = option("small", 3.0, ((0.4, 0.0), (0.5, 0.0)))


def test_nothing_is_rented_for_nobody() -> None:
    found = solve(Problem(classes(0, 0), (LARGE, SMALL)))
    assert (found.shapes, found.usd_per_month) == ((), 0.0)


def test_without_an_option_everybody_is_without_a_place() -> None:
    assert solve(Problem(classes(2, 1), ())).unplaced == (2, 1)


def test_a_spare_node_can_take_any_other_s_contents() -> None:
    problem = Problem(classes(10, 0), (LARGE, SMALL), spare=1)
    found = solve(problem)
    check(problem, found)
    (spare,) = found.spares
    assert spare.count == 1
    assert all(room(spare.option, shape.contents, ("a", "b")) for shape in found.shapes)


def test_kept_nodes_are_paid_for_and_used_first() -> None:
    kept = Shape(SMALL, (2, 0), 2)
    problem = Problem(classes(6, 0), (LARGE, SMALL), kept=(kept,))
    found = solve(problem)
    check(problem, found)
    assert sum(shape.count for shape in found.shapes if shape.option.name == "small") >= 2
    assert found.usd_per_month >= 6.0


def test_a_large_fleet_is_close_to_its_bound() -> None:
    problem = Problem(classes(40_000, 25_000), (LARGE, SMALL))
    found = solve(problem)
    check(problem, found)
    assert found.usd_per_month <= 1.01 * found.lower_bound_usd_per_month
