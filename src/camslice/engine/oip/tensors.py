"""Checking tensors before a byte of them is looked at: datatype, shape, size, and that they lie where they may.

Everything here comes from a client. Sizes are computed in Python's integers, which do not overflow, and compared before
anything is allocated.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from camslice.engine.oip.messages import OipError, Status, Tensor
from camslice.engine.oip.shared_memory import SharedMemoryRegions

ByteArray = npt.NDArray[np.uint8]
Target = npt.NDArray[np.uint8] | npt.NDArray[np.float32]

ITEM_BYTES = {
    "BOOL": 1, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8,
    "FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8,
}  # fmt: skip
"""Bytes of one element of each datatype of the protocol but BYTES, whose elements have a length each."""

MOST_DIMENSIONS = 8
_LARGEST = 2**31 - 1
_LENGTH = struct.Struct("<I")


class Content(Protocol):
    """The bytes of a tensor, wherever they lie. `release` when they are not needed any more."""

    byte_size: int

    @property
    def held_bytes(self) -> int:
        """Memory of this process that is kept for it."""
        ...

    def array(self, offset: int, shape: Sequence[int]) -> ByteArray:
        """Bytes from `offset` on as uint8 of `shape`, not to be written to. Raises OipError if they have gone."""
        ...

    def read_into(self, targets: Sequence[Target], offset: int) -> None:
        """Fill the targets (contiguous), one after another, with the bytes from `offset` on. Raises OipError."""
        ...

    def release(self) -> None:
        """Nothing is read from it any more."""
        ...


def expected_bytes(tensor: Tensor) -> int:
    """Bytes that datatype and shape ask for. Raises OipError for what no tensor can be."""
    check_shape(tensor)
    item_bytes = ITEM_BYTES.get(tensor.datatype)
    if item_bytes is None:
        known = ", ".join([*ITEM_BYTES, "BYTES"])
        raise invalid(f"input {tensor.name!r} has datatype {tensor.datatype!r}; the protocol knows {known}")
    return math.prod(tensor.shape) * item_bytes


def check_shape(tensor: Tensor) -> None:
    """Refuse shapes that no tensor has. Raises OipError."""
    if len(tensor.shape) > MOST_DIMENSIONS:
        raise invalid(f"input {tensor.name!r} has {len(tensor.shape)} dimensions; at most {MOST_DIMENSIONS} are allowed")
    if any(not 0 < size <= _LARGEST for size in tensor.shape):
        raise invalid(f"input {tensor.name!r} has shape {list(tensor.shape)}; every dimension must be at least 1")


def content_of(tensor: Tensor, regions: SharedMemoryRegions) -> Content:
    """The bytes of a tensor of fixed item size: as many as its shape says, in the request or in a region. Raises OipError."""
    expected = expected_bytes(tensor)
    placed = tensor.shared_memory
    size = len(tensor.data) if placed is None else placed.byte_size
    if size != expected:
        raise invalid(
            f"input {tensor.name!r} of shape {list(tensor.shape)} and datatype {tensor.datatype} needs {expected} bytes; "
            f"it has {size}"
        )
    return _content(tensor, regions)


def elements_of(tensor: Tensor, regions: SharedMemoryRegions, most_bytes: int) -> list[memoryview]:
    """The elements of a BYTES tensor, each of which lies behind its length. Raises OipError."""
    check_shape(tensor)
    if tensor.datatype != "BYTES":
        raise invalid(f"input {tensor.name!r} must have datatype BYTES, not {tensor.datatype!r}")
    content = _content(tensor, regions)
    try:
        if content.byte_size > most_bytes:
            raise OipError(
                Status.TOO_LARGE, f"input {tensor.name!r} has {content.byte_size} bytes; at most {most_bytes} are allowed"
            )
        whole = content.array(0, (content.byte_size,)).data if content.byte_size else memoryview(b"")
    finally:
        content.release()
    return _elements(tensor, whole)


def invalid(message: str) -> OipError:
    """A request that makes no sense."""
    return OipError(Status.INVALID_ARGUMENT, message)


def _elements(tensor: Tensor, whole: memoryview) -> list[memoryview]:
    count = math.prod(tensor.shape)
    elements: list[memoryview] = []
    position = 0
    while position < len(whole) and len(elements) < count:
        if len(whole) - position < _LENGTH.size:
            raise invalid(f"input {tensor.name!r} ends within the length of element {len(elements)}")
        (length,) = _LENGTH.unpack_from(whole, position)
        position += _LENGTH.size
        if length > len(whole) - position:
            raise invalid(f"input {tensor.name!r}: element {len(elements)} is said to have {length} bytes, more than are left")
        elements.append(whole[position : position + length])
        position += length
    if len(elements) != count or position != len(whole):
        raise invalid(f"input {tensor.name!r} of shape {list(tensor.shape)} does not hold exactly {count} elements")
    return elements


class _InlineContent:
    """Bytes that came with the request."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._bytes = np.frombuffer(data, np.uint8)
        self.byte_size = len(self._bytes)

    @property
    def held_bytes(self) -> int:
        return self.byte_size

    def array(self, offset: int, shape: Sequence[int]) -> ByteArray:
        return self._bytes[offset : offset + math.prod(shape)].reshape(shape)

    def read_into(self, targets: Sequence[Target], offset: int) -> None:
        for target in targets:
            flat = target.data.cast("B")
            flat[:] = self._bytes.data[offset : offset + len(flat)]
            offset += len(flat)

    def release(self) -> None:
        """The request goes by itself."""


def _content(tensor: Tensor, regions: SharedMemoryRegions) -> Content:
    placed = tensor.shared_memory
    if placed is None:
        return _InlineContent(tensor.data)
    if len(tensor.data):
        raise invalid(f"input {tensor.name!r} is both in the request and in shared memory; it can be in one place")
    return regions.place(placed)
