"""The memory behind an engine's slots: arrays that a batch owns for its whole life and the device reads in place."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import Letterbox
from camslice.video.slot import I420Slot, RgbSlot, Slot

NEUTRAL_CHROMA = 128
_GREY = np.array([[1, 0, 0, 0]] * 3, np.float32)
"""The colour row of a slot that no picture was scaled into yet: luma is grey."""


class Layout(StrEnum):
    """What a slot holds: `i420` planes for video, `rgb` for still pictures (whose chroma may be finer than 4:2:0)."""

    I420 = "i420"
    RGB = "rgb"


class SlotArrays:
    """Input arrays of one batch, by name of the graph's input, and the slots that are views of them.

    Owned by one batch and written by one borrower at a time. A slot's padding is drawn only when the picture lies
    elsewhere than the one before, which for a fixed camera is once.
    """

    def __init__(self, layout: Layout, max_batch: int, width: int, height: int, pad: int) -> None:
        self._pad = pad
        self._letterboxes: list[tuple[int, int, int, int] | None] = [None] * max_batch
        self.arrays: dict[str, npt.NDArray[np.uint8] | npt.NDArray[np.float32]]
        self._slots: list[Slot]
        if layout is Layout.I420:
            y = np.empty((max_batch, 1, height, width), np.uint8)
            u = np.empty((max_batch, 1, height // 2, width // 2), np.uint8)
            v = np.empty_like(u)
            colour = np.tile(_GREY, (max_batch, 1, 1))
            self.arrays = {"y": y, "u": u, "v": v, "colour": colour}
            self._slots = [I420Slot(y[i, 0], u[i, 0], v[i, 0], colour[i]) for i in range(max_batch)]
        else:
            rgb = np.empty((max_batch, height, width, 3), np.uint8)
            self.arrays = {"rgb": rgb}
            self._slots = [RgbSlot(rgb[i]) for i in range(max_batch)]
        for slot in self._slots:
            _fill(slot, pad)

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """Slot `index`, padded for a picture that will be drawn at `letterbox`."""
        slot = self._slots[index]
        place = (letterbox.left, letterbox.top, letterbox.width, letterbox.height)
        if self._letterboxes[index] != place:
            self._letterboxes[index] = place
            _fill(slot, self._pad)
        return slot


def _fill(slot: Slot, pad: int) -> None:
    """Grey of value `pad`: in limited range Y = 114 is RGB 114.1, so one value serves both ranges."""
    if isinstance(slot, RgbSlot):
        slot.rgb.fill(pad)
        return
    slot.y.fill(pad)
    slot.u.fill(NEUTRAL_CHROMA)
    slot.v.fill(NEUTRAL_CHROMA)
