"""Good contents of one node at given prices of streams: fractional knapsacks, rounded down and filled up."""

from __future__ import annotations

from camslice.plan.optimise.knapsack import fractional
from camslice.plan.optimise.tables import Floats, Ints, Tables
from camslice.plan.optimise.worth import Worth

_MORE_MODELS = 2


def rounded(tables: Tables, pricing: Worth, prices: Floats, option: int, limits: Ints, known: Ints) -> Ints:
    """[C]: the best of the fractional knapsacks with the most promising 1, 2, 3, ... models, or `known` if that is better.
    `limits` [C]: no more streams than that of each class."""
    ranked, promising = pricing.models_by_promise(prices, option, limits)
    best, best_value = known, float(known @ prices)
    for count in range(max(1, promising - 1), min(len(ranked), promising + _MORE_MODELS) + 1):
        contents = fractional(tables, option, prices, ranked[:count], limits)
        contents = pricing.top_up(prices, option, contents, limits)
        value = float(contents @ prices)
        if value > best_value:
            best, best_value = contents, value
    return best
