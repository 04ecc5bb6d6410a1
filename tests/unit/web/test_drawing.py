"""Boxes in pictures."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from camslice.models.detections import Detections
from camslice.web.drawing import draw_preview


def detections(*boxes: tuple[float, float, float, float], class_id: int = 0) -> Detections:
    number = len(boxes)
    confidence = np.linspace(0.9, 0.5, number).astype(np.float32)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), confidence, np.full(number, class_id, np.int32))


def decoded(jpeg: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def blank(grey: int = 128, height: int = 240, width: int = 320) -> np.ndarray:
    return np.full((height, width, 3), grey, np.uint8)


def test_without_detections_the_picture_stays_as_it_is() -> None:
    picture = decoded(draw_preview(blank(), Detections.none(), ()))
    assert picture.shape == (240, 320, 3)
    assert np.abs(picture.astype(int) - 128).max() <= 2


def test_a_box_is_drawn_where_it_is_scaled_to() -> None:
    picture = decoded(draw_preview(blank(), detections((200, 200, 400, 400)), ("person",), scale=0.5))
    changed = np.abs(picture.astype(int) - 128).max(axis=2) > 40
    assert changed[150, 97:104].any()
    assert changed[197:204, 150].any()
    assert not changed[120:180, 120:180].any()
    assert not changed[:, 240:].any()


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_the_label_can_be_read_on_any_background(grey: int) -> None:
    drawn = blank(grey)
    draw_preview(drawn, detections((100, 100, 220, 200)), ("person",))
    plate = cv2.cvtColor(drawn[84:99, 100:180], cv2.COLOR_BGR2GRAY)
    assert int(plate.max()) - int(plate.min()) > 110


@pytest.mark.parametrize("box", [(-50, -50, 40, 40), (300, 220, 400, 300), (0, 0, 320, 240), (310, 2, 330, 20)])
def test_a_box_at_the_edge_keeps_its_label_inside(box: tuple[float, float, float, float]) -> None:
    drawn = blank()
    draw_preview(drawn, detections(box), ("a rather long name",))
    assert (drawn != 128).any()


def test_a_class_without_a_name_gets_its_number() -> None:
    named, numbered = blank(), blank()
    draw_preview(named, detections((50, 50, 200, 200), class_id=2), ("a", "b", "2"))
    draw_preview(numbered, detections((50, 50, 200, 200), class_id=2), ())
    assert np.array_equal(named, numbered)


def test_classes_have_different_colours() -> None:
    one, two = blank(), blank()
    draw_preview(one, detections((50, 50, 200, 200), class_id=0), ())
    draw_preview(two, detections((50, 50, 200, 200), class_id=1), ())
    assert not np.array_equal(one[120, 48:53], two[120, 48:53])


@pytest.mark.parametrize(
    "picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8)]
)
def test_what_is_no_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        draw_preview(picture, Detections.none(), ())


def test_what_was_carried_on_is_dashed() -> None:
    found = detections((100, 60, 220, 180))
    lines = {}
    for carried in (False, True):
        marked = replace(found, carried=np.array([carried]))
        picture = decoded(draw_preview(blank(), marked, ("person",)))
        lines[carried] = (np.abs(picture.astype(int) - 128).max(axis=2) > 40)[180, 110:210]
    assert lines[False].all()
    assert 0.2 < lines[True].mean() < 0.8
