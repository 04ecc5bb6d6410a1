"""Nodes that stand already take as many further streams as they can."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camslice.plan.keeping import KeptNodes, topped_up

ROOM = 10


def holds(_kind: str, contents: tuple[int, ...]) -> bool:
    """A node takes ten: a stream of the first class counts 1, of the second 2."""
    return contents[0] + 2 * contents[1] <= ROOM


def test_room_is_filled_and_the_rest_stays_on_one_node() -> None:
    found = topped_up([KeptNodes("a", (4, 0), 3)], (26, 0), holds)
    assert found == (KeptNodes("a", (10, 0), 2), KeptNodes("a", (6, 0), 1))


def test_nodes_that_nobody_needs_more_of_stay_as_they_are() -> None:
    kept = (KeptNodes("a", (4, 1), 2),)
    assert topped_up(kept, (8, 2), holds) == kept


def test_a_fleet_that_shrank_adds_nothing() -> None:
    kept = (KeptNodes("a", (4, 0), 2),)
    assert topped_up(kept, (3, 0), holds) == kept


def test_the_class_with_most_left_goes_first() -> None:
    (found,) = topped_up([KeptNodes("a", (0, 0), 1)], (2, 9), holds)
    assert found.contents == (0, 5)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=4),
    st.tuples(st.integers(0, 80), st.integers(0, 40)),
)
def test_no_node_is_lost_or_too_full_nothing_is_taken_away_and_nothing_is_held_twice(
    groups: list[tuple[int, int, int]], demand: tuple[int, int]
) -> None:
    kept = [KeptNodes(str(index), (a, b), count) for index, (a, b, count) in enumerate(groups)]
    found = topped_up(kept, demand, holds)
    for before in kept:
        after = [node for node in found if node.kind == before.kind]
        assert sum(node.count for node in after) == before.count
        assert all(holds("", node.contents) for node in after)
        assert all(now >= then for node in after for now, then in zip(node.contents, before.contents, strict=True))
    for index in range(2):
        held = sum(node.contents[index] * node.count for node in found)
        assert held <= max(demand[index], sum(node.contents[index] * node.count for node in kept))
