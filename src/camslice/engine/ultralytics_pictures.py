"""Slots of any size for an engine that scales by itself and wants its pictures blue first."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from camslice.engine.oip.client.transports.colours import rgb_of
from camslice.engine.slots import NEUTRAL_CHROMA, Layout
from camslice.engine.ultralytics_predictor import Bgr
from camslice.video.colour import STILL_COLOUR, rgb_matrix
from camslice.video.slot import I420Slot, RgbSlot, Slot


class Place(Protocol):
    """Memory for one picture, as large as the largest so far; black until one is put in. Written by one borrower at a time."""

    def slot(self, width: int, height: int) -> Slot:
        """Room for a picture of that size."""
        ...

    def bgr(self) -> Bgr:
        """The picture, blue first. Valid until the next call."""
        ...


def place(layout: Layout, width: int, height: int) -> Place:
    """A place for a picture of that size to begin with; of planes, whose sides must be even, for `i420`."""
    return RgbPlace(width, height) if layout is Layout.RGB else PlanesPlace(width, height)


class RgbPlace:
    """Red first, as a decoder's frame is turned into RGB at once."""

    def __init__(self, width: int, height: int) -> None:
        self._memory = _Memory(2)
        self.slot(width, height)

    def slot(self, width: int, height: int) -> RgbSlot:
        """See `Place`."""
        self._rgb, self._bgr = self._memory.of((height, width, 3))
        return RgbSlot(self._rgb)

    def bgr(self) -> Bgr:
        """See `Place`."""
        cv2.cvtColor(self._rgb, cv2.COLOR_RGB2BGR, dst=self._bgr)
        return self._bgr


class PlanesPlace:
    """Planes, as workers in other processes send them."""

    def __init__(self, width: int, height: int) -> None:
        self._luma, self._chroma = _Memory(1), _Memory(2)
        self._colour = rgb_matrix(STILL_COLOUR).copy()
        slot = self.slot(width, height)
        slot.u.fill(NEUTRAL_CHROMA)
        slot.v.fill(NEUTRAL_CHROMA)

    def slot(self, width: int, height: int) -> I420Slot:
        """See `Place`."""
        (y,), (u, v) = self._luma.of((height, width)), self._chroma.of((height // 2, width // 2))
        self._slot = I420Slot(y, u, v, self._colour)
        return self._slot

    def bgr(self) -> Bgr:
        """See `Place`."""
        return np.asarray(cv2.cvtColor(rgb_of(self._slot), cv2.COLOR_RGB2BGR), np.uint8)


class _Memory:
    """A few arrays of one shape, which grow when a larger one is asked for."""

    def __init__(self, count: int) -> None:
        self._bytes = np.zeros((count, 0), np.uint8)

    def of(self, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.uint8], ...]:
        """The arrays in that shape, each in one piece."""
        size = int(np.prod(shape))
        if self._bytes.shape[1] < size:
            self._bytes = np.zeros((len(self._bytes), size), np.uint8)
        return tuple(memory[:size].reshape(shape) for memory in self._bytes)
