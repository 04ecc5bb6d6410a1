"""The colours in a slot as red, green and blue: for ways on which planes cannot travel."""

from __future__ import annotations

import cv2
import numpy as np

from camslice.video.slot import ByteArray, RgbSlot, Slot, holding_planes


def rgb_of(slot: Slot) -> ByteArray:
    """The slot's picture as uint8 [H, W, 3], red first; chroma is enlarged to the nearest sample, as engines do."""
    if isinstance(slot, RgbSlot):
        return slot.rgb
    planes = holding_planes(slot)
    size = planes.y.shape[::-1]
    wide = [cv2.resize(chroma, size, interpolation=cv2.INTER_NEAREST) for chroma in (planes.u, planes.v)]
    return np.asarray(cv2.transform(cv2.merge([planes.y, *wide]), planes.colour), np.uint8)
