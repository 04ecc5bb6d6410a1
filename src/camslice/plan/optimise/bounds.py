"""What no fleet costs less than, from prices of streams: whole millionths of a dollar, so that nothing is lost to rounding.

Whatever the prices: if no node's contents are worth more than `w` times what the node costs, no fleet costs less than all
streams' worth divided by `w` (Farley 1990).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.tables import MICRO, Floats, Ints, Tables
from camslice.plan.optimise.worth import Worth

_TOO_MUCH = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """No fleet costs less than `bound` millionths. `prices` [C] of streams in US dollars, `micro` [C] the same in whole
    millionths, are such that no node of option o is worth more than `worth[o]` millionths, which is no more than it costs. All
    streams together are worth `total`. `pricing` knows prices of resources that belong to these."""

    prices: Floats
    micro: Ints
    worth: Ints
    total: int
    bound: int
    pricing: Worth

    def in_reach(self, tables: Tables, below: int) -> Ints:
        """The options that a fleet for less than `below` millionths can have: with another one, what its node costs more than
        it is worth would come on top of what all streams are worth."""
        return np.flatnonzero(tables.cost - self.worth < below - self.total)


def relaxed(tables: Tables, pricing: Worth, prices: Floats, worth: Ints) -> Relaxed:
    """Scaled down until no node is worth more than it costs. `worth` [O]: millionths that no contents are worth more than."""
    micro = in_micro_below(prices)
    total = worth_of(micro, tables.demand)
    bound = bound_of(tables, micro, worth)
    if not total or not bound:
        nothing = np.zeros(len(prices), np.int64)
        return Relaxed(nothing.astype(np.float64), nothing, np.zeros(len(worth), np.int64), 0, bound, pricing)
    scale = max(0, bound - 1)
    scaled = np.array([price * scale // total for price in micro.tolist()], np.int64)
    worth_scaled = [
        min(cost, -(-most * scale // total)) for cost, most in zip(tables.cost.tolist(), worth.tolist(), strict=True)
    ]
    return Relaxed(scaled / MICRO, scaled, np.array(worth_scaled, np.int64), worth_of(scaled, tables.demand), bound, pricing)


def bound_of(tables: Tables, prices: Ints, worth: Ints) -> int:
    """Millionths of a dollar that no fleet costs less than, if no node of option o is worth more than `worth[o]`."""
    total = worth_of(prices, tables.demand)
    bound = total
    for option in np.flatnonzero(worth > tables.cost).tolist():
        if worth[option] >= _TOO_MUCH:
            return 0
        bound = min(bound, -(-total * int(tables.cost[option]) // int(worth[option])))
    return bound


def worth_of(prices: Ints, counts: Ints) -> int:
    """Of so many streams, in Python's unlimited integers."""
    return sum(price * count for price, count in zip(prices.tolist(), counts.tolist(), strict=True))


def in_micro_below(prices: Floats) -> Ints:
    """Whole millionths, rounded down."""
    return np.floor(prices * MICRO).astype(np.int64)


def in_micro(bounds: Floats) -> Ints:
    """Whole millionths, rounded up with room for what floating point gets wrong."""
    micro = np.ceil(bounds * (1 + 1e-9) * MICRO) + 1
    return np.where(micro < _TOO_MUCH, micro, _TOO_MUCH).astype(np.int64)
