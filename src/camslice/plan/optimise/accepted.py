"""The cheapest nodes that `fits` accepts too: solve, ask for the shapes that came out, wall off what was refused, solve again.

Each answer to a relaxed question bounds the true one from below, so a round in which nothing is refused ends with a proof, if
there was one; what is refused is not worth a proof. Where refusals do not end, nodes of the options that refused are filled
less, and then first fit asks for each step; from then on there is no proof, but the bound stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from camslice.plan.optimise.cheapest import cheapest
from camslice.plan.optimise.dominance import NONE, dominators
from camslice.plan.optimise.first_fit import first_fit
from camslice.plan.optimise.problem import Contents
from camslice.plan.optimise.stacks import Stack, stacked
from camslice.plan.optimise.tables import PARTS, Floats, Ints, Tables
from camslice.plan.optimise.verdicts import Verdicts
from camslice.plan.optimise.walls import Refused

_ROUNDS = 5
_ROUNDS_IF_LARGE = 2
_LARGE = 20
_MANY_CLASSES = 12
"""Of so many nodes or classes the first rounds are refused again and again, and only cost time: few of them."""
_CAUTIOUS_ROUNDS = 12
_FURTHER_ROUNDS = 5
_FURTHER_ROUNDS_OF_ONE_CLASS = 60
_FURTHER_ROUNDS_IF_LARGE = 1
_FAR = 2**62
_STEP = 0.98
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Accepted:
    """`stacks` name options by their index in the tables that were given. `unplaced` [C]: streams that nothing carries.
    See `Cheapest` for the rest."""

    stacks: tuple[Stack, ...]
    micro: int
    bound: int
    free: int
    unplaced: Contents


def accepted(tables: Tables, verdicts: Verdicts, most_shapes: int) -> Accepted:
    """`tables`: all options; their indices are asked for by their numbers."""
    return _Rounds(tables, verdicts, most_shapes).run()


class _Rounds:
    def __init__(self, tables: Tables, verdicts: Verdicts, most_shapes: int) -> None:
        self.tables = tables
        self.verdicts = verdicts
        self.most_shapes = most_shapes
        self.reach: Floats = np.ones(len(tables.options))
        self.bound = 0
        self.free = _FAR
        self.best: Accepted | None = None

    def run(self) -> Accepted:
        """First some nodes that are accepted, then, for a few rounds more, the cheapest."""
        before = _ROUNDS
        further = _FURTHER_ROUNDS if np.count_nonzero(self.tables.demand) > 1 else _FURTHER_ROUNDS_OF_ONE_CLASS
        for round_ in range(_ROUNDS + _CAUTIOUS_ROUNDS + further):
            cautious = self.best is None and round_ >= before
            view, unplaced = self._view(cautious=cautious)

            def accepted(
                stacks: Sequence[Stack], view: Tables = view, unplaced: Ints = unplaced, cautious: bool = cautious
            ) -> bool:
                return self._accepted(self._named(view, stacks), unplaced) and not cautious

            found = cheapest(view, self.verdicts.refused(view), self.most_shapes, accepted, roughly=cautious)
            if not cautious:
                self.bound = max(self.bound, found.bound)
                self.free = min(self.free, found.free)
            if accepted(found.stacks):
                break
            if sum(each.count for each in found.stacks) > _LARGE or np.count_nonzero(self.tables.demand) > _MANY_CLASSES:
                before = min(before, _ROUNDS_IF_LARGE)
                if further == _FURTHER_ROUNDS:
                    further = _FURTHER_ROUNDS_IF_LARGE
            further -= self.best is not None
            if not further:
                break
        best = self._asking() if self.best is None else self.best
        return replace(best, bound=min(self.bound, best.micro), free=min(self.free, best.micro))

    def _accepted(self, stacks: tuple[Stack, ...], unplaced: Ints) -> bool:
        """Whether all are; then they are kept, if they are better than what was accepted before."""
        if self._refused(stacks):
            return False
        micro = sum(int(self.tables.cost[each.option]) * each.count for each in stacks)
        found = Accepted(stacks, micro, 0, micro, _contents(unplaced))
        known = (found,) if self.best is None else (self.best, found)
        self.best = min(known, key=lambda each: (len(each.stacks) > self.most_shapes, each.micro))
        return True

    def _view(self, *, cautious: bool) -> tuple[Tables, Ints]:
        """The options that matter, without the streams that nothing carries."""
        walls = self.verdicts.refused(self.tables)
        tables = walled(self.tables, walls)
        mixed = np.zeros(len(tables.options), bool)
        for option, each in walls.items():
            mixed[option] = any(sum(1 for held in wall if held) > 1 for wall in each)
        if cautious:
            tables = tables.filled_to(self._cautious_reach())
        able = np.flatnonzero(~mixed & tables.most.any(axis=1))
        kept = able[dominators(tables.only(able)) == NONE] if len(able) else able
        chosen = np.sort(np.concatenate([kept, np.flatnonzero(mixed & tables.most.any(axis=1))]))
        view = tables.only(chosen)
        unplaced = np.where(view.most.any(axis=0) if len(chosen) else False, 0, tables.demand)
        return view.demanding(tables.demand - unplaced), unplaced

    def _cautious_reach(self) -> Floats:
        """How full nodes are filled: options of which nothing is known are taken to be as those that refused."""
        learnt = self.reach[self.reach < 1.0]
        usual = float(np.median(learnt)) if len(learnt) else 1.0
        known = np.array([bool(self.verdicts.accepted(number)) for number in self.tables.numbers.tolist()], bool)
        return np.maximum(np.where((self.reach < 1.0) | known, self.reach, usual), _LEAST)

    def _named(self, view: Tables, stacks: Sequence[Stack]) -> tuple[Stack, ...]:
        index = {number: index for index, number in enumerate(self.tables.numbers.tolist())}
        numbers = view.numbers.tolist()
        return tuple(Stack(index[numbers[each.option]], each.contents, each.count) for each in stacks)

    def _refused(self, stacks: Sequence[Stack]) -> bool:
        """Ask for all of them, and learn from what is refused."""
        refused = False
        for each in stacks:
            number = int(self.tables.numbers[each.option])
            if self.verdicts.allows(number, each.contents):
                continue
            refused = True
            part = self.verdicts.most(number, each.contents)
            full = max(self.tables.taken(each.option, part), default=0) / PARTS
            known = max(
                (max(self.tables.taken(each.option, held)) / PARTS for held in self.verdicts.accepted(number)), default=0.0
            )
            self.reach[each.option] = max(known, min(_STEP * self.reach[each.option], full))
            if not any(part):
                self._probe(np.flatnonzero(each.contents))
        return refused

    def _probe(self, classes: Ints) -> None:
        """One stream of these classes alone: ask the options in the order of their price, until one accepts."""
        tables = self.tables
        for index in classes.tolist():
            alone = tuple(int(other == index) for other in range(len(tables.demand)))
            rate = np.where(tables.most[:, index] > 0, tables.cost / np.maximum(tables.most[:, index], 1), np.inf)
            for option in np.argsort(rate, kind="stable").tolist():
                if rate[option] == np.inf or self.verdicts.allows(int(tables.numbers[option]), alone):
                    break

    def _asking(self) -> Accepted:
        """First fit that asks at every step: what it finds is accepted."""
        view, unplaced = self._view(cautious=False)
        numbers = view.numbers.tolist()
        while True:
            stacks = first_fit(
                view,
                self.verdicts.refused(view),
                lambda option, contents: self.verdicts.allows(numbers[option], contents),
            )
            left = view.demand - sum((each.count * np.array(each.contents) for each in stacks), np.zeros_like(view.demand))
            if not left.any():
                break
            unplaced = unplaced + left
            view = view.demanding(view.demand - left)
        named = stacked(self._named(view, stacks), self.tables.cost.tolist())
        return Accepted(named.stacks, named.micro, 0, named.micro, _contents(unplaced))


def walled(tables: Tables, walls: Refused) -> Tables:
    """The same where a class alone was refused: `most` says so."""
    most = tables.most.copy()
    for option, each in walls.items():
        for wall in each:
            held = [index for index, count in enumerate(wall) if count]
            if len(held) == 1:
                most[option, held[0]] = min(int(most[option, held[0]]), wall[held[0]] - 1)
    return replace(tables, most=most)


def _contents(row: Ints) -> Contents:
    return tuple(int(count) for count in row)
