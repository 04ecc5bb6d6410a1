"""Whether a whole picture is another one than before: the camera moved, or it shows something else altogether.

A small movement is found where nothing else changed: the differences of all those cells must follow from their gradients
and one shift (least squares, as Lucas and Kanade did for a window, 1981). People who walk together move themselves, not the
wall behind them. A larger movement is found by phase correlation, and must explain the picture when it is undone.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import FloatArray
from camslice.video.slot import ByteArray

UNRELATED = 0.5
"""Correlation of the cells' levels below which a picture has nothing to do with the one before."""
SWAY = 0.1
"""Cells (0.8 pixels where a detector sees the frame 640 pixels long) that the whole picture must have moved."""
_EXPLAINED, _CLEAR = 0.15, 0.3
"""Share of the differences, as energy, that one shift must explain; noise and passers-by leave less than 0.03, flicker 0.2."""
_UNREST, _UNREST_LEVELS = 1.75, 0.25
"""What is left of flicker that was divided out looks like a sway, but is hardly more than noise."""
_RESPONSE = 0.25
"""Of the phase correlation, 1 where a shift explains all; two pictures that have nothing in common give less than 0.1."""
_LEFT = 0.8
"""Of the differences, as energy, at most so much is left when a move is undone."""
_ONE_DIRECTION = 1e-3
"""Of the squared sum of the gradients' energies: below, all edges run in one direction, and a shift along it is not seen."""
_FLAT = 4.0
"""Grey levels squared: below, the cells' levels do not vary."""


def correlation(one: ByteArray, other: ByteArray) -> float:
    """Correlation, -1 to 1, of the cells' levels of two pictures. Two pictures without any structure correlate fully."""
    first, second = one.astype(np.float32).ravel(), other.astype(np.float32).ravel()
    first -= first.mean()
    second -= second.mean()
    own, others = float(first @ first) / first.size, float(second @ second) / second.size
    if own < _FLAT and others < _FLAT:
        return 1.0
    return float(first @ second) / first.size / float(np.sqrt(max(own, _FLAT) * max(others, _FLAT)))


class Sway(NamedTuple):
    """What the cells where nothing else changed say of a movement of the whole picture.

    `cells`: how far it went, in cells along the axis of the greater shift. `explained`: the share of the differences, as
    energy, that follow from it. `unrest`: how much those cells differ, root mean square in grey levels.
    """

    cells: float
    explained: float
    unrest: float

    def is_one(self, usual_noise: float) -> bool:
        """Whether the whole picture moved a little, where cells stray by `usual_noise` grey levels by themselves."""
        beyond_noise = self.unrest > _UNREST * usual_noise + _UNREST_LEVELS
        return self.cells >= SWAY and self.explained >= (_EXPLAINED if beyond_noise else _CLEAR)


def sway(now: ByteArray, before: ByteArray, quiet: npt.NDArray[np.bool_]) -> Sway:
    """How the picture swayed: mean levels of cells, and True where nothing else changed, [rows, columns]."""
    later, earlier = now.astype(np.float32), before.astype(np.float32)
    middle = (later + earlier) * np.float32(0.25)
    weights = quiet.astype(np.float32)
    weights[[0, -1]] = 0
    weights[:, [0, -1]] = 0
    across = (np.asarray(cv2.Sobel(middle, cv2.CV_32F, 1, 0, ksize=1)) * weights).ravel()
    down = (np.asarray(cv2.Sobel(middle, cv2.CV_32F, 0, 1, ksize=1)) * weights).ravel()
    difference = ((later - earlier) * weights).ravel()
    energy = float(difference @ difference)
    unrest = math.sqrt(energy / max(1.0, float(weights.sum())))
    xx, yy, xy = float(across @ across), float(down @ down), float(across @ down)
    x, y = float(across @ difference), float(down @ difference)
    determinant = xx * yy - xy * xy
    if energy < 1 or determinant < _ONE_DIRECTION * (xx + yy) ** 2:
        return Sway(0.0, 0.0, unrest)
    shift = (yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant
    return Sway(max(map(abs, shift)), (shift[0] * x + shift[1] * y) / energy, unrest)


def moved(now: ByteArray, before: ByteArray) -> bool:
    """Whether the luma picture `now` is `before` moved farther than `sway` can tell: a pan, a tilt, a push."""
    half = (now.shape[1] // 2, now.shape[0] // 2)
    small_now, small_before = (np.asarray(cv2.resize(picture, half), np.float32) for picture in (now, before))
    # It multiplies what it is given by the window, in place.
    (across, down), response = cv2.phaseCorrelate(small_before.copy(), small_now.copy(), _window(half))
    columns, rows = round(across), round(down)
    if response < _RESPONSE or not (columns or rows) or abs(columns) > half[0] / 2 or abs(rows) > half[1] / 2:
        return False
    there = np.s_[max(0, rows) : half[1] + min(0, rows), max(0, columns) : half[0] + min(0, columns)]
    came_from = np.s_[max(0, -rows) : half[1] + min(0, -rows), max(0, -columns) : half[0] + min(0, -columns)]
    unmoved = float(cv2.norm(small_now[there], small_before[there], cv2.NORM_L2SQR))
    left = float(cv2.norm(small_now[there], small_before[came_from], cv2.NORM_L2SQR))
    return left < _LEFT * unmoved


@lru_cache(maxsize=16)
def _window(size: tuple[int, int]) -> FloatArray:
    """Fades the picture out towards its sides, where a shift brings in what was not there. Not writable."""
    window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), np.float32)
    window.setflags(write=False)
    return window
