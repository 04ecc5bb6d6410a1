"""The cheapest nodes that hold every stream: pruned, priced, proven where that is possible, and asked of `fits`."""

from __future__ import annotations

import time
from dataclasses import replace

from camslice.plan.optimise.accepted import Accepted, accepted
from camslice.plan.optimise.kept import keep
from camslice.plan.optimise.problem import Problem, Shape, Solution
from camslice.plan.optimise.solver import has_solver
from camslice.plan.optimise.spares import Spared, with_spares
from camslice.plan.optimise.tables import tables_of, usd
from camslice.plan.optimise.verdicts import Verdicts


def solve(problem: Problem) -> Solution:
    """Equal problems have equal solutions, but for the seconds. Raises ValueError for figures that are none."""
    began_s = time.perf_counter()
    verdicts = Verdicts(problem)
    kept = keep(problem)
    tables = tables_of(problem, kept.left)
    found = accepted(tables, verdicts, problem.most_shapes)
    if kept.least != kept.left:  # of what `fits` refused, other parts might have been kept: only this is proven
        least = accepted(tables_of(problem, kept.least), verdicts, problem.most_shapes)
        found = replace(found, bound=min(found.bound, least.bound))
    held = [each.contents for each in kept.shapes]
    spared = with_spares(tables, verdicts, problem.most_shapes, problem.spare, held, found)
    micro, bound = kept.micro + spared.micro, kept.micro + spared.bound
    return Solution(
        (*kept.shapes, *_shapes(problem, spared.found)),
        _spares(problem, spared),
        usd(micro),
        usd(bound),
        micro <= bound and len(spared.found.stacks) <= problem.most_shapes,
        "cp-sat" if has_solver() else "first-fit-decreasing",
        time.perf_counter() - began_s,
        spared.found.unplaced,
        usd(max(0, spared.found.micro - spared.found.free)),
    )


def _shapes(problem: Problem, found: Accepted) -> tuple[Shape, ...]:
    return tuple(Shape(problem.options[each.option], each.contents, each.count) for each in found.stacks)


def _spares(problem: Problem, spared: Spared) -> tuple[Shape, ...]:
    if spared.option is None:
        return ()
    return (Shape(problem.options[spared.option], (0,) * len(problem.classes), problem.spare),)
