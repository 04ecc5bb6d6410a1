"""First fit decreasing: streams go where there is room, the largest first, and a node is added when there is none.

No solver and no prices: the answer that a better one must not be dearer than. Nodes that hold the same are handled together, so
that a hundred thousand streams take as long as a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from camslice.plan.optimise.problem import Contents
from camslice.plan.optimise.stacks import Stack
from camslice.plan.optimise.tables import PARTS, Ints, Tables
from camslice.plan.optimise.walls import Refused

Ask = Callable[[int, Contents], bool]
"""Whether a node of an option (its index in the tables) may hold that; what it accepts it accepts with less."""


def first_fit(tables: Tables, refused: Refused, ask: Ask | None = None) -> list[Stack]:
    """Nodes that hold every stream exactly once. Every class with a demand has an option that carries it.

    With `ask` nothing is put anywhere without asking; streams that no option is allowed to carry are then left out.
    """
    usd_per_stream = np.where(tables.most > 0, tables.cost[:, None] / np.maximum(tables.most, 1), np.inf)
    dearest_first = np.argsort(-usd_per_stream.min(axis=0, initial=np.inf), kind="stable")
    stacks: list[Stack] = []
    for index in dearest_first.tolist():
        left = int(tables.demand[index])
        filled: list[Stack] = []
        for stack in stacks:
            parts, left = _filled(tables, refused, stack, index, left, ask)
            filled.extend(parts)
        while left:
            opened = _opened(tables, index, left, ask)
            if opened is None:
                break
            filled.append(opened)
            left -= opened.contents[index] * opened.count
        stacks = filled
    return stacks


def _filled(tables: Tables, refused: Refused, stack: Stack, index: int, left: int, ask: Ask | None) -> tuple[list[Stack], int]:
    """The same nodes after as many streams as possible of that class were put on them, and how many are left."""
    more = min(left, room(tables, stack.option, stack.contents, index, refused.get(stack.option, ())))
    more = _allowed(ask, stack.option, stack.contents, index, more)
    if more <= 0:
        return [stack], left
    full = min(left // more, stack.count)
    left -= full * more
    parts = [Stack(stack.option, _with(stack.contents, index, more), full)]
    if full < stack.count and left:
        parts.append(Stack(stack.option, _with(stack.contents, index, left), 1))
        left, full = 0, full + 1
    parts.append(Stack(stack.option, stack.contents, stack.count - full))
    return [each for each in parts if each.count], left


def _opened(tables: Tables, index: int, left: int, ask: Ask | None) -> Stack | None:
    """New nodes of the option that carries this class alone the cheapest; None where nothing is allowed."""
    most = np.minimum(tables.most[:, index], left)
    rate = np.where(most > 0, tables.cost / np.maximum(most, 1), np.inf)
    empty = (0,) * len(tables.demand)
    best: tuple[float, int, int] | None = None
    for option in np.argsort(rate, kind="stable").tolist():
        if rate[option] == np.inf or (best is not None and rate[option] >= best[0]):
            break
        held = _allowed(ask, option, empty, index, int(most[option]))
        if held and (best is None or tables.cost[option] / held < best[0]):
            best = (float(tables.cost[option]) / held, option, held)
    return None if best is None else Stack(best[1], _with(empty, index, best[2]), left // best[2])


def _allowed(ask: Ask | None, option: int, contents: Contents, index: int, more: int) -> int:
    """How many more are allowed, bisected."""
    if ask is None or more <= 0:
        return more
    allowed, too_many, trial = 0, more + 1, more
    while too_many - allowed > 1:
        if ask(option, _with(contents, index, trial)):
            allowed = trial
        else:
            too_many = trial
        trial = (allowed + too_many) // 2
    return allowed


def room(tables: Tables, option: int, contents: Contents, index: int, walls: Sequence[Contents]) -> int:
    """How many more streams of that class a node takes beside its contents."""
    held = np.array(contents, np.int64)
    most = int(tables.most[option, index] - held[index])
    if most <= 0:
        return 0
    left = PARTS - np.array(tables.taken(option, contents), np.int64)
    model = tables.model[index]
    if not held[tables.model == model].any():
        left = left - tables.fixed[option, model]
    if (left < 0).any():
        return 0
    use: Ints = tables.use[option, index]
    needed = use > 0
    if needed.any():
        most = min(most, int((left[needed] // use[needed]).min()))
    for wall in walls:
        if all(has >= limit or other == index for other, (has, limit) in enumerate(zip(contents, wall, strict=True))):
            most = min(most, wall[index] - 1 - int(held[index]))
    return max(0, most)


def _with(contents: Contents, index: int, more: int) -> Contents:
    return tuple(held + more if each == index else held for each, held in enumerate(contents))
