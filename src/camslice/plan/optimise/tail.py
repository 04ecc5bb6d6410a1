"""The end of a large fleet: the last few nodes, solved together as the small fleet that they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camslice.plan.optimise.few_shapes import Stack
from camslice.plan.optimise.pricing import price
from camslice.plan.optimise.slots import Range, fill_slots, slots_within
from camslice.plan.optimise.tables import Tables
from camslice.plan.optimise.trim import micro_of, trimmed
from camslice.plan.optimise.walls import Refused

_SLOTS = 20
_EFFORT = 0.15


def better_tail(tables: Tables, stacks: Sequence[Stack], refused: Refused, nodes: int, effort: float = _EFFORT) -> list[Stack]:
    """The same fleet with its last single nodes (so many at the most) replaced by cheaper ones, of no more shapes, if there are
    any."""
    singles = [each for each in stacks if each.count == 1][-nodes:]
    if len(singles) < 1:
        return list(stacks)
    remain = [each for each in stacks if each not in singles]
    demand = np.sum([each.contents for each in singles], axis=0)
    small = tables.demanding(demand)
    priced = price(small)
    within = Range(priced.bound, micro_of(tables, singles))
    slots = slots_within(small, priced.worth, within, len(singles), _SLOTS)
    if within.below <= within.at_least or not slots:
        return list(stacks)
    found = fill_slots(small, slots, refused, priced.micro, within, effort, len(singles))
    if found.stacks is None:
        return list(stacks)
    return [*remain, *trimmed(small, found.stacks)]
