"""Column generation: contents that a cheap fleet is made of, what a stream is worth, and what no fleet costs less than.

Gilmore and Gomory's way (1961). A linear programme over the contents that are known prices streams; contents that are worth
more at these prices than their node costs join it, until there are none. Prices are drawn towards the best ones so far (Wentges
1997), or they would jump about for hundreds of rounds. The bound is Farley's, see `bounds`. It begins with prices and contents
that others found: with many classes those of the liquid programme are hardly ever beaten, with few classes, or nodes that hold
few streams, they are several per cent off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.bounds import Relaxed, bound_of, in_micro, in_micro_below, relaxed
from camslice.plan.optimise.exact_solver import Budget
from camslice.plan.optimise.knapsack import exact
from camslice.plan.optimise.price_lp import Column, LpAnswer, PriceLp
from camslice.plan.optimise.tables import MICRO, Floats, Ints, Tables

_DRAWN = 0.6
_GAIN = 1e-6
_GREEDY = 12
_STEPS = 15


@dataclass(frozen=True, slots=True)
class Effort:
    """`rounds` of generation, at most; it ends when LP and bound are within `close`, or when the bound has not risen by so much
    for `patience` rounds. In each round at most `calls` exact knapsacks, each for no more than `exact_s` deterministic seconds;
    `last_calls` where nothing else is left to do."""

    rounds: int = 60
    patience: int = 8
    close: float = 5e-4
    calls: int = 6
    last_calls: int = 60
    exact_s: float = 0.03


def generate(
    tables: Tables, start: Relaxed, seeds: Iterable[Column], budget: Budget, effort: Effort
) -> tuple[Relaxed, tuple[Column, ...]]:
    """Prices, bound and the contents that were found. Every class with a demand has an option that carries it."""
    generation = _Generation(tables, start, budget, effort)
    generation.run(seeds)
    return relaxed(tables, start.pricing, generation.best_prices, generation.best_worth), tuple(generation.known)


class _Generation:
    def __init__(self, tables: Tables, start: Relaxed, budget: Budget, effort: Effort) -> None:
        self.tables, self.pricing, self.budget, self.effort = tables, start.pricing, budget, effort
        self.all = np.arange(len(tables.options))
        self.usd = np.maximum(tables.cost / MICRO, 1e-9)
        self.lp = PriceLp(tables.demand)
        self.known: dict[Column, None] = {}
        self.best_bound, self.best_prices, self.best_worth = start.bound, start.prices, start.worth

    def run(self, seeds: Iterable[Column]) -> None:
        """Generate until nothing is worth more than it costs, or the effort is spent."""
        self._alone()
        self._add((column.option, np.array(column.contents, np.int64)) for column in seeds)
        risen, noted = 0, self.best_bound
        for round_ in range(self.effort.rounds):
            answer = self._solved()
            if self.best_bound > noted * (1 + self.effort.close):
                risen, noted = round_, self.best_bound
            if round_ - risen >= self.effort.patience:
                return
            if answer.usd * MICRO <= self.best_bound * (1 + self.effort.close) or self.budget.left <= 0:
                return
            drawn = _DRAWN * self.best_prices + (1 - _DRAWN) * answer.prices
            found = self._priced(drawn, answer.prices, self.effort.calls)
            if not found:
                found = self._priced(answer.prices, answer.prices, self.effort.last_calls)
            if not found:
                return

    def _alone(self) -> None:
        """Every class alone on the option that is cheapest for it, so that there is a solution."""
        tables = self.tables
        per_stream = np.where(tables.most > 0, self.usd[:, None] / np.maximum(tables.most, 1), np.inf)
        wanted = np.flatnonzero(tables.demand)
        cheapest = per_stream[:, wanted].argmin(axis=0)
        rows = np.zeros((len(wanted), len(tables.demand)), np.int64)
        rows[np.arange(len(wanted)), wanted] = tables.most[cheapest, wanted]
        self._add(zip(cheapest.tolist(), rows, strict=True))

    def _priced(self, at: Floats, prices: Floats, calls: int) -> int:
        """Look for contents at some prices; those join that are worth more than their node costs at the programme's own."""
        worth = in_micro(self.pricing.bound(at, self.all, self.usd, _STEPS))
        rows = self.pricing.fill(at, self.all, self.tables.demand)
        gain = rows @ prices / self.usd
        best = np.argsort(-gain, kind="stable")[:_GREEDY]
        found = [(option, rows[option]) for option in best.tolist() if gain[option] > 1 + _GAIN]
        micro = in_micro_below(at)
        settled = np.zeros(len(worth), bool)
        for _ in range(calls):
            ratio = worth / np.maximum(self.tables.cost, 1)
            option = int(ratio.argmax())
            if settled[option] or ratio[option] <= 1 + _GAIN or self.budget.left <= 0:
                break
            known = exact(self.tables, option, micro, self.tables.demand, self.budget, self.effort.exact_s)
            worth[option], settled[option] = min(int(worth[option]), known.micro), True
            if known.contents @ prices > self.usd[option] * (1 + _GAIN):
                found.append((option, known.contents))
        self._note(at, worth)
        return self._add(found)

    def _note(self, prices: Floats, worth: Ints) -> None:
        """Keep the bound if it is the best. `worth` [O]: millionths that no contents are worth more than."""
        bound = bound_of(self.tables, in_micro_below(prices), worth)
        if bound > self.best_bound:
            self.best_bound, self.best_prices, self.best_worth = bound, prices, worth

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
