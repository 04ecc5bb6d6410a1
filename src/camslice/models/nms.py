"""Non-maximum suppression among boxes of one class: the best box stays, others that overlap it too much go."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
IndexArray = npt.NDArray[np.intp]

MOST_CANDIDATES = 30_000
"""More boxes than this never enter the comparison: the least confident go first."""

_MANY = 500
"""Above this count it pays to compare class by class: the batched routine looks at all pairs, whatever their class."""


def suppress(boxes: FloatArray, confidence: FloatArray, class_id: IntArray, *, iou: float, limit: int) -> IndexArray:
    """Return the indices of at most `limit` boxes that stay, by falling confidence.

    `boxes` is float32 [N, 4] (left, top, width, height), `confidence` float32 [N] above 0, `class_id` int32 [N].
    A box goes when its intersection over union with a better box of its class exceeds `iou`. Of equally confident boxes
    the earlier one is the better.
    """
    if len(confidence) == 1:
        return np.zeros(1, np.intp)[:limit]
    if len(confidence) > MOST_CANDIDATES:
        best = np.argpartition(-confidence, MOST_CANDIDATES)[:MOST_CANDIDATES]
        best.sort()
        return best[suppress(boxes[best], confidence[best], class_id[best], iou=iou, limit=limit)]
    if len(confidence) > _MANY:
        return _class_by_class(boxes, confidence, class_id, iou)[:limit]
    kept = cv2.dnn.NMSBoxesBatched(boxes, confidence, class_id, 0.0, iou)  # type: ignore[arg-type]  # its stubs know lists only
    return np.asarray(kept, np.intp)[:limit]


def _class_by_class(boxes: FloatArray, confidence: FloatArray, class_id: IntArray, iou: float) -> IndexArray:
    kept: list[IndexArray] = []
    for one_class in np.unique(class_id):
        members = np.flatnonzero(class_id == one_class)
        chosen = cv2.dnn.NMSBoxes(boxes[members], confidence[members], 0.0, iou)  # type: ignore[arg-type]  # its stubs know lists only
        kept.append(members[np.asarray(chosen, np.intp)])
    indices = np.sort(np.concatenate(kept))
    return indices[np.argsort(-confidence[indices], kind="stable")]
