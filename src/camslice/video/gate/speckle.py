"""Changes that are no objects: snow, rain and the rest of the noise, which never come twice to the same place.

Where it snows, single cells flare up all over the picture, each on its own and gone at the next look. So many of them a look
as there are, so many looks must a lonely change stay, until chance makes less than one in two hundred looks. What is larger
than a flake is taken at once, and where nothing flares up so is what is small.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from camslice.video.slot import ByteArray

FLAKE = 5
"""Changed cells among 5 x 5, from which on the one in the middle is no flake, less one."""
MOST_LOOKS = 5
_FALSE_PER_LOOK = 0.005
_SNOWS_FROM = 0.5
"""Cells that flare up in a look from which on it snows: people who turn up out of nowhere are fewer."""
_REMEMBERED_LOOKS = 5
_OLDEST = np.uint8(200)
_SHARE = 0.1
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_CROWD = (5, 5)


class Speckle:
    """Tells lasting changes of one camera from those that flare up; used by one thread."""

    def __init__(self, rows: int, columns: int) -> None:
        self._age: ByteArray = np.zeros((rows, columns), np.uint8)
        self._recent: ByteArray = np.zeros((rows, columns), np.uint8)
        self._flares = 0.0

    def restart(self) -> None:
        """Nothing was seen yet; how much it snows is remembered."""
        self._age.fill(0)
        self._recent.fill(0)

    def remove(self, changed: ByteArray) -> ByteArray:
        """`changed` uint8 [rows, columns], 255 where a cell changed, else 0, without what is taken for snow."""
        ones = changed & np.uint8(1)
        lonely = cv2.boxFilter(ones, cv2.CV_8U, _CROWD, normalize=False, borderType=cv2.BORDER_CONSTANT) <= FLAKE
        lonely &= changed != 0
        if lonely.any():
            seen_lately = cv2.dilate(self._recent, _NEIGHBOURS) != 0
            flares = int(np.count_nonzero(lonely & ~seen_lately))
        else:
            flares = 0
        self._flares += (flares - self._flares) * _SHARE
        older = np.minimum(cv2.dilate(self._age, _NEIGHBOURS), _OLDEST) + ones
        self._age = np.asarray(older & changed, np.uint8)
        self._recent = np.maximum(self._recent - (self._recent != 0), ones * np.uint8(_REMEMBERED_LOOKS))
        looks = self._looks_to_stay(changed.size)
        if looks == 1:
            return changed
        return np.asarray(np.where(lonely & (self._age < looks), 0, changed), np.uint8)

    def _looks_to_stay(self, cells: int) -> int:
        """For how many looks a lonely change must have been there. A flake in `cells` has nine places near the last one."""
        if self._flares < _SNOWS_FROM:
            return 1
        chance = min(0.9, 9 * self._flares / cells)
        return min(MOST_LOOKS, 1 + math.ceil(math.log(_FALSE_PER_LOOK / self._flares) / math.log(chance)))
