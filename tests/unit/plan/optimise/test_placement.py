"""Every stream gets one place, and as few as possible leave the node that they are on."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.types import Topology
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.optimise.placement import Placement, StandingNode, place
from camslice.plan.optimise.problem import Contents, Option, Shape

NAMES = ("slow", "fast")


def option(name: str) -> Option:
    none = ((0.0,), (0.0,))
    return Option(name, name, Topology.POOLED, 1, Purchase.ON_DEMAND, "anywhere", 1.0, ("cpu",), none, none, (99, 99))


def shape(name: str, contents: Contents, count: int = 1) -> Shape:
    return Shape(option(name), contents, count)


def streams_for(shapes: list[Shape]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(f"{name}-{number}/model" for number in range(sum(each.contents[index] * each.count for each in shapes)))
        for index, name in enumerate(NAMES)
    }


def on_nodes(placement: Placement) -> list[tuple[str, ...]]:
    return [held for nodes in placement.nodes for held in nodes]


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[Shape], list[StandingNode]]:
    contents = st.tuples(st.integers(0, 3), st.integers(0, 3))
    shapes = [
        shape(draw(st.sampled_from("ab")), draw(contents), draw(st.integers(1, 2))) for _ in range(draw(st.integers(1, 3)))
    ]
    names = [stream for each in streams_for(shapes).values() for stream in each]
    homes = [draw(st.integers(-1, 3)) for _ in names]  # -1: it stands nowhere
    options = [draw(st.sampled_from("ab")) for _ in range(4)]
    standing = [
        StandingNode(options[home], tuple(name for name, on in zip(names, homes, strict=True) if on == home))
        for home in range(4)
    ]
    return shapes, standing


@given(fleets())
def test_every_stream_has_one_place_and_every_node_what_its_shape_says(fleet: tuple[list[Shape], list[StandingNode]]) -> None:
    shapes, standing = fleet
    streams = streams_for(shapes)
    placement = place(shapes, streams, NAMES, standing)
    placed = [stream for held in on_nodes(placement) for stream in held]
    assert sorted(placed) == sorted(stream for each in streams.values() for stream in each)
    for each, nodes in zip(shapes, placement.nodes, strict=True):
        assert len(nodes) == each.count
        for held in nodes:
            assert tuple(sum(stream.startswith(name) for stream in held) for name in NAMES) == each.contents


@given(fleets())
def test_no_other_placement_moves_fewer(fleet: tuple[list[Shape], list[StandingNode]]) -> None:
    shapes, standing = fleet
    placement = place(shapes, streams_for(shapes), NAMES, standing)
    assert len(placement.moved) == fewest_moves(shapes, standing)


@given(fleets())
def test_what_has_not_moved_is_still_together(fleet: tuple[list[Shape], list[StandingNode]]) -> None:
    shapes, standing = fleet
    placement = place(shapes, streams_for(shapes), NAMES, standing)
    options = [each.option.name for each in shapes for _ in range(each.count)]
    homes = []
    for node in standing:
        staying = set(node.streams) - set(placement.moved)
        found = [number for number, held in enumerate(on_nodes(placement)) if staying & set(held)]
        assert len(found) == (1 if staying else 0)
        assert all(options[number] == node.option for number in found)
        homes += found
    assert len(homes) == len(set(homes))


def fewest_moves(shapes: list[Shape], standing: list[StandingNode]) -> int:
    """By trying every way in which standing nodes can become new ones."""
    nodes = [each for each in shapes for _ in range(each.count)]
    padded: list[Shape | None] = [*nodes, *(None for _ in standing)]
    there = sum(len(node.streams) for node in standing)
    most = max(
        sum(stays(node, new) for node, new in zip(standing, order, strict=False))
        for order in set(permutations(range(len(padded)), len(standing)))
        for order in [[padded[number] for number in order]]
    )
    return there - most


def stays(node: StandingNode, new: Shape | None) -> int:
    if new is None or new.option.name != node.option:
        return 0
    held = [sum(stream.startswith(name) for stream in node.streams) for name in NAMES]
    return sum(map(min, held, new.contents))


def test_streams_that_are_gone_are_forgotten() -> None:
    standing = [StandingNode("a", ("slow-0/model", "gone/model"))]
    placement = place([shape("a", (1, 0))], {"slow": ("slow-0/model",), "fast": ()}, NAMES, standing)
    assert placement == Placement(((("slow-0/model",),),), ())


def test_a_node_of_another_option_is_another_node() -> None:
    standing = [StandingNode("b", ("slow-0/model",))]
    placement = place([shape("a", (1, 0))], {"slow": ("slow-0/model",), "fast": ()}, NAMES, standing)
    assert placement.moved == ("slow-0/model",)


def test_room_for_more_or_fewer_streams_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="room for 2 streams of slow, and there are 1"):
        place([shape("a", (2, 0))], {"slow": ("slow-0/model",), "fast": ()}, NAMES)
