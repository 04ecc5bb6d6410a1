"""Plans without OR-Tools: dearer perhaps, never wrong."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camslice.plan.optimise import cheapest, few_shapes, solve
from camslice.plan.optimise.problem import Problem
from tests.unit.plan.optimise.made import brute_force, classes, has_room, held, option

MODULES = [module for module in (cheapest, few_shapes, solve) if hasattr(module, "has_solver")]

shares = st.sampled_from([0.12, 0.2, 0.26, 0.34, 0.5, 0.7])
rows = st.tuples(shares, st.sampled_from([0.0, 0.15, 0.4]))


@pytest.fixture
def no_solver() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "has_solver", lambda: False)
        yield


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(st.integers(0, 5), st.integers(0, 4)),
    st.lists(st.tuples(st.sampled_from([1.0, 1.5, 2.25, 4.0]), rows, rows, st.integers(1, 6)), min_size=1, max_size=3),
)
def test_everybody_has_a_place_and_the_bound_holds(
    no_solver: None, counts: tuple[int, int], priced: list[tuple[float, tuple[float, float], tuple[float, float], int]]
) -> None:
    rented = tuple(
        option(f"o{number}", usd, (one, other), ((0.1, 0.0), (0.2, 0.0)), most)
        for number, (usd, one, other, most) in enumerate(priced)
    )
    problem = Problem(classes(*counts), rented)
    found = solve.solve(problem)
    assert found.solver == "first-fit-decreasing"
    truth = brute_force(problem, counts)
    if math.isinf(truth):
        assert any(found.unplaced)
        return
    assert held(found) == counts
    assert all(has_room(each.option, each.contents, ("a", "b")) for each in found.shapes)
    assert found.lower_bound_usd_per_month <= truth + 1e-6 <= found.usd_per_month + 2e-6
    if found.optimal:
        assert found.usd_per_month == pytest.approx(truth, abs=1e-6)


def test_it_is_imported_only_where_it_is_used() -> None:
    words = "import sys, camslice.plan.optimise.solve; print('ortools' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
