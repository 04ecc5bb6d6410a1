from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.geometry import Letterbox, Region

SIDES = st.integers(16, 8000)
INPUT_SIDES = st.integers(1, 60).map(lambda cells: cells * 32)
SHARES = st.floats(0, 1, width=32)


@st.composite
def letterboxes(draw: st.DrawFn) -> Letterbox:
    region = Region(draw(st.integers(0, 500)), draw(st.integers(0, 500)), draw(SIDES), draw(SIDES))
    return Letterbox.fit(region, draw(INPUT_SIDES), draw(INPUT_SIDES), centred=draw(st.booleans()))


@given(letterboxes(), st.tuples(SHARES, SHARES), st.tuples(SHARES, SHARES))
def test_a_box_comes_back_from_the_input_within_half_a_pixel(
    box: Letterbox, across: tuple[float, float], down: tuple[float, float]
) -> None:
    region = box.region
    x1, x2 = (region.x + share * region.width for share in sorted(across))
    y1, y2 = (region.y + share * region.height for share in sorted(down))
    boxes = np.array([[x1, y1, x2, y2]], np.float32)
    np.testing.assert_allclose(box.to_source(box.to_input(boxes)), boxes, atol=0.5)


@given(letterboxes())
def test_the_picture_lies_inside_the_input_at_even_places(box: Letterbox) -> None:
    assert all(value % 2 == 0 for value in (box.left, box.top, box.width, box.height))
    assert box.left >= 0
    assert box.top >= 0
    assert 2 <= box.width <= box.input_width - box.left
    assert 2 <= box.height <= box.input_height - box.top


@given(letterboxes())
def test_the_aspect_ratio_is_kept_to_the_next_even_pixel(box: Letterbox) -> None:
    scale = min(box.input_width / box.region.width, box.input_height / box.region.height)
    assert box.width == pytest.approx(max(2, box.region.width * scale), abs=1.001)
    assert box.height == pytest.approx(max(2, box.region.height * scale), abs=1.001)


@given(letterboxes())
def test_one_side_of_the_input_is_filled(box: Letterbox) -> None:
    assert box.width == box.input_width or box.height == box.input_height


@given(SIDES, SIDES, INPUT_SIDES)
def test_only_a_centred_picture_leaves_room_at_the_left_and_top(width: int, height: int, side: int) -> None:
    aside = Letterbox.fit(Region(0, 0, width, height), side, side, centred=False)
    centred = Letterbox.fit(Region(0, 0, width, height), side, side, centred=True)
    assert (aside.left, aside.top) == (0, 0)
    assert abs(side - centred.width - 2 * centred.left) <= 2
    assert abs(side - centred.height - 2 * centred.top) <= 2


def test_corners_of_the_picture_are_corners_of_the_region() -> None:
    box = Letterbox.fit(Region(100, 50, 1920, 1080), 640, 640, centred=True)
    corners = np.array([[box.left, box.top, box.left + box.width, box.top + box.height]], np.float32)
    np.testing.assert_allclose(box.to_source(corners), [[100, 50, 2020, 1130]], atol=1e-3)


def test_boxes_in_the_padding_are_cut_at_the_region() -> None:
    box = Letterbox.fit(Region(0, 0, 1280, 720), 640, 640, centred=True)
    np.testing.assert_array_equal(box.to_source(np.array([[-50, -50, 700, 700]], np.float32)), [[0, 0, 1280, 720]])


def test_no_boxes_stay_no_boxes() -> None:
    box = Letterbox.fit(Region(0, 0, 1280, 720), 640, 640, centred=True)
    assert box.to_source(np.empty((0, 4), np.float32)).shape == (0, 4)
