"""The cheapest nodes without a solver: first fit decreasing, and few shapes at rough prices. The bound is a relaxation's."""

from __future__ import annotations

import numpy as np

from camslice.plan.optimise.bounds import bound_of
from camslice.plan.optimise.cheapest import Cheapest
from camslice.plan.optimise.few_shapes import runs
from camslice.plan.optimise.first_fit import first_fit
from camslice.plan.optimise.tables import MICRO, Floats, Ints, Tables
from camslice.plan.optimise.trim import merged, micro_of
from camslice.plan.optimise.walls import Refused, below_walls
from camslice.plan.optimise.worth import Worth

_STEPS = 100
_ROUNDS = 30
_UNLIMITED = 10**9


def without_solver(tables: Tables, refused: Refused, most_shapes: int) -> Cheapest:
    """See `cheapest`."""
    pricing = Worth(tables)
    prices, bound = _priced(tables, pricing)

    def accept(option: int, contents: Ints) -> Ints:
        return below_walls(contents, refused.get(option, ()), prices)

    found = [merged(first_fit(tables, refused))]
    for limit in (most_shapes, _UNLIMITED):
        found += [merged(run.stacks) for run in runs(tables, pricing, prices, limit, accept)]
    found.sort(key=lambda each: (micro_of(tables, each), len(each)))
    few = next((each for each in found if len(each) <= most_shapes), found[0])
    micro = micro_of(tables, few)
    return Cheapest(few, micro, min(bound, micro), micro_of(tables, found[0]))


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
        micro = np.floor(prices * MICRO).astype(np.int64)
        bound = bound_of(tables, micro, np.ceil(worth * (1 + 1e-9) * MICRO).astype(np.int64) + 1)
        if bound > best:
            best, best_prices = bound, prices
        option = int((worth / usd).argmax())
        if worth[option] <= usd[option] * (1 + 1e-3):
            break
        held = pricing.fill(prices, np.array([option]), tables.demand)[0] > 0
        prices = np.where(held, prices * (usd[option] / worth[option]) ** 0.5, prices)
    return best_prices, best
