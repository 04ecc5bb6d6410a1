"""YOLOv8, YOLO11 and YOLOv5u: [N, 4 + C, A], decoded by the model itself.

Row 0..3 of an anchor are centre x, centre y, width, height in input pixels; the other C rows are class probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camslice.models.decoders.selection import Selection
from camslice.models.detections import Detections
from camslice.models.nms import FloatArray, IndexArray, IntArray


class Yolov8Decoder:
    """Looks at every anchor's class rows once, and at boxes only where something was found."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def __call__(self, outputs: Sequence[FloatArray], index: int) -> Detections:
        """See `OutputDecoder`."""
        rows = outputs[0][index]
        anchors, class_id, confidence = self._several(rows[4:]) if self._selection.multi_label else self._best(rows[4:])
        if not len(anchors):
            return Detections.none()
        boxes = rows[:4, anchors].T.astype(np.float32, order="C")
        boxes[:, :2] -= boxes[:, 2:] / 2
        return self._selection.detections(boxes, confidence, class_id)

    def _best(self, scores: FloatArray) -> tuple[IndexArray, IntArray, FloatArray]:
        """Anchors whose likeliest class is wanted and above the threshold."""
        chosen = self._selection
        anchors = (self._highest(scores) > chosen.confidence).nonzero()[0]
        if not len(anchors):
            return anchors, np.empty(0, np.int32), np.empty(0, np.float32)
        survivors = scores[:, anchors]
        best = survivors.argmax(axis=0)
        confidence = survivors[best, np.arange(len(best))].astype(np.float32, copy=False)
        if chosen.wanted is not None:
            # Found by its wanted rows alone, an anchor may still be something else in the first place.
            mine = chosen.among(best).nonzero()[0]
            anchors, best, confidence = anchors[mine], best[mine], confidence[mine]
        return anchors, best.astype(np.int32), confidence

    def _highest(self, scores: FloatArray) -> FloatArray:
        """The highest score of each anchor, over the wanted classes."""
        wanted = self._selection.wanted
        if wanted is None:
            highest: FloatArray = np.maximum.reduce(scores, axis=0)
        elif len(wanted) == 1:
            highest = scores[wanted[0]]
        else:
            highest = np.maximum.reduce(scores[list(wanted)], axis=0)
        return highest.astype(np.float32, copy=False)

    def _several(self, scores: FloatArray) -> tuple[IndexArray, IntArray, FloatArray]:
        """Anchors once for every wanted class above the threshold."""
        wanted = np.arange(len(scores)) if self._selection.wanted is None else np.array(self._selection.wanted, np.intp)
        above = scores[wanted].astype(np.float32, copy=False) > self._selection.confidence
        rows, anchors = np.divmod(above.ravel().nonzero()[0], scores.shape[1])  # much quicker than a nonzero of two dimensions
        class_id = wanted[rows]
        return anchors, class_id.astype(np.int32), scores[class_id, anchors].astype(np.float32, copy=False)
