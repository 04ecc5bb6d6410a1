"""What no fleet costs less than, from prices of streams, in whole millionths of a dollar: nothing is lost to rounding.

Whatever the prices: if no node's contents are worth more than `w` times what the node costs, no fleet costs less than all
streams' worth divided by `w` (Farley 1990).
"""

from __future__ import annotations

import numpy as np

from camslice.plan.optimise.tables import Ints, Tables


def bound_of(tables: Tables, prices: Ints, worth: Ints) -> int:
    """Millionths of a dollar that no fleet costs less than, if no node of option o is worth more than `worth[o]` at these
    prices."""
    total = sum(int(price) * int(count) for price, count in zip(prices, tables.demand, strict=True))
    bound = total
    for option in np.flatnonzero(worth > tables.cost).tolist():
        bound = min(bound, -(-total * int(tables.cost[option]) // int(worth[option])))
    return bound
