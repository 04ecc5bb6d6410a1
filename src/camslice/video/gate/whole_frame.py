"""Whether a whole picture is another one than before: the camera moved, or it shows something else altogether.

A small movement is found where nothing else changed: the differences of all those cells must follow from their gradients
and one shift (least squares, as Lucas and Kanade did for a window, 1981). People who walk together move themselves, not the
wall behind them. A larger movement is found by phase correlation, and must explain the picture when it is undone.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import FloatArray
from camslice.video.slot import ByteArray

UNRELATED = 0.5
"""Correlation of the cells' levels below which a picture has nothing to do with the one before."""
SWAY = 0.1
"""Cells (0.8 pixels where a detector sees the frame 640 pixels long) that the whole picture must have moved."""
_EXPLAINED = 0.15
"""Share of the differences, as energy, that one shift must explain; noise and passers-by leave less than 0.03."""
_EXPLAINED_BY_MOVE = 0.35
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


def swayed(now: ByteArray, before: ByteArray, quiet: npt.NDArray[np.bool_]) -> bool:
    """Whether the whole picture moved a little: mean levels of cells, and True where nothing else changed, [rows, columns]."""
    later, earlier = now.astype(np.float32), before.astype(np.float32)
    middle = (later + earlier) * np.float32(0.25)
    weights = quiet.astype(np.float32)
    weights[[0, -1]] = 0
    weights[:, [0, -1]] = 0
    across = (np.asarray(cv2.Sobel(middle, cv2.CV_32F, 1, 0, ksize=1)) * weights).ravel()
    down = (np.asarray(cv2.Sobel(middle, cv2.CV_32F, 0, 1, ksize=1)) * weights).ravel()
    difference = ((later - earlier) * weights).ravel()
    energy = float(difference @ difference)
    xx, yy, xy = float(across @ across), float(down @ down), float(across @ down)
    x, y = float(across @ difference), float(down @ difference)
    determinant = xx * yy - xy * xy
    if energy < 1 or determinant < 1e-3 * (xx + yy) ** 2:
        return False
    shift = (yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant
    return max(map(abs, shift)) >= SWAY and shift[0] * x + shift[1] * y >= _EXPLAINED * energy


def moved(now: ByteArray, before: ByteArray) -> bool:
    """Whether the luma picture `now` is `before` moved farther than `swayed` can tell: a pan, a tilt, a push."""
    half = (now.shape[1] // 2, now.shape[0] // 2)
    small_now, small_before = (np.asarray(cv2.resize(picture, half), np.float32) for picture in (now, before))
    (across, down), _ = cv2.phaseCorrelate(small_before, small_now, _window(half))
    columns, rows = round(across), round(down)
    if not (columns or rows) or abs(columns) > half[0] / 2 or abs(rows) > half[1] / 2:
        return False
    there = np.s_[max(0, rows) : half[1] + min(0, rows), max(0, columns) : half[0] + min(0, columns)]
    came_from = np.s_[max(0, -rows) : half[1] + min(0, -rows), max(0, -columns) : half[0] + min(0, -columns)]
    unmoved = float(cv2.norm(small_now[there], small_before[there], cv2.NORM_L2SQR))
    left = float(cv2.norm(small_now[there], small_before[came_from], cv2.NORM_L2SQR))
    return left < (1 - _EXPLAINED_BY_MOVE) * unmoved


@lru_cache(maxsize=16)
def _window(size: tuple[int, int]) -> FloatArray:
    """Fades the picture out towards its sides, where a shift brings in what was not there. Not writable."""
    window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), np.float32)
    window.setflags(write=False)
    return window
