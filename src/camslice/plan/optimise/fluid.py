"""Streams as if they were liquid: one linear programme (GLOP) over all options says at once what a stream is worth.

Nodes and streams may be split in it. With tens of classes on nodes of tens of streams its optimum is within a tenth of a per
cent of what column generation finds, in a hundredth of the time, and its prices are where generation begins. Few options
matter: the programme starts with some and grows by those that its prices miss. What makes parts of nodes different from
nodes (no more than `most` of a class, a model's fixed shares) joins only for the options that the answer uses.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from ortools.linear_solver import pywraplp

from camslice.plan.optimise.tables import MICRO, PARTS, Floats, Ints, Tables
from camslice.plan.optimise.worth import Worth

_ROUNDS = 40
_FIRST = 3
_MORE = 24
_STEPS = 40
_LITTLE = 1e-6
_Key = TypeVar("_Key")


def fluid(tables: Tables, worth: Worth) -> Floats:
    """[C]: US dollars per stream. Every class with a demand has an option that carries it."""
    usd = np.maximum(tables.cost / MICRO, 1e-9)
    everything = np.arange(len(tables.options))
    programme = _Programme(tables)
    programme.add(_first(tables, usd))
    prices = programme.solved()
    for _ in range(_ROUNDS):
        if not programme.sharpen():
            ratio = worth.bound(prices, everything, usd, _STEPS) / usd
            ratio[programme.options] = 0.0
            missed = np.argsort(-ratio, kind="stable")[:_MORE]
            missed = missed[ratio[missed] > 1.0 + 1e-3]
            if not missed.size:
                break
            programme.add(missed)
        prices = programme.solved()
    return prices


def _first(tables: Tables, usd: Floats) -> Ints:
    """The options that are cheapest for some class alone."""
    per_stream = np.where(tables.most > 0, usd[:, None] / np.maximum(tables.most, 1), np.inf)
    wanted = np.flatnonzero(tables.demand)
    ranked = np.argsort(per_stream[:, wanted], axis=0, kind="stable")[:_FIRST]
    return np.unique(ranked)


class _Programme:
    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.options: list[int] = []
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        self._wanted = np.flatnonzero(tables.demand).tolist()
        self._infinity = self._solver.infinity()
        self._rows = {index: self._solver.Constraint(float(tables.demand[index]), self._infinity) for index in self._wanted}
        self._nodes: dict[int, pywraplp.Variable] = {}
        self._streams: dict[tuple[int, int], pywraplp.Variable] = {}
        self._limits: dict[int, list[pywraplp.Constraint]] = {}
        self._there: dict[tuple[int, int], pywraplp.Variable] = {}
        self._capped: set[tuple[int, int]] = set()
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()

    def add(self, options: Ints) -> None:
        """Nodes of these, and the streams that they carry."""
        tables = self.tables
        for option in options.tolist():
            self.options.append(option)
            nodes = self._variable(self._nodes, option)
            self._objective.SetCoefficient(nodes, float(tables.cost[option]) / MICRO)
            limits = [self._at_most(nodes) for _ in range(tables.use.shape[2])]
            self._limits[option] = limits
            for index in self._wanted:
                if tables.most[option, index]:
                    streams = self._variable(self._streams, (option, index))
                    self._rows[index].SetCoefficient(streams, 1.0)
                    for limit, use in zip(limits, tables.use[option, index].tolist(), strict=True):
                        if use:
                            limit.SetCoefficient(streams, use / PARTS)

    def solved(self) -> Floats:
        """The prices so far."""
        if self._solver.Solve() != pywraplp.Solver.OPTIMAL:
            raise ArithmeticError("the linear programme over all options has no solution although they carry every stream")
        prices = np.zeros(len(self.tables.demand))
        for index, row in self._rows.items():
            prices[index] = max(0.0, row.dual_value())
        self._amounts = {key: each.solution_value() for key, each in self._streams.items()}
        nodes = {option: each.solution_value() for option, each in self._nodes.items()}
        self._used = {option: amount for option, amount in nodes.items() if amount > _LITTLE}
        return prices

    def sharpen(self) -> bool:
        """Hold the nodes that are used to what parts of nodes evade. Returns whether there was anything."""
        changed = False
        for option, amount in self._used.items():
            for index in self._wanted:
                streams = self._amounts.get((option, index), 0.0)
                if streams <= _LITTLE:
                    continue
                model = int(self.tables.model[index])
                most = float(self.tables.most[option, index])
                charged = self.tables.fixed[option, model].any()
                if (option, index) in self._capped or (not charged and streams <= most * amount * (1 + _LITTLE)):
                    continue
                self._capped.add((option, index))
                cap = self._at_most(self._model(option, model) if charged else self._nodes[option], most)
                cap.SetCoefficient(self._streams[option, index], 1.0)
                changed = True
        return changed

    def _model(self, option: int, model: int) -> pywraplp.Variable:
        """On how many nodes the model is, in parts."""
        if (option, model) not in self._there:
            there = self._variable(self._there, (option, model))
            self._at_most(self._nodes[option]).SetCoefficient(there, 1.0)
            for limit, fixed in zip(self._limits[option], self.tables.fixed[option, model].tolist(), strict=True):
                if fixed:
                    limit.SetCoefficient(there, fixed / PARTS)
        return self._there[option, model]

    def _at_most(self, of: pywraplp.Variable, times: float = 1.0) -> pywraplp.Constraint:
        """A row whose sum is at most so many times that variable."""
        row = self._solver.Constraint(-self._infinity, 0.0)
        row.SetCoefficient(of, -times)
        return row

    def _variable(self, among: dict[_Key, pywraplp.Variable], key: _Key) -> pywraplp.Variable:
        among[key] = self._solver.NumVar(0.0, self._infinity, "")
        return among[key]
