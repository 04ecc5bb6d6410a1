"""What a look at regions showed, beside what was expected there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camslice.fleet.geometry import Region
from camslice.models.detections import Detections
from camslice.stream.watching.look import Glance
from camslice.stream.watching.lost import NEAR
from camslice.stream.watching.overlaps import BoolArray, IntArray, best_overlap, iou

DOUBTFUL = 0.6
"""What is expected somewhere is believed in from this share of the model's threshold on: a detector's confidence in one thing
goes up and down from frame to frame."""
_SAME = 0.5
_SAME_PLACE = 0.6
"""IoU with what was expected from which a detection is the same thing, whatever it is called."""
_NEW = 0.1
"""IoU with everything expected up to which a detection is something new."""
_HAIR = 0.15
"""Above the threshold by so much of what is left up to 1, a detection is no matter of chance."""
_EDGE = 1.5
"""A box ends at an edge when it comes so close to it, in source pixels."""


def believed(found: Detections, expected: Detections, was_lost: BoolArray, confidence: float) -> Detections:
    """What of `found` counts: all from `confidence` on, and of the rest what was expected or is marked as lost before.

    A thing stays what it was taken for: whether a car is a truck is seen better with all that is around it.
    """
    if not len(found):
        return found
    class_id = found.class_id
    if len(expected):
        overlap = iou(found.boxes, expected.boxes)
        best = overlap.argmax(axis=1)
        same_place = overlap[np.arange(len(found)), best] >= _SAME_PLACE
        class_id = np.where(same_place, expected.class_id[best], class_id)
    known = Detections(found.boxes, found.confidence, class_id)
    counts = (found.confidence >= confidence) | was_lost | (best_overlap(known, expected) >= NEAR)
    return known.only(counts)


def together(glance: Glance, found: Detections) -> tuple[Detections, BoolArray, IntArray]:
    """`found` in the regions and what is carried on outside of them, by falling confidence; which of them are fresh; and the
    number of the frame in which each was looked at last."""
    expected, kept = glance.expected, ~glance.covered
    if kept.any() and len(found):
        kept &= best_overlap(expected, found) < _SAME
    now = np.full(len(found), glance.frame, np.int32)
    if not kept.any():
        return found, np.ones(len(found), np.bool_), now
    confidence = np.concatenate([found.confidence, expected.confidence[kept]])
    order = np.argsort(-confidence, kind="stable")
    fresh = (np.arange(len(confidence)) < len(found))[order]
    boxes = np.concatenate([found.boxes, expected.boxes[kept]])[order]
    class_id = np.concatenate([found.class_id, expected.class_id[kept]])[order]
    looked_at = np.concatenate([now, glance.looked_at[kept]])[order]
    return Detections(boxes, confidence[order], class_id, ~fresh), fresh, looked_at


def missing(glance: Glance, found: Detections) -> BoolArray:
    """Which of the expected things lie in a region and were not found there."""
    gone = glance.covered.copy()
    if gone.any():
        gone &= best_overlap(glance.expected, found) < NEAR
    return gone


def news(found: Detections, expected: Detections, confidence: float) -> bool:
    """Whether a full frame shows something that nobody expected, and not only by a hair above `confidence`, the threshold."""
    surely = found.confidence >= confidence + _HAIR * (1 - confidence)
    return bool((best_overlap(found, expected)[surely] < _NEW).any())


def at_an_edge(found: Detections, fresh: BoolArray, regions: Sequence[Region], size: tuple[int, int]) -> BoolArray:
    """Fresh boxes that end at an edge of their region which is not the picture's edge: something goes on behind it."""
    cut = np.zeros(len(found), np.bool_)
    for index in np.flatnonzero(fresh).tolist():
        x1, y1, x2, y2 = found.boxes[index].tolist()
        for region in regions:
            right, bottom = region.x + region.width, region.y + region.height
            if region.x - 1 <= x1 and x2 <= right + 1 and region.y - 1 <= y1 and y2 <= bottom + 1:
                cut[index] = (
                    (x1 - region.x < _EDGE < region.x)
                    or (y1 - region.y < _EDGE < region.y)
                    or (right - x2 < _EDGE and right < size[0])
                    or (bottom - y2 < _EDGE and bottom < size[1])
                )
                break
    return cut
