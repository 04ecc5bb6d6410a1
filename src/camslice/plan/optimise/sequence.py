"""A large fleet of few shapes: one shape after the other, each as often as it goes, each time about half of the nodes left.

A shape is an exact knapsack (CP-SAT, a few milliseconds): the contents that are worth the most at the streams' prices, with no
more of a class than a whole number of all its nodes can share. So a shape of N nodes leaves no stream over that it could not
place, and the next one, of N / 2 nodes, takes what was in the way; after log2(nodes) shapes a few nodes are left, which are
solved as a small fleet. Sequential heuristics for cutting stock are alike (Haessler 1975), the halving is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.exact_solver import ExactModel
from camslice.plan.optimise.few_shapes import Stack
from camslice.plan.optimise.knapsack import add_node
from camslice.plan.optimise.tables import Ints, Tables, contents_of
from camslice.plan.optimise.walls import Refused

_CLOSE = 3e-4
_EFFORT = 0.02
_LEFT = 2.0
_SPARED = (3, 4, 5, 6)

Rest = Callable[[Ints, int], Sequence[Stack] | None]
"""Nodes that hold the streams [C] that are left, of no more shapes than that; None for none found."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`share` of the nodes that are left go into the next shape; `rest` nodes at the end are solved together."""

    share: float
    rest: float


def paces(tables: Tables, prices: Ints, options: Ints, most_shapes: int) -> Iterator[Pace]:
    """Paces at which some shapes lead from all nodes to a few, with some shapes to spare for those."""
    nodes = max((float(prices @ tables.demand) / max(1, int(tables.cost[option])) for option in options.tolist()), default=0.0)
    for spared in _SPARED:
        shapes = most_shapes - spared
        if nodes > 2 * _LEFT and shapes > 0:
            yield Pace(1 - (_LEFT / nodes) ** (1 / shapes), _LEFT)


def sequence(
    tables: Tables, options: Ints, refused: Refused, prices: Ints, pace: Pace, most_shapes: int, rest: Rest
) -> list[Stack] | None:
    """`options`: the indices that are tried for every shape. `prices` [C]: millionths of a dollar per stream."""
    left = tables.demand.copy()
    stacks: list[Stack] = []
    while left.any():
        stack = _next(tables, options, refused, prices, pace, left) if len(stacks) + 1 < most_shapes else None
        if stack is None:
            remaining = rest(left, most_shapes - len(stacks))
            return None if remaining is None else [*stacks, *remaining]
        stacks.append(stack)
        left = left - stack.count * np.array(stack.contents)
    return stacks


def _next(tables: Tables, options: Ints, refused: Refused, prices: Ints, pace: Pace, left: Ints) -> Stack | None:
    """The next shape and how often; None where few nodes are left."""
    worth = float(prices @ left)
    best: tuple[float, int, Ints, int] | None = None
    for option in options.tolist():
        cost = max(1, int(tables.cost[option]))
        needed = worth / cost
        if needed <= pace.rest:
            continue
        count = max(1, int(needed * pace.share))
        contents = fullest(tables, option, refused, prices, left // count)
        value = float(prices @ contents) / cost
        if contents.any() and (best is None or value > best[0] * (1 + 1e-4)):
            best = (value, option, contents, count)
    if best is None:
        return None
    _, option, contents, count = best
    held = contents > 0
    return Stack(option, contents_of(contents.tolist()), min(count, int((left[held] // contents[held]).min())))


def fullest(tables: Tables, option: int, refused: Refused, prices: Ints, limits: Ints) -> Ints:
    """[C]: contents of one node that are worth nearly the most, no more of a class than its limit."""
    contents = np.zeros(len(limits), np.int64)
    most = np.where(prices > 0, np.minimum(tables.most[option], limits), 0)
    if not most.any():
        return contents
    model = ExactModel()
    amounts = {index: model.integer(0, int(most[index])) for index in np.flatnonzero(most).tolist()}
    add_node(model, tables, option, amounts)
    for wall in refused.get(option, ()):
        if (np.asarray(wall) <= most).all():
            model.some_at_most([(amounts[index], count - 1) for index, count in enumerate(wall) if count])
    answer = model.maximise(list(amounts.values()), [int(prices[index]) for index in amounts], _EFFORT, _CLOSE)
    if answer.found:
        for index, amount in amounts.items():
            contents[index] = answer.value(amount)
    return contents


def pays(tables: Tables, worth: Ints, least: float) -> Ints:
    """The options whose nodes may be worth at least that part of what they cost, the best first."""
    ratio = worth / np.maximum(tables.cost, 1)
    order = np.argsort(-ratio, kind="stable")
    return order[ratio[order] >= least]
