"""The cheapest nodes without a solver: first fit decreasing, and few shapes at rough prices. The bound is a relaxation's."""

from __future__ import annotations

import numpy as np

from camslice.plan.optimise.bounds import bound_of, in_micro, in_micro_below
from camslice.plan.optimise.cheapest import Cheapest
from camslice.plan.optimise.few_shapes import ANY_NUMBER, Way, few_shapes
from camslice.plan.optimise.first_fit import first_fit
from camslice.plan.optimise.problem import Contents
from camslice.plan.optimise.stacks import stacked
from camslice.plan.optimise.tables import MICRO, Floats, Tables
from camslice.plan.optimise.uniform import uniform
from camslice.plan.optimise.walls import Refused, below_walls
from camslice.plan.optimise.worth import Worth

_STEPS = 100
_ROUNDS = 30
_FAR = 4


def without_solver(tables: Tables, refused: Refused, most_shapes: int) -> Cheapest:
    """See `cheapest`."""
    pricing = Worth(tables)
    prices, bound = _priced(tables, pricing)

    def accept(option: int, contents: Contents) -> Contents:
        return below_walls(contents, refused.get(option, ()))

    costs = tables.cost.tolist()
    way = Way(tables, pricing, prices, lambda _option, _limits, contents: contents, accept)
    free = stacked(first_fit(tables, refused), costs)
    free = few_shapes(way, ANY_NUMBER, free.micro, bound) or free
    few = few_shapes(way, most_shapes, _FAR * free.micro + 1, bound)
    found = [each for each in (free, few, uniform(tables, refused)) if each is not None and len(each.stacks) <= most_shapes]
    chosen = min(found, key=lambda each: each.micro, default=free)
    return Cheapest(chosen.stacks, chosen.micro, min(bound, chosen.micro), min(free.micro, chosen.micro))


def _priced(tables: Tables, pricing: Worth) -> tuple[Floats, int]:
    """Prices of streams that begin with what each class costs alone, and come down where a node is worth more than it costs;
    the best bound on the way."""
    usd = np.maximum(tables.cost / MICRO, 1e-9)
    everything = np.arange(len(tables.options))
    per_stream = np.where(tables.most > 0, usd[:, None] / np.maximum(tables.most, 1), np.inf).min(axis=0)
    prices: Floats = np.where(tables.demand > 0, per_stream, 0.0)
    best, best_prices = -1, prices
    for _ in range(_ROUNDS):
        worth = pricing.bound(prices, everything, usd, _STEPS)
        bound = bound_of(tables, in_micro_below(prices), in_micro(worth))
        if bound > best:
            best, best_prices = bound, prices
        option = int((worth / usd).argmax())
        if worth[option] <= usd[option] * (1 + 1e-3):
            break
        held = pricing.fill(prices, np.array([option]), tables.demand)[0] > 0
        prices = np.where(held, prices * (usd[option] / worth[option]) ** 0.5, prices)
    return best_prices, best
