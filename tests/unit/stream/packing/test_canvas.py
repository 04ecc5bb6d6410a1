"""What is found on a canvas belongs to the region it lies on, in pixels of that region's source, and to no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from camslice.fleet.geometry import Letterbox, Region
from camslice.models.detections import Detections
from camslice.stream.packing.canvas import by_region, letterbox_at, size_on_canvas, whole_slot
from camslice.stream.packing.pack import GUARD, pack

CANVAS = 320


def found_at(*boxes: tuple[float, float, float, float]) -> Detections:
    count = len(boxes)
    confidence = np.linspace(0.9, 0.5, count, dtype=np.float32)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), confidence, np.arange(count, dtype=np.int32))


@st.composite
def regions_on_a_canvas(draw: st.DrawFn) -> list[Letterbox]:
    """Regions of cameras of any size and scale, where the packer puts them."""
    regions = []
    for _ in range(draw(st.integers(1, 12))):
        x, y = (2 * draw(st.integers(0, 900)) for _ in range(2))
        regions.append((Region(x, y, draw(st.integers(4, 400)), draw(st.integers(4, 400))), draw(st.floats(0.1, 1.0))))
    sizes = [size_on_canvas(region, scale) for region, scale in regions]
    spots = pack(sizes, CANVAS, CANVAS, 1)
    return [
        letterbox_at(region, spot, size, CANVAS, CANVAS)
        for (region, _), size, spot in zip(regions, sizes, spots, strict=True)
        if spot is not None
    ]


@st.composite
def boxes_anywhere(draw: st.DrawFn) -> Detections:
    """Boxes anywhere on the canvas, over guards, over several regions, and over the canvas's edges."""
    edge = st.floats(-20, CANVAS + 20, width=32, allow_subnormal=False)
    boxes = []
    for _ in range(draw(st.integers(0, 20))):
        x1, x2 = sorted((draw(edge), draw(edge)))
        y1, y2 = sorted((draw(edge), draw(edge)))
        boxes.append((x1, y1, x2, y2))
    return found_at(*boxes)


@given(regions_on_a_canvas(), boxes_anywhere())
def test_a_detection_goes_to_the_region_of_its_middle_or_to_none_and_is_clipped_into_it(
    places: list[Letterbox], found: Detections
) -> None:
    parts = by_region(found, places)
    assert len(parts) == len(places)
    given_to: list[int] = []
    for part, place in zip(parts, places, strict=True):
        region = place.region
        for box, confidence, class_id in zip(part.boxes.tolist(), part.confidence, part.class_id, strict=True):
            source = found.boxes[class_id].astype(np.float64)
            middle_x, middle_y = (source[0] + source[2]) / 2, (source[1] + source[3]) / 2
            assert place.left - 1e-3 <= middle_x <= place.left + place.width + 1e-3
            assert place.top - 1e-3 <= middle_y <= place.top + place.height + 1e-3
            assert region.x <= box[0] <= box[2] <= region.x + region.width
            assert region.y <= box[1] <= box[3] <= region.y + region.height
            assert confidence == found.confidence[class_id]
        assert list(part.confidence) == sorted(part.confidence, reverse=True)
        given_to += part.class_id.tolist()
    assert len(given_to) == len(set(given_to))


@given(regions_on_a_canvas(), st.data())
def test_a_box_drawn_at_a_place_of_the_source_comes_back_to_it(places: list[Letterbox], data: st.DataObject) -> None:
    """An oracle of its own: where a source pixel lies on the canvas is worked out here, in double precision."""
    assume(places)
    index = data.draw(st.integers(0, len(places) - 1))
    place = places[index]
    region = place.region
    shares = [data.draw(st.floats(0, 1, allow_subnormal=False)) for _ in range(4)]
    x1, x2 = (region.x + share * region.width for share in sorted(shares[:2]))
    y1, y2 = (region.y + share * region.height for share in sorted(shares[2:]))
    across, down = place.width / region.width, place.height / region.height
    assume((x2 - x1) * across >= 0.5 and (y2 - y1) * down >= 0.5)
    drawn = found_at(
        (
            place.left + (x1 - region.x) * across,
            place.top + (y1 - region.y) * down,
            place.left + (x2 - region.x) * across,
            place.top + (y2 - region.y) * down,
        )
    )
    parts = by_region(drawn, places)
    assert [len(part) for part in parts] == [int(at == index) for at in range(len(places))]
    assert parts[index].boxes[0].tolist() == pytest.approx([x1, y1, x2, y2], abs=0.01)
    assert place.to_input(parts[index].boxes)[0].tolist() == pytest.approx(drawn.boxes[0].tolist(), abs=0.01)


def test_a_box_from_one_region_to_the_next_over_the_guard_is_none() -> None:
    places = [
        letterbox_at(Region(100, 100, 40, 40), spot, (40, 40), CANVAS, CANVAS)
        for spot in pack([(40, 40), (40, 40)], CANVAS, CANVAS, 1)
        if spot is not None
    ]
    one, other = sorted(places, key=lambda place: place.left)
    middle_of_the_guard = (one.left + one.width + other.left) / 2
    bridge = found_at((middle_of_the_guard - 40, 5, middle_of_the_guard + 40, 35))
    assert [len(part) for part in by_region(bridge, places)] == [0, 0]


def test_a_box_that_reaches_a_little_over_its_regions_edge_is_clipped_to_it() -> None:
    place = Letterbox(Region(200, 100, 40, 40), CANVAS, CANVAS, 80, 80, 40, 40)
    (part,) = by_region(found_at((110, 90, 120 + GUARD, 110)), [place])
    assert part.boxes.tolist() == [[230, 110, 240, 130]]


def test_a_box_that_lies_mostly_outside_its_region_is_none() -> None:
    place = Letterbox(Region(200, 100, 40, 40), CANVAS, CANVAS, 80, 80, 40, 40)
    assert [len(part) for part in by_region(found_at((81, 40, 118, 130)), [place])] == [0]


@given(st.integers(2, 2000), st.integers(2, 2000), st.floats(0.05, 1.0))
def test_a_region_is_drawn_at_its_scale_with_even_sides(width: int, height: int, scale: float) -> None:
    wide, high = size_on_canvas(Region(0, 0, width, height), scale)
    assert wide % 2 == high % 2 == 0
    assert abs(wide - width * scale) <= 1 or wide == 2
    assert abs(high - height * scale) <= 1 or high == 2


def test_a_whole_slot_is_its_own_source() -> None:
    boxes = np.array([[0, 0, 640, 384], [10, 20, 30, 40]], np.float32)
    np.testing.assert_allclose(whole_slot(640, 384).to_source(boxes), boxes)
