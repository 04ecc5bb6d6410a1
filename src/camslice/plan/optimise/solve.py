"""The cheapest nodes that hold every stream."""

from __future__ import annotations

import time

from camslice.plan.optimise.first_fit import first_fit
from camslice.plan.optimise.problem import Contents, Problem, Shape, Solution


def solve(problem: Problem) -> Solution:
    """Nodes for every stream. Equal problems have equal solutions."""
    began_s = time.perf_counter()
    shapes = first_fit(problem, problem.kept)
    placed = [sum(each.contents[index] * each.count for each in shapes) for index in range(len(problem.classes))]
    spares = _spares(problem, shapes)
    usd = sum(each.count * each.option.usd_per_month for each in (*shapes, *spares))
    unplaced = tuple(of.count - held for of, held in zip(problem.classes, placed, strict=True))
    return Solution(shapes, spares, usd, 0.0, False, "first-fit-decreasing", time.perf_counter() - began_s, unplaced)


def _spares(problem: Problem, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    if not problem.spare or not shapes:
        return ()
    held = {each.contents for each in shapes}
    empty: Contents = tuple(0 for _ in problem.classes)
    for option in sorted(problem.options, key=lambda each: each.usd_per_month):
        if all(problem.fits(option, contents) for contents in held):
            return (Shape(option, empty, problem.spare),)
    return ()
