"""Changes so faint that they may be the codec's: a key frame draws everything anew, and all of it a little otherwise.

Somebody that faint is known by walking: he changes cells next to those he changed before, and looks other than at the last
look. What a key frame did stays exactly as it is until the next one.
"""

from __future__ import annotations

import cv2
import numpy as np

from camslice.video.slot import ByteArray

FAINT = 12.0
"""Grey levels up to which a change is faint: at 200 kbit/s, H.264 strays by 9 from one key frame to the next."""
_NEAR = np.ones((5, 5), np.uint8)
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def without_faint(changed: ByteArray, clear: ByteArray, moving: ByteArray, around_last: ByteArray) -> ByteArray:
    """`changed` without the cells that are faint, far from all that is not, and do not move. All uint8 [rows, columns].

    `clear`: not 0 where a pixel of the cell is more than `FAINT` apart; `moving`: where cells differ from the last look;
    `around_last`: not 0 in and around the cells that had changed at the last look.
    """
    strong = cv2.dilate(cv2.bitwise_and(changed, clear), _NEAR)
    walking = cv2.dilate(moving & around_last, _NEIGHBOURS)
    return np.asarray(cv2.bitwise_and(changed, cv2.bitwise_or(strong, walking)), np.uint8)
