"""Boxes carried on: where what was found in one frame will be in the next, by the way it went so far.

This is no tracker: nothing has an identity, and nothing is remembered that the last look did not find.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from camslice.models.detections import Detections
from camslice.stream.watching.overlaps import FloatArray, iou_of_class

_SAME = 0.3
"""IoU of a box with where one of its class was expected, from which they are the same thing."""
_NEWEST = 0.6
"""Weight of the newest step in a box's speed."""
_LONGEST_STEP_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """`found` at `at_s` (monotonic seconds); `speed` float32 [N, 4]: how each edge moves, in pixels per second; `luma` uint8
    [h, w]: the small picture of that frame, None where there is none."""

    found: Detections
    speed: FloatArray
    at_s: float
    luma: npt.NDArray[np.uint8] | None = None

    @classmethod
    def nothing(cls) -> Carried:
        """Before the first look."""
        return cls(Detections.none(), np.empty((0, 4), np.float32), 0.0)

    def boxes_at(self, at_s: float, width: int, height: int) -> FloatArray:
        """Where the boxes will be, within a picture of `width` x `height`."""
        moved = self.found.boxes + self.speed * np.float32(at_s - self.at_s)
        return np.asarray(np.clip(moved, 0, np.array([width, height] * 2, np.float32)), np.float32)

    def on_its_way(self, boxes: FloatArray, which: npt.NDArray[np.bool_], at_s: float) -> Carried:
        """The same, with the speed at which those marked in `which` came to `boxes` at `at_s`."""
        if at_s <= self.at_s or not which.any():
            return self
        speed = np.where(which[:, None], (boxes - self.found.boxes) / np.float32(at_s - self.at_s), self.speed)
        return Carried(self.found, np.asarray(speed, np.float32), self.at_s, self.luma)

    def after(
        self, found: Detections, fresh: npt.NDArray[np.bool_], at_s: float, luma: npt.NDArray[np.uint8] | None = None
    ) -> Carried:
        """With the detections of a newer look; those that are not `fresh` were carried there, and keep their speed."""
        step_s = at_s - self.at_s
        speed = np.zeros((len(found), 4), np.float32)
        if len(found) and len(self.found) and 0 < step_s <= _LONGEST_STEP_S:
            expected = Detections(
                self.found.boxes + self.speed * np.float32(step_s), self.found.confidence, self.found.class_id
            )
            overlap = iou_of_class(found.boxes, found.class_id, expected)
            for here, before in _pairs(overlap):
                step = (found.boxes[here] - self.found.boxes[before]) / np.float32(step_s)
                # What widens or narrows from one look to the next is mostly the detector's doubt about edges, so both edges
                # of a side move as its middle does.
                middle = (step[:2] + step[2:]) / 2
                newest = np.concatenate([middle, middle])
                old = self.speed[before]
                speed[here] = (_NEWEST * newest + (1 - _NEWEST) * old if old.any() else newest) if fresh[here] else old
        return Carried(found, speed, at_s, luma)


def _pairs(overlap: FloatArray) -> list[tuple[int, int]]:
    """Rows with columns, the largest overlap first, each once."""
    rows, columns = np.nonzero(overlap >= _SAME)
    order = np.argsort(-overlap[rows, columns], kind="stable")
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    pairs = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            pairs.append((row, column))
    return pairs
