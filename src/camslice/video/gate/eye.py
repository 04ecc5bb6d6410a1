"""The sense of motion for frames of one size: what is seen is held against what was expected."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from camslice.video.frame import Picture
from camslice.video.gate.background import Background
from camslice.video.gate.exposure import Exposure
from camslice.video.gate.faint import FAINT, without_faint
from camslice.video.gate.grid import CELL, Grid, Polygon
from camslice.video.gate.sight import Disturbance, Sight
from camslice.video.gate.speckle import Speckle
from camslice.video.gate.stillness import Stillness
from camslice.video.gate.whole_frame import UNRELATED, correlation, moved, sway
from camslice.video.slot import ByteArray

_LONGEST_STEP_S = 2.0
"""After a longer pause the background learns as if it had been this long."""
_PIXEL_NOISES, _PIXEL_FLOOR = 4.5, 2.5
_CELL_NOISES, _CELL_FLOOR = 5.5, 1.0
"""Mean deviations and grey levels that a change has at least: of a pixel, of the mean of a cell."""
_PIXELS_OF_CELL = 3
"""So many of its 16 pixels must have changed for a cell to have."""
_OTHER_FROM, _ALL_FROM = 0.35, 0.6
"""Shares of changed cells from which on the picture may be another one altogether, and from which on it surely is."""
_PANS_FROM, _RESTLESS = 0.02, 2.5
"""The camera may have moved far when such a share of cells changed and the others differ so many times as much as usual."""
_NOISE_AFTER = 10
"""When for so many looks all differed and no movement was found, it is noise that the camera did not have before."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)


