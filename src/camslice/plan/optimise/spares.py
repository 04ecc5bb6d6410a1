"""Spare nodes: empty, each able to take over any one of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.problem import Contents, Problem, Shape
from camslice.plan.optimise.tables import Tables
from camslice.plan.optimise.verdicts import Verdicts


@dataclass(frozen=True, slots=True)
class Spares:
    """None of them where no option can take what each of the others holds. Whatever the others are, spares cost no less than
    `bound` millionths."""

    shapes: tuple[Shape, ...]
    micro: int
    bound: int


def with_spares(problem: Problem, tables: Tables, verdicts: Verdicts, shapes: Sequence[Shape]) -> Spares:
    """The cheapest option that can take the contents of every shape."""
    held = list(dict.fromkeys(each.contents for each in shapes if any(each.contents)))
    if not problem.spare or not held:
        return Spares((), 0, 0)
    order = np.argsort(tables.cost, kind="stable").tolist()
    able = [option for option in order if tables.most[option].any()]
    bound = problem.spare * int(tables.cost[able[0]]) if able else 0
    for option in order:
        if all(verdicts.accepts(option, contents) for contents in sorted(held, key=sum, reverse=True)):
            empty: Contents = (0,) * len(problem.classes)
            shape = Shape(problem.options[option], empty, problem.spare)
            return Spares((shape,), problem.spare * int(tables.cost[option]), bound)
    return Spares((), 0, bound)
