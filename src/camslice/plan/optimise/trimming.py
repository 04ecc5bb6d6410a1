"""From nodes that cover every stream at least once to nodes that hold each exactly once, in as few different shapes as
possible."""

from __future__ import annotations

from collections.abc import Sequence

from camslice.plan.optimise.stacks import Stack, Stacks, stacked


def trimmed(stacks: Sequence[Stack], demand: Sequence[int], cost: Sequence[int]) -> Stacks:
    """Takes what is too much from as few nodes as possible; nodes that have nothing left are given back. `cost` by option, in
    millionths."""
    groups = list(stacks)
    surplus = [sum(each.contents[index] * each.count for each in groups) - wanted for index, wanted in enumerate(demand)]
    while any(surplus):
        number = max((_takes(each, surplus), -number) for number, each in enumerate(groups))[1]
        group = groups[-number]
        removed = [min(held, over) for held, over in zip(group.contents, surplus, strict=True)]
        often = min([group.count, *(over // away for over, away in zip(surplus, removed, strict=True) if away)])
        rest = tuple(held - away for held, away in zip(group.contents, removed, strict=True))
        surplus = [over - often * away for over, away in zip(surplus, removed, strict=True)]
        groups[-number] = Stack(group.option, group.contents, group.count - often)
        groups.append(Stack(group.option, rest, often))
    return stacked([each for each in groups if each.count and any(each.contents)], cost)


def _takes(group: Stack, surplus: Sequence[int]) -> tuple[bool, int]:
    """How well one node takes what is too much: all of it at best, else as many streams as possible."""
    if not group.count:
        return (False, -1)
    removed = [min(held, over) for held, over in zip(group.contents, surplus, strict=True)]
    return (removed == list(surplus), sum(removed))
