"""Inference requests as bytes on the wire."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from camslice.engine.oip.descriptors import message_class
from camslice.engine.oip.messages import Parameter, Tensor
from camslice.engine.oip.parameters import put_parameters, shared_memory_parameters

_RAW_CONTENTS = b"\x3a"
"""The key of `raw_input_contents`: field 7, bytes."""
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Request:
    """`body` is a serialised `ModelInferRequest`, `id` what it is called in there: no other of this process is called so."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all requests to a model have in common. Without `outputs` the server answers all it has."""

    model: str
    outputs: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def request(self, inputs: Sequence[Tensor], timeout_us: int | None = None) -> Request:
        """A request with an id of its own. The tensors' bytes are copied once, here, and not by protobuf before that."""
        parameters = dict(self.parameters)
        if timeout_us is not None:
            parameters["timeout"] = timeout_us
        head = message_class("ModelInferRequest")(model_name=self.model, id=str(next(_NUMBERS)))
        put_parameters(head.parameters, parameters)
        for tensor in inputs:
            described = head.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            if tensor.shared_memory is not None:
                put_parameters(described.parameters, shared_memory_parameters(tensor.shared_memory))
        for name in self.outputs:
            head.outputs.add(name=name)
        raw = [tensor.data for tensor in inputs if tensor.shared_memory is None]
        return Request(head.id, b"".join([head.SerializeToString(), *_contents(raw)]))


def _contents(raw: Sequence[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Each as protobuf has it: its key, its length in groups of seven bits, the lowest first, and its bytes."""
    for data in raw:
        length, left = bytearray(), len(data)
        while left > 0x7F:
            length.append(left & 0x7F | 0x80)
            left >>= 7
        length.append(left)
        yield _RAW_CONTENTS + length
        yield data
