"""Inference requests and answers as protobuf messages."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import numpy as np
from google.protobuf.message import DecodeError, Message

from camslice.engine.oip.descriptors import message_class
from camslice.engine.oip.elements import packed, packed_strings
from camslice.engine.oip.messages import (
    InferRequest,
    InferResponse,
    OipError,
    Parameter,
    RequestedOutput,
    SharedMemory,
    Status,
    Tensor,
)
from camslice.engine.oip.over_grpc.structure import check_structure
from camslice.engine.oip.parameters import put_parameters, shared_memory, shared_memory_parameters
from camslice.engine.oip.wire_limits import WireLimits

_TYPED = {
    "BOOL": ("bool_contents", "?"),
    "INT8": ("int_contents", "i4"),
    "INT16": ("int_contents", "i4"),
    "INT32": ("int_contents", "i4"),
    "INT64": ("int64_contents", "i8"),
    "UINT8": ("uint_contents", "u4"),
    "UINT16": ("uint_contents", "u4"),
    "UINT32": ("uint_contents", "u4"),
    "UINT64": ("uint64_contents", "u8"),
    "FP32": ("fp32_contents", "f4"),
    "FP64": ("fp64_contents", "f8"),
}
"""Where the elements of a datatype lie when they are not raw, and what they are there."""


def parse_request(body: bytes, limits: WireLimits) -> Message:
    """The `ModelInferRequest` in `body`. Raises OipError."""
    check_structure(body, limits)
    try:
        return message_class("ModelInferRequest").FromString(body)
    except DecodeError:
        raise OipError(Status.INVALID_ARGUMENT, "this is no ModelInferRequest.") from None


def read_request(message: Message, remaining_s: float | None) -> InferRequest:
    """What a `ModelInferRequest` asks for, to be answered within `remaining_s` (None: whenever). Raises OipError."""
    return InferRequest(
        model=message.model_name,
        version=message.model_version,
        id=message.id,
        inputs=_inputs(message),
        outputs=tuple(RequestedOutput(each.name, _place(each)) for each in message.outputs),
        parameters=_parameters(message.parameters),
        deadline_ns=None if remaining_s is None else time.monotonic_ns() + int(remaining_s * 1e9),
    )


def response_message(response: InferResponse) -> Message:
    """The answer as a `ModelInferResponse`; tensors that are not in shared memory are raw."""
    message = message_class("ModelInferResponse")(model_name=response.model, model_version=response.version, id=response.id)
    put_parameters(message.parameters, response.parameters)
    for tensor in response.outputs:
        output = message.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        if tensor.shared_memory is not None:
            put_parameters(output.parameters, shared_memory_parameters(tensor.shared_memory))
        # Raw contents are matched to outputs by their order, so one in shared memory has an empty element.
        message.raw_output_contents.append(bytes(tensor.data))
    return message


def stream_error(error: OipError, request_id: str) -> Message:
    """How a stream says that a request was not answered; parameter `status` has the reason as one of few words."""
    about = message_class("ModelInferResponse")(id=request_id)
    put_parameters(about.parameters, {"status": error.status.value})
    return message_class("ModelStreamInferResponse")(error_message=str(error), infer_response=about)


def _inputs(message: Message) -> tuple[Tensor, ...]:
    places = [_place(each) for each in message.inputs]
    raw = message.raw_input_contents
    if raw and len(raw) != places.count(None):
        raise OipError(
            Status.INVALID_ARGUMENT,
            f"{places.count(None)} inputs are not in shared memory, but raw_input_contents has {len(raw)} elements.",
        )
    left = iter(raw) if raw else None
    return tuple(
        Tensor(each.name, each.datatype, tuple(each.shape), _data(each, left) if place is None else b"", place)
        for each, place in zip(message.inputs, places, strict=True)
    )


def _place(tensor: Message) -> SharedMemory | None:
    parameters = tensor.parameters
    return shared_memory(tensor.name, _parameters(parameters)) if parameters else None


def _data(tensor: Message, raw: Iterator[bytes] | None) -> bytes:
    if raw is not None:
        if tensor.HasField("contents"):
            raise OipError(Status.INVALID_ARGUMENT, f"input {tensor.name!r} has both contents and raw_input_contents.")
        return next(raw)
    if tensor.datatype == "BYTES":
        return packed_strings(tensor.contents.bytes_contents)
    field, dtype = _TYPED.get(tensor.datatype, ("", ""))
    if not field:
        raise OipError(Status.INVALID_ARGUMENT, f"input {tensor.name!r}: send {tensor.datatype!r} in raw_input_contents.")
    elements = getattr(tensor.contents, field)
    return packed(tensor.name, tensor.datatype, np.fromiter(elements, dtype, len(elements)))


def _parameters(fields: Mapping[str, Message]) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for name, field in fields.items():
        choice = field.WhichOneof("parameter_choice")
        if choice is None:
            raise OipError(Status.INVALID_ARGUMENT, f"parameter {name!r} has no value.")
        found[name] = getattr(field, choice)
    return found
