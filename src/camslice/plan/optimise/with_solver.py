"""The cheapest nodes by way of prices, shapes that are good at these prices, and a proof where the fleet is small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from camslice.plan.optimise.cheapest import Cheapest
from camslice.plan.optimise.few_shapes import Stack, runs
from camslice.plan.optimise.first_fit import first_fit
from camslice.plan.optimise.pricing import Priced, price
from camslice.plan.optimise.proof import Effort, Range, prove
from camslice.plan.optimise.sequence import paces, pays, sequence
from camslice.plan.optimise.tables import Ints, Tables
from camslice.plan.optimise.trim import merged, micro_of
from camslice.plan.optimise.walls import Refused, below_walls

_UNLIMITED = 10**9
_PAYS = 0.98
_TRIED = 5
_SMALL = 24
_FAR = 4


def with_solver(tables: Tables, refused: Refused, most_shapes: int) -> Cheapest:
    """See `cheapest`."""
    priced = price(tables)
    found = list(_found(tables, refused, priced, most_shapes))
    free, bound = _improved(tables, refused, priced, found, None, priced.bound)
    if free is None:
        raise ArithmeticError("first fit found no nodes although there are options for every stream")
    micro = micro_of(tables, free)
    if len(free) <= most_shapes:
        return Cheapest(free, micro, bound, micro)
    few = [each for each in found if len(each) <= most_shapes]
    limited, limited_bound = _improved(tables, refused, priced, few, most_shapes, bound)
    if limited is None:
        return Cheapest(free, micro, bound, micro)
    return Cheapest(limited, micro_of(tables, limited), limited_bound, micro)


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


def _improved(
    tables: Tables, refused: Refused, priced: Priced, found: Sequence[tuple[Stack, ...]], most_shapes: int | None, bound: int
) -> tuple[tuple[Stack, ...] | None, int]:
    """The cheapest of those found, or something cheaper if the fleet is small, and what nothing costs less than."""
    stacks = min(found, key=lambda each: (micro_of(tables, each), len(each)), default=None)
    while True:
        micro = _FAR * bound if stacks is None else micro_of(tables, stacks)
        if micro <= bound or sum(each.count for each in stacks or ()) > _SMALL:
            return stacks, min(bound, micro)
        proof = prove(tables, refused, priced, Range(bound, micro), Effort(), most_shapes)
        bound = max(bound, proof.bound)
        if proof.stacks is None:
            return stacks, min(bound, micro)
        stacks = proof.stacks
