"""Where a request's tensors lie: in this process, to travel in the request, or in shared memory, to be named in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from camslice.engine.oip.client.region import Region
from camslice.engine.oip.messages import SharedMemory, Tensor
from camslice.engine.slots import InputArray, InputShape

_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Placed:
    """An input's memory for as many pictures as a batch may hold: `array` uint8 or float32 [max_batch, ...], contiguous."""

    name: str
    array: InputArray
    region: str | None = None
    offset: int = 0

    def tensor(self, count: int) -> Tensor:
        """The first `count` pictures as they are sent."""
        used = self.array[:count]
        datatype = "UINT8" if used.dtype == np.uint8 else "FP32"
        if self.region is None:
            return Tensor(self.name, datatype, used.shape, data=used.data.cast("B"))
        return Tensor(self.name, datatype, used.shape, shared_memory=SharedMemory(self.region, self.offset, used.nbytes))


class PrivateMemory:
    """Memory of this process."""

    region: str | None = None

    def place(self, shapes: Mapping[str, InputShape]) -> tuple[Placed, ...]:
        """Memory for inputs of these shapes."""
        return tuple(
            Placed(name, np.zeros(shape, np.uint8) if kind is np.uint8 else np.zeros(shape, np.float32))
            for name, (shape, kind) in shapes.items()
        )


class SharedRegionMemory:
    """Memory of one shared region, handed out from its beginning on."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._used = 0
        self.region: str | None = region.name

    def place(self, shapes: Mapping[str, InputShape]) -> tuple[Placed, ...]:
        """Memory for inputs of these shapes. `bytes_for` says what this takes of the region."""
        placed = []
        for name, (shape, kind) in shapes.items():
            size = math.prod(shape) * np.dtype(kind).itemsize
            whole = np.frombuffer(self._region.buffer, np.uint8, size, self._used)
            array: InputArray = whole.reshape(shape) if kind is np.uint8 else whole.view(np.float32).reshape(shape)
            placed.append(Placed(name, array, self._region.name, self._used))
            self._used += _aligned(size)
        return tuple(placed)


Memory = PrivateMemory | SharedRegionMemory


def bytes_for(shapes: Mapping[str, InputShape]) -> int:
    """What inputs of these shapes take of a region."""
    return sum(_aligned(math.prod(shape) * np.dtype(kind).itemsize) for shape, kind in shapes.values())


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
