"""Pictures as the network's own float32 tensor, made here: what a server needs that knows nothing of pictures.

It is four times the bytes of a picture and the whole pre-processing, on the camera's side; where there is a choice it is
taken for comparison only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from camslice.engine.oip.client.offer import Offer
from camslice.engine.oip.client.placing import Memory
from camslice.engine.oip.client.transports.colours import rgb_of
from camslice.engine.oip.messages import Tensor
from camslice.engine.slots import InputShape, Layout, SlotArrays
from camslice.models.model import InputSpec
from camslice.video.slot import ByteArray


class TensorCargo:
    """Slots of its own, and the float32 [N, 3, H, W] that is made of them when they are sent."""

    def __init__(self, offer: Offer, layout: Layout, spec: InputSpec, max_batch: int, memory: Memory) -> None:
        self._spec = spec
        (self._placed,) = memory.place(tensor_shapes(offer, spec, max_batch))
        self._tensor: npt.NDArray[np.float32] = self._placed.array.view(np.float32)
        self.arrays = SlotArrays(layout, max_batch, spec.width, spec.height, spec.pad)

    def inputs(self, count: int) -> tuple[Tensor, ...]:
        """See `Cargo`."""
        for slot, target in zip(self.arrays.slots[:count], self._tensor, strict=False):
            fill_tensor(target, rgb_of(slot), self._spec)
        return (self._placed.tensor(count),)


def tensor_shapes(offer: Offer, spec: InputSpec, max_batch: int) -> dict[str, InputShape]:
    """The one input that carries tensors."""
    return {offer.tensor or "": ((max_batch, 3, spec.height, spec.width), np.float32)}


def fill_tensor(target: npt.NDArray[np.float32], rgb: ByteArray, spec: InputSpec) -> None:
    """Write the picture uint8 [H, W, 3] into `target` [3, H, W]: scaled, and in the network's order of channels."""
    scale = np.float32(spec.scale)
    for plane, channel in zip(target, (2, 1, 0) if spec.channels == "bgr" else (0, 1, 2), strict=True):
        np.multiply(rgb[..., channel], scale, out=plane)
