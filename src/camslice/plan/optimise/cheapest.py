"""The cheapest nodes for a demand, as far as shares, `most` and refused contents say: nobody is asked here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from camslice.plan.optimise.few_shapes import Stack, runs
from camslice.plan.optimise.first_fit import first_fit
from camslice.plan.optimise.pricing import Priced, price
from camslice.plan.optimise.sequence import paces, pays, sequence
from camslice.plan.optimise.slots import Filled, Range, fill_slots, slots_within
from camslice.plan.optimise.tables import Ints, Tables
from camslice.plan.optimise.tail import better_tail
from camslice.plan.optimise.trim import merged, micro_of, trimmed
from camslice.plan.optimise.walls import Refused, below_walls

_UNLIMITED = 10**9
_PAYS = 0.98
_TRIED = 5
_TAILS = 2
_TAIL = 4
_SLOTS = 260
_EFFORT = 4.0
_FAR = 4


@dataclass(frozen=True, slots=True)
class Cheapest:
    """`stacks` hold every stream exactly once, for `micro` millionths of a dollar, and nothing costs less than `bound`, with no
    more shapes than are allowed. (Where none were found that few, there are more.) `free`: what the cheapest nodes cost that
    were found without a limit on shapes."""

    stacks: tuple[Stack, ...]
    micro: int
    bound: int
    free: int


def cheapest(tables: Tables, refused: Refused, most_shapes: int) -> Cheapest:
    """Every class with a demand has an option that carries it."""
    if not tables.demand.any():
        return Cheapest((), 0, 0, 0)
    priced = price(tables)
    found = list(_found(tables, refused, priced, most_shapes))
    free = _improved(tables, refused, priced, found, _UNLIMITED, priced.bound)
    if free.stacks is None:
        raise ArithmeticError("first fit found no nodes although there are options for every stream")
    if len(free.stacks) <= most_shapes:
        return Cheapest(free.stacks, free.micro, free.bound, free.micro)
    few = [each for each in found if len(each) <= most_shapes]
    limited = _improved(tables, refused, priced, few, most_shapes, free.bound)
    if limited.stacks is None:
        return Cheapest(free.stacks, free.micro, free.bound, free.micro)
    return Cheapest(limited.stacks, limited.micro, limited.bound, free.micro)


def _found(tables: Tables, refused: Refused, priced: Priced, most_shapes: int) -> Iterator[tuple[Stack, ...]]:
    """Fleets, most of them of no more than `most_shapes`."""

    def accept(option: int, contents: Ints) -> Ints:
        return below_walls(contents, refused.get(option, ()), priced.prices)

    def rest(left: Ints, allowed: int) -> tuple[Stack, ...] | None:
        few = runs(tables.demanding(left), priced.pricing, priced.prices, allowed, accept, (0.0,))
        return few[0].stacks if few else None

    yield merged(first_fit(tables, refused))
    few = [merged(run.stacks) for run in runs(tables, priced.pricing, priced.prices, most_shapes, accept)]
    yield from few
    yield from (merged(run.stacks) for run in runs(tables, priced.pricing, priced.prices, _UNLIMITED, accept, (0.0,)))
    options = pays(tables, priced.worth, _PAYS)[:_TRIED]
    for pace in paces(tables, priced.micro, options, most_shapes):
        found = sequence(tables, options, refused, priced.micro, pace, most_shapes, rest)
        if found is not None:
            few.append(merged(found))
            yield few[-1]
    few.sort(key=lambda each: micro_of(tables, each))
    for each in few[:_TAILS]:
        yield merged(better_tail(tables, each, refused, _TAIL))


def _improved(
    tables: Tables, refused: Refused, priced: Priced, found: Sequence[tuple[Stack, ...]], most_shapes: int, bound: int
) -> Filled:
    """The cheapest of those found, or something cheaper and a better bound if the fleet is small."""
    stacks = min(found, key=lambda each: (micro_of(tables, each), len(each)), default=None)
    micro = _FAR * bound if stacks is None else micro_of(tables, stacks)
    if micro <= bound:
        return Filled(stacks, micro, True, micro)
    slots = slots_within(tables, priced.worth, Range(priced.bound, micro))
    if sum(slots.values()) > _SLOTS:
        return Filled(stacks, micro, False, bound)
    filled = fill_slots(tables, slots, refused, priced.micro, Range(bound, micro), _EFFORT, most_shapes)
    if filled.stacks is None:
        return Filled(stacks, micro, filled.proven, micro if filled.proven else filled.bound)
    return Filled(trimmed(tables, filled.stacks), filled.micro, filled.proven, filled.bound)
