"""Problems and the plain way to count, for tests: nothing here knows the code under test."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache

from camslice.fleet.types import Topology
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.optimise.problem import Contents, Option, Problem, Solution, StreamClass

RESOURCES = ("cpu", "memory")

Allowed = Callable[[Option, Contents], bool]


def option(
    name: str,
    usd: float,
    use: tuple[tuple[float, ...], ...],
    fixed: tuple[tuple[float, ...], ...] | None = None,
    most: int = 99,
) -> Option:
    """One that differs from others in what matters to the optimiser alone."""
    none = tuple(tuple(0.0 for _ in RESOURCES) for _ in use)
    mosts = (most,) * len(use)
    return Option(name, name, Topology.SLICED, 1, Purchase.ON_DEMAND, "r", usd, RESOURCES, use, fixed or none, mosts)


def classes(*counts: int, models: str = "abcdef") -> tuple[StreamClass, ...]:
    """So many streams of each class; `models` has a letter for each."""
    return tuple(StreamClass(f"class {index}", models[index], count) for index, count in enumerate(counts))


def has_room(of: Option, contents: Contents, models: tuple[str, ...]) -> bool:
    """Whether the contents are within the shares and `most`, counted the plain way."""
    if any(count > most for count, most in zip(contents, of.most, strict=True)):
        return False
    for column in range(len(of.resources)):
        taken, seen = 0.0, set()
        for index, count in enumerate(contents):
            if count:
                taken += of.use[index][column] * count
                if models[index] not in seen:
                    taken += of.fixed[index][column]
                    seen.add(models[index])
        if taken > 1.0 + 1e-9:
            return False
    return True


def brute_force(problem: Problem, demand: Contents, allowed: Allowed = lambda _option, _contents: True) -> float:
    """US dollars of the cheapest nodes that hold the demand, by trying every way. Infinite if some cannot be placed."""
    models = tuple(each.model for each in problem.classes)
    fitting = [
        (of.usd_per_month, contents)
        for of in problem.options
        for contents in itertools.product(*(range(count + 1) for count in demand))
        if any(contents) and has_room(of, contents, models) and problem.fits(of, contents) and allowed(of, contents)
    ]

    @cache
    def best(left: Contents) -> float:
        if not any(left):
            return 0.0
        index = next(index for index, count in enumerate(left) if count)
        costs = [
            usd + best(tuple(have - take for have, take in zip(left, contents, strict=True)))
            for usd, contents in fitting
            if contents[index] and all(take <= have for have, take in zip(left, contents, strict=True))
        ]
        return min(costs, default=math.inf)

    return best(demand)


def held(found: Solution) -> Contents:
    """Streams of each class on all nodes."""
    classes = len(found.unplaced)
    return tuple(sum(each.contents[index] * each.count for each in found.shapes) for index in range(classes))
