"""The protocol's protobuf messages, built at run time from the compiled `open_inference.proto`.

They live in a pool of their own: a process that also imports Triton's client, which brings messages of the same names,
has both without a clash. And without generated code no version of protobuf is asked for but the one that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

SERVICE = "inference.GRPCInferenceService"


@cache
def message_class(name: str) -> type[Message]:
    """The class of a message of package `inference`, such as `ModelInferRequest`. KeyError if there is none."""
    found: type[Message] = GetMessageClass(_pool().FindMessageTypeByName(f"inference.{name}"))
    return found


@cache
def calls() -> Mapping[str, tuple[type[Message], type[Message]]]:
    """Every call of the service by name, with the classes of its request and of its answer."""
    service = _pool().FindServiceByName(SERVICE)
    return MappingProxyType(
        {method.name: (GetMessageClass(method.input_type), GetMessageClass(method.output_type)) for method in service.methods}
    )


@cache
def _pool() -> DescriptorPool:
    described = FileDescriptorSet.FromString((files(__package__) / "open_inference.binpb").read_bytes())
    pool = DescriptorPool()
    for file in described.file:
        pool.Add(file)
    return pool
