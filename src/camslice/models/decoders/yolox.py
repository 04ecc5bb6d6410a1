"""YOLOX as its project exports it: [N, A, 5 + C] before grid decoding.

A row is (x, y, log width, log height) relative to its grid cell in units of the cell's stride, objectness, and C class
probabilities; cells of strides 8, 16 and 32 follow each other, row by row. A box's confidence is objectness x class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camslice.fleet.errors import ModelError
from camslice.models.decoders.selection import Selection
from camslice.models.detections import Detections
from camslice.models.nms import FloatArray, IndexArray, IntArray

STRIDES = (8, 16, 32)


class YoloxDecoder:
    """Decodes the cells that hold an object; its tables fit one input size in pixels."""

    def __init__(self, width: int, height: int, selection: Selection) -> None:
        self._selection = selection
        self._cells, self._strides = grid(width, height)

    def __call__(self, outputs: Sequence[FloatArray], index: int) -> Detections:
        """See `OutputDecoder`."""
        rows = outputs[0][index]
        if len(rows) != len(self._cells):
            raise ModelError(f"YOLOX decoder: the model answered {len(rows)} cells, its input size has {len(self._cells)}.")
        objectness = rows[:, 4].astype(np.float32, copy=False)
        # Class probabilities are at most 1: a cell below the threshold already cannot come above it.
        cells = (objectness > self._selection.confidence).nonzero()[0]
        if not len(cells):
            return Detections.none()
        survivors = rows.take(cells, axis=0).astype(np.float32, copy=False)
        picked, class_id, confidence = self._classes(survivors)
        if not len(picked):
            return Detections.none()
        return self._selection.detections(self._boxes(survivors[picked], cells[picked]), confidence, class_id)

    def _classes(self, rows: FloatArray) -> tuple[IndexArray, IntArray, FloatArray]:
        """Which rows are reported under which class with what confidence."""
        chosen = self._selection
        if chosen.multi_label:
            scores = rows[:, 5:] * rows[:, 4:5]
            row, ids = np.nonzero(scores > chosen.confidence)
            wanted = chosen.among(ids)
            row, ids = row[wanted], ids[wanted]
            return row, ids.astype(np.int32), scores[row, ids]
        best = rows[:, 5:].argmax(axis=1)
        score = rows[:, 5:].max(axis=1) * rows[:, 4]
        keep = score > chosen.confidence
        if chosen.wanted is not None:
            keep &= chosen.among(best)
        row = keep.nonzero()[0]
        return row, best[row].astype(np.int32), score[row]

    def _boxes(self, rows: FloatArray, cells: IndexArray) -> FloatArray:
        boxes = rows[:, :4].copy()
        centre, extent = boxes[:, :2], boxes[:, 2:]
        np.exp(extent, out=extent)
        centre += self._cells.take(cells, axis=0)
        boxes *= self._strides.take(cells, axis=0)
        centre -= extent / 2
        return boxes


def grid(width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """Column and row of every cell [A, 2], and its stride in pixels [A, 1], for an input of `width` x `height`."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
