"""Inference requests and answers over HTTP: JSON, with tensors inside it or as bytes behind it (the binary data extension)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Annotated

import numpy as np
from pydantic import BaseModel, FailFast, Field, PlainValidator, ValidationError

from camslice.engine.oip.elements import packed, packed_strings, unpacked
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
from camslice.engine.oip.parameters import shared_memory, shared_memory_parameters
from camslice.engine.oip.service import Json
from camslice.engine.oip.wire_limits import WireLimits

_BINARY, _BINARY_SIZE = "binary_data", "binary_data_size"
_BINARY_ANSWER = "binary_data_output"
_MOST_TENSORS = 1024
_NUMBERS: tuple[tuple[set[type], str], ...] = (({bool}, "?"), ({int}, "i8"), ({int}, "u8"), ({int, float}, "f8"))
"""What numbers of JSON can be, the exact kinds first. NumPy must not guess: a long string among them would cost gigabytes."""


@dataclass(frozen=True, slots=True)
class HttpInfer:
    """A request, and which of its outputs are to come as bytes: those named, or all (`every_binary`) but those named."""

    request: InferRequest
    binary: Mapping[str, bool]
    usually_binary: bool

    def is_binary(self, output: str) -> bool:
        """Whether this output is to come behind the JSON."""
        return self.binary.get(output, self.usually_binary)


def read_request(model: str, version: str, body: bytes | bytearray, json_bytes: int | None, limits: WireLimits) -> HttpInfer:
    """The request in `body`, whose first `json_bytes` (None: all) are JSON. Raises OipError."""
    if json_bytes is not None and not 0 <= json_bytes <= len(body):
        raise _invalid(f"the JSON is said to have {json_bytes} bytes, but the body has {len(body)}.")
    view = memoryview(body)
    header = view if json_bytes is None else view[:json_bytes]
    if len(header) > limits.structure_bytes:
        raise OipError(
            Status.TOO_LARGE, f"the JSON of a request may have {limits.structure_bytes} bytes: send tensors as binary data."
        )
    asked = _parsed(bytes(header))
    return HttpInfer(
        InferRequest(
            model=model,
            version=version,
            id=asked.id,
            inputs=_inputs(asked.inputs, view[len(header) :]),
            outputs=tuple(RequestedOutput(each.name, shared_memory(each.name, each.parameters)) for each in asked.outputs),
            parameters={name: value for name, value in asked.parameters.items() if name != _BINARY_ANSWER},
        ),
        {each.name: _flag(each.parameters, _BINARY) for each in asked.outputs if _BINARY in each.parameters},
        _flag(asked.parameters, _BINARY_ANSWER),
    )


def json_elements_bytes(asked: HttpInfer, response: InferResponse) -> int:
    """Raw bytes of the tensors that the answer tells in its JSON."""
    told = [each for each in response.outputs if each.shared_memory is None and not asked.is_binary(each.name)]
    return sum(len(each.data) for each in told)


def response_body(asked: HttpInfer, response: InferResponse, limits: WireLimits) -> tuple[bytes, list[bytes | memoryview]]:
    """The answer's JSON, and the tensors that go behind it. Raises OipError for what cannot be said in JSON."""
    if json_elements_bytes(asked, response) > limits.json_elements_bytes:
        raise OipError(
            Status.TOO_LARGE,
            f"the outputs have more than {limits.json_elements_bytes} bytes, too many for JSON: ask for them as binary_data.",
        )
    outputs: list[Json] = []
    binary: list[bytes | memoryview] = []
    for tensor in response.outputs:
        output: dict[str, Json] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if tensor.shared_memory is not None:
            output["parameters"] = dict(shared_memory_parameters(tensor.shared_memory))
        elif asked.is_binary(tensor.name):
            output["parameters"] = {_BINARY_SIZE: len(tensor.data)}
            binary.append(tensor.data)
        else:
            output["data"] = list(unpacked(tensor))
        outputs.append(output)
    answer: dict[str, Json] = {"model_name": response.model, "model_version": response.version, "outputs": outputs}
    if response.id:
        answer["id"] = response.id
    if response.parameters:
        answer["parameters"] = dict(response.parameters)
    return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode(), binary


