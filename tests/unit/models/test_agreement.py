from __future__ import annotations

import math

import numpy as np
import pytest

from camslice.models.agreement import max_box_error_px
from camslice.models.detections import Detections


def detections(*found: tuple[list[float], float, int]) -> Detections:
    boxes = np.array([one[0] for one in found], np.float32).reshape(-1, 4)
    confidence = np.array([one[1] for one in found], np.float32)
    return Detections(boxes, confidence, np.array([one[2] for one in found], np.int32))


BOX = [10.0, 10.0, 50.0, 90.0]


@pytest.mark.parametrize(
    ("ours", "theirs", "error_px"),
    [
        (detections(), detections(), 0.0),
        (detections((BOX, 0.9, 0)), detections((BOX, 0.8, 0)), 0.0),
        (detections((BOX, 0.9, 0)), detections(([10, 11.5, 50, 90], 0.9, 0)), 1.5),
        (detections((BOX, 0.9, 0)), detections(), math.inf),
        (detections(), detections((BOX, 0.9, 0)), math.inf),
        (detections((BOX, 0.9, 0)), detections((BOX, 0.9, 1)), math.inf),
        (detections((BOX, 0.3, 0)), detections(), 0.0),
        (detections((BOX, 0.3, 0)), detections((BOX, 0.4, 0)), 0.0),
    ],
    ids=["nothing", "equal", "shifted", "too many", "missed", "other class", "unsure alone", "unsure counterpart"],
)
def test_the_error_is_that_of_the_worst_sure_box(ours: Detections, theirs: Detections, error_px: float) -> None:
    assert max_box_error_px(ours, theirs) == error_px
