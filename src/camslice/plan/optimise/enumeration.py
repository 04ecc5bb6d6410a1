"""All contents that a cheaper fleet than the known one could have, where they are few enough to be written down.

In a fleet that costs less than `below`, no node may lose more against its worth than there is between `below` and the
bound: else all nodes together cost too much (reduced-cost fixing). Contents grow class by class, and those are given up
that cannot get back to enough worth: what is left of each resource is worth no more than its price in the Lagrangian
relaxation. Only the largest are kept, as streams can always be left out.
"""

from __future__ import annotations

import numpy as np

from camslice.plan.optimise.price_lp import Column
from camslice.plan.optimise.tables import PARTS, Floats, Ints, Tables

_AT_ONCE = 200_000
_NUMBERS_AT_ONCE = 2_000_000


def enumerate_columns(tables: Tables, prices: Ints, resource_prices: Floats, slack: int, most: int) -> list[Column] | None:
    """Contents whose worth at `prices` [C] (millionths) is above their node's cost less `slack`; None if there are more than
    `most`, or too many on the way. `resource_prices` [O, R] in US dollars are those of `Worth`, at these prices or nearly."""
    order = _order(tables)
    lambdas = np.maximum(0.0, resource_prices * 1e6)
    tails = _tails(tables, order, prices, lambdas)
    need = tables.cost.astype(np.float64) - slack
    options = np.flatnonzero(tails.start + lambdas.sum(axis=1) > need)
    contents = np.zeros((len(options), len(order)), np.int64)
    left = np.full((len(options), tables.use.shape[2]), PARTS, np.int64)
    value = np.zeros(len(options), np.int64)
    there = np.zeros(len(options), bool)
    for rank, index in enumerate(order.tolist()):
        model = int(tables.model[index])
        if rank and tables.model[order[rank - 1]] != model:
            there = np.zeros(len(options), bool)
        use = tables.use[options, index]
        charge = np.where(there[:, None], 0, tables.fixed[options, model])
        room = np.where(use > 0, (left - charge) // np.maximum(use, 1), PARTS).min(axis=1)
        room = np.where((left >= charge).all(axis=1), np.minimum(room, tables.most[options, index]), 0)
        ways = np.maximum(room, 0) + 1
        if int(ways.sum()) > min(_AT_ONCE, _NUMBERS_AT_ONCE // len(order)):
            return None
        rows = np.repeat(np.arange(len(options)), ways)
        count = np.arange(len(rows)) - np.repeat(np.cumsum(ways) - ways, ways)
        some = count > 0
        options, value = options[rows], value[rows] + count * int(prices[index])
        left = left[rows] - count[:, None] * use[rows] - np.where(some[:, None], charge[rows], 0)
        there = there[rows] | some
        contents = contents[rows]
        contents[:, index] = count
        reach = value + np.einsum("nr,nr->n", left / PARTS, lambdas[options])
        reach += np.where(there, tails.present[rank][options], tails.absent[rank][options])
        keep = reach * (1 + 1e-9) + 1.0 > need[options]
        options, value, left, there, contents = options[keep], value[keep], left[keep], there[keep], contents[keep]
    keep = _largest(tables, options, contents, left)
    if int(keep.sum()) > most:
        return None
    return [Column(option, tuple(row)) for option, row in zip(options[keep].tolist(), contents[keep].tolist(), strict=True)]


class _Tails:
    """`present[rank]`, `absent[rank]` [O]: what the classes after that rank can add, if their model is there already or not."""

    def __init__(self, present: list[Floats], absent: list[Floats], start: Floats) -> None:
        self.present, self.absent, self.start = present, absent, start


def _order(tables: Tables) -> Ints:
    """Models together, those with the largest streams first."""
    size = np.where(tables.most > 0, tables.use.max(axis=2), 0).mean(axis=0)
    of_model = np.array([size[tables.model == number].max(initial=0.0) for number in range(tables.models)])
    return np.lexsort((-size, tables.model, -of_model[tables.model]))


def _tails(tables: Tables, order: Ints, prices: Ints, lambdas: Floats) -> _Tails:
    gain = np.maximum(0.0, prices - np.einsum("ocr,or->oc", tables.use / PARTS, lambdas)) * tables.most
    charge = np.einsum("omr,or->om", tables.fixed / PARTS, lambdas)
    nothing = np.zeros(len(tables.options))
    present, absent = [], []
    later, same = nothing, nothing
    for rank in range(len(order) - 1, -1, -1):
        model = tables.model[order[rank]]
        present.append(later + same)
        absent.append(later + np.maximum(0.0, same - charge[:, model]))
        same = same + gain[:, order[rank]]
        if rank == 0 or tables.model[order[rank - 1]] != model:
            later, same = later + np.maximum(0.0, same - charge[:, model]), nothing
    return _Tails(present[::-1], absent[::-1], later)


def _largest(tables: Tables, options: Ints, contents: Ints, left: Ints) -> Ints:
    """Those to which no stream can be added."""
    there = np.zeros((len(options), tables.models), bool)
    for number in range(tables.models):
        there[:, number] = (contents[:, tables.model == number] > 0).any(axis=1)
    largest = np.ones(len(options), bool)
    for index in range(contents.shape[1]):
        model = int(tables.model[index])
        charge = np.where(there[:, model, None], 0, tables.fixed[options, model])
        more = (contents[:, index] < tables.most[options, index]) & (left >= charge + tables.use[options, index]).all(axis=1)
        largest &= ~more
    return largest
