"""How many nodes of which option, at the least, if the nodes of one option could share everything: an integer bound.

The relaxation forgets which stream stands on which node, and so has no symmetry between nodes; it remembers that nodes come
whole. Beside the resources of all nodes of an option it knows that no node is worth more than column generation has proven. A
choice of nodes that turned out not to hold the streams is told to it, and takes all smaller choices with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

import numpy as np

from camslice.plan.optimise.exact_solver import Budget, ExactModel, Variable
from camslice.plan.optimise.tables import PARTS, Ints, Tables

Choice = Mapping[int, int]
"""Nodes by option (its index in the tables)."""


@dataclass(frozen=True, slots=True)
class Counted:
    """No fleet costs less than `bound` millionths. `choice`: the cheapest that is not ruled out, None where there is none that
    costs less than what is known already."""

    bound: int
    choice: Choice | None


class Counting:
    """`below` in millionths: what costs as much or more is of no interest."""

    def __init__(self, tables: Tables, prices: Ints, worth: Ints, below: int) -> None:
        self._tables = tables
        self._unit = max(1, gcd(*tables.cost.tolist()))
        self._below = below
        self._model = ExactModel()
        self._nodes = self._add_nodes(prices, worth)

    def rule_out(self, choice: Choice) -> None:
        """These nodes do not hold the streams, hence no fewer do."""
        self._model.some_at_least([(variable, choice.get(option, 0) + 1) for option, variable in self._nodes.items()])

    def solve(self, at_least: int, budget: Budget, most: float) -> Counted:
        """`at_least` millionths are known to be needed."""
        options = list(self._nodes)
        variables = [self._nodes[option] for option in options]
        costs = [int(self._tables.cost[option]) // self._unit for option in options]
        if not variables:
            return Counted(self._below, None)
        self._model.at_least(variables, costs, -(-at_least // self._unit))
        answer = self._model.minimise(variables, costs, budget, most)
        if answer.proven and not answer.found:
            return Counted(self._below, None)
        bound = max(at_least, min(self._below, answer.bound * self._unit))
        choice = {option: answer.value(self._nodes[option]) for option in options} if answer.found else None
        return Counted(bound, choice and {option: count for option, count in choice.items() if count})

    def _add_nodes(self, prices: Ints, worth: Ints) -> dict[int, Variable]:
        tables, model = self._tables, self._model
        nodes: dict[int, Variable] = {}
        streams: dict[int, list[Variable]] = {int(index): [] for index in np.flatnonzero(tables.demand)}
        for option in range(len(tables.options)):
            most = _most_nodes(tables, option, self._below)
            if not most:
                continue
            nodes[option] = model.integer(0, most)
            for index, amount in self._add_option(option, nodes[option], most).items():
                streams[index].append(amount)
        for index, amounts in streams.items():
            model.at_least(amounts, [1] * len(amounts), int(tables.demand[index]))
        total = sum(price * count for price, count in zip(prices.tolist(), tables.demand.tolist(), strict=True))
        scale = max(1, total // 10**9)
        model.at_least(list(nodes.values()), [-(-int(worth[option]) // scale) for option in nodes], -(-total // scale))
        model.at_most(
            list(nodes.values()),
            [int(tables.cost[option]) // self._unit for option in nodes],
            (self._below - 1) // self._unit,
        )
        return nodes

    def _add_option(self, option: int, nodes: Variable, most_nodes: int) -> dict[int, Variable]:
        """Streams by class on all nodes of an option together."""
        tables, model = self._tables, self._model
        amounts, with_model = {}, {}
        for index in np.flatnonzero(tables.most[option] > 0).tolist():
            number, most = int(tables.model[index]), int(tables.most[option, index])
            amounts[index] = model.integer(0, min(int(tables.demand[index]), most * most_nodes))
            if tables.fixed[option, number].any() and number not in with_model:
                with_model[number] = model.integer(0, most_nodes)
                model.at_most([with_model[number], nodes], [1, -1], 0)
            model.at_most([amounts[index], with_model.get(number, nodes)], [1, -most], 0)
        for resource in range(tables.use.shape[2]):
            uses = [(amount, int(tables.use[option, index, resource])) for index, amount in amounts.items()]
            uses += [(there, int(tables.fixed[option, number, resource])) for number, there in with_model.items()]
            uses = [(of, share) for of, share in uses if share]
            if uses:
                model.at_most([*(of for of, _ in uses), nodes], [*(share for _, share in uses), -PARTS], 0)
        return amounts


def _most_nodes(tables: Tables, option: int, below: int) -> int:
    streams = int(tables.demand[tables.most[option] > 0].sum())
    cost = int(tables.cost[option])
    return streams if not cost else min(streams, (below - 1) // cost)
