"""Something cheaper than the fleet that is known, or the proof that there is nothing.

Either all contents are written down that a cheaper fleet could have, and CP-SAT says how often each; or, where those are too
many, CP-SAT counts nodes as if those of one option could share everything, and looks whether the streams can be packed into
what it counted, the cheapest choice first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from camslice.plan.optimise.bounds import Relaxed
from camslice.plan.optimise.counting import Choice, Counting
from camslice.plan.optimise.covering import cover
from camslice.plan.optimise.enumeration import enumerate_columns
from camslice.plan.optimise.exact_solver import Budget
from camslice.plan.optimise.packing import Slot, pack
from camslice.plan.optimise.price_lp import Column
from camslice.plan.optimise.stacks import Stack, Stacks, stacked
from camslice.plan.optimise.tables import Tables
from camslice.plan.optimise.trimming import trimmed
from camslice.plan.optimise.walls import Refused, pieces_below

_COLUMNS = 4000
_COVER_S = 2.0
_COUNT_S = 6.0
_PACK_S = 1.0
_CHOICES = 50


@dataclass(frozen=True, slots=True)
class Proof:
    """`stacks` hold every stream exactly once, for less than was known; None if nothing was found. Nothing costs less than
    `bound`, which is no more than what was known."""

    stacks: Stacks | None
    bound: int


def prove_by_columns(tables: Tables, refused: Refused, priced: Relaxed, bound: int, below: int, budget: Budget) -> Proof | None:
    """For less than `below` millionths; `bound` are known to be needed. None if there are too many contents to write down."""
    columns = _columns(tables, refused, priced, below)
    if columns is None:
        return None
    covered = cover(tables, columns, below, bound, None, budget, _COVER_S)
    if covered.stacks is None:
        return Proof(None, covered.bound)
    return Proof(trimmed(covered.stacks, tables.demand.tolist(), tables.cost.tolist()), covered.bound)


def prove_by_counting(
    tables: Tables, refused: Refused, priced: Relaxed, bound: int, below: int, budget: Budget, most_shapes: int | None = None
) -> Proof:
    """As `prove_by_columns`, with no more than `most_shapes` different shapes."""
    useful = priced.in_reach(tables, below)
    few = tables.only(useful)
    walls = {index: refused[option] for index, option in enumerate(useful.tolist()) if option in refused}
    counting = Counting(few, priced.micro, priced.worth[useful], below)
    for _ in range(_CHOICES):
        if budget.left <= 0:
            break
        counted = counting.solve(bound, budget, _COUNT_S)
        bound = max(bound, counted.bound)
        if counted.choice is None:
            break
        slots = _slots(counted.choice)
        packed = pack(few, slots, walls, priced.micro, budget, _PACK_S, most_shapes)
        if packed.contents is not None:
            found = (Stack(int(useful[slot.option]), held, 1) for slot, held in zip(slots, packed.contents, strict=True))
            return Proof(stacked((each for each in found if any(each.contents)), tables.cost.tolist()), bound)
        cheapest = sum(int(few.cost[slot.option]) for slot in slots) <= bound
        if not packed.proven or (most_shapes is not None and not cheapest):
            break
        counting.rule_out(counted.choice)
    return Proof(None, min(bound, below))


def _columns(tables: Tables, refused: Refused, priced: Relaxed, below: int) -> Sequence[Column] | None:
    columns = enumerate_columns(tables, priced.micro, priced.pricing.resource_prices, below - priced.total, _COLUMNS)
    if columns is None:
        return None
    found: dict[Column, None] = {}
    for column in columns:
        pieces = pieces_below(column.contents, refused.get(column.option, ()), _COLUMNS)
        if pieces is None or len(found) + len(pieces) > _COLUMNS:
            return None
        found.update({Column(column.option, piece): None for piece in pieces})
    return list(found)


def _slots(choice: Choice) -> list[Slot]:
    return [Slot(option, 1) for option, count in sorted(choice.items()) for _ in range(count)]
