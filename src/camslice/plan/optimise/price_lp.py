"""The linear programme over the contents that are known so far (GLOP): how often each, and what a stream is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ortools.linear_solver import pywraplp

from camslice.plan.optimise.tables import MICRO, Floats, Ints


@dataclass(frozen=True, slots=True)
class Column:
    """One node of an option (its index in the tables) with these contents."""

    option: int
    contents: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LpAnswer:
    """`nodes`: of each column, in parts; `prices` [C]: US dollars per stream; `usd`: of all nodes."""

    nodes: list[float]
    prices: Floats
    usd: float


class PriceLp:
    """Grows by columns. Every demand is to be covered; more than that is no harm, as streams can be left out of contents."""

    def __init__(self, demand: Ints) -> None:
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        self._classes = np.flatnonzero(demand).tolist()
        infinity = self._solver.infinity()
        self._rows = {index: self._solver.Constraint(1.0, infinity) for index in self._classes}
        self._demand = demand.astype(np.float64)
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        self._columns: list[pywraplp.Variable] = []

    def add(self, columns: Sequence[Column], cost: Ints) -> None:
        """`cost`: of all options."""
        for column in columns:
            variable = self._solver.NumVar(0.0, self._solver.infinity(), "")
            self._objective.SetCoefficient(variable, float(cost[column.option]) / MICRO)
            for index in self._classes:
                if column.contents[index]:
                    self._rows[index].SetCoefficient(variable, column.contents[index] / float(self._demand[index]))
            self._columns.append(variable)

    def solve(self) -> LpAnswer | None:
        """None when the columns do not cover every demand."""
        if self._solver.Solve() != pywraplp.Solver.OPTIMAL:
            return None
        prices = np.zeros(len(self._demand))
        for index, row in self._rows.items():
            prices[index] = max(0.0, row.dual_value()) / self._demand[index]
        return LpAnswer([each.solution_value() for each in self._columns], prices, self._objective.Value())
