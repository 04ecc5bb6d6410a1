from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.models import nms
from camslice.models.nms import suppress
from tests.unit.models.naive import Found, suppressed

BOXES = st.lists(
    st.tuples(
        st.integers(0, 60), st.integers(0, 60), st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(0, 2)
    ),
    min_size=1,
    max_size=40,
)
Arrays = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int32]]


def arrays(boxes: list[tuple[int, int, int, int, int, int]]) -> Arrays:
    table = np.array(boxes)
    return table[:, :4].astype(np.float32), (table[:, 4] / 20).astype(np.float32), table[:, 5].astype(np.int32)


def naive(boxes: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32], class_id: npt.NDArray[np.int32]) -> list[Found]:
    corners = [(x, y, x + width, y + height) for x, y, width, height in boxes.tolist()]
    return suppressed([Found(*one) for one in zip(corners, confidence.tolist(), class_id.tolist(), strict=True)], 0.5)


@given(BOXES)
def test_what_stays_is_what_the_definition_says(boxes: list[tuple[int, int, int, int, int, int]]) -> None:
    box, confidence, class_id = arrays(boxes)
    kept = suppress(box, confidence, class_id, iou=0.5, limit=100)
    expected = naive(box, confidence, class_id)
    assert [(float(box[i, 0]), float(confidence[i]), int(class_id[i])) for i in kept] == [
        (one.box[0], one.score, one.class_id) for one in expected
    ]


@given(BOXES)
def test_many_boxes_are_treated_as_few_are(boxes: list[tuple[int, int, int, int, int, int]]) -> None:
    box, confidence, class_id = arrays(boxes)
    few = suppress(box, confidence, class_id, iou=0.5, limit=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nms, "_MANY", 1)
        many = suppress(box, confidence, class_id, iou=0.5, limit=100)
    assert many.tolist() == few.tolist()


def test_no_more_stay_than_the_limit_and_they_are_the_surest() -> None:
    boxes = np.array([[100 * i, 0, 10, 10] for i in range(6)], np.float32)
    confidence = np.array([0.2, 0.9, 0.4, 0.8, 0.3, 0.5], np.float32)
    assert suppress(boxes, confidence, np.zeros(6, np.int32), iou=0.5, limit=3).tolist() == [1, 3, 5]


def test_beyond_the_most_candidates_the_least_sure_never_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nms, "MOST_CANDIDATES", 4)
    boxes = np.array([[100 * i, 0, 10, 10] for i in range(6)], np.float32)
    confidence = np.array([0.2, 0.9, 0.4, 0.8, 0.3, 0.5], np.float32)
    assert suppress(boxes, confidence, np.zeros(6, np.int32), iou=0.5, limit=300).tolist() == [1, 3, 5, 2]


def test_a_limit_of_none_at_all_keeps_nothing_of_a_single_box() -> None:
    one = np.array([[0, 0, 10, 10]], np.float32)
    assert suppress(one, np.array([0.9], np.float32), np.zeros(1, np.int32), iou=0.5, limit=0).tolist() == []
