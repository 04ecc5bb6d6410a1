"""What parameters of a request mean, on any transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from camslice.engine.oip.messages import OipError, Parameter, SharedMemory, Status

if TYPE_CHECKING:
    from google.protobuf.message import Message

_REGION, _OFFSET, _BYTE_SIZE = "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size"


def shared_memory(tensor: str, parameters: Mapping[str, Parameter]) -> SharedMemory | None:
    """Where the tensor of that name lies, or None when it travels in the message. Raises OipError."""
    if parameters.get("classification"):
        raise OipError(Status.UNSUPPORTED, f"output {tensor!r}: parameter classification is not supported.")
    if _REGION not in parameters:
        return None
    region, offset, byte_size = parameters[_REGION], parameters.get(_OFFSET, 0), parameters.get(_BYTE_SIZE)
    if not isinstance(region, str):
        raise OipError(Status.INVALID_ARGUMENT, f"tensor {tensor!r}: {_REGION} must be a region's name.")
    if not (_is_size(offset) and _is_size(byte_size)):
        raise OipError(
            Status.INVALID_ARGUMENT, f"tensor {tensor!r}: {_BYTE_SIZE} must be given, and {_OFFSET} may be: numbers of bytes."
        )
    return SharedMemory(region, int(offset), int(byte_size or 0))


def shared_memory_parameters(place: SharedMemory) -> dict[str, Parameter]:
    """The parameters that say where a tensor lies."""
    return {_REGION: place.region, _OFFSET: place.offset, _BYTE_SIZE: place.byte_size}


def put_parameters(target: Mapping[str, Message], parameters: Mapping[str, Parameter]) -> None:
    """Set parameters in a message's map, in place: protobuf copies every message that is handed to it."""
    for name, value in parameters.items():
        setattr(target[name], _choice(value), value)


def _choice(value: Parameter) -> str:
    if isinstance(value, bool):
        return "bool_param"
    if isinstance(value, int):
        return "int64_param"
    return "double_param" if isinstance(value, float) else "string_param"


def _is_size(value: Parameter | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
