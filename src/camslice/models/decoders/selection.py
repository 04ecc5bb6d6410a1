"""Which of a model's candidates become detections; the same rules for every family of decoders."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from camslice.models.detections import Detections
from camslice.models.nms import FloatArray, IndexArray, IntArray, suppress


@dataclass(frozen=True, slots=True)
class Selection:
    """Confidence must exceed `confidence`; of overlapping boxes of a class (IoU above `nms_iou`) the best stays.

    A box has the class that the model finds likeliest; with `multi_label` it is reported once for every class above
    `confidence` (how mean average precision is measured). `wanted` are the class ids to report, None for all. At most
    `max_detections` per picture.
    """

    confidence: float
    nms_iou: float
    wanted: tuple[int, ...] | None = None
    multi_label: bool = False
    max_detections: int = 300
    _is_wanted: npt.NDArray[np.bool_] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table = np.zeros(max(self.wanted or (0,)) + 2, np.bool_)
        table[list(self.wanted or ())] = True
        object.__setattr__(self, "_is_wanted", table)

    def among(self, class_id: IndexArray | IntArray) -> npt.NDArray[np.bool_]:
        """Bool [N]: which of the class ids are wanted. Ids beyond the largest wanted one hit the table's last entry, False."""
        if self.wanted is None:
            return np.ones(len(class_id), np.bool_)
        return self._is_wanted[np.minimum(class_id, len(self._is_wanted) - 1)]

    def detections(self, boxes: FloatArray, confidence: FloatArray, class_id: IntArray) -> Detections:
        """Suppress overlaps among candidates that passed the filters; `boxes` as (left, top, width, height)."""
        kept = suppress(boxes, confidence, class_id, iou=self.nms_iou, limit=self.max_detections)
        corners = boxes[kept]
        corners[:, 2:] += corners[:, :2]
        return Detections(corners, confidence[kept], class_id[kept])
