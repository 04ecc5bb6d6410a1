"""Boxes, confidences and class ids of one frame: our own frozen array type.

supervision's type costs 1.5 s and 47 MB to import, too much for an analysis process; `to_supervision()` converts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """`boxes` float32 [N, 4] (x1, y1, x2, y2 in source pixels), `confidence` float32 [N], `class_id` int32 [N].

    Sorted by falling confidence. `carried` bool [N] marks those that no look at this very frame found: they were found before,
    and are expected here; None when there are none such.
    """

    boxes: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int32]
    carried: npt.NDArray[np.bool_] | None = None

    @classmethod
    def none(cls) -> Detections:
        """No detections."""
        return _NONE

    def __len__(self) -> int:
        return len(self.confidence)

    def only(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Detections:
        """Those marked in a mask bool [N], or of those indices, in their order."""
        carried = None if self.carried is None else self.carried[which]
        return Detections(self.boxes[which], self.confidence[which], self.class_id[which], carried)

    def to_supervision(self) -> supervision.Detections:
        """As `supervision.Detections` (needs the package supervision)."""
        import supervision

        return supervision.Detections(xyxy=self.boxes, confidence=self.confidence, class_id=self.class_id.astype(np.int64))


def label_of(class_id: int, labels: Sequence[str]) -> str:
    """A class's label; its number as text where a model has more classes than labels.

    >>> label_of(1, ("person", "car")), label_of(7, ("person", "car"))
    ('car', '7')
    """
    return labels[class_id] if 0 <= class_id < len(labels) else str(class_id)


_NONE = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))
