"""Elements of tensors as numbers and strings, the way typed protobuf fields and JSON carry them, and as raw bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import numpy.typing as npt

from camslice.engine.oip.messages import OipError, Status, Tensor

_DTYPES = {
    "BOOL": "?", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "<u1", "UINT16": "<u2",
    "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_LENGTH = struct.Struct("<I")

Elements = bool | int | float | str


def packed(name: str, datatype: str, values: npt.NDArray[np.generic]) -> bytes:
    """Numbers as the raw bytes of a tensor of `datatype`. Raises OipError for numbers that it cannot hold."""
    dtype = np.dtype(_DTYPES[datatype]) if datatype in _DTYPES else None
    if dtype is None:
        raise OipError(Status.INVALID_ARGUMENT, f"input {name!r}: datatype {datatype!r} is unknown, or travels raw only.")
    if values.size and not _fits(values, dtype):
        raise OipError(Status.INVALID_ARGUMENT, f"input {name!r}: not every element is a {datatype}.")
    with np.errstate(over="ignore"):
        return values.astype(dtype).tobytes()


def packed_strings(strings: Iterable[bytes]) -> bytes:
    """The raw bytes of a tensor of datatype BYTES: each element behind its length."""
    return b"".join(chain.from_iterable((_LENGTH.pack(len(each)), each) for each in strings))


def unpacked(tensor: Tensor) -> list[Elements]:
    """The elements of a tensor in row-major order, for JSON. Raises OipError for what JSON has no words for."""
    if tensor.datatype == "BYTES":
        return [_text(tensor.name, each) for each in _strings(tensor.data)]
    if tensor.datatype not in _DTYPES:
        raise OipError(
            Status.UNSUPPORTED, f"output {tensor.name!r} of datatype {tensor.datatype} must be asked for as binary_data."
        )
    values = np.frombuffer(tensor.data, _DTYPES[tensor.datatype])
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise OipError(Status.UNSUPPORTED, f"output {tensor.name!r} is not finite everywhere: ask for it as binary_data.")
    elements: list[Elements] = values.tolist()
    return elements


def _fits(values: npt.NDArray[np.generic], dtype: np.dtype[np.generic]) -> bool:
    if dtype.kind == "f":
        return values.dtype.kind in "iuf"
    if dtype.kind == "b":
        return values.dtype.kind == "b"
    if values.dtype.kind not in "iu":
        return False
    allowed = np.iinfo(dtype.str)
    return int(values.min()) >= allowed.min and int(values.max()) <= allowed.max


def _strings(data: bytes | memoryview) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        yield bytes(data[at : at + length])
        at += length


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise OipError(
            Status.UNSUPPORTED, f"output {name!r} holds bytes that are no text: ask for it as binary_data."
        ) from None
