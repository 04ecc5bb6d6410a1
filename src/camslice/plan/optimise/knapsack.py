"""The best contents of one node at given prices of streams: nearly (a linear programme, rounded) or exactly (CP-SAT)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ortools.linear_solver import pywraplp

from camslice.plan.optimise.exact_solver import ExactModel, Variable
from camslice.plan.optimise.tables import PARTS, Floats, Ints, Tables


def fractional(tables: Tables, option: int, prices: Floats, models: Ints, limits: Ints) -> Ints:
    """[C]: contents of those models alone, the best in parts of streams, rounded down: room is left to be filled up."""
    contents = np.zeros(len(tables.demand), np.int64)
    left = PARTS - tables.fixed[option, models].sum(axis=0)
    most = np.where(np.isin(tables.model, models), np.minimum(tables.most[option], limits), 0)
    most = np.where(prices > 0, most, 0)
    if (left < 0).any() or not most.any():
        return contents
    solver = pywraplp.Solver.CreateSolver("GLOP")
    objective = solver.Objective()
    objective.SetMaximization()
    rows = [solver.Constraint(-solver.infinity(), room / PARTS) for room in left.tolist()]
    amounts = {}
    for index in np.flatnonzero(most).tolist():
        amounts[index] = solver.NumVar(0.0, float(most[index]), "")
        objective.SetCoefficient(amounts[index], float(prices[index]))
        for row, use in zip(rows, tables.use[option, index].tolist(), strict=True):
            if use:
                row.SetCoefficient(amounts[index], use / PARTS)
    if solver.Solve() == pywraplp.Solver.OPTIMAL:
        for index, amount in amounts.items():
            contents[index] = int(amount.solution_value() + 1e-6)
    return contents


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """`contents` [C] are the best that were found; none are worth more than `micro`, millionths of a dollar."""

    contents: Ints
    micro: int


def exact(tables: Tables, option: int, prices_micro: Ints, effort: float, close: float = 0.0) -> Best:
    """`prices_micro` [C]: millionths of a dollar per stream. `effort`: deterministic seconds; `close` (a share) is enough."""
    model = ExactModel()
    contents = np.zeros(len(tables.demand), np.int64)
    valued = np.flatnonzero((tables.most[option] > 0) & (prices_micro > 0)).tolist()
    if not valued:
        return Best(contents, 0)
    amounts = {index: model.integer(0, int(tables.most[option, index])) for index in valued}
    add_node(model, tables, option, amounts)
    answer = model.maximise(list(amounts.values()), [int(prices_micro[index]) for index in valued], effort, close)
    if answer.found:
        for index, amount in amounts.items():
            contents[index] = answer.value(amount)
    return Best(contents, answer.bound)


def add_node(model: ExactModel, tables: Tables, option: int, amounts: dict[int, Variable]) -> None:
    """That one node of this option has room for those amounts of streams, by class."""
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
