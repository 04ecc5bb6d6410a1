"""A problem as arrays of integers: money in millionths of a dollar, shares in billionths.

Integers, because answers must be the same everywhere and proofs exact. Shares are rounded down, so that whatever keeps the real
limits keeps these, and a bound that is proven with them holds: a node may be over by a billionth per stream at the most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from camslice.plan.optimise.problem import Contents, Option, Problem

PARTS = 10**9
"""A share of 1.0."""
MICRO = 10**6
"""Units of money in a dollar."""
HIGHEST = 10**9
"""No count is higher, so that sums stay within 64 bits."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """O options, C classes, M models, R resources (those of all options, by name).

    `cost` [O], `use` [O, C, R], `fixed` [O, M, R], `most` [O, C]: of that class alone, by `most` and shares, at most the
    demand, and 0 where it cannot be carried (its `use` says nothing then). `model` [C] is the number of the class's model,
    `demand` [C]. `numbers` [O] are the places of the options in the problem.
    """

    options: tuple[Option, ...]
    numbers: Ints
    cost: Ints
    use: Ints
    fixed: Ints
    most: Ints
    model: Ints
    demand: Ints

    @property
    def models(self) -> int:
        """M."""
        return int(self.fixed.shape[1])

    def only(self, chosen: Ints) -> Tables:
        """The options with these indices alone."""
        return replace(
            self,
            options=tuple(self.options[index] for index in chosen.tolist()),
            numbers=self.numbers[chosen],
            cost=self.cost[chosen],
            use=self.use[chosen],
            fixed=self.fixed[chosen],
            most=self.most[chosen],
        )

    def demanding(self, demand: Ints) -> Tables:
        """The same with another demand."""
        return replace(self, demand=demand, most=np.minimum(self.most, demand))

    def filled_to(self, shares: Floats) -> Tables:
        """Every resource of option o is smaller by the factor `shares[o]`, above 0 and at most 1."""
        use = np.floor(self.use / shares[:, None, None]).astype(np.int64)
        fixed = np.floor(self.fixed / shares[:, None, None]).astype(np.int64)
        room = _alone(use, fixed[:, self.model])
        return replace(self, use=use, fixed=fixed, most=np.minimum(self.most, room))

    def taken(self, option: int, contents: Sequence[int]) -> list[int]:
        """Billionths of each resource that these streams take there."""
        held = np.asarray(contents, np.int64)
        there = np.zeros(self.models, np.int64)
        there[self.model[held > 0]] = 1
        return list((held @ self.use[option] + there @ self.fixed[option]).tolist())

    def carries(self, option: int, contents: Sequence[int]) -> bool:
        """Whether shares and `most` allow these streams on one node."""
        most = self.most[option].tolist()
        if any(held > limit for held, limit in zip(contents, most, strict=True)):
            return False
        return all(taken <= PARTS for taken in self.taken(option, contents))


def tables_of(problem: Problem, demand: Sequence[int]) -> Tables:
    """All options of the problem. Raises ValueError where its arrays do not match or figures are negative or NaN."""
    options = problem.options
    names = sorted(set(chain.from_iterable(each.resources for each in options)))
    order = {model: number for number, model in enumerate(dict.fromkeys(each.model for each in problem.classes))}
    model = np.array([order[each.model] for each in problem.classes], np.int64)
    shape = (len(options), len(problem.classes), len(names))
    use, fixed = np.zeros(shape), np.zeros(shape)
    for resources, numbers in _alike(options).items():
        columns = [names.index(name) for name in resources]
        _fill(use, numbers, columns, [options[number].use for number in numbers])
        _fill(fixed, numbers, columns, [options[number].fixed for number in numbers])
    most = np.array([[min(limit, HIGHEST) for limit in each.most] for each in options], np.int64).reshape(shape[:2])
    cost = [each.usd_per_month for each in options]
    if not all(math.isfinite(usd) and usd >= 0 for usd in cost) or np.isnan(use).any() or np.isnan(fixed).any():
        raise ValueError("prices and shares must be numbers, and prices finite and not negative")
    if (most < 0).any() or (use < 0).any() or (fixed < 0).any() or any(each.count < 0 for each in problem.classes):
        raise ValueError("shares and numbers of streams must not be negative")
    if max(demand, default=0) > HIGHEST:
        raise ValueError(f"no more than {HIGHEST:,} streams of a class can be placed")
    wanted = np.array(demand, np.int64).reshape(len(problem.classes))
    use_parts, fixed_parts = _parts(use), _parts(fixed)
    room = _alone(use_parts, fixed_parts)
    return Tables(
        options,
        np.arange(len(options)),
        np.array([round(usd * MICRO) for usd in cost], np.int64),
        use_parts,
        _by_model(fixed_parts, model, len(order)),
        np.minimum(np.minimum(most, room), wanted),
        model,
        wanted,
    )


def _alike(options: Sequence[Option]) -> dict[tuple[str, ...], list[int]]:
    numbers: dict[tuple[str, ...], list[int]] = {}
    for number, each in enumerate(options):
        numbers.setdefault(each.resources, []).append(number)
    return numbers


def _fill(into: Floats, numbers: list[int], columns: list[int], rows: list[tuple[tuple[float, ...], ...]]) -> None:
    """Options that differ in price alone share their rows: each is converted once."""
    unique = {id(each): each for each in rows}
    place = {key: number for number, key in enumerate(unique)}
    distinct = [place[id(each)] for each in rows]
    shape = (len(unique), into.shape[1], len(columns))
    values = np.fromiter(chain.from_iterable(chain.from_iterable(unique.values())), np.float64)
    if values.size != math.prod(shape):
        raise ValueError("`use` and `fixed` need a row for each class and a column for each resource")
    into[np.ix_(numbers, range(into.shape[1]), columns)] = values.reshape(shape)[distinct]


def _parts(shares: Floats) -> Ints:
    """Rounded down; more than everything is as bad as infinitely much."""
    parts: Ints = np.floor(np.minimum(shares, 2.0) * PARTS).astype(np.int64)
    return parts


def _alone(use: Ints, fixed: Ints) -> Ints:
    """The most streams of each class alone that shares leave room for."""
    left = PARTS - fixed
    room = np.where(use > 0, left // np.maximum(use, 1), HIGHEST).min(axis=2, initial=HIGHEST)
    return np.where((left < 0).any(axis=2), 0, np.maximum(room, 0))


def _by_model(fixed: Ints, model: Ints, models: int) -> Ints:
    taken = np.zeros((fixed.shape[0], models, fixed.shape[2]), np.int64)
    for number in range(models):
        taken[:, number] = fixed[:, model == number].max(axis=1, initial=0)
    return taken


def usd(micro: int) -> float:
    """Dollars, as exact as a float is."""
    return micro / MICRO


def contents_of(row: Iterable[int]) -> Contents:
    """As a tuple of Python's integers."""
    return tuple(int(count) for count in row)
