"""Nodes that stand already are paid for: before any other is rented, they take as many further streams as they can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from camslice.plan.optimise.problem import Contents


@dataclass(frozen=True, slots=True)
class KeptNodes:
    """`count` nodes that stand already, of the kind of that name, with what they hold."""

    kind: str
    contents: Contents
    count: int


Holds = Callable[[str, Contents], bool]
"""Whether a node of the kind of that name keeps the objective with these streams. Asked seldom: it may be a simulation."""


def topped_up(kept: Sequence[KeptNodes], demand: Contents, holds: Holds) -> tuple[KeptNodes, ...]:
    """The nodes with what they hold now and as many of the other streams as they can take, the class with most left first.

    What they hold now is taken to hold; no class has more streams on them than `demand`, unless they hold more already.
    """
    left = [max(0, count - sum(node.contents[index] * node.count for node in kept)) for index, count in enumerate(demand)]
    filled = list(kept)
    for index in sorted(range(len(left)), key=lambda each: -left[each]):
        further: list[KeptNodes] = []
        for nodes in filled:
            parts, left[index] = _with_more(nodes, index, left[index], holds)
            further += parts
        filled = further
    return tuple(filled)


def _with_more(nodes: KeptNodes, index: int, left: int, holds: Holds) -> tuple[list[KeptNodes], int]:
    """The nodes with further streams of one class: most of them full, one with the rest, the others as they were."""
    room = _room(nodes, index, left, holds)
    if not room:
        return [nodes], left
    full = min(nodes.count, left // room)
    rest = left - full * room if full < nodes.count else 0
    parts = [replace(nodes, contents=_more(nodes.contents, index, room), count=full)] if full else []
    if rest:
        parts.append(replace(nodes, contents=_more(nodes.contents, index, rest), count=1))
    as_before = nodes.count - sum(part.count for part in parts)
    if as_before:
        parts.append(replace(nodes, count=as_before))
    return parts, left - full * room - rest


def _room(nodes: KeptNodes, index: int, left: int, holds: Holds) -> int:
    """How many more streams of a class one of the nodes takes."""
    held, broke, trial = 0, left + 1, left
    while broke - held > 1:
        if holds(nodes.kind, _more(nodes.contents, index, trial)):
            held = trial
        else:
            broke = trial
        trial = (held + broke) // 2
    return held


def _more(contents: Contents, index: int, streams: int) -> Contents:
    return tuple(count + streams if each == index else count for each, count in enumerate(contents))