class Eye:
    """The sense of motion for frames of one size."""

    def __init__(self, grid: Grid, masks: Sequence[Polygon]) -> None:
        rows, columns = grid.rows, grid.columns
        self._grid = grid
        self._watched: ByteArray = grid.watched(masks) * np.uint8(255)
        self._watched_count = max(1, int(np.count_nonzero(self._watched)))
        self._pixels = Background((grid.luma_height, grid.luma_width), _PIXEL_NOISES, _PIXEL_FLOOR)
        self._cells = Background((rows, columns), _CELL_NOISES, _CELL_FLOOR)
        self._exposure = Exposure(rows, columns)
        self._speckle = Speckle(rows, columns)
        self._stillness = Stillness(self._pixels, self._cells)
        self._differs: ByteArray = np.empty((rows, columns), np.uint8)
        self._around_last: ByteArray = np.zeros((rows, columns), np.uint8)
        self._busy: ByteArray = np.zeros((rows, columns), np.uint8)
        self._free: ByteArray = np.empty((grid.luma_height, grid.luma_width), np.uint8)
        self._last_cells: ByteArray | None = None
        self._last: ByteArray | None = None
        self._at_s = 0.0
        self._all_differed = 0

    def look(self, picture: Picture, at_s: float) -> Sight:
        """See `Gate.look`."""
        grid = self._grid
        # The median takes away what is smaller than a person far off: snowflakes, mosquito noise, the grain of the night.
        seen = np.asarray(cv2.medianBlur(picture.luma(grid.luma_width, grid.luma_height), 3), np.uint8)
        cells = np.empty((grid.rows, grid.columns), np.uint8)
        self._grid.means_of(seen, cells)
        elapsed_s = min(max(0.0, at_s - self._at_s), _LONGEST_STEP_S)
        self._at_s = at_s
        last, last_cells = self._last, self._last_cells
        if last is None or last_cells is None:
            return self._start_over(seen, cells, Disturbance.START)
        self._exposure.measure(cells, self._cells.levels, elapsed_s)
        even, even_cells = self._exposure.correct(seen), self._exposure.correct_cells(cells)
        changed = self._changed(even, even_cells, last_cells)
        disturbance = self._disturbance(seen, even_cells, last, last_cells)
        if disturbance is not None:
            return self._start_over(seen, cells, disturbance)
        self._learn(seen, cells, changed, elapsed_s)
        settled = self._stillness.settled(changed, even, even_cells, at_s)
        if settled is not None:
            self._grid.spread(settled * np.uint8(255), self._free)
            self._pixels.absorb(seen, self._free != 0)
            self._cells.absorb(cells, settled)
        self._last, self._last_cells = seen, even_cells
        return Sight(changed != 0, luma=seen, still=self._stillness.still)

    def _changed(self, pixels: ByteArray, cells: ByteArray, last_cells: ByteArray) -> ByteArray:
        """255 for the cells that differ from the background in enough pixels or in their mean, less masks, snow and codec."""
        self._grid.means_of(self._pixels.changed(pixels), self._differs)
        cv2.threshold(self._differs, (_PIXELS_OF_CELL - 0.5) * 255 / CELL**2, 255, cv2.THRESH_BINARY, dst=self._differs)
        cv2.bitwise_or(self._differs, self._cells.changed(cells), dst=self._differs)
        cv2.bitwise_and(self._differs, self._watched, dst=self._differs)
        around, around_last = _around(self._differs), self._around_last
        cv2.bitwise_or(around, around_last, dst=self._busy)
        self._around_last = around
        changed = self._speckle.remove(self._differs)
        if not changed.any():
            return changed
        moving = (cv2.absdiff(cells, last_cells) > self._cells.limits) * np.uint8(255)
        clear = np.empty_like(changed)
        self._grid.means_of(self._pixels.beyond(FAINT), clear)
        return without_faint(changed, (clear != 0) * np.uint8(255), moving, around_last)

    def _disturbance(self, seen: ByteArray, cells: ByteArray, last: ByteArray, last_cells: ByteArray) -> Disturbance | None:
        """What happened to the whole picture, if anything; each question is asked only when so much has changed as it takes."""
        share = int(np.count_nonzero(self._differs)) / self._watched_count
        if share >= _OTHER_FROM:
            if correlation(cells, last_cells) < UNRELATED:
                return Disturbance.SHAKE if moved(seen, last) else Disturbance.CUT
            if moved(seen, last):
                return Disturbance.SHAKE
        if self._exposure.switched:
            return Disturbance.LIGHT
        if share > 0:
            found = sway(cells, last_cells, self._busy == 0)
            noise = self._cells.usual_noise()
            restless = share >= _PANS_FROM and found.unrest > _RESTLESS * noise + 1
            if found.is_one(noise) or (restless and moved(seen, last)):
                return Disturbance.SHAKE
        self._all_differed = self._all_differed + 1 if share >= _ALL_FROM else 0
        if self._all_differed:
            return Disturbance.LIGHT if self._exposure.jumped else Disturbance.SHAKE
        return None

    def _start_over(self, seen: ByteArray, cells: ByteArray, disturbance: Disturbance) -> Sight:
        """Take the picture for the background: of what was seen before, nothing holds any more but noise and flicker."""
        self._pixels.restart(seen)
        self._cells.restart(cells)
        if disturbance is Disturbance.START or self._all_differed >= _NOISE_AFTER:
            self._pixels.guess_noise()
            self._cells.guess_noise()
        self._exposure.restart()
        self._around_last = np.zeros_like(self._around_last)
        self._speckle.restart()
        self._stillness.restart()
        self._last, self._last_cells = seen, cells
        return Sight(self._watched != 0, disturbance, seen)

    def _learn(self, seen: ByteArray, cells: ByteArray, changed: ByteArray, elapsed_s: float) -> None:
        """Go on learning everywhere but in and around what changed."""
        if not changed.any():
            self._pixels.learn(seen, elapsed_s, None)
            self._cells.learn(cells, elapsed_s, None)
            return
        free = np.asarray(cv2.bitwise_not(_around(changed)), np.uint8)
        self._grid.spread(free, self._free)
        self._pixels.learn(seen, elapsed_s, self._free)
        self._cells.learn(cells, elapsed_s, free)


def _around(changed: ByteArray) -> ByteArray:
    """The cells that changed and their neighbours."""
    return np.asarray(cv2.dilate(changed, _NEIGHBOURS), np.uint8)
