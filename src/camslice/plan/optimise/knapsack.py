"""The best contents of one node at given prices of streams, exactly (CP-SAT)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.exact_solver import Budget, ExactModel, Variable
from camslice.plan.optimise.tables import PARTS, Ints, Tables
from camslice.plan.optimise.walls import Walls


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """`contents` [C] are the best that were found; none are worth more than `micro`, millionths of a dollar."""

    contents: Ints
    micro: int


def exact(
    tables: Tables, option: int, prices: Ints, limits: Ints, budget: Budget, most: float, close: float = 0.0, walls: Walls = ()
) -> Best:
    """`prices` [C]: millionths of a dollar per stream. `limits` [C]: no more streams than that of each class, nor what
    reaches a wall. For no more than `most` deterministic seconds; what is as `close` (a share) to the best is enough."""
    model = ExactModel()
    contents = np.zeros(len(tables.demand), np.int64)
    highest = np.where(prices > 0, np.minimum(tables.most[option], limits), 0)
    if not highest.any():
        return Best(contents, 0)
    amounts = {index: model.integer(0, int(highest[index])) for index in np.flatnonzero(highest).tolist()}
    add_node(model, tables, option, amounts, walls)
    answer = model.maximise(list(amounts.values()), [int(prices[index]) for index in amounts], budget, most, close)
    if answer.found:
        for index, amount in amounts.items():
            contents[index] = answer.value(amount)
    return Best(contents, answer.bound)


def add_node(model: ExactModel, tables: Tables, option: int, amounts: dict[int, Variable], walls: Walls = ()) -> None:
    """That one node of this option has room for those amounts of streams, by class, and that they reach no wall."""
    present: dict[int, Variable] = {}
    for number in sorted({int(tables.model[index]) for index in amounts}):
        if tables.fixed[option, number].any():
            present[number] = model.boolean()
    for index, amount in amounts.items():
        there = present.get(int(tables.model[index]))
        if there is not None:
            model.at_most([amount, there], [1, -int(tables.most[option, index])], 0)
    for resource in range(tables.use.shape[2]):
        uses = [(amount, int(tables.use[option, index, resource])) for index, amount in amounts.items()]
        uses += [(there, int(tables.fixed[option, number, resource])) for number, there in present.items()]
        uses = [(of, share) for of, share in uses if share]
        if uses:
            model.at_most([of for of, _ in uses], [share for _, share in uses], PARTS)
    for wall in walls:
        if all(index in amounts and model.highest(amounts[index]) >= limit for index, limit in enumerate(wall) if limit):
            model.some_at_most([(amounts[index], limit - 1) for index, limit in enumerate(wall) if limit])
