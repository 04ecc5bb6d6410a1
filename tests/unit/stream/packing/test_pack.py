"""Rectangles on canvases: whatever their sizes, they lie apart, inside, and at even corners."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from camslice.stream.packing.pack import GUARD, Spot, pack

sides = st.integers(1, 130).map(lambda half: 2 * half)
sizes = st.lists(st.tuples(sides, sides), max_size=40)
canvas_sides = st.integers(8, 120).map(lambda half: 2 * half)


@given(sizes, canvas_sides, canvas_sides, st.integers(0, 4))
def test_rectangles_lie_inside_their_canvas_at_even_corners_and_a_guard_apart(
    wanted: list[tuple[int, int]], width: int, height: int, canvases: int
) -> None:
    spots = pack(wanted, width, height, canvases)
    placed = [(spot, size) for spot, size in zip(spots, wanted, strict=True) if spot is not None]
    for spot, (wide, high) in placed:
        assert 0 <= spot.canvas < canvases
        assert spot.left >= 0
        assert spot.top >= 0
        assert spot.left + wide <= width
        assert spot.top + high <= height
        assert spot.left % 2 == spot.top % 2 == 0
    for (one, (wide, high)), (other, (other_wide, other_high)) in combinations(placed, 2):
        if one.canvas == other.canvas:
            across = max(other.left - (one.left + wide), one.left - (other.left + other_wide))
            down = max(other.top - (one.top + high), one.top - (other.top + other_high))
            assert max(across, down) >= GUARD


@given(st.tuples(sides, sides), canvas_sides, canvas_sides)
def test_one_rectangle_finds_room_exactly_when_it_is_no_larger_than_the_canvas(
    size: tuple[int, int], width: int, height: int
) -> None:
    fits = size[0] <= width and size[1] <= height
    assert pack([size], width, height, 1) == [Spot(0, 0, 0) if fits else None]


@given(sizes, canvas_sides, canvas_sides)
def test_with_a_canvas_for_each_everything_that_fits_at_all_finds_room(
    wanted: list[tuple[int, int]], width: int, height: int
) -> None:
    for spot, (wide, high) in zip(pack(wanted, width, height, len(wanted)), wanted, strict=True):
        assert (spot is not None) == (wide <= width and high <= height)


@given(sizes, canvas_sides, canvas_sides)
def test_the_same_rectangles_lie_at_the_same_places_each_time(wanted: list[tuple[int, int]], width: int, height: int) -> None:
    assert pack(wanted, width, height, 3) == pack(wanted, width, height, 3)


def test_the_room_over_low_rectangles_is_used() -> None:
    # A high one, and beside it two low ones that only fit above each other.
    assert None not in pack([(40, 60), (44, 26), (44, 26)], 92, 60, 1)


def test_a_grid_of_equal_rectangles_fills_a_canvas_to_its_edges() -> None:
    # 3 x 3 of 208 pixels with two guards of 8 between them are just 640.
    assert None not in pack([(208, 208)] * 9, 640, 640, 1)
    assert pack([(208, 208)] * 10, 640, 640, 1).count(None) == 1


def test_people_sized_rectangles_fill_most_of_a_canvas() -> None:
    people = [(40 + 2 * (index * 7 % 12), 90 + 2 * (index * 5 % 20)) for index in range(60)]
    spots = pack(people, 640, 640, 1)
    filled = sum(wide * high for (wide, high), spot in zip(people, spots, strict=True) if spot is not None)
    assert filled > 0.6 * 640 * 640
