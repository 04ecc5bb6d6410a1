"""Few different shapes for many nodes: the same contents again and again, as often as they divide what is left.

A shape that is to stand on `m` nodes may hold of each class an m-th of what is left, rounded down, so that nothing is left over
or placed twice. The first shapes stand on many nodes, the last ones on one each and take up the remainders. How picky a run is
says by how much a shape may be worth less, for its money, than the best that could be chosen, if it takes more of what is left:
several runs with different pickiness, the cheapest result counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.problem import Contents
from camslice.plan.optimise.stacks import Stack, Stacks, stacked
from camslice.plan.optimise.tables import MICRO, PARTS, Floats, Ints, Tables, contents_of
from camslice.plan.optimise.worth import Worth

PICKINESS = (0.001, 0.003, 0.0, 0.01, 0.03, 0.1, 0.3)
ANY_NUMBER = 10**9
_PARTS_OF_LEFT = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
_LIKELY = 24
_REFINED = 4
_LEAST_USD = 1e-3
_LEAST_PRICE = 1e-6

Accept = Callable[[int, Contents], Contents]
"""The contents, or as much of them as an option (its index in the tables) may hold."""
Refine = Callable[[int, Ints, Ints], Ints]
"""Better contents of an option [C] within limits [C] than those given [C], or the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """How shapes are chosen: `prices` of streams [C], and who improves and who restricts contents."""

    tables: Tables
    pricing: Worth
    prices: Floats
    refine: Refine
    accept: Accept


def few_shapes(way: Way, most_shapes: int, below: int, enough: int, pickiness: tuple[float, ...] = PICKINESS) -> Stacks | None:
    """Every stream exactly once on nodes of no more than `most_shapes` different shapes, for less than `below` millionths; None
    where no run finds that. Runs end early with what costs no more than `enough`."""
    best: Stacks | None = None
    for share in pickiness:
        found = _Run(way, most_shapes, below, share).run()
        if found is not None:
            best, below = found, found.micro
            if below <= enough:
                break
    return best


class _Run:
    def __init__(self, way: Way, most_shapes: int, below: int, pickiness: float) -> None:
        self.way, self.tables = way, way.tables
        self.most_shapes, self.below, self.pickiness = most_shapes, below, pickiness
        self.prices = np.maximum(way.prices, _LEAST_PRICE)
        self.usd = np.maximum(way.tables.cost / MICRO, _LEAST_USD)
        self.costs = way.tables.cost.tolist()

    def run(self) -> Stacks | None:
        left = self.tables.demand.copy()
        chosen: list[Stack] = []
        best: Stacks | None = None
        spent = 0
        while left.any():
            last = self._last(left, self.below - spent)
            if last is not None:
                best = stacked([*chosen, last], self.costs)
                self.below = best.micro
            stack = self._next(left) if len(chosen) + 1 < self.most_shapes else None
            if stack is None:
                return best
            chosen.append(stack)
            spent += self.costs[stack.option] * stack.count
            left -= stack.count * np.array(stack.contents)
            if spent >= self.below:
                return best
        return stacked(chosen, self.costs)

    def _next(self, left: Ints) -> Stack | None:
        """The shape that takes the most of what is left among those that are good enough."""
        options = self._likely(left)
        if not options.size:
            return None
        alone = float(self.prices @ left) / self.usd[options]
        counts = np.clip(alone[:, None] * np.array(_PARTS_OF_LEFT), 1, left.max()).astype(np.int64).ravel()
        rows = np.repeat(options, len(_PARTS_OF_LEFT))
        contents = self.way.pricing.fill(self.prices, rows, left // counts[:, None])
        for index in self._ranked(rows, contents, counts)[:_REFINED]:
            contents[index] = self.way.refine(int(rows[index]), left // counts[index], contents[index])
        for _ in range(len(rows)):
            ranked = self._ranked(rows, contents, counts)
            if not ranked:
                return None
            option, wanted = int(rows[ranked[0]]), contents_of(contents[ranked[0]])
            accepted = self.way.accept(option, wanted)
            if accepted == wanted:
                return Stack(option, wanted, int(counts[ranked[0]]))
            contents[ranked[0]] = accepted
        return None

    def _ranked(self, rows: Ints, contents: Ints, counts: Ints) -> list[int]:
        value = contents @ self.prices
        good = value / self.usd[rows]
        enough = (value > 0) & (good >= good.max() * (1 - self.pickiness) - 1e-12)
        order = np.lexsort((rows, -good, -(value * counts)))
        return list(order[enough[order]].tolist())

    def _likely(self, left: Ints) -> Ints:
        options = np.arange(len(self.tables.options))
        good = self.way.pricing.fill(self.prices, options, left) @ self.prices / self.usd
        order = np.argsort(-good, kind="stable")
        return order[good[order] > 0][:_LIKELY]

    def _last(self, left: Ints, below: int) -> Stack | None:
        """The cheapest node that takes everything that is left, for less than `below`."""
        tables = self.tables
        there = np.zeros(tables.models, np.int64)
        there[tables.model[left > 0]] = 1
        carried = (left <= tables.most).all(axis=1) & (tables.cost < below)
        options = np.flatnonzero(carried)
        taken = np.einsum("c,ocr->or", left, tables.use[options]) + np.einsum("m,omr->or", there, tables.fixed[options])
        options = options[(taken <= PARTS).all(axis=1)]
        wanted = contents_of(left)
        for option in options[np.argsort(tables.cost[options], kind="stable")].tolist():
            if self.way.accept(option, wanted) == wanted:
                return Stack(option, wanted, 1)
        return None
