"""Changes that are no objects: snow, rain and the rest of the noise, which never come twice to the same place.

Where it snows, single cells flare up all over the picture, each on its own and gone at the next look. So many of them a look
as there are, so many looks must a small change stay, until chance makes less than one small change in fifty looks.
What is larger than a flake is taken at once, and where nothing flares up so is what is small.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from camslice.video.slot import ByteArray

FLAKE = 4
"""Cells that a flake covers at most."""
MOST_LOOKS = 5
_FALSE_PER_LOOK = 0.02
_SNOWS_FROM = 0.3
"""Flares in a look from which on it snows: people who turn up out of nowhere are fewer."""
_REMEMBERED_LOOKS = 5
_SHARE = 0.1
_NEIGHBOURS = np.ones((3, 3), np.uint8)


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
        """`changed` uint8 [rows, columns], not 0 where a cell changed, without what is taken for snow."""
        near = cv2.dilate(self._age, _NEIGHBOURS)
        near_recent = cv2.dilate(self._recent, _NEIGHBOURS)
        self._age = np.where(changed, np.minimum(near, 254) + 1, 0).astype(np.uint8)
        self._recent = np.where(changed, _REMEMBERED_LOOKS, np.maximum(self._recent, 1) - 1).astype(np.uint8)
        if not changed.any():
            self._flares -= self._flares * _SHARE
            return changed
        count, labels, statistics, _ = cv2.connectedComponentsWithStats(changed, connectivity=8)
        places, sizes = np.asarray(labels, np.intp), statistics[:, cv2.CC_STAT_AREA]
        oldest = np.zeros(count, np.uint8)
        np.maximum.at(oldest, places.ravel(), self._age.ravel())
        known = np.zeros(count, np.uint8)
        np.maximum.at(known, places.ravel(), near_recent.ravel())
        small = sizes <= FLAKE
        flares = int(np.count_nonzero(small[1:] & (known[1:] == 0)))
        self._flares += (flares - self._flares) * _SHARE
        looks = self._looks_to_stay(changed.size)
        if looks == 1:
            return changed
        kept = ~small | (oldest >= looks)
        kept[0] = False
        return np.asarray(kept[places] * np.uint8(255), np.uint8)

    def _looks_to_stay(self, cells: int) -> int:
        """For how many looks a small change must have been there. One flake in `cells` has nine places near the last one."""
        if self._flares < _SNOWS_FROM:
            return 1
        chance = min(0.9, 9 * FLAKE * self._flares / cells)
        return min(MOST_LOOKS, 1 + math.ceil(math.log(_FALSE_PER_LOOK / self._flares) / math.log(chance)))
