"""Few different shapes for many nodes: the same contents again and again, as often as they divide what is left.

A shape that is to stand on `m` nodes may hold of each class a m-th of what is left, rounded down, so that nothing is left over
or placed twice. The first shapes stand on many nodes, the last ones on one each and take up the remainders. How picky a run is
says by how much a shape may be worth less, for its money, than the best that could be chosen, if it stands on more nodes:
several runs with different pickiness, the cheapest result counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.solver import has_solver
from camslice.plan.optimise.tables import MICRO, PARTS, Floats, Ints, Tables
from camslice.plan.optimise.worth import Worth

_PARTS_OF_LEFT = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
_LIKELY = 24
_ROUNDED = 4
_PICKINESS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)

Accept = Callable[[int, Ints], Ints]
"""The contents, or as much of them as the option (its index in the tables) is allowed to hold."""


@dataclass(frozen=True, slots=True)
class Stack:
    """`count` nodes of an option (its index in the tables), all with these contents."""

    option: int
    contents: tuple[int, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Stacks:
    """Every stream exactly once, for so many millionths of a dollar."""

    stacks: tuple[Stack, ...]
    micro: int


def runs(
    tables: Tables, pricing: Worth, prices: Floats, most_shapes: int, accept: Accept, pickiness: Sequence[float] = _PICKINESS
) -> list[Stacks]:
    """The results of the runs that needed no more than `most_shapes`, the cheapest first."""
    found = [_Run(tables, pricing, prices, most_shapes, accept, share).run() for share in pickiness]
    return sorted((each for each in found if each is not None), key=lambda each: (each.micro, len(each.stacks)))


class _Run:
    def __init__(
        self, tables: Tables, pricing: Worth, prices: Floats, most_shapes: int, accept: Accept, pickiness: float
    ) -> None:
        self.tables, self.pricing, self.prices = tables, pricing, prices
        self.most_shapes, self.accept, self.pickiness = most_shapes, accept, pickiness
        self.usd = np.maximum(tables.cost / MICRO, 1e-9)

    def run(self) -> Stacks | None:
        left = self.tables.demand.copy()
        chosen: list[Stack] = []
        best: Stacks | None = None
        while left.any():
            last = self._last(left)
            if last is not None and len(chosen) < self.most_shapes:
                best = _cheaper(best, self._stacks([*chosen, last]))
            if len(chosen) + 1 >= self.most_shapes:
                return best
            stack = self._next(left)
            if stack is None:
                return best
            chosen.append(stack)
            left -= stack.count * np.array(stack.contents)
        return _cheaper(best, self._stacks(chosen))

    def _stacks(self, stacks: list[Stack]) -> Stacks:
        return Stacks(tuple(stacks), sum(int(self.tables.cost[each.option]) * each.count for each in stacks))

    def _next(self, left: Ints) -> Stack | None:
        """The shape that takes the most of what is left among those that are good enough."""
        options = self._likely(left)
        worth_left = float(self.prices @ left)
        alone = np.maximum(1, (worth_left / self.usd[options]).astype(np.int64))
        counts = np.maximum(1, (alone[:, None] * np.array(_PARTS_OF_LEFT)).astype(np.int64)).ravel()
        rows = np.repeat(options, len(_PARTS_OF_LEFT))
        contents = self.pricing.fill(self.prices, rows, left // counts[:, None])
        value = contents @ self.prices
        good = value / self.usd[rows]
        if not (value > 0).any():
            return None
        enough = good >= good.max() * (1 - self.pickiness) - 1e-12
        order = np.lexsort((rows, -good, -(value * counts)))
        order = order[enough[order]]
        for index in order[:_ROUNDED].tolist() if has_solver() else ():
            better = self._rounded(int(rows[index]), left // counts[index], contents[index])
            contents[index], value[index] = better, float(better @ self.prices)
        good = value / self.usd[rows]
        enough = good >= good.max() * (1 - self.pickiness) - 1e-12
        order = np.lexsort((rows, -good, -(value * counts)))
        for index in order[enough[order]].tolist():
            option = int(rows[index])
            accepted = self.accept(option, contents[index])
            if accepted.any():
                count = int((left[accepted > 0] // accepted[accepted > 0]).min())
                fits_in = int(counts[index]) if (accepted == contents[index]).all() else min(count, int(counts[index]))
                return Stack(option, tuple(accepted.tolist()), min(count, max(1, fits_in)))
        return None

    def _rounded(self, option: int, limits: Ints, contents: Ints) -> Ints:
        from camslice.plan.optimise.rounding import rounded

        return rounded(self.tables, self.pricing, self.prices, option, limits, contents)

    def _likely(self, left: Ints) -> Ints:
        options = np.arange(len(self.tables.options))
        contents = self.pricing.fill(self.prices, options, left)
        good = contents @ self.prices / self.usd
        order = np.argsort(-good, kind="stable")
        return order[good[order] > 0][:_LIKELY]

    def _last(self, left: Ints) -> Stack | None:
        """The cheapest node that takes everything that is left."""
        tables = self.tables
        there = np.zeros(tables.models, np.int64)
        there[tables.model[left > 0]] = 1
        taken = np.einsum("c,ocr->or", left, tables.use) + np.einsum("m,omr->or", there, tables.fixed)
        carried = (left <= tables.most).all(axis=1) & (taken <= PARTS).all(axis=1)
        for option in np.argsort(tables.cost, kind="stable").tolist():
            if carried[option] and (self.accept(option, left) == left).all():
                return Stack(option, tuple(left.tolist()), 1)
        return None


def _cheaper(one: Stacks | None, other: Stacks) -> Stacks:
    return other if one is None or other.micro < one.micro else one
