"""The cheapest nodes that hold every stream: pruned, priced, proven where that is possible, and asked of `fits`."""

from __future__ import annotations

import time

from camslice.plan.optimise.accepted import Accepted, accepted
from camslice.plan.optimise.kept import keep
from camslice.plan.optimise.problem import Problem, Shape, Solution
from camslice.plan.optimise.solver import has_solver
from camslice.plan.optimise.spares import with_spares
from camslice.plan.optimise.tables import tables_of, usd
from camslice.plan.optimise.verdicts import Verdicts


def solve(problem: Problem) -> Solution:
    """Equal problems have equal solutions, but for the seconds. Raises ValueError for figures that are none."""
    began_s = time.perf_counter()
    verdicts = Verdicts(problem)
    kept = keep(problem)
    tables = tables_of(problem, kept.left)
    found = accepted(tables, verdicts, problem.most_shapes)
    shapes = (*kept.shapes, *_shapes(problem, found))
    spares = with_spares(problem, tables, verdicts, shapes)
    micro = kept.micro + found.micro + spares.micro
    bound = kept.micro + found.bound + spares.bound
    return Solution(
        shapes,
        spares.shapes,
        usd(micro),
        usd(min(bound, micro)),
        micro <= bound,
        "cp-sat" if has_solver() else "first-fit-decreasing",
        time.perf_counter() - began_s,
        found.unplaced,
        usd(max(0, found.micro - found.free)),
    )


def _shapes(problem: Problem, found: Accepted) -> tuple[Shape, ...]:
    return tuple(Shape(problem.options[each.option], each.contents, each.count) for each in found.stacks)
