"""Drafts as the bytes of a transport: protobuf, or JSON with tensors in it or behind it."""

from __future__ import annotations

import json
from random import Random

import numpy as np
from google.protobuf.message import Message

from camslice.engine.oip.descriptors import message_class
from tests.soak.fuzz.drafts import Draft, DraftTensor

_ITEMS = {"UINT8": ("uint_contents", "u1"), "FP32": ("fp32_contents", "<f4")}


def as_protobuf(draft: Draft, chance: Random) -> Message:
    """A `ModelInferRequest`; small tensors now and then in typed fields."""
    message = message_class("ModelInferRequest")(
        model_name=_utf8(draft.model), model_version=_utf8(draft.version), id=_utf8(draft.id)
    )
    _fill(message.parameters, draft.parameters)
    typed = chance.random() < 0.1
    for each in draft.inputs:
        tensor = message.inputs.add(
            name=_utf8(each.name), datatype=_utf8(each.datatype), shape=[_clamped(size) for size in each.shape]
        )
        _fill(tensor.parameters, each.parameters)
        field, dtype = _ITEMS.get(each.datatype, ("", ""))
        if typed and field and len(each.data) < 20_000 and len(each.data) % np.dtype(dtype).itemsize == 0:
            getattr(tensor.contents, field).extend(np.frombuffer(each.data, dtype).tolist())
        elif "shared_memory_region" not in each.parameters or each.data:
            message.raw_input_contents.append(each.data)
    for name, parameters in draft.outputs:
        _fill(message.outputs.add(name=_utf8(name)).parameters, parameters)
    return message


def as_json(draft: Draft, chance: Random) -> tuple[dict[str, object], bytes]:
    """The JSON of a request, and the bytes that go behind it."""
    behind = b""
    inputs = []
    binary = chance.random() < 0.8
    for each in draft.inputs:
        tensor: dict[str, object] = {
            "name": each.name,
            "datatype": each.datatype,
            "shape": each.shape,
            "parameters": dict(each.parameters),
        }
        if binary or len(each.data) > 20_000:
            if each.data or "shared_memory_region" not in each.parameters:
                tensor["parameters"] = {"binary_data_size": len(each.data)} | each.parameters
            behind += each.data
        else:
            tensor["data"] = _elements(each)
        inputs.append(tensor)
    outputs = [{"name": name, "parameters": parameters | _binary(chance)} for name, parameters in draft.outputs]
    return {"id": draft.id, "parameters": draft.parameters, "inputs": inputs, "outputs": outputs}, behind


def json_text(value: object) -> bytes:
    """JSON as Python writes it, NaN and lone surrogates included."""
    return json.dumps(value).encode()


def _elements(tensor: DraftTensor) -> list[object]:
    if tensor.datatype == "BYTES":
        return [tensor.data.decode("latin-1")]
    _, dtype = _ITEMS.get(tensor.datatype, ("", "u1"))
    values: list[object] = np.frombuffer(tensor.data[: len(tensor.data) // 4 * 4], dtype).tolist()
    return values


def _binary(chance: Random) -> dict[str, object]:
    return {} if chance.random() < 0.5 else {"binary_data": chance.random() < 0.7}


def _fill(fields: object, parameters: dict[str, object]) -> None:
    for name, value in parameters.items():
        choice = fields[_utf8(name)]  # type: ignore[index]  # a protobuf map
        if isinstance(value, bool):
            choice.bool_param = value
        elif isinstance(value, int):
            choice.int64_param = _clamped(value)
        elif isinstance(value, float):
            choice.double_param = value
        else:
            choice.string_param = _utf8(str(value))


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _clamped(value: int) -> int:
    return max(-(2**63), min(2**63 - 1, value))
