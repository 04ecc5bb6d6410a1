"""The memory behind an engine's slots: arrays that a batch owns for its whole life and the device reads in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import Letterbox
from camslice.video.slot import I420Slot, RgbSlot, Slot, TensorSlot

NEUTRAL_CHROMA = 128
GREY = 114
"""What YOLO models were trained to see around a picture."""
_GREY = np.array([[1, 0, 0, 0]] * 3, np.float32)
"""The colour row of a slot that no picture was scaled into yet: luma is grey."""


class Layout(StrEnum):
    """What a slot holds: `i420` planes for video, `rgb` for still pictures (whose chroma may be finer than 4:2:0), `tensor`
    what the bare network reads, for whoever prepares pictures elsewhere.
    """

    I420 = "i420"
    RGB = "rgb"
    TENSOR = "tensor"


InputArray = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
InputShape = tuple[tuple[int, ...], type[np.uint8] | type[np.float32]]


def input_shapes(layout: Layout, max_batch: int, width: int, height: int) -> dict[str, InputShape]:
    """Shape and type of each input of a graph that reads slots of `layout`, by name."""
    if layout is Layout.RGB:
        return {"rgb": ((max_batch, height, width, 3), np.uint8)}
    if layout is Layout.TENSOR:
        return {"tensor": ((max_batch, 3, height, width), np.float32)}
    return {
        "y": ((max_batch, 1, height, width), np.uint8),
        "u": ((max_batch, 1, height // 2, width // 2), np.uint8),
        "v": ((max_batch, 1, height // 2, width // 2), np.uint8),
        "colour": ((max_batch, 3, 4), np.float32),
    }


class SlotArrays:
    """Input arrays of one batch, by name of the graph's input, and the slots that are views of them.

    Owned by one batch and written by one borrower at a time. A slot's padding is drawn only when the picture lies
    elsewhere than the one before, which for a fixed camera is once.
    """

    def __init__(
        self,
        layout: Layout,
        max_batch: int,
        width: int,
        height: int,
        pad: int,
        arrays: Mapping[str, InputArray] | None = None,
    ) -> None:
        """`arrays` of `input_shapes` are used where they lie; without them the slots get memory of their own."""
        self._pad = pad
        self._letterboxes: list[tuple[int, int, int, int] | None] = [None] * max_batch
        self.arrays: Mapping[str, InputArray] = arrays or _new_arrays(input_shapes(layout, max_batch, width, height))
        self._slots = [_slot_of(layout, self.arrays, index) for index in range(max_batch)]
        for slot in self._slots:
            fill(slot, pad)
            if isinstance(slot, I420Slot):
                slot.colour[:] = _GREY

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """Slot `index`, padded for a picture that will be drawn at `letterbox`."""
        slot = self._slots[index]
        place = (letterbox.left, letterbox.top, letterbox.width, letterbox.height)
        if self._letterboxes[index] != place:
            self._letterboxes[index] = place
            fill(slot, self._pad)
        return slot

    @property
    def slots(self) -> Sequence[Slot]:
        """All slots, with what they hold."""
        return self._slots

    def copy_to(self, index: int, slot: Slot) -> None:
        """Copy the picture in slot `index`, padding included, into a slot of the same kind elsewhere."""
        mine = self._slots[index]
        if isinstance(mine, I420Slot) and isinstance(slot, I420Slot):
            slot.y[:], slot.u[:], slot.v[:], slot.colour[:] = mine.y, mine.u, mine.v, mine.colour
        elif isinstance(mine, RgbSlot) and isinstance(slot, RgbSlot):
            slot.rgb[:] = mine.rgb
        elif isinstance(mine, TensorSlot) and isinstance(slot, TensorSlot):
            slot.tensor[:] = mine.tensor
        else:
            raise TypeError("pictures can be copied between slots of one layout only")


def _new_arrays(shapes: Mapping[str, InputShape]) -> dict[str, InputArray]:
    return {
        name: np.empty(shape, np.uint8) if kind is np.uint8 else np.empty(shape, np.float32)
        for name, (shape, kind) in shapes.items()
    }


def _slot_of(layout: Layout, arrays: Mapping[str, InputArray], index: int) -> Slot:
    if layout is Layout.RGB:
        return RgbSlot(arrays["rgb"][index].view(np.uint8))
    if layout is Layout.TENSOR:
        return TensorSlot(arrays["tensor"][index].view(np.float32))
    y, u, v = (arrays[name][index, 0].view(np.uint8) for name in "yuv")
    return I420Slot(y, u, v, arrays["colour"][index].view(np.float32))


def fill(slot: Slot, pad: int = GREY) -> None:
    """Grey of value `pad`: in limited range Y = 114 is RGB 114.1, so one value serves both ranges. A tensor has no padding."""
    if isinstance(slot, TensorSlot):
        slot.tensor.fill(0)
        return
    if isinstance(slot, RgbSlot):
        slot.rgb.fill(pad)
        return
    slot.y.fill(pad)
    slot.u.fill(NEUTRAL_CHROMA)
    slot.v.fill(NEUTRAL_CHROMA)
