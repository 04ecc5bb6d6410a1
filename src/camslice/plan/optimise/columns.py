"""Column generation: contents that a cheap fleet is made of, what a stream is worth, and what no fleet costs less than.

Gilmore and Gomory's way (1961). A linear programme over the contents that are known prices streams; contents that are worth
more at these prices than their node costs join it, until there are none. Prices are drawn towards the best ones so far
(Wentges 1997), or they would jump about for hundreds of rounds. Whatever the prices, if no node's contents are worth more
than `w` times what the node costs, no fleet costs less than all streams' worth divided by `w` (Farley 1990): that is the
bound, and it is computed in integers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.bounds import bound_of
from camslice.plan.optimise.knapsack import exact
from camslice.plan.optimise.price_lp import Column, LpAnswer, PriceLp
from camslice.plan.optimise.rounding import rounded
from camslice.plan.optimise.tables import MICRO, Floats, Ints, Tables
from camslice.plan.optimise.worth import Worth

_DRAWN = 0.7
_GAIN = 1e-6
_GREEDY = 20
_CRITICAL = 6
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Effort:
    """`rounds` of generation, at most; it ends when LP and bound are within `close`. `exact_s`: deterministic seconds for each
    of at most `exact_calls` exact knapsacks."""

    rounds: int = 150
    close: float = 1e-3
    exact_calls: int = 16
    exact_s: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """`nodes` of each of the `columns`, in parts. `prices` [C] are the best found, `micro` [C] the same in whole millionths
    of a dollar; at these no node of option o is worth more than `worth[o]` millionths, and no fleet costs less than
    `bound`."""

    columns: tuple[Column, ...]
    nodes: tuple[float, ...]
    lp_prices: Floats
    lp_usd: float
    prices: Floats
    micro: Ints
    worth: Ints
    bound: int
    pricing: Worth


def generate(tables: Tables, effort: Effort) -> Relaxed:
    """Every class with a demand has an option that carries it."""
    return _Generation(tables, effort).run()


class _Generation:
    def __init__(self, tables: Tables, effort: Effort) -> None:
        self.tables = tables
        self.effort = effort
        self.worth = Worth(tables)
        self.all = np.arange(len(tables.options))
        self.usd = tables.cost / MICRO
        self.lp = PriceLp(tables.demand)
        self.known: dict[Column, None] = {}
        self.best_bound = -1
        self.best_prices = np.zeros(len(tables.demand))
        self.best_worth = tables.cost
        self.calls = effort.exact_calls

    def run(self) -> Relaxed:
        drawn_to = self._begin()
        answer = self._solved()
        for round_ in range(self.effort.rounds):
            prices = _DRAWN * drawn_to + (1 - _DRAWN) * answer.prices
            bounds = self.worth.bound(prices, self.all, self.usd, 15 if round_ else 60)
            if self._note(prices, _in_micro(bounds)) or not round_:
                drawn_to = prices
            if self._is_close(answer):
                break
            found = self._greedily(prices, answer.prices)
            if found < _ENOUGH:
                found += self._nearly(prices, answer.prices, bounds)
            if not found:
                bounds = self.worth.bound(answer.prices, self.all, self.usd, 60)
                self._note(answer.prices, _in_micro(bounds))
                found += self._nearly(answer.prices, answer.prices, bounds)
                if not found:
                    found, worth = self._exactly(answer.prices, bounds)
                    if self._note(answer.prices, worth):
                        drawn_to = answer.prices
            if not found:
                break
            answer = self._solved()
        return Relaxed(
            tuple(self.known),
            tuple(answer.nodes),
            answer.prices,
            answer.usd,
            self.best_prices,
            _micro(self.best_prices),
            self.best_worth,
            self.best_bound,
            self.worth,
        )

    def _begin(self) -> Floats:
        """Every class alone on the option that is cheapest for it. Returns the prices that follow."""
        tables = self.tables
        per_stream = np.where(tables.most > 0, self.usd[:, None] / np.maximum(tables.most, 1), np.inf)
        cheapest = per_stream.argmin(axis=0)
        wanted = np.flatnonzero(tables.demand)
        rows = np.zeros((len(wanted), len(tables.demand)), np.int64)
        rows[np.arange(len(wanted)), wanted] = tables.most[cheapest[wanted], wanted]
        self._add(zip(cheapest[wanted].tolist(), rows, strict=True))
        return np.where(tables.demand > 0, per_stream.min(axis=0), 0.0)

    def _add(self, found: Iterable[tuple[int, Ints]]) -> int:
        new = []
        for option, contents in found:
            column = Column(option, tuple(contents.tolist()))
            if column not in self.known:
                self.known[column] = None
                new.append(column)
        self.lp.add(new, self.tables.cost)
        return len(new)

    def _solved(self) -> LpAnswer:
        answer = self.lp.solve()
        if answer is None:
            raise ArithmeticError("the linear programme over known contents has no solution although they cover every stream")
        return answer

    def _greedily(self, drawn: Floats, prices: Floats) -> int:
        rows = self.worth.fill(drawn, self.all, self.tables.demand)
        gain = rows @ prices / np.maximum(self.usd, 1e-9)
        best = np.argsort(-gain, kind="stable")[:_GREEDY]
        return self._add((option, rows[option]) for option in best.tolist() if gain[option] > 1 + _GAIN)

    def _nearly(self, drawn: Floats, prices: Floats, bounds: Floats) -> int:
        found, nothing = [], np.zeros(len(prices), np.int64)
        for option in self._critical(bounds, _CRITICAL):
            contents = rounded(self.tables, self.worth, drawn, option, self.tables.demand, nothing)
            if contents @ prices > self.usd[option] * (1 + _GAIN):
                found.append((option, contents))
        return self._add(found)

    def _exactly(self, prices: Floats, bounds: Floats) -> tuple[int, Ints]:
        micro, worth, found = _micro(prices), _in_micro(bounds), []
        for option in self._critical(bounds, self.calls):
            self.calls -= 1
            best = exact(self.tables, option, micro, self.effort.exact_s)
            worth[option] = min(worth[option], best.micro)
            if best.contents @ micro > self.tables.cost[option]:
                found.append((option, best.contents))
                if len(found) == _ENOUGH:
                    break
        return self._add(found), worth

    def _critical(self, bounds: Floats, most: int) -> list[int]:
        over = bounds / np.maximum(self.usd, 1e-9)
        order = np.argsort(-over, kind="stable")[:most]
        return [option for option in order.tolist() if over[option] > 1 + _GAIN]

    def _note(self, prices: Floats, worth: Ints) -> bool:
        """Keep the bound if it is the best. `worth` [O]: millionths that no contents are worth more than."""
        bound = bound_of(self.tables, _micro(prices), worth)
        if bound <= self.best_bound:
            return False
        self.best_bound, self.best_prices, self.best_worth = bound, prices, worth
        return True

    def _is_close(self, answer: LpAnswer) -> bool:
        return answer.usd * MICRO <= self.best_bound * (1 + self.effort.close)


def _micro(prices: Floats) -> Ints:
    return np.floor(prices * MICRO).astype(np.int64)


def _in_micro(bounds: Floats) -> Ints:
    """Upwards, with room for what floating point gets wrong."""
    return np.ceil(bounds * (1 + 1e-9) * MICRO).astype(np.int64) + 1
