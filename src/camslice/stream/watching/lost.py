"""What was expected in a region and not found there: somebody may stand before it, so it is looked for again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camslice.models.detections import Detections
from camslice.stream.watching.overlaps import BoolArray, FloatArray, IntArray, iou_of_class

NEAR = 0.3
"""IoU with where it was expected from which a detection is the same thing."""
_SEARCHES = 10
"""In so many looks a thing that moved is looked for where it was lost; one that stood still, until the next full frame."""
_FOR_GOOD = np.iinfo(np.int32).max // 2
_MOST = 32


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """`boxes` float32 [N, 4] in source pixels, their classes, and how many looks are left for each."""

    boxes: FloatArray
    class_id: IntArray
    searches: IntArray

    @classmethod
    def nothing(cls) -> Lost:
        """After a full frame."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.int32), np.empty(0, np.int32))

    def after(self, found: Detections, missing: Detections, moved: BoolArray) -> Lost:
        """After a look that found so much. `missing` was expected in it and not found, and had moved before or not."""
        boxes = np.concatenate([missing.boxes, self.boxes])
        class_id = np.concatenate([missing.class_id, self.class_id])
        searches = np.concatenate([np.where(moved, _SEARCHES, _FOR_GOOD).astype(np.int32), self.searches - 1])
        left = searches > 0
        if len(found) and len(boxes):
            left &= iou_of_class(boxes, class_id, found).max(axis=1) < NEAR
        which = np.flatnonzero(left)[:_MOST]
        return Lost(boxes[which], class_id[which], searches[which])

    def has(self, found: Detections) -> BoolArray:
        """Which of `found` are things that were lost."""
        if not len(self.boxes) or not len(found):
            return np.zeros(len(found), np.bool_)
        return np.asarray(iou_of_class(self.boxes, self.class_id, found).max(axis=0) >= NEAR, np.bool_)
