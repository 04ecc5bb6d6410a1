"""What `fits` has said, remembered: what was refused goes with everything above it, what was accepted with everything below.

Shares are looked at once more here, as the floating-point numbers that they are: tables have them rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping

from camslice.plan.optimise.problem import Contents, Option, Problem
from camslice.plan.optimise.tables import Tables

ROUNDING = 1e-9
"""By how much shares may exceed 1.0, because floating-point sums do not come out even."""


class Verdicts:
    """Asks as rarely as possible: one answer may take a second. Options are named by their numbers in the problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._models = tuple(each.model for each in problem.classes)
        self._accepted: dict[int, list[Contents]] = {}
        self._refused: dict[int, list[Contents]] = {}

    def accepts(self, number: int, contents: Contents) -> bool:
        """Whether a node may hold that. Nothing is always accepted."""
        if not any(contents) or any(_within(contents, each) for each in self._accepted.get(number, ())):
            return True
        if any(_within(each, contents) for each in self._refused.get(number, ())):
            return False
        option = self._problem.options[number]
        accepted = keeps_shares(option, contents, self._models) and self._problem.fits(option, contents)
        of = (self._accepted if accepted else self._refused).setdefault(number, [])
        of[:] = [each for each in of if not (_within(each, contents) if accepted else _within(contents, each))]
        of.append(contents)
        return accepted

    def largest_below(self, number: int, contents: Contents) -> Contents:
        """The largest part of refused contents, all classes alike, that is accepted; bisected."""
        steps = max(contents)
        fit, refused = 0, steps
        while refused - fit > 1:
            middle = (fit + refused) // 2
            if self.accepts(number, _part(contents, middle, steps)):
                fit = middle
            else:
                refused = middle
        return _part(contents, fit, steps)

    def refused(self, tables: Tables) -> Mapping[int, tuple[Contents, ...]]:
        """By index in the tables."""
        numbers = tables.numbers.tolist()
        return {index: tuple(self._refused[number]) for index, number in enumerate(numbers) if number in self._refused}

    def accepted(self, number: int) -> tuple[Contents, ...]:
        """What is known to be accepted, with all that is less."""
        return tuple(self._accepted.get(number, ()))


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


def _within(one: Contents, other: Contents) -> bool:
    return all(held <= limit for held, limit in zip(one, other, strict=True))


def _part(contents: Contents, numerator: int, denominator: int) -> Contents:
    return tuple(held * numerator // denominator for held in contents)
