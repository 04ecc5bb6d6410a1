"""Which stream goes to which node, once it is known what each node holds; with as few moves as possible from where they are.

A node that stands keeps, of each class, as many of its streams as its new contents have room for. Which standing node becomes
which new one is a transport problem: kinds of new nodes on one side, standing nodes that hold alike on the other, and what they
would keep as the gain. Longest augmenting paths solve it exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from camslice.plan.optimise.problem import Contents, Shape

Held = tuple[str, ...]
"""The streams on one node, as CAMERA/MODEL."""


@dataclass(frozen=True, slots=True)
class StandingNode:
    """A node that is there already: the name of its option, and its streams as CAMERA/MODEL."""

    option: str
    streams: Held


@dataclass(frozen=True, slots=True)
class Placement:
    """`nodes`: for each shape, for each of its nodes, the streams on it. `moved`: streams that leave the node they are on."""

    nodes: tuple[tuple[Held, ...], ...]
    moved: tuple[str, ...]


def place(
    shapes: Sequence[Shape],
    streams: Mapping[str, Sequence[str]],
    names: Sequence[str],
    current: Sequence[StandingNode] = (),
) -> Placement:
    """`streams`: by class, as CAMERA/MODEL; `names`: of the classes, in the order of `Contents`. A standing node can become any
    new one of its option. Raises ValueError where shapes and streams differ in number."""
    _check(shapes, streams, names)
    class_of = {stream: index for index, name in enumerate(names) for stream in streams[name]}
    standing = [StandingNode(node.option, tuple(each for each in node.streams if each in class_of)) for node in current]
    kept: list[list[Held]] = [[] for _ in shapes]
    for number, node in _matched(shapes, standing, class_of, len(names)):
        kept[number].append(_keepable(node.streams, shapes[number].contents, class_of))
    staying = {stream for nodes in kept for held in nodes for stream in held}
    left = [iter([stream for stream in streams[name] if stream not in staying]) for name in names]
    nodes = tuple(
        tuple(_filled(shape.contents, held, left, class_of) for held in _padded(kept[number], shape.count))
        for number, shape in enumerate(shapes)
    )
    return Placement(nodes, tuple(stream for node in standing for stream in node.streams if stream not in staying))


def _check(shapes: Sequence[Shape], streams: Mapping[str, Sequence[str]], names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        room = sum(shape.contents[index] * shape.count for shape in shapes)
        if room != len(streams[name]):
            raise ValueError(f"the nodes have room for {room} streams of {name}, and there are {len(streams[name])}")


def _matched(
    shapes: Sequence[Shape], standing: Sequence[StandingNode], class_of: Mapping[str, int], classes: int
) -> Iterator[tuple[int, StandingNode]]:
    """Shapes (by number) and the standing nodes that become nodes of them."""
    alike: dict[tuple[str, Contents], list[StandingNode]] = {}
    for node in standing:
        alike.setdefault((node.option, _counts(node.streams, class_of, classes)), []).append(node)
    groups = list(alike.items())
    gains = [
        [_common(shape.contents, counts) if shape.option.name == option else 0 for (option, counts), _ in groups]
        for shape in shapes
    ]
    flows = _transport(gains, [shape.count for shape in shapes], [len(nodes) for _, nodes in groups])
    for number, flow in enumerate(flows):
        for (_, nodes), amount in zip(groups, flow, strict=True):
            for _ in range(amount):
                yield number, nodes.pop(0)


def _transport(gains: list[list[int]], supplies: list[int], demands: list[int]) -> list[list[int]]:
    """How much goes from each supply to each demand for the greatest gain in all; pairs that gain nothing stay apart."""
    flows = [[0] * len(demands) for _ in supplies]
    supplies, demands = list(supplies), list(demands)
    while True:
        best, via_supply, via_demand = _longest(gains, flows, supplies)
        ends = [number for number, free in enumerate(demands) if free and best[number] > 0]
        if not ends:
            return flows
        end = max(ends, key=lambda number: (best[number], -number))
        path = [(via_supply[end], end)]
        while via_demand[path[-1][0]] >= 0:
            back = via_demand[path[-1][0]]
            path += [(path[-1][0], back), (via_supply[back], back)]
        amount = min(supplies[path[-1][0]], demands[end], *(flows[one][other] for one, other in path[1::2]))
        for step, (one, other) in enumerate(path):
            flows[one][other] += -amount if step % 2 else amount
        supplies[path[-1][0]] -= amount
        demands[end] -= amount


def _longest(gains: list[list[int]], flows: list[list[int]], supplies: list[int]) -> tuple[list[int], list[int], list[int]]:
    """To each demand the gain of the best way from a supply that has something left, and the ways: forth, and back where
    something flows."""
    nowhere = -1
    at_supply = [0 if left else None for left in supplies]
    via_demand = [nowhere] * len(supplies)
    best, via_supply = [nowhere] * len(flows[0] if flows else []), [nowhere] * len(flows[0] if flows else [])
    changed = True
    while changed:
        changed = False
        for one, start in enumerate(at_supply):
            if start is not None:
                for other, gain in enumerate(gains[one]):
                    if gain and start + gain > best[other]:
                        best[other], via_supply[other], changed = start + gain, one, True
        for one, row in enumerate(flows):
            for other, flow in enumerate(row):
                if flow and best[other] != nowhere:
                    back, known = best[other] - gains[one][other], at_supply[one]
                    if known is None or back > known:
                        at_supply[one], via_demand[one], changed = back, other, True
    return best, via_supply, via_demand


def _counts(streams: Held, class_of: Mapping[str, int], classes: int) -> Contents:
    counts = [0] * classes
    for stream in streams:
        counts[class_of[stream]] += 1
    return tuple(counts)


def _common(one: Contents, other: Contents) -> int:
    return sum(map(min, one, other))


def _keepable(streams: Held, contents: Contents, class_of: Mapping[str, int]) -> Held:
    room, kept = list(contents), []
    for stream in streams:
        if room[class_of[stream]]:
            room[class_of[stream]] -= 1
            kept.append(stream)
    return tuple(kept)


def _padded(kept: list[Held], count: int) -> list[Held]:
    return [*kept, *(() for _ in range(count - len(kept)))]


def _filled(contents: Contents, held: Held, left: Sequence[Iterator[str]], class_of: Mapping[str, int]) -> Held:
    """Class by class: who stays, then who comes."""
    by_class: list[list[str]] = [[] for _ in contents]
    for stream in held:
        by_class[class_of[stream]].append(stream)
    for index, count in enumerate(contents):
        by_class[index] += [next(left[index]) for _ in range(count - len(by_class[index]))]
    return tuple(stream for streams in by_class for stream in streams)
