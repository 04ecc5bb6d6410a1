"""The cells in which motion is told, and the size of the luma picture they are cut from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from camslice.video.gate.sight import Cells
from camslice.video.slot import ByteArray

Polygon = Sequence[tuple[float, float]]
"""Corners (x, y) as shares, 0 to 1, of the frame's width and height."""
CELL = 4
"""Width and height of a cell in pixels of the luma picture."""
LONG_SIDE = 80
"""Cells along the longer side of a frame: 8 pixels each where a detector sees the frame 640 pixels long."""
_MASKED_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Grid:
    """`rows` x `columns` cells over frames of one size."""

    rows: int
    columns: int

    @classmethod
    def over(cls, width: int, height: int) -> Grid:
        """The grid of frames of `width` x `height` pixels; the longer side has `LONG_SIDE` cells.

        >>> Grid.over(768, 576)
        Grid(rows=60, columns=80)
        """
        longer = max(width, height)
        return cls(max(1, round(LONG_SIDE * height / longer)), max(1, round(LONG_SIDE * width / longer)))

    @property
    def luma_width(self) -> int:
        """Width of the luma picture in pixels."""
        return self.columns * CELL

    @property
    def luma_height(self) -> int:
        """Height of the luma picture in pixels."""
        return self.rows * CELL

    def means_of(self, luma: ByteArray, cells: ByteArray) -> None:
        """Write the mean of each cell of `luma` [luma_height, luma_width] into `cells`, both uint8.

        Halved twice, for which OpenCV has a fast way; a quarter at once takes four times as long.
        """
        half = cv2.resize(luma, (self.columns * 2, self.rows * 2), interpolation=cv2.INTER_AREA)
        cv2.resize(half, (self.columns, self.rows), dst=cells, interpolation=cv2.INTER_AREA)

    def spread(self, cells: ByteArray, luma: ByteArray) -> None:
        """Write each of `cells` [rows, columns] into all pixels of it in `luma` [luma_height, luma_width], both uint8."""
        fours = np.multiply(cells, np.uint32(0x01010101), dtype=np.uint32)  # a row of a cell is one word
        luma.view(np.uint32).reshape(self.rows, CELL, self.columns)[:] = fours[:, None, :]

    def watched(self, masks: Sequence[Polygon]) -> Cells:
        """False for the cells of which a mask covers half or more: bool [rows, columns]."""
        covered = np.zeros((self.luma_height, self.luma_width), np.uint8)
        for mask in masks:
            corners = np.asarray(mask, np.float64) * (self.luma_width, self.luma_height)
            cv2.fillPoly(covered, [np.rint(corners).astype(np.int32)], 255)
        shares = covered.reshape(self.rows, CELL, self.columns, CELL).mean(axis=(1, 3)) / 255
        return np.asarray(shares < _MASKED_FROM, np.bool_)
