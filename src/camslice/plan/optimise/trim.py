"""From nodes that cover every stream to nodes that hold each exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from camslice.plan.optimise.few_shapes import Stack
from camslice.plan.optimise.tables import Ints, Tables, contents_of


def micro_of(tables: Tables, stacks: Iterable[Stack]) -> int:
    """Millionths of a dollar."""
    return sum(int(tables.cost[each.option]) * each.count for each in stacks)


def merged(stacks: Iterable[Stack]) -> tuple[Stack, ...]:
    """Nodes that hold the same together, the most frequent first; empty nodes are gone."""
    counts: dict[tuple[int, tuple[int, ...]], int] = {}
    for each in stacks:
        if any(each.contents) and each.count:
            counts[each.option, each.contents] = counts.get((each.option, each.contents), 0) + each.count
    found = [Stack(option, contents, count) for (option, contents), count in counts.items()]
    return tuple(sorted(found, key=lambda each: (-each.count, each.option, each.contents)))


def trimmed(tables: Tables, stacks: Sequence[Stack]) -> tuple[Stack, ...]:
    """Streams that are covered more than once are taken off again, from as few nodes as possible, so that few shapes arise."""
    surplus: Ints = -tables.demand
    for each in stacks:
        surplus = surplus + each.count * np.array(each.contents, np.int64)
    if (surplus < 0).any():
        raise ValueError("these nodes do not cover the demand")
    left = list(stacks)
    while surplus.any():
        number = max(range(len(left)), key=lambda index: (_taken(left[index], surplus), -left[index].count, -index))
        stack = left.pop(number)
        held = np.array(stack.contents, np.int64)
        off = np.minimum(held, surplus)
        times = min(stack.count, int((surplus[off > 0] // off[off > 0]).min())) if (off == held).all() else 1
        left.append(Stack(stack.option, contents_of((held - off).tolist()), times))
        if stack.count > times:
            left.append(Stack(stack.option, stack.contents, stack.count - times))
        surplus = surplus - times * off
    return merged(left)


def _taken(stack: Stack, surplus: Ints) -> int:
    """How many streams one of these nodes can lose."""
    return int(np.minimum(np.array(stack.contents, np.int64), surplus).sum())
