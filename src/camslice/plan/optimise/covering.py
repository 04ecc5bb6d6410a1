"""CP-SAT on columns: how often each known contents, so that every stream is covered for the least money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from camslice.plan.optimise.exact_solver import Budget, ExactModel
from camslice.plan.optimise.price_lp import Column
from camslice.plan.optimise.stacks import Stack
from camslice.plan.optimise.tables import Tables


@dataclass(frozen=True, slots=True)
class Covered:
    """`stacks` hold every stream at least once, None where nothing below the limit was found. With these columns nothing
    costs less than `bound` millionths."""

    stacks: tuple[Stack, ...] | None
    bound: int


def cover(
    tables: Tables,
    columns: Sequence[Column],
    below: int,
    at_least: int,
    most_shapes: int | None,
    budget: Budget,
    most: float,
    known: Sequence[Stack] = (),
) -> Covered:
    """For less than `below` millionths and no less than `at_least`, which is known to be needed. `known` is where to look
    first."""
    if not columns:
        return Covered(None, below)
    model = ExactModel()
    unit = max(1, gcd(*tables.cost.tolist()))
    hints = {Column(each.option, each.contents): each.count for each in known}
    counts, costs = [], []
    contents = np.array([column.contents for column in columns], np.int64)
    for column, row in zip(columns, contents, strict=True):
        held = row > 0
        most = int((-(-tables.demand[held] // row[held])).max(initial=0))
        if tables.cost[column.option]:
            most = min(most, (below - 1) // int(tables.cost[column.option]))
        count = model.integer(0, most)
        if known:
            model.hint(count, min(most, hints.get(column, 0)))
        counts.append(count)
        costs.append(int(tables.cost[column.option]) // unit)
    for index in np.flatnonzero(tables.demand).tolist():
        with_it = np.flatnonzero(contents[:, index]).tolist()
        weights = [int(contents[number, index]) for number in with_it]
        model.at_least([counts[number] for number in with_it], weights, int(tables.demand[index]))
    model.at_most(counts, costs, (below - 1) // unit)
    model.at_least(counts, costs, -(-at_least // unit))
    if most_shapes is not None:
        model.at_most_different(counts, most_shapes)
    answer = model.minimise(counts, costs, budget, most)
    bound = below if answer.proven and not answer.found else min(below, max(at_least, answer.bound * unit))
    if not answer.found:
        return Covered(None, bound)
    chosen = [(column, answer.value(count)) for column, count in zip(columns, counts, strict=True)]
    return Covered(tuple(Stack(column.option, column.contents, count) for column, count in chosen if count), bound)
