"""Detectors that suppress overlaps themselves (YOLOv10, YOLO26): [N, K, 6] with x1, y1, x2, y2, confidence, class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camslice.models.decoders.selection import Selection
from camslice.models.detections import Detections
from camslice.models.nms import FloatArray


class EndToEndDecoder:
    """Filters and sorts; the model has done the rest."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def __call__(self, outputs: Sequence[FloatArray], index: int) -> Detections:
        """See `OutputDecoder`."""
        rows = outputs[0][index].astype(np.float32, copy=False)
        rows = rows[rows[:, 4] > self._selection.confidence]
        class_id = rows[:, 5].astype(np.int32)
        if self._selection.wanted is not None:
            mine = self._selection.among(class_id)
            rows, class_id = rows[mine], class_id[mine]
        order = np.argsort(-rows[:, 4], kind="stable")[: self._selection.max_detections]
        return Detections(rows[order, :4], rows[order, 4], class_id[order])
