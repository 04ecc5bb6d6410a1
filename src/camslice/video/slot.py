"""A slot: the place in memory from which an engine reads one picture. Frames scale themselves into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class I420Slot:
    """Planes of one picture at the model's input size, and the row that says what its colours mean.

    `y` uint8 [H, W], `u` and `v` uint8 [H/2, W/2]; `colour` float32 [3, 4]: RGB = colour[:, :3] @ (Y, U, V) + colour[:, 3],
    RGB in 0..255 (see `video.colour`).
    """

    y: ByteArray
    u: ByteArray
    v: ByteArray
    colour: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RgbSlot:
    """One picture at the model's input size as `rgb` uint8 [H, W, 3], red first."""

    rgb: ByteArray


@dataclass(frozen=True, slots=True)
class TensorSlot:
    """The network's own input, made elsewhere: `tensor` float32 [3, H, W], scaled and in the network's order of channels.

    No picture scales itself into it.
    """

    tensor: npt.NDArray[np.float32]


Slot = I420Slot | RgbSlot | TensorSlot


def holding_planes(slot: Slot) -> I420Slot:
    """The slot, when it holds planes. TypeError for one that no picture scales itself into."""
    if not isinstance(slot, I420Slot):
        raise TypeError("no picture can be scaled into a tensor")
    return slot
