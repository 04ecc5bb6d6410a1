"""Something cheaper than the fleet that is known, or the proof that there is nothing.

Either all contents are written down that a cheaper fleet could have, and CP-SAT says how often each; or, where those are too
many, CP-SAT counts nodes as if those of one option could share everything, and looks whether the streams can be packed into
what it counted, the cheapest choice first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.counting import Choice, Counting
from camslice.plan.optimise.covering import cover
from camslice.plan.optimise.enumeration import enumerate_columns
from camslice.plan.optimise.few_shapes import Stack
from camslice.plan.optimise.packing import Slot, pack
from camslice.plan.optimise.price_lp import Column
from camslice.plan.optimise.pricing import Priced
from camslice.plan.optimise.tables import Tables
from camslice.plan.optimise.trim import merged, trimmed
from camslice.plan.optimise.walls import Refused, pieces_below

_COLUMNS = 4000


@dataclass(frozen=True, slots=True)
class Range:
    """In millionths of a dollar: what is known to be needed, and what a fleet must cost less than to be of interest."""

    at_least: int
    below: int


@dataclass(frozen=True, slots=True)
class Effort:
    """In CP-SAT's deterministic seconds: `each` question may take so much, and there are at most `choices` to be looked at."""

    each: float = 2.0
    choices: int = 40


@dataclass(frozen=True, slots=True)
class Proof:
    """`stacks` hold every stream exactly once, for less than was known; None if nothing was found. Nothing costs less than
    `bound`, which is no more than what was known."""

    stacks: tuple[Stack, ...] | None
    bound: int


def prove(
    tables: Tables, refused: Refused, priced: Priced, within: Range, effort: Effort, most_shapes: int | None = None
) -> Proof:
    """`priced` are these tables' own prices. No more than `most_shapes` different shapes."""
    if within.at_least >= within.below:
        return Proof(None, within.below)
    if most_shapes is None:
        columns = _columns(tables, refused, priced, within.below)
        if columns is not None:
            covered = cover(tables, columns, within.below, within.at_least, None, effort.each)
            return Proof(None if covered.stacks is None else trimmed(tables, covered.stacks), covered.bound)
    return _counted(tables, refused, priced, within, effort, most_shapes)


def _columns(tables: Tables, refused: Refused, priced: Priced, below: int) -> Sequence[Column] | None:
    slack = below - priced.bound
    columns = enumerate_columns(tables, priced.micro, priced.pricing.resource_prices, slack, _COLUMNS)
    if columns is None:
        return None
    found: dict[Column, None] = {}
    for column in columns:
        pieces = pieces_below(column.contents, refused.get(column.option, ()), _COLUMNS)
        if pieces is None or len(found) + len(pieces) > _COLUMNS:
            return None
        found.update({Column(column.option, piece): None for piece in pieces})
    return list(found)


def _counted(tables: Tables, refused: Refused, priced: Priced, within: Range, effort: Effort, most_shapes: int | None) -> Proof:
    useful = np.flatnonzero(np.maximum(0, tables.cost - priced.worth) < within.below - priced.bound)
    few = tables.only(useful)
    walls = {index: refused[option] for index, option in enumerate(useful.tolist()) if option in refused}
    counting = Counting(few, priced.micro, priced.worth[useful], within.below)
    bound = within.at_least
    for _ in range(effort.choices):
        counted = counting.solve(bound, effort.each)
        bound = max(bound, counted.bound)
        if counted.choice is None:
            break
        packed = pack(few, _slots(counted.choice), walls, priced.micro, effort.each, most_shapes)
        if packed.contents is not None:
            options = [slot.option for slot in _slots(counted.choice)]
            held = zip(options, packed.contents, strict=True)
            return Proof(merged(Stack(int(useful[option]), contents, 1) for option, contents in held), bound)
        cheapest = sum(int(few.cost[option]) * count for option, count in counted.choice.items()) <= bound
        if not packed.proven or (most_shapes is not None and not cheapest):
            break
        counting.rule_out(counted.choice)
    return Proof(None, min(bound, within.below))


def _slots(choice: Choice) -> list[Slot]:
    return [Slot(option, 1) for option, count in sorted(choice.items()) for _ in range(count)]
