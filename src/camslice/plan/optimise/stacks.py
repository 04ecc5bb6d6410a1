"""Nodes that hold the same, as the solver handles them: options by index, money in millionths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stack:
    """`count` nodes of an option (its index in the tables), all with these contents."""

    option: int
    contents: tuple[int, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Stacks:
    """Different stacks, and what they cost in a month together."""

    stacks: tuple[Stack, ...]
    micro: int

    @property
    def nodes(self) -> int:
        """How many there are in all."""
        return sum(each.count for each in self.stacks)


def stacked(stacks: Iterable[Stack], cost: Sequence[int]) -> Stacks:
    """Stacks that hold the same put together, in an order that does not depend on how they were found."""
    counts: dict[tuple[int, tuple[int, ...]], int] = {}
    for each in stacks:
        key = (each.option, each.contents)
        counts[key] = counts.get(key, 0) + each.count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][0], [-held for held in item[0][1]]))
    found = tuple(Stack(option, contents, count) for (option, contents), count in ordered)
    return Stacks(found, sum(int(cost[each.option]) * each.count for each in found))
