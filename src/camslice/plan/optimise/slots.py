"""The cheapest fleet of few nodes, exactly: CP-SAT over nodes that are told apart, each of which may be rented or not.

Every option has as many slots as a fleet that is worth finding can use of it. A slot that is rented holds contents of its
own, so the proof is over all contents there are. Its relaxation is that of `fluid`, sharpened by whole nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

import numpy as np

from camslice.plan.optimise.exact_solver import ExactModel, Variable
from camslice.plan.optimise.few_shapes import Stack
from camslice.plan.optimise.knapsack import add_node
from camslice.plan.optimise.problem import Contents
from camslice.plan.optimise.tables import Ints, Tables
from camslice.plan.optimise.walls import Refused


@dataclass(frozen=True, slots=True)
class Range:
    """In millionths of a dollar: what is known to be needed, and what a fleet must cost less than to be of interest."""

    at_least: int
    below: int


@dataclass(frozen=True, slots=True)
class Filled:
    """`stacks` cover the demand for `micro` millionths, None where nothing was found. `proven`: there is nothing cheaper within
    the range. No fleet costs less than `bound` (`below` at the most)."""

    stacks: tuple[Stack, ...] | None
    micro: int
    proven: bool
    bound: int


def slots_within(
    tables: Tables, worth: Ints, within: Range, most_nodes: int = 10**6, most_slots: int | None = None
) -> dict[int, int]:
    """How many nodes of each option a fleet within the range can have, the most likely options first.

    `worth` [O] bounds what a node is worth at the prices that prove `at_least`: each node of an option costs at least as much
    more than it is worth, and all together no more than the range is wide. With `most_slots` the least likely are left out.
    """
    wide = within.below - 1 - within.at_least
    lost = np.maximum(0, tables.cost - worth)
    slots: dict[int, int] = {}
    for option in np.lexsort((tables.cost, lost)).tolist():
        cost, loss = max(1, int(tables.cost[option])), int(lost[option])
        count = min(most_nodes, (within.below - 1) // cost, wide // loss if loss else most_nodes)
        count = min(count, int(tables.demand[tables.most[option] > 0].sum()))
        if count > 0 and tables.most[option].any():
            slots[option] = count
        if most_slots is not None and sum(slots.values()) >= most_slots:
            break
    return slots


@dataclass(frozen=True, slots=True)
class _Slot:
    option: int
    rented: Variable
    held: dict[int, Variable]
    same: Variable | None
    """1 if it is rented and holds what the one before it holds."""


def fill_slots(
    tables: Tables, slots: Mapping[int, int], refused: Refused, prices: Ints, within: Range, effort: float, most_shapes: int
) -> Filled:
    """`slots`: the most nodes of each option. `prices` [C] in millionths order slots that are alike. With `most_shapes` fewer
    than slots every stream is on exactly one node, else streams may be covered twice, which is easier and as good."""
    model = ExactModel()
    exactly = most_shapes < sum(slots.values())
    made = [slot for option, count in slots.items() for slot in _slots(model, tables, option, count, refused, prices, exactly)]
    for index in np.flatnonzero(tables.demand).tolist():
        held = [slot.held[index] for slot in made if index in slot.held]
        add = model.exactly if exactly else model.at_least
        add(held, [1] * len(held), int(tables.demand[index]))
    if exactly:
        new = [slot.rented for slot in made]
        same = [slot.same for slot in made if slot.same is not None]
        model.at_most([*new, *same], [1] * len(new) + [-1] * len(same), most_shapes)
    unit = max(1, gcd(*(int(tables.cost[slot.option]) for slot in made)))
    rented, costs = [slot.rented for slot in made], [int(tables.cost[slot.option]) // unit for slot in made]
    model.at_least(rented, costs, -(-within.at_least // unit))
    model.at_most(rented, costs, (within.below - 1) // unit)
    answer = model.minimise(rented, costs, effort)
    if not answer.found:
        return Filled(None, within.below, answer.proven, within.below if answer.proven else within.at_least)
    nodes: dict[tuple[int, Contents], int] = {}
    for slot in made:
        if answer.value(slot.rented):
            contents = tuple(answer.value(slot.held[index]) if index in slot.held else 0 for index in range(len(tables.demand)))
            nodes[slot.option, contents] = nodes.get((slot.option, contents), 0) + 1
    stacks = tuple(Stack(option, contents, count) for (option, contents), count in nodes.items())
    return Filled(stacks, answer.objective * unit, answer.proven, max(within.at_least, answer.bound * unit))


def _slots(
    model: ExactModel, tables: Tables, option: int, count: int, refused: Refused, prices: Ints, exactly: bool
) -> list[_Slot]:
    made: list[_Slot] = []
    for number in range(count):
        rented = model.boolean()
        held = {index: model.integer(0, int(most)) for index, most in enumerate(tables.most[option].tolist()) if most}
        add_node(model, tables, option, held, rented)
        for contents in refused.get(option, ()):
            if (np.asarray(contents) <= tables.most[option]).all():
                model.some_at_most([(held[index], wall - 1) for index, wall in enumerate(contents) if wall])
        same = None
        if number:
            before = made[-1]
            model.at_most([rented, before.rented], [1, -1], 0)
            weights = [max(1, int(prices[index])) for index in held]
            model.at_least([*before.held.values(), *held.values()], [*weights, *(-weight for weight in weights)], 0)
            same = _same(model, before, rented, held, tables.most[option]) if exactly else None
        made.append(_Slot(option, rented, held, same))
    return made


def _same(model: ExactModel, before: _Slot, rented: Variable, held: dict[int, Variable], most: Ints) -> Variable:
    same = model.boolean()
    model.at_most([same, rented], [1, -1], 0)
    for index, amount in held.items():
        limit = int(most[index])
        model.at_most([amount, before.held[index], same], [1, -1, limit], limit)
        model.at_most([before.held[index], amount, same], [1, -1, limit], limit)
    return same
