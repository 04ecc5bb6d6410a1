"""Whether given nodes hold given streams, and how: CP-SAT over nodes that are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.exact_solver import Budget, ExactModel, Variable
from camslice.plan.optimise.knapsack import add_node
from camslice.plan.optimise.tables import Ints, Tables
from camslice.plan.optimise.walls import Refused


@dataclass(frozen=True, slots=True)
class Slot:
    """`count` nodes of an option (its index in the tables) that are to hold the same."""

    option: int
    count: int


@dataclass(frozen=True, slots=True)
class Packed:
    """`contents` of each slot, None where none were found; `proven`: then there are none."""

    contents: tuple[tuple[int, ...], ...] | None
    proven: bool


def pack(
    tables: Tables,
    slots: Sequence[Slot],
    refused: Refused,
    prices: Ints,
    budget: Budget,
    seconds: float,
    most_shapes: int | None = None,
) -> Packed:
    """Every stream exactly once. `prices` [C] order slots that are alike, so that they are not tried in every order. With
    `most_shapes` neighbours may hold the same, and no more than so many are different."""
    model = ExactModel()
    amounts: list[dict[int, Variable]] = []
    for slot in slots:
        most = np.minimum(tables.most[slot.option], tables.demand // slot.count)
        held = {index: model.integer(0, int(most[index])) for index in np.flatnonzero(most > 0).tolist()}
        add_node(model, tables, slot.option, held, refused.get(slot.option, ()))
        amounts.append(held)
    for index in np.flatnonzero(tables.demand).tolist():
        on = [(held[index], slot.count) for held, slot in zip(amounts, slots, strict=True) if index in held]
        if not on:
            return Packed(None, True)
        model.exactly([amount for amount, _ in on], [count for _, count in on], int(tables.demand[index]))
    _order(model, slots, amounts, prices)
    if most_shapes is not None and most_shapes < len(slots):
        same = _same(model, slots, amounts)
        model.at_least(same, [1] * len(same), len(slots) - most_shapes)
    answer = model.satisfy(budget, seconds)
    if not answer.found:
        return Packed(None, answer.proven)
    classes = range(len(tables.demand))
    return Packed(tuple(tuple(answer.value(held[i]) if i in held else 0 for i in classes) for held in amounts), True)


def _same(model: ExactModel, slots: Sequence[Slot], amounts: Sequence[dict[int, Variable]]) -> list[Variable]:
    """Booleans that may only be 1 where two neighbours hold the same."""
    found = []
    for number in range(1, len(slots)):
        if slots[number - 1] == slots[number]:
            same = model.boolean()
            found.append(same)
            for index, before in amounts[number - 1].items():
                after = amounts[number][index]
                most = model.highest(before)
                model.at_most([before, after, same], [1, -1, most], most)
                model.at_most([after, before, same], [1, -1, most], most)
    return found


def _order(model: ExactModel, slots: Sequence[Slot], amounts: Sequence[dict[int, Variable]], prices: Ints) -> None:
    for number in range(1, len(slots)):
        if slots[number - 1] == slots[number]:
            before, after = amounts[number - 1], amounts[number]
            weights = [max(1, int(prices[index])) for index in before]
            model.at_least([*before.values(), *after.values()], [*weights, *(-weight for weight in weights)], 0)
