"""When a change that does not move any more belongs to the background.

Somebody who stops stays a change for `HELD_S`, however little he moves. Sooner goes only what cannot be somebody: the place
that somebody left, which shows because the outline is in the background and no longer in the picture; and light on a
wall or a shadow, which shows because the texture beneath is still there.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import FloatArray
from camslice.video.gate.background import Background
from camslice.video.gate.grid import CELL
from camslice.video.gate.sight import Cells
from camslice.video.slot import ByteArray

HELD_S = 600.0
"""After so long without moving, something belongs to the background: a parked car."""
SETTLED_S = 2.0
"""So long must a change have been still before it is asked what it is."""
_EVERY_S = 1.0
_OUTLINE_GONE = 1.4
"""The background's gradient over the picture's, along the outline, from which on somebody has left."""
_SAME_TEXTURE = 0.85
_TEXTURE = 3.0
"""Standard deviation in grey levels that a texture must have to be known again."""


class Stillness:
    """Clocks of the cells that changed and are still; used by one thread."""

    def __init__(self, pixels: Background, cells: Background) -> None:
        """`pixels` and `cells`: what is expected of the luma picture and of its cells' means."""
        self._pixels, self._cells = pixels, cells
        self._since_s = np.full(cells.levels.shape, np.inf)
        self._earlier: ByteArray = cells.levels.copy()
        self._earlier_s = -np.inf
        self.still: Cells | None = None
        """Cells that changed and have been still for `SETTLED_S`, bool [rows, columns]; None where there are none."""

    def restart(self) -> None:
        """Nothing is still yet."""
        self._since_s.fill(np.inf)
        self._earlier_s = -np.inf
        self.still = None

    def settled(self, changed: ByteArray, seen: ByteArray, seen_cells: ByteArray, at_s: float) -> Cells | None:
        """Which changed cells belong to the background from now on: bool [rows, columns], or None.

        `changed` uint8 [rows, columns], not 0 where a cell differs from the background; `seen` and `seen_cells` are the luma
        picture and its cells' means, as bright as the background. A cell is still that looks as it did up to `_EVERY_S`
        ago: held against the look before alone, slow walkers would be still.
        """
        if not changed.any():
            self.restart()
            return None
        due = at_s - self._earlier_s >= _EVERY_S
        still = (changed != 0) & (cv2.absdiff(seen_cells, self._earlier) <= self._cells.limits)
        self._since_s[~still] = np.inf
        np.minimum(self._since_s, at_s, out=self._since_s, where=still)
        if due:
            self._earlier, self._earlier_s = seen_cells, at_s
        for_s = at_s - self._since_s
        ripe = for_s >= SETTLED_S
        self.still = ripe if ripe.any() else None
        return self._belongs(seen, ripe, for_s >= HELD_S) if due and self.still is not None else None

    def _belongs(self, seen: ByteArray, ripe: Cells, found: Cells) -> Cells | None:
        """Which of the `ripe` cells belong to the background: those `found` already, and what cannot be somebody."""
        count, labels = cv2.connectedComponents(ripe.astype(np.uint8), connectivity=8)
        for label in range(1, count):
            group = labels == label
            rows, columns = np.flatnonzero(group.any(axis=1)), np.flatnonzero(group.any(axis=0))
            cells = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            pixels = np.s_[rows[0] * CELL : (rows[-1] + 1) * CELL, columns[0] * CELL : (columns[-1] + 1) * CELL]
            here, expected = seen[pixels], self._pixels.levels[pixels]
            inside = group[cells].repeat(CELL, axis=0).repeat(CELL, axis=1)
            inside &= cv2.absdiff(here, expected) > self._pixels.limits[pixels]
            if _has_left(inside, here, expected) or _same_texture(here[inside], expected[inside]):
                found |= group
        return found if found.any() else None


def _has_left(inside: npt.NDArray[np.bool_], picture: ByteArray, background: ByteArray) -> bool:
    """Whether the outline of `inside` is one in the background rather than in the picture."""
    outline = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) != 0
    return bool(_steepness(background)[outline].sum() > _OUTLINE_GONE * _steepness(picture)[outline].sum())


def _same_texture(picture: ByteArray, background: ByteArray) -> bool:
    """Whether the background's texture is seen under another light."""
    if picture.size < CELL * CELL:
        return False
    now, before = picture.astype(np.float32), background.astype(np.float32)
    now -= now.mean()
    before -= before.mean()
    own, others = float(now @ now) / now.size, float(before @ before) / before.size
    if min(own, others) < _TEXTURE**2:
        return False
    return float(now @ before) / now.size > _SAME_TEXTURE * float(np.sqrt(own * others))


def _steepness(picture: ByteArray) -> FloatArray:
    across = cv2.Sobel(picture, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)
