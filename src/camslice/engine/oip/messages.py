"""Requests and answers of the Open Inference Protocol as plain values, the same for gRPC and for HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from camslice.fleet.errors import EngineError

Parameter = bool | int | float | str
"""What a parameter's value may be."""


class Status(StrEnum):
    """Why a request was not answered; each transport has its own code for it."""

    INVALID_ARGUMENT = "invalid argument"
    UNAUTHENTICATED = "unauthenticated"
    NOT_FOUND = "not found"
    ALREADY_EXISTS = "already exists"
    TOO_LARGE = "too large"
    OVERLOADED = "overloaded"
    """The queue is full."""
    TOO_LATE = "too late"
    """The answer could no longer be there by the request's deadline."""
    UNAVAILABLE = "unavailable"
    """The model is not ready."""
    UNSUPPORTED = "unsupported"
    INTERNAL = "internal"


LONGEST_MESSAGE = 2000


class OipError(EngineError):
    """A request that is refused or failed: its status, and one sentence for whoever sent it.

    The sentence is cut at `LONGEST_MESSAGE` characters: it may quote what the client sent, and transports carry little.
    """

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}...")
        self.status = status


@dataclass(frozen=True, slots=True)
class SharedMemory:
    """Where a tensor lies: `byte_size` bytes at `offset` of a registered region."""

    region: str
    offset: int
    byte_size: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. `data` holds its elements little-endian in row-major order (BYTES: each element behind its length as
    uint32); it is empty when the tensor lies in shared memory.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes | memoryview = b""
    shared_memory: SharedMemory | None = None


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """An output that the client asks for, and where it is to be put if not into the answer."""

    name: str
    shared_memory: SharedMemory | None = None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One inference request. Without `outputs` the model's usual ones come back. `deadline_ns` is on the monotonic clock."""

    model: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[RequestedOutput, ...] = ()
    version: str = ""
    id: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    deadline_ns: int | None = None


@dataclass(frozen=True, slots=True)
class InferResponse:
    """The answer. `parameters` hold what the server spent: `queue_ns`, `preprocess_ns`, `inference_ns`, `postprocess_ns`."""

    model: str
    outputs: tuple[Tensor, ...]
    version: str = "1"
    id: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
