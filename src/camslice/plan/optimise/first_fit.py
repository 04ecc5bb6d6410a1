"""First fit decreasing: streams go where there is room, the largest first, and a node is added when there is none.

Pure Python, no solver: the fallback where there is none, and the answer that a better one must not be dearer than. Nodes that
hold the same are handled together, so that a hundred thousand streams take as long as a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from camslice.plan.optimise.problem import Contents, Option, Problem, Shape

ROUNDING = 1e-9
"""By how much shares may exceed 1.0 because floating-point sums do not come out even."""


@dataclass(frozen=True, slots=True)
class Group:
    """`count` nodes that hold the same."""

    option: Option
    contents: Contents
    count: int


def first_fit(problem: Problem, kept: Sequence[Shape] = ()) -> tuple[Shape, ...]:
    """Nodes that hold every stream that some option carries, after the `kept` ones (empty at first) are filled."""
    empty = tuple(0 for _ in problem.classes)
    groups = [Group(each.option, empty, each.count) for each in kept]
    order = sorted(range(len(problem.classes)), key=lambda index: -_usd_per_stream(problem, index))
    for index in order:
        left = problem.classes[index].count
        filled: list[Group] = []
        for group in groups:
            parts, left = _filled(problem, group, index, left)
            filled.extend(parts)
        while left:
            opened = _opened(problem, index, left)
            if opened is None:
                break
            filled.append(opened)
            left -= opened.contents[index] * opened.count
        groups = filled
    return tuple(Shape(each.option, each.contents, each.count) for each in groups)


def room(option: Option, contents: Contents, index: int, models: Sequence[str]) -> int:
    """How many more streams of that class a node takes by its shares and by the most of that class."""
    most = option.most[index] - contents[index]
    there = any(held and models[other] == models[index] for other, held in enumerate(contents))
    fixed = tuple(0.0 for _ in option.resources) if there else option.fixed[index]
    for resource, used in enumerate(shares(option, contents, models)):
        if most <= 0:
            return 0
        left = 1.0 + ROUNDING - used - fixed[resource]
        use = option.use[index][resource]
        if left < 0.0 or use == float("inf"):
            return 0
        if use > 0.0:
            most = min(most, int(left / use))
    return max(0, most)


def shares(option: Option, contents: Contents, models: Sequence[str]) -> list[float]:
    """The share of each resource that these streams take together, what models take once included."""
    taken = [0.0 for _ in option.resources]
    there: set[str] = set()
    for index, held in enumerate(contents):
        if not held:
            continue
        for resource in range(len(taken)):
            taken[resource] += held * option.use[index][resource]
            if models[index] not in there:
                taken[resource] += option.fixed[index][resource]
        there.add(models[index])
    return taken


def _usd_per_stream(problem: Problem, index: int) -> float:
    models = [each.model for each in problem.classes]
    empty = tuple(0 for _ in models)
    rates = [each.usd_per_month / most for each in problem.options if (most := room(each, empty, index, models))]
    return min(rates, default=0.0)


def _filled(problem: Problem, group: Group, index: int, left: int) -> tuple[list[Group], int]:
    """The nodes of a group after as many streams as possible of that class were put on them, and how many are left."""
    more = _more(problem, group.option, group.contents, index, left)
    if not more or not left:
        return [group], left
    full, rest = divmod(left, more)
    full = min(full, group.count)
    left -= full * more
    parts = [replace(group, contents=_with(group.contents, index, more), count=full)]
    if full < group.count and left:
        parts.append(replace(group, contents=_with(group.contents, index, rest), count=1))
        left = 0
        full += 1
    parts.append(replace(group, count=group.count - full))
    return [each for each in parts if each.count], left


def _opened(problem: Problem, index: int, left: int) -> Group | None:
    """New nodes for `left` streams, of the option that carries them the cheapest; None where none does."""
    models = [each.model for each in problem.classes]
    empty = tuple(0 for _ in models)
    ranked = []
    for number, option in enumerate(problem.options):
        most = min(left, room(option, empty, index, models))
        if most:
            ranked.append((option.usd_per_month / most, number))
    best: tuple[float, Group] | None = None
    for rate, number in sorted(ranked):
        if best is not None and rate >= best[0]:
            break
        option = problem.options[number]
        more = _more(problem, option, empty, index, left)
        if more and (best is None or option.usd_per_month / more < best[0]):
            best = (option.usd_per_month / more, Group(option, _with(empty, index, more), left // more))
    return None if best is None else best[1]


def _more(problem: Problem, option: Option, contents: Contents, index: int, left: int) -> int:
    """How many more `fits` lets a node take: bisected, as what fits also fits with less."""
    models = [each.model for each in problem.classes]
    fit, too_many = 0, min(left, room(option, contents, index, models)) + 1
    trial = too_many - 1
    while too_many - fit > 1:
        if problem.fits(option, _with(contents, index, trial)):
            fit = trial
        else:
            too_many = trial
        trial = (fit + too_many) // 2
    return fit


def _with(contents: Contents, index: int, more: int) -> Contents:
    return tuple(held + more if each == index else held for each, held in enumerate(contents))
