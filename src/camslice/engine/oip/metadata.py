"""What a served model takes and gives, in the protocol's words and in those of Triton's configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from camslice.engine.oip.answers import BOXES
from camslice.engine.oip.descriptions import ModelMetadata, TensorMetadata
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.pictures import COLOUR, Kind
from camslice.engine.oip.served_model import VERSION, ServedModel

Json = bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What a JSON document may hold."""


def model_metadata(name: str, served: ServedModel) -> ModelMetadata:
    """Inputs, of which a request has one, and outputs, of which `boxes` is the usual one."""
    source = served.source
    width, height = source.info.input.width, source.info.input.height
    inputs = (
        TensorMetadata(Kind.PICTURE.value, "UINT8", (-1, -1, -1, 3)),
        TensorMetadata(Kind.JPEG.value, "BYTES", (-1,)),
        TensorMetadata(Kind.I420.value, "UINT8", (-1, height * 3 // 2, width)),
        TensorMetadata(COLOUR, "FP32", (-1, 3, 4)),
        TensorMetadata(Kind.TENSOR.value, "FP32", (-1, 3, height, width)),
    )
    outputs = (TensorMetadata(BOXES, "FP32", (-1, -1, 6)), *source.outputs)
    return ModelMetadata(name, (VERSION,), _platform(served), inputs, outputs)


def model_config(name: str, served: ServedModel, limits: Limits) -> Mapping[str, Json]:
    """Triton's keys: name, platform, backend, max_batch_size, input, output, dynamic_batching, parameters."""
    info, metadata = served.source.info, model_metadata(name, served)
    inputs: list[Json] = [{**_tensor(tensor), "format": "FORMAT_NONE", "optional": True} for tensor in metadata.inputs]
    outputs: list[Json] = [_tensor(tensor) for tensor in metadata.outputs]
    preferred: list[Json] = list(served.batch_sizes())
    policy: dict[str, Json] = {
        "timeout_action": "REJECT",
        "allow_timeout_override": True,
        "max_queue_size": limits.waiting_pictures,
    }
    return {
        "name": name,
        "platform": metadata.platform,
        "backend": served.source.spec.backend.value,
        "max_batch_size": min(limits.pictures_per_request, limits.waiting_pictures),
        "input": inputs,
        "output": outputs,
        "dynamic_batching": {
            "preferred_batch_size": preferred,
            "max_queue_delay_microseconds": 0,
            "default_queue_policy": policy,
        },
        "parameters": {
            "labels": {"string_value": json.dumps(info.labels)},
            "decoder": {"string_value": info.decoder},
            "sha256": {"string_value": info.sha256},
        },
    }


def _tensor(tensor: TensorMetadata) -> dict[str, Json]:
    """Triton leaves the number of pictures out of `dims`."""
    dims: Sequence[int] = tensor.shape[1:] or (1,)
    kind = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
    return {"name": tensor.name, "data_type": f"TYPE_{kind}", "dims": list(dims)}


def _platform(served: ServedModel) -> str:
    source = served.source
    weights = {".onnx": "onnx", ".xml": "ir"}.get(source.info.path.suffix, "weights")
    return f"{source.spec.backend.value}_{weights}"
