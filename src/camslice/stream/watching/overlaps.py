"""Boxes beside boxes: float32 [N, 4] (x1, y1, x2, y2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import Region
from camslice.models.detections import Detections

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int32]
ByteArray = npt.NDArray[np.uint8]

SAME_IOU = 0.5
"""From which a detection is reported, and not lost: as COCO's mAP50 has it."""


def iou(some: FloatArray, others: FloatArray) -> FloatArray:
    """Intersection over union, float32 [N, M], of boxes [N, 4] and [M, 4]."""
    common = shared(some, others)
    union = areas(some)[:, None] + areas(others)[None, :] - common
    return np.asarray(common / np.maximum(union, 1e-6), np.float32)


def iou_of_class(some: FloatArray, class_id: IntArray, others: Detections) -> FloatArray:
    """As `iou`, 0 between boxes of two classes."""
    overlap = iou(some, others.boxes)
    overlap[class_id[:, None] != others.class_id[None, :]] = 0
    return overlap


def best_overlap(some: Detections, others: Detections) -> FloatArray:
    """Of each the IoU with the best of its class among the others: float32 [N]."""
    if not len(others):
        return np.zeros(len(some), np.float32)
    return np.asarray(iou_of_class(some.boxes, some.class_id, others).max(axis=1), np.float32)


def matched(wanted: Detections, reported: Detections) -> BoolArray:
    """Which of `wanted` are among `reported`: same class, IoU of at least 0.5, one for one, the best pairs first."""
    found = np.zeros(len(wanted), np.bool_)
    if not len(wanted) or not len(reported):
        return found
    overlap = iou_of_class(wanted.boxes, wanted.class_id, reported)
    taken = np.zeros(len(reported), np.bool_)
    rows, columns = np.nonzero(overlap >= SAME_IOU)
    for index in np.argsort(-overlap[rows, columns], kind="stable").tolist():
        row, column = int(rows[index]), int(columns[index])
        if not found[row] and not taken[column]:
            found[row] = taken[column] = True
    return found


def share_within(boxes: FloatArray, around: FloatArray) -> FloatArray:
    """The share of each box [N, 4] that lies in the best of `around` [M, 4]: float32 [N]."""
    if not len(boxes) or not len(around):
        return np.zeros(len(boxes), np.float32)
    return np.asarray((shared(boxes, around) / np.maximum(areas(boxes), 1e-6)[:, None]).max(axis=1), np.float32)


def areas(boxes: FloatArray) -> FloatArray:
    """Of each box."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)


def edges(regions: Sequence[Region]) -> FloatArray:
    """Regions as boxes."""
    return np.array([[r.x, r.y, r.x + r.width, r.y + r.height] for r in regions], np.float32).reshape(-1, 4)


def shared(some: FloatArray, others: FloatArray) -> FloatArray:
    """The area that each of `some` [N, 4] has in common with each of `others` [M, 4]: float32 [N, M]."""
    corner = np.maximum(some[:, None, :2], others[None, :, :2])
    far = np.minimum(some[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.prod(np.maximum(0, far - corner), axis=2), np.float32)