def sentence_of(error: ValidationError) -> str:
    """What is wrong first in a JSON body, without any of its content."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"the request's JSON{f', {where}' if where else ''}: {first['msg'][0].lower()}{first['msg'][1:]}."


def _scalars(value: object) -> dict[str, Parameter]:
    if not isinstance(value, dict):
        raise ValueError("parameters are an object")
    for name, each in value.items():
        if not isinstance(each, bool | int | float | str):
            raise ValueError(f"parameter {name!r} must be a number, a string, true or false")
    return value


_Parameters = Annotated[dict[str, Parameter], PlainValidator(_scalars)]
_FEW = Field(max_length=_MOST_TENSORS)


# Everything here stops at its first error: a hostile request may hold a million, and collecting them would take a minute.
class _Input(BaseModel):
    name: str
    datatype: str
    shape: Annotated[list[int], FailFast()]
    parameters: _Parameters = Field(default_factory=dict)
    data: list[object] | None = None


class _Output(BaseModel):
    name: str
    parameters: _Parameters = Field(default_factory=dict)


class _Request(BaseModel):
    id: str = ""
    parameters: _Parameters = Field(default_factory=dict)
    inputs: Annotated[list[_Input], FailFast(), _FEW]
    outputs: Annotated[list[_Output], FailFast(), _FEW] = Field(default_factory=list)


def _parsed(header: bytes) -> _Request:
    try:
        return _Request.model_validate_json(header)
    except ValidationError as error:
        raise _invalid(sentence_of(error)) from None


def _inputs(inputs: list[_Input], binary: memoryview) -> tuple[Tensor, ...]:
    tensors = []
    at = 0
    for each in inputs:
        place = shared_memory(each.name, each.parameters)
        data: bytes | memoryview = b""
        if _BINARY_SIZE in each.parameters:
            size = each.parameters[_BINARY_SIZE]
            if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary) - at:
                raise _invalid(f"input {each.name!r}: {_BINARY_SIZE} is {size!r}, but {len(binary) - at} bytes are left.")
            data = binary[at : at + size]
            at += size
        elif place is None:
            data = _elements(each)
        tensors.append(_tensor(each, data, place))
    if at != len(binary):
        raise _invalid(f"{len(binary) - at} bytes behind the JSON belong to no input.")
    return tuple(tensors)


def _tensor(of: _Input, data: bytes | memoryview, place: SharedMemory | None) -> Tensor:
    if place is not None and (data or of.data is not None):
        raise _invalid(f"input {of.name!r} lies in shared memory and is sent as well.")
    return Tensor(of.name, of.datatype, tuple(of.shape), data, place)


def _elements(of: _Input) -> bytes:
    if of.data is None:
        raise _invalid(f"input {of.name!r} has no data.")
    flat = _flat(of.name, of.data)
    kinds = {type(each) for each in flat}
    if of.datatype == "BYTES" and kinds <= {str}:
        return packed_strings(str(each).encode() for each in flat)
    for allowed, dtype in _NUMBERS:
        if kinds <= allowed:
            try:
                return packed(of.name, of.datatype, np.array(flat, dtype))
            except OverflowError:
                continue
    raise _invalid(f"input {of.name!r}: not every element is a {of.datatype}.")


def _flat(name: str, data: list[object]) -> list[object]:
    """The elements in row-major order, whether they are given nested or not."""
    while data and isinstance(data[0], list):
        inner = [each for each in data if isinstance(each, list)]
        if len(inner) != len(data):
            raise _invalid(f"input {name!r}: its data is nested unevenly.")
        data = list(chain.from_iterable(inner))
    return data


def _flag(parameters: Mapping[str, Parameter], name: str) -> bool:
    value = parameters.get(name, False)
    if not isinstance(value, bool):
        raise _invalid(f"parameter {name} must be true or false.")
    return value


def _invalid(sentence: str) -> OipError:
    return OipError(Status.INVALID_ARGUMENT, sentence)
