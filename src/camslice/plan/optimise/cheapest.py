"""The cheapest nodes for a demand, as far as shares, `most` and refused contents say: nobody is asked here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camslice.plan.optimise.solver import has_solver
from camslice.plan.optimise.stacks import Stack
from camslice.plan.optimise.tables import Tables
from camslice.plan.optimise.walls import Refused

Accepted = Callable[[Sequence[Stack]], bool]
"""Whether all of these may be rented."""


@dataclass(frozen=True, slots=True)
class Cheapest:
    """`stacks` hold every stream exactly once, for `micro` millionths of a dollar, and nothing costs less than `bound`, with no
    more shapes than are allowed. (Where none were found that few, there are more.) `free`: what the cheapest nodes cost that
    were found without a limit on shapes."""

    stacks: tuple[Stack, ...]
    micro: int
    bound: int
    free: int


def cheapest(tables: Tables, refused: Refused, most_shapes: int, accepted: Accepted, *, roughly: bool = False) -> Cheapest:
    """Every class with a demand has an option that carries it. What was found is proven, or improved, if it is `accepted`; else
    it comes back at once. `roughly`: it need only be near the cheapest, and is then found several times as fast."""
    if not tables.demand.any():
        return Cheapest((), 0, 0, 0)
    if has_solver():
        from camslice.plan.optimise.with_solver import with_solver

        return with_solver(tables, refused, most_shapes, accepted, roughly=roughly)
    from camslice.plan.optimise.without_solver import without_solver

    return without_solver(tables, refused, most_shapes)
