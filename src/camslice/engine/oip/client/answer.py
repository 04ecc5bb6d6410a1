"""Inference answers: the outputs as arrays, and what the server says that it spent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from camslice.fleet.errors import EngineError

_TYPES: Mapping[str, type[np.generic]] = {
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
}
_FIELDS: Mapping[str, str] = {
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """Durations in ns on the server's clock; 0 for what it does not say."""

    queue_ns: int = 0
    preprocess_ns: int = 0
    inference_ns: int = 0
    postprocess_ns: int = 0

    @property
    def total_ns(self) -> int:
        """All of it."""
        return self.queue_ns + self.preprocess_ns + self.inference_ns + self.postprocess_ns


def outputs_of(answer: Message, order: Sequence[str], count: int) -> list[npt.NDArray[np.float32]]:
    """The outputs of a `ModelInferResponse` as float32 [count, ...]: those of `order` in that order, without it all of them.

    Raises EngineError for an answer that is not what the server said it would be.
    """
    raw = answer.raw_output_contents
    if raw and len(raw) != len(answer.outputs):
        raise EngineError(f"the server's answer has {len(answer.outputs)} outputs and the bytes of {len(raw)}")
    found = {output.name: _array(output, raw[index] if raw else None, count) for index, output in enumerate(answer.outputs)}
    names = order or tuple(found)
    lacking = [name for name in names if name not in found]
    if lacking or not found:
        raise EngineError(f"the server's answer lacks the output {', '.join(lacking) or 'of any name'}")
    return [found[name] for name in names]


def spent_by(answer: Message) -> Spent:
    """What the parameters of a `ModelInferResponse` say. Negative durations are not believed."""
    parts = ("queue_ns", "preprocess_ns", "inference_ns", "postprocess_ns")
    return Spent(*(max(0, _number(answer.parameters, name)) for name in parts))


def _number(parameters: Mapping[str, Message], name: str) -> int:
    if name not in parameters:  # reading a key of a protobuf map that is not there would make it
        return 0
    choice = parameters[name].WhichOneof("parameter_choice")
    return int(getattr(parameters[name], choice)) if choice in {"int64_param", "uint64_param"} else 0


def _array(output: Message, raw: bytes | None, count: int) -> npt.NDArray[np.float32]:
    shape = tuple(output.shape)
    kind = _TYPES.get(output.datatype)
    if kind is None or (raw is None and output.datatype not in _FIELDS):
        raise EngineError(
            f"the server answers {output.name} as {output.datatype}, which is no type that boxes can be read from"
        )
    if raw is None:
        flat = np.array(getattr(output.contents, _FIELDS[output.datatype]), np.float32)
    elif len(raw) % np.dtype(kind).itemsize:
        flat = np.empty(0, np.float32)
    else:
        flat = np.frombuffer(raw, kind).astype(np.float32, copy=False)
    if not shape or shape[0] != count or min(shape) < 0 or flat.size != math.prod(shape):
        raise EngineError(
            f"the server answers {output.name} with {flat.size} numbers for shape {list(shape)}, of {count} picture(s)"
        )
    return flat.reshape(shape)
