"""One way of sending pictures, as it is set up with a server: shared memory registered, cargo made for each batch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from camslice.engine.oip.client.connection import Connection
from camslice.engine.oip.client.offer import Offer
from camslice.engine.oip.client.placing import Memory, PrivateMemory, SharedRegionMemory, bytes_for
from camslice.engine.oip.client.region import Region
from camslice.engine.oip.client.transports.cargo import Cargo
from camslice.engine.oip.client.transports.jpeg import JpegCargo
from camslice.engine.oip.client.transports.pictures import PictureCargo, picture_shapes
from camslice.engine.oip.client.transports.tensor import TensorCargo, tensor_shapes
from camslice.engine.oip.client.wanted import Wanted
from camslice.engine.slots import InputShape, Layout
from camslice.fleet.errors import EngineError
from camslice.fleet.types import Transport

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """`transport` in use; `cargo` makes what one batch carries; `region` is the shared memory's name there, if any."""

    transport: Transport
    cargo: Callable[[], Cargo]
    connection: Connection
    region: str | None = None

    def is_open(self) -> bool:
        """Whether the server still knows the shared memory. Raises EngineError when it does not answer."""
        return self.region is None or self.region in self.connection.ask("SystemSharedMemoryStatus", name=self.region).regions

    def close(self) -> None:
        """Have the server forget the shared memory. One that is out of reach has done so, or will when it ends."""
        if self.region is not None:
            try:
                self.connection.ask("SystemSharedMemoryUnregister", patience_s=1.0, name=self.region)
            except EngineError as error:
                log.debug("shared memory stays registered: %s", error)


def set_up(transport: Transport, wanted: Wanted, offer: Offer, connection: Connection) -> Way:
    """Any way but `auto`. Raises EngineError when the server does not take it, MachineError when memory lacks."""
    lacking = {Transport.JPEG: offer.jpeg, Transport.TENSOR: offer.tensor}
    if transport in lacking and lacking[transport] is None:
        raise EngineError(
            f"{connection.address.url}: model {wanted.model} has no input for `transport: {transport}`; set `transport: auto`."
        )
    layout, spec, most = wanted.slots_for(offer), wanted.info.input, wanted.max_batch
    if transport is Transport.JPEG:
        return Way(transport, lambda: JpegCargo(offer, layout, spec, most), connection)
    as_tensor = transport is Transport.TENSOR or not (offer.i420 if layout is Layout.I420 else offer.picture)
    memory: Memory = PrivateMemory()
    if transport is Transport.SHARED_MEMORY:
        shapes = tensor_shapes(offer, spec, most) if as_tensor else picture_shapes(offer, layout, spec, most)
        memory = SharedRegionMemory(_registered(shapes, wanted.batches, connection))
    kind = Transport.TENSOR if as_tensor and transport is Transport.INLINE else transport
    if as_tensor:
        return Way(kind, lambda: TensorCargo(offer, layout, spec, most, memory), connection, memory.region)
    return Way(kind, lambda: PictureCargo(offer, layout, spec, most, memory), connection, memory.region)


def _registered(shapes: dict[str, InputShape], batches: int, connection: Connection) -> Region:
    region = Region(bytes_for(shapes) * batches)
    with region.named():
        connection.ask("SystemSharedMemoryRegister", name=region.name, key=region.key, offset=0, byte_size=region.size)
    return region
