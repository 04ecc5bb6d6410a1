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
        """A request of which there is no other alike."""
        return self.form(inputs).request(inputs, timeout_us)

    def form(self, inputs: Sequence[Tensor]) -> Form:
        """For requests whose inputs are described as these are; what is in them may differ."""
        head = message_class("ModelInferRequest")(model_name=self.model)
        put_parameters(head.parameters, self.parameters)
        for tensor in inputs:
            described = head.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            if tensor.shared_memory is not None:
                put_parameters(described.parameters, shared_memory_parameters(tensor.shared_memory))
        for name in self.outputs:
            head.outputs.add(name=name)
        return Form(head.SerializeToString())


@dataclass(frozen=True, slots=True)
class Form:
    """`head` is what all requests have in common that ask for the same with inputs of the same names, types, shapes and places.

    Protobuf joins messages that follow one another, so what differs comes behind it.
    """

    head: bytes

    def request(self, inputs: Sequence[Tensor], timeout_us: int | None = None) -> Request:
        """A request with an id of its own. The tensors' bytes are copied once, here, and not by protobuf before that."""
        rest = message_class("ModelInferRequest")(id=str(next(_NUMBERS)))
        if timeout_us is not None:
            rest.parameters["timeout"].int64_param = timeout_us
        raw = [tensor.data for tensor in inputs if tensor.shared_memory is None]
        return Request(rest.id, b"".join([self.head, rest.SerializeToString(), *_contents(raw)]))


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
