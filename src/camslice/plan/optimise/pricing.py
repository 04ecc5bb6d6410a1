"""What a stream is worth, what a node can be worth at most, and the bound that follows: nothing is cheaper.

Prices come from the liquid programme. At these a node's worth is bounded by Lagrangian relaxation for all options at once, and
by an exact knapsack for the few options that still seem to be worth more than they cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.bounds import bound_of
from camslice.plan.optimise.fluid import fluid
from camslice.plan.optimise.knapsack import exact
from camslice.plan.optimise.tables import MICRO, Floats, Ints, Tables
from camslice.plan.optimise.worth import Worth

_STEPS = 150
_EXACT = 8
_EFFORT = 0.05
_CLOSE = 2e-4


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """`prices` [C] in dollars, `micro` [C] in whole millionths. At these no node of option o is worth more than `worth[o]`
    millionths, and no fleet costs less than `bound`. `nodes` by option, in parts, of the liquid programme."""

    prices: Floats
    micro: Ints
    worth: Ints
    bound: int
    nodes: dict[int, float]
    pricing: Worth


def price(tables: Tables) -> Priced:
    """Every class with a demand has an option that carries it."""
    pricing = Worth(tables)
    liquid = fluid(tables, pricing)
    usd = tables.cost / MICRO
    micro = np.floor(liquid.prices * MICRO).astype(np.int64)
    bounds = pricing.bound(liquid.prices, np.arange(len(tables.options)), np.maximum(usd, 1e-9), _STEPS)
    worth = np.ceil(bounds * (1 + 1e-9) * MICRO).astype(np.int64) + 1
    over = worth / np.maximum(tables.cost, 1)
    for option in np.argsort(-over, kind="stable")[:_EXACT].tolist():
        if over[option] > 1.0 + _CLOSE:
            worth[option] = min(worth[option], exact(tables, option, micro, _EFFORT, _CLOSE).micro)
    return Priced(liquid.prices, micro, worth, bound_of(tables, micro, worth), liquid.nodes, pricing)
