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
    surplus: Ints = -tables.demand.copy()
    for each in stacks:
        surplus += each.count * np.array(each.contents, np.int64)
    left = [[each.option, np.array(each.contents, np.int64), each.count] for each in stacks]
    if (surplus < 0).any():
        raise ValueError("these nodes do not cover the demand")
    while surplus.any():
        option, contents, count = max(left, key=lambda each: (int(np.minimum(each[1], surplus).sum()), -each[2], -each[0]))
        off = np.minimum(contents, surplus)
        times = max(1, min(count, int((surplus[off > 0] // off[off > 0]).min()))) if (off == contents).all() else 1
        left = [
            [number, held, other] if held is not contents else [number, held, other - times] for number, held, other in left
        ]
        left = [each for each in left if each[2]]
        left.append([option, contents - off, times])
        left = [each for each in left if each[1].any()]
        surplus = surplus - times * off
    return merged(Stack(option, contents_of(contents.tolist()), count) for option, contents, count in left)
