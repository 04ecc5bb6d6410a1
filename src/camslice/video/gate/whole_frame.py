"""Whether a whole picture is another one than before: the camera moved, or it shows something else altogether."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from camslice.fleet.geometry import FloatArray
from camslice.video.slot import ByteArray

UNRELATED = 0.6
"""Correlation of the cells' levels below which a picture has nothing to do with the one before."""
SHIFTED = 0.3
"""Pixels of the luma picture (half a pixel where a detector sees the frame 640 pixels long) that count as a movement."""
_EXPLAINED = 0.6
"""A shift must leave less than this share of the difference, or it was not the camera that moved."""
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


def moved(now: ByteArray, before: ByteArray) -> bool:
    """Whether the whole picture `now` is `before`, shifted: phase correlation, checked by shifting back.

    Many people who walk together are a shift for the phase correlation, but not for the rest of the picture, which gets worse.
    """
    half = (now.shape[1] // 2, now.shape[0] // 2)
    small_now, small_before = (np.asarray(cv2.resize(picture, half), np.float32) for picture in (now, before))
    (across, down), _ = cv2.phaseCorrelate(small_before, small_now, _window(half))
    if max(abs(across), abs(down)) * 2 < SHIFTED or abs(across) > half[0] / 3 or abs(down) > half[1] / 3:
        return False
    unmoved = float(cv2.norm(small_now, small_before, cv2.NORM_L1))
    shift = np.array([[1, 0, across], [0, 1, down]], np.float32)
    back = cv2.warpAffine(small_before, shift, half, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(cv2.norm(small_now, back, cv2.NORM_L1)) < _EXPLAINED * unmoved


@lru_cache(maxsize=16)
def _window(size: tuple[int, int]) -> FloatArray:
    """Fades the picture out towards its sides, where a shift brings in what was not there. Not writable."""
    window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), np.float32)
    window.setflags(write=False)
    return window
