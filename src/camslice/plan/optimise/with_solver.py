"""The cheapest nodes by way of prices: shapes that are good at these prices, columns, and a proof where that is possible.

Each step is taken only if the one before left more than a little between the fleet that is known and the bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from camslice.plan.optimise.bounds import Relaxed
from camslice.plan.optimise.cheapest import Accepted, Cheapest
from camslice.plan.optimise.columns import Effort, generate
from camslice.plan.optimise.covering import cover
from camslice.plan.optimise.exact_solver import Budget
from camslice.plan.optimise.few_shapes import ANY_NUMBER, PICKINESS, Refine, Way, few_shapes
from camslice.plan.optimise.first_fit import first_fit
from camslice.plan.optimise.knapsack import exact
from camslice.plan.optimise.price_lp import Column
from camslice.plan.optimise.pricing import price
from camslice.plan.optimise.problem import Contents
from camslice.plan.optimise.proof import prove_by_columns, prove_by_counting
from camslice.plan.optimise.stacks import Stack, Stacks, stacked
from camslice.plan.optimise.tables import Ints, Tables
from camslice.plan.optimise.trimming import trimmed
from camslice.plan.optimise.uniform import uniform
from camslice.plan.optimise.walls import Refused, below_walls

_FIND_S = 2.0
_PROVE_S = 8.0
_PROVE_LARGE_S = 0.5
_PROVE_LIMITED_S = 1.0
_ENOUGH = 1.001
"""A large fleet this near to its bound is not looked at again."""
_CLOSE = 1.003
"""Where few shapes come no nearer to the bound, columns are generated."""
_COUNTED = 16
"""Fleets of no more nodes are proven by counting."""
_KNAPSACK_S = 0.02
_NEARLY = 3e-4
_COVER_S = 0.4


def with_solver(tables: Tables, refused: Refused, most_shapes: int, accepted: Accepted, *, roughly: bool = False) -> Cheapest:
    """See `cheapest`."""
    return _Solving(tables, refused, most_shapes, roughly=roughly).run(accepted)


class _Solving:
    def __init__(self, tables: Tables, refused: Refused, most_shapes: int, *, roughly: bool) -> None:
        self.tables, self.refused, self.most_shapes, self.roughly = tables, refused, most_shapes, roughly
        self.budget = Budget(_FIND_S)
        self.priced = price(tables, self.budget)
        self.bound = self.priced.bound
        self.free = stacked(first_fit(tables, refused), tables.cost.tolist())
        self.limited = self.free if len(self.free.stacks) <= most_shapes else None
        self._note(uniform(tables, refused))

    def run(self, accepted: Accepted) -> Cheapest:
        """Better and better, until it is good enough or nothing more can be done."""
        self._shapes(self.priced, PICKINESS)
        if self._gap > _CLOSE and not self.roughly:
            self._generate()
        if accepted(self._chosen.stacks):
            self._prove()
        return self._answer()

    @property
    def _gap(self) -> float:
        return self._known(self.limited) / max(1, self.bound)

    def _known(self, stacks: Stacks | None) -> int:
        return 4 * self.free.micro + 1 if stacks is None else stacks.micro

    @property
    def _chosen(self) -> Stacks:
        return self.free if self.limited is None else self.limited

    def _note(self, found: Stacks | None) -> None:
        if found is None:
            return
        if found.micro < self.free.micro:
            self.free = found
        if len(found.stacks) <= self.most_shapes and (self.limited is None or found.micro < self.limited.micro):
            self.limited = found

    def _shapes(self, priced: Relaxed, pickiness: tuple[float, ...]) -> None:
        way = Way(self.tables, priced.pricing, priced.prices, self._refine(priced), self._accept)
        self._note(few_shapes(way, self.most_shapes, self._known(self.limited), int(self.bound * _ENOUGH), pickiness))
        if self.free.micro > self.bound * _ENOUGH:
            self._note(few_shapes(way, ANY_NUMBER, self.free.micro, int(self.bound * _ENOUGH), (0.0,)))

    def _refine(self, priced: Relaxed) -> Refine:
        def refine(option: int, limits: Ints, contents: Ints) -> Ints:
            if self.roughly:
                return contents
            walls = self.refused.get(option, ())
            best = exact(self.tables, option, priced.micro, limits, self.budget, _KNAPSACK_S, _NEARLY, walls).contents
            return best if int(best @ priced.micro) > int(contents @ priced.micro) else contents

        return refine

    def _accept(self, option: int, contents: Contents) -> Contents:
        return below_walls(contents, self.refused.get(option, ()))

    def _generate(self) -> None:
        seeds = {Column(each.option, each.contents): None for each in self._all_known()}
        priced, columns = generate(self.tables, self.priced, seeds, self.budget, Effort())
        if priced.bound > self.priced.bound:
            self.priced = priced
            self.bound = max(self.bound, priced.bound)
            self._shapes(priced, PICKINESS)
        self._cover(columns)

    def _all_known(self) -> Iterator[Stack]:
        yield from self.free.stacks
        yield from () if self.limited is None else self.limited.stacks

    def _cover(self, columns: Iterable[Column]) -> None:
        """How often each of the contents that were generated, or that are known."""
        allowed = {
            Column(each.option, held): None
            for each in (*columns, *(Column(stack.option, stack.contents) for stack in self._all_known()))
            if any(held := self._accept(each.option, each.contents))
        }
        for most_shapes, known in ((None, self.free), (self.most_shapes, self.limited)):
            if self._known(known) <= self.bound * _ENOUGH:
                continue
            below = self._known(known)
            hints = () if known is None else known.stacks
            covered = cover(self.tables, list(allowed), below, self.bound, most_shapes, self.budget, _COVER_S, hints)
            if covered.stacks is not None:
                self._note(trimmed(covered.stacks, self.tables.demand.tolist(), self.tables.cost.tolist()))

    def _prove(self) -> None:
        """For all nodes without a limit on shapes first: if the best are few shapes, nothing more is to be shown."""
        self.budget = Budget(_PROVE_S if self.free.nodes <= _COUNTED else _PROVE_LARGE_S)
        while self.free.micro > self.bound and self.budget.left > 0:
            proof = prove_by_columns(self.tables, self.refused, self.priced, self.bound, self.free.micro, self.budget)
            if proof is None:
                if self.free.nodes > _COUNTED:
                    return
                proof = prove_by_counting(self.tables, self.refused, self.priced, self.bound, self.free.micro, self.budget)
            self.bound = max(self.bound, proof.bound)
            if proof.stacks is None:
                break
            self._note(proof.stacks)
        self.budget = Budget(_PROVE_LIMITED_S)
        while (
            self._known(self.limited) > max(self.bound, self.free.micro)
            and self.free.nodes <= _COUNTED
            and self.budget.left > 0
        ):
            below = self._known(self.limited)
            proof = prove_by_counting(self.tables, self.refused, self.priced, self.bound, below, self.budget, self.most_shapes)
            self.bound = max(self.bound, proof.bound)
            if proof.stacks is None:
                return
            self._note(proof.stacks)

    def _answer(self) -> Cheapest:
        chosen = self._chosen
        return Cheapest(chosen.stacks, chosen.micro, min(self.bound, chosen.micro), self.free.micro)
