"""How bright a picture is beside its background, row by row.

Lamps on mains flicker, and a camera beats with them: the whole picture, or bands of a rolling shutter, get brighter and
darker by a few per cent in turn. Clouds and automatic exposure do so slowly. All of that is a gain, and is divided out. A
sudden change that is far beyond what this camera's light does by itself is light switched on.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from camslice.fleet.geometry import FloatArray
from camslice.video.gate.grid import CELL
from camslice.video.slot import ByteArray

SUDDEN = 0.22
"""Logarithm of the gain from one look to the next from which on light is said to be switched."""
_NOTICEABLE = 0.05
FAR = 0.45
"""Logarithm of the gain at which a background is too far off to be compared with."""
_FLICKERS = 3.0
"""A jump must be so many times as large as those that this camera's light makes all the time."""
_FORGETTING_S = 20.0
_BLACK = 8.0
"""Added to levels before they are divided: dark cells have little to say about a gain."""
_INLIER_SHARE, _INLIER_LEVELS = 0.12, 4.0
_BAND = 0.2
"""How far the gain of a row may be from that of the picture; more is an object."""
_NO_GAIN = 0.01


class Exposure:
    """Gains of the pictures of one camera against its background; used by one thread."""

    def __init__(self, rows: int, columns: int) -> None:
        self._even = np.empty((rows * CELL, columns * CELL), np.float32)
        self._corrected: ByteArray = np.empty((rows * CELL, columns * CELL), np.uint8)
        self._ones = np.ones(columns, np.float32)
        self._last = 0.0
        self._jumps = 0.0
        self._uneven = False
        self.switched = self.jumped = False
        """Whether light was switched; whether it changed noticeably at all."""
        self.gains: FloatArray = np.ones(rows, np.float32)

    def restart(self) -> None:
        """There is a new background, as bright as the picture. How the light flickers is remembered."""
        self._last = 0.0

    def measure(self, cells: ByteArray, background: ByteArray, elapsed_s: float) -> None:
        """Take the gains of `cells` against `background`, both mean levels [rows, columns]."""
        now, before = cells.astype(np.float32), background.astype(np.float32)
        sample = ((now[::2, ::2] + _BLACK) / (before[::2, ::2] + _BLACK)).ravel()
        gain = float(np.sort(sample)[sample.size // 2])
        self._take_rows(now, before, gain)
        level = math.log(gain)
        jump = abs(level - self._last)
        self.jumped = jump > _NOTICEABLE
        self.switched = jump > max(SUDDEN, _FLICKERS * self._jumps) or abs(level) > FAR
        self._jumps += (jump - self._jumps) * (0.3 if jump > self._jumps else min(1.0, elapsed_s / _FORGETTING_S))
        self._last = level

    def correct(self, picture: ByteArray) -> ByteArray:
        """`picture` as bright as the background; itself if it already is. Valid until the next call."""
        if not self._uneven:
            return picture
        factors = np.repeat(1 / self.gains, CELL)[:, None]
        np.multiply(picture, factors, out=self._even)
        cv2.convertScaleAbs(self._even, dst=self._corrected)
        return self._corrected

    def correct_cells(self, cells: ByteArray) -> ByteArray:
        """`cells` uint8 [rows, columns] as bright as their background."""
        return np.asarray(cv2.convertScaleAbs(cells / self.gains[:, None]), np.uint8) if self._uneven else cells

    def _take_rows(self, now: FloatArray, before: FloatArray, gain: float) -> None:
        """Gains of rows from the cells that are near the whole picture's gain: what else differs is an object."""
        even = now * np.float32(1 / gain)
        near = (np.abs(even - before) < before * _INLIER_SHARE + _INLIER_LEVELS).astype(np.float32)
        sums_now, sums_before = (even * near) @ self._ones + _BLACK * 4, (before * near) @ self._ones + _BLACK * 4
        bands = cv2.blur((sums_now / sums_before).reshape(-1, 1), (1, 5), borderType=cv2.BORDER_REPLICATE).ravel()
        self.gains = np.asarray(np.clip(bands, 1 - _BAND, 1 + _BAND) * gain, np.float32)
        self._uneven = bool(self.gains.max() > 1 + _NO_GAIN or self.gains.min() < 1 - _NO_GAIN)
