"""What a stream is worth, what a node can be worth at most, and the bound that follows: nothing is cheaper.

Prices come from the liquid programme. At these a node's worth is bounded by Lagrangian relaxation for all options at once, and
by an exact knapsack for the few options that still seem to be worth more than they cost.
"""

from __future__ import annotations

import numpy as np

from camslice.plan.optimise.bounds import Relaxed, in_micro, in_micro_below, relaxed
from camslice.plan.optimise.exact_solver import Budget
from camslice.plan.optimise.fluid import fluid
from camslice.plan.optimise.knapsack import exact
from camslice.plan.optimise.tables import MICRO, Tables
from camslice.plan.optimise.worth import Worth

_STEPS = 150
_EXACT = 8
_EFFORT = 0.05
_CLOSE = 2e-4


def price(tables: Tables, budget: Budget) -> Relaxed:
    """Every class with a demand has an option that carries it."""
    pricing = Worth(tables)
    prices = fluid(tables, pricing)
    usd = np.maximum(tables.cost / MICRO, 1e-9)
    worth = in_micro(pricing.bound(prices, np.arange(len(tables.options)), usd, _STEPS))
    over = worth / np.maximum(tables.cost, 1)
    for option in np.argsort(-over, kind="stable")[:_EXACT].tolist():
        if over[option] > 1.0 + _CLOSE:
            best = exact(tables, option, in_micro_below(prices), tables.demand, budget, _EFFORT, _CLOSE)
            worth[option] = min(worth[option], best.micro)
    return relaxed(tables, pricing, prices, worth)
