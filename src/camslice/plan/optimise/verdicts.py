"""What `fits` has said, remembered: it may run a simulation for each question, so none is asked twice or in vain.

What fits also fits with less. So every answer settles all smaller contents or all larger ones, and the most of some contents
that a node may hold is found by bisection along one chain of ever fewer streams. Shares are looked at once more here, as the
floating-point numbers that they are: tables have them rounded down.
"""

from __future__ import annotations

from collections.abc import Sequence

from camslice.plan.optimise.problem import Contents, Option, Problem
from camslice.plan.optimise.tables import Tables, contents_of
from camslice.plan.optimise.walls import Refused

ROUNDING = 1e-9
"""By how much shares may exceed 1.0, because floating-point sums do not come out even."""


class Verdicts:
    """Options by their number in the problem. `refused`: contents that do not fit, none of them within another."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._models = tuple(each.model for each in problem.classes)
        self._accepted: dict[int, list[Contents]] = {}
        self._refused: dict[int, list[Contents]] = {}

    def allows(self, number: int, contents: Contents) -> bool:
        """Whether a node of that option may hold this; an empty one always may."""
        if not any(contents) or any(within(contents, held) for held in self._accepted.get(number, ())):
            return True
        if self.is_refused(number, contents):
            return False
        if self._asked(number, contents):
            known = self._accepted.setdefault(number, [])
            known[:] = [held for held in known if not within(held, contents)] + [contents]
            return True
        self._refuse(number, contents)
        return False

    def both(self, tables: Tables, other: int) -> Verdicts:
        """Whether a node of an option and a node of another one (its index in the tables) would each allow it."""
        return _Both(self, int(tables.numbers[other]))

    def is_refused(self, number: int, contents: Contents) -> bool:
        """Whether it is known already, without a question, that this does not fit."""
        return any(within(refused, contents) for refused in self._refused.get(number, ()))

    def most(self, number: int, contents: Contents) -> Contents:
        """The contents, or those in about the same proportions that just fit. What is one stream more is refused."""
        if self.allows(number, contents):
            return contents
        streams = _in_turn(contents)
        fit, too_many = 0, len(streams)
        while too_many - fit > 1:
            middle = (fit + too_many) // 2
            if self.allows(number, _counted(streams[:middle], len(contents))):
                fit = middle
            else:
                too_many = middle
        return _counted(streams[:fit], len(contents))

    def accepted(self, number: int) -> tuple[Contents, ...]:
        """What is known to be allowed, with all that is less."""
        return tuple(self._accepted.get(number, ()))

    def refused(self, tables: Tables) -> Refused:
        """What is known not to be allowed, with all that is more."""
        numbers = tables.numbers.tolist()
        return {index: tuple(self._refused[number]) for index, number in enumerate(numbers) if number in self._refused}

    def _asked(self, number: int, contents: Contents) -> bool:
        option = self.problem.options[number]
        return keeps_shares(option, contents, self._models) and self.problem.fits(option, contents)

    def _refuse(self, number: int, contents: Contents) -> None:
        known = self._refused.setdefault(number, [])
        known[:] = [refused for refused in known if not within(contents, refused)] + [contents]


class _Both(Verdicts):
    def __init__(self, of: Verdicts, other: int) -> None:
        super().__init__(of.problem)
        self._of, self._other = of, other

    def _asked(self, number: int, contents: Contents) -> bool:
        return self._of.allows(self._other, contents) and self._of.allows(number, contents)


def keeps_shares(option: Option, contents: Contents, models: tuple[str, ...]) -> bool:
    """Whether shares and `most` allow that, in floating point."""
    taken = [0.0] * len(option.resources)
    charged: dict[str, list[float]] = {}
    for held, most, use, fixed, model in zip(contents, option.most, option.use, option.fixed, models, strict=True):
        if held > most:
            return False
        if held:
            taken = [sum_ + held * each for sum_, each in zip(taken, use, strict=True)]
            charged[model] = [max(one, other) for one, other in zip(charged.get(model, fixed), fixed, strict=True)]
    for fixed_once in charged.values():
        taken = [sum_ + each for sum_, each in zip(taken, fixed_once, strict=True)]
    return all(each <= 1.0 + ROUNDING for each in taken)


def within(contents: Contents, of: Contents) -> bool:
    """Whether one holds no more of any class than the other."""
    return all(one <= other for one, other in zip(contents, of, strict=True))


def _in_turn(contents: Contents) -> list[int]:
    """The classes of the streams, so that every beginning of the list has about the proportions of the whole."""
    keyed = [((place + 0.5) / count, index) for index, count in enumerate(contents) for place in range(count)]
    return [index for _, index in sorted(keyed)]


def _counted(streams: Sequence[int], classes: int) -> Contents:
    counts = [0] * classes
    for index in streams:
        counts[index] += 1
    return contents_of(counts)
