"""Pictures as they lie in their slots: planes or RGB, a byte per sample, with nothing to be done before they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from camslice.engine.oip.client.offer import COLOUR, Offer
from camslice.engine.oip.client.placing import Memory, Placed
from camslice.engine.oip.messages import Tensor
from camslice.engine.slots import InputArray, InputShape, Layout, SlotArrays
from camslice.models.model import InputSpec


class PictureCargo:
    """Slots that are views of the very arrays that are sent: uint8 [N, H * 3 / 2, W] beside float32 [N, 3, 4], or
    uint8 [N, H, W, 3].
    """

    def __init__(self, offer: Offer, layout: Layout, spec: InputSpec, max_batch: int, memory: Memory) -> None:
        self._placed = memory.place(picture_shapes(offer, layout, spec, max_batch))
        arrays = _planes(self._placed, spec) if layout is Layout.I420 else {"rgb": self._placed[0].array}
        self.arrays = SlotArrays(layout, max_batch, spec.width, spec.height, spec.pad, arrays)

    def inputs(self, count: int) -> tuple[Tensor, ...]:
        """See `Cargo`."""
        return tuple(placed.tensor(count) for placed in self._placed)


def picture_shapes(offer: Offer, layout: Layout, spec: InputSpec, max_batch: int) -> dict[str, InputShape]:
    """The inputs that carry slots of `layout`, by name."""
    if layout is Layout.I420:
        planes: InputShape = ((max_batch, spec.height * 3 // 2, spec.width), np.uint8)
        return {offer.i420 or "": planes, COLOUR: ((max_batch, 3, 4), np.float32)}
    return {offer.picture or "": ((max_batch, spec.height, spec.width, 3), np.uint8)}


def _planes(placed: Sequence[Placed], spec: InputSpec) -> Mapping[str, InputArray]:
    """Views of Y, U and V, which lie one after another, as an engine's slots have them."""
    whole, colour = placed[0].array, placed[1].array
    count, width, height = len(whole), spec.width, spec.height
    flat = whole.reshape(count, -1)
    luma, chroma = width * height, width * height // 4
    small = (count, 1, height // 2, width // 2)
    return {
        "y": flat[:, :luma].reshape(count, 1, height, width),
        "u": flat[:, luma : luma + chroma].reshape(small),
        "v": flat[:, luma + chroma :].reshape(small),
        "colour": colour,
    }
