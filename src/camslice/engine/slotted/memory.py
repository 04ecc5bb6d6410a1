"""The memory that an engine process shares with one worker: for each batch its pictures, and room for its answers.

The engine process makes it, because it alone knows the size of the answers; so it never maps what it was handed. It is sealed
against shrinking: neither end can take a page away under the other, which would end it with SIGBUS.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from camslice.engine.slots import InputArray, Layout, SlotArrays, input_shapes

_ALIGNMENT = 64
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What lies where. `outputs` are the shapes of the answers to one picture; pictures are I420, `width` x `height`."""

    batches: int
    max_batch: int
    width: int
    height: int
    outputs: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        inputs = sum(_padded(math.prod(shape) * np.dtype(kind).itemsize) for shape, kind in self._inputs().values())
        return self.batches * (inputs + sum(_padded(4 * self.max_batch * math.prod(shape)) for shape in self.outputs))

    def batch_memories(self, memory: memoryview, pad: int) -> list[BatchMemory]:
        """Views of all batches. The mapping behind `memory` lives as long as any of them."""
        place = _Place(memory)
        return [self._batch_memory(place, pad) for _ in range(self.batches)]

    def _batch_memory(self, place: _Place, pad: int) -> BatchMemory:
        inputs = {name: place.take(shape, kind) for name, (shape, kind) in self._inputs().items()}
        slots = SlotArrays(Layout.I420, self.max_batch, self.width, self.height, pad, inputs)
        outputs = [place.take((self.max_batch, *shape), np.float32).view(np.float32) for shape in self.outputs]
        return BatchMemory(slots, outputs)

    def _inputs(self) -> dict[str, tuple[tuple[int, ...], type[np.uint8] | type[np.float32]]]:
        return input_shapes(Layout.I420, self.max_batch, self.width, self.height)


@dataclass(frozen=True, slots=True)
class BatchMemory:
    """One batch: `slots` for pictures and `outputs`, each float32 [max_batch, ...]."""

    slots: SlotArrays
    outputs: list[npt.NDArray[np.float32]]


def make_memory(size: int) -> int:
    """A descriptor of `size` sealed bytes of zeroes. The caller closes it."""
    descriptor = os.memfd_create("camslice-slots", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def map_memory(descriptor: int, size: int) -> memoryview:
    """Map what `make_memory` made. Raises ValueError when it is smaller or could shrink."""
    if not fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
        raise ValueError("the memory is not sealed")
    return memoryview(mmap.mmap(descriptor, size))


class _Place:
    """Where in the memory the next array goes."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._at = 0

    def take(self, shape: tuple[int, ...], kind: type[np.uint8] | type[np.float32]) -> InputArray:
        size = math.prod(shape) * np.dtype(kind).itemsize
        part = self._memory[self._at : self._at + size]
        self._at += _padded(size)
        raw = np.frombuffer(part, np.uint8)
        return (raw.view(np.float32) if kind is np.float32 else raw).reshape(shape)


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
