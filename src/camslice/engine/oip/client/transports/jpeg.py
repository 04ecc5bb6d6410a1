"""Pictures as JPEG: a tenth of the bytes, for the price of coding them here, of decoding them there, and of a little detail."""

from __future__ import annotations

import struct

import cv2

from camslice.engine.oip.client.offer import Offer
from camslice.engine.oip.client.transports.colours import rgb_of
from camslice.engine.oip.messages import Tensor
from camslice.engine.slots import Layout, SlotArrays
from camslice.fleet.errors import EngineError
from camslice.models.model import InputSpec
from camslice.video.slot import ByteArray

QUALITY = 90
_LENGTH = struct.Struct("<I")


class JpegCargo:
    """Slots of its own, coded when they are sent."""

    def __init__(self, offer: Offer, layout: Layout, spec: InputSpec, max_batch: int) -> None:
        self._name = offer.jpeg or ""
        self.arrays = SlotArrays(layout, max_batch, spec.width, spec.height, spec.pad)

    def inputs(self, count: int) -> tuple[Tensor, ...]:
        """See `Cargo`."""
        coded = [_jpeg(rgb_of(slot)) for slot in self.arrays.slots[:count]]
        return (Tensor(self._name, "BYTES", (count,), b"".join(_LENGTH.pack(len(each)) + each for each in coded)),)


def _jpeg(rgb: ByteArray) -> bytes:
    done, coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    if not done:
        raise EngineError(f"a picture of {rgb.shape[1]}x{rgb.shape[0]} cannot be coded as JPEG")
    return coded.tobytes()
