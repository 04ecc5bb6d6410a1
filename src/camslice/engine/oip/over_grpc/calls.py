"""Every call of the protocol over gRPC: bytes in, the service asked, bytes or a status out.

Messages are parsed here and not by gRPC, so that what is no message gets a proper status, and so that a message is looked at
before it is taken apart (see `structure`). They are also read here: gRPC would read a message before anybody could ask who
sends it, wait for it for ever, and count the call among those that are under way meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError, Message

from camslice.engine.oip import described
from camslice.engine.oip.access import DEMAND, admits, require_this_host
from camslice.engine.oip.bridge import Changes, inferred
from camslice.engine.oip.descriptors import SERVICE, calls
from camslice.engine.oip.gate import Gate
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.over_grpc.infer import parse_request, read_request, response_message
from camslice.engine.oip.over_grpc.stream import InferStreams
from camslice.engine.oip.service import Json, Service
from camslice.engine.oip.unwritten import Unwritten
from camslice.engine.oip.wire_limits import WireLimits

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

log = logging.getLogger(__name__)

_OPEN = frozenset({"ServerLive", "ServerReady"})
"""What needs no token and finds room at any time: whoever watches over the server asks whether it lives, and learns nothing
else. Their requests are empty and are not even read.
"""
_LONGEST_DETAILS = 1000
"""Characters of a status message; gRPC sends it as a header, and headers are limited."""
_CODES = {
    Status.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Status.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Status.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Status.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Status.TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    Status.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Status.TOO_LATE: grpc.StatusCode.DEADLINE_EXCEEDED,
    Status.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Status.UNSUPPORTED: grpc.StatusCode.UNIMPLEMENTED,
    Status.INTERNAL: grpc.StatusCode.INTERNAL,
}

Answer = Callable[[Message], Mapping[str, Json]]


class GrpcCalls:
    """The calls of one server. Lives on the transports' event loop."""

    def __init__(self, service: Service, limits: WireLimits, token: str | None) -> None:
        self._service = service
        self._limits = limits
        self._token = token
        self._changes = Changes()
        self._gate = Gate(limits.requests_at_once)
        self._unwritten = Unwritten(limits.unwritten_bytes)
        self._streams = InferStreams(service, limits, self._unwritten)
        self._answers: Mapping[str, Answer] = {
            "ServerLive": lambda _: {"live": service.live()},
            "ServerReady": lambda _: {"ready": service.ready()},
            "ServerMetadata": lambda _: described.server_metadata(service.metadata()),
            "ModelReady": lambda of: {"ready": service.model_ready(of.name, of.version)},
            "ModelMetadata": lambda of: described.model_metadata(service.model_metadata(of.name, of.version)),
            "ModelConfig": lambda of: {"config": dict(service.model_config(of.name, of.version))},
            "ModelStatistics": lambda of: described.model_statistics(service.statistics(of.name, of.version)),
            "RepositoryIndex": lambda of: {"models": described.repository_index(service.repository_index(of.ready))},
            "SystemSharedMemoryStatus": self._regions,
            "SystemSharedMemoryUnregister": self._unregister,
        }

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server is to be given."""
        unary = {
            name: grpc.stream_unary_rpc_method_handler(self._guarded(name, self._work(name)))
            for name in calls()
            if name != "ModelStreamInfer"
        }
        stream = grpc.stream_stream_rpc_method_handler(self._stream)
        return grpc.method_handlers_generic_handler(SERVICE, {**unary, "ModelStreamInfer": stream})

    def drain(self) -> None:
        """Have every stream end as soon as what it has asked for is answered."""
        self._streams.drain()

    def _work(self, name: str) -> Callable[[ServicerContext], Awaitable[Message]]:
        if name in _OPEN:
            return partial(self._health, name)
        if name == "ModelInfer":
            return self._infer
        if name == "SystemSharedMemoryRegister":
            return partial(self._register, name)
        if name == "RepositoryModelLoad":
            return partial(self._change, name, "loaded", self._service.load)
        if name == "RepositoryModelUnload":
            return partial(self._change, name, "unloaded", self._service.unload)
        return partial(self._describe, name)

    def _guarded(
        self, name: str, work: Callable[[ServicerContext], Awaitable[Message]]
    ) -> Callable[[object, ServicerContext], Awaitable[bytes]]:
        async def call(_: object, context: ServicerContext) -> bytes:
            try:
                if name in _OPEN:
                    return bytes((await work(context)).SerializeToString())
                self._admit(context)
                with self._gate.passed():
                    return bytes((await work(context)).SerializeToString())
            except OipError as error:
                refusal = error
            except Exception as error:  # noqa: BLE001 - a defect of ours ends one call, not the server
                refusal = _defect(name, error)
            await _refuse(context, refusal)
            return b""

        return call

    async def _stream(self, _: object, context: ServicerContext) -> None:
        try:
            self._admit(context)
            with self._gate.passed():
                await self._streams.serve(context)
        except OipError as error:
            refusal = error
        except Exception as error:  # noqa: BLE001 - as above
            refusal = _defect("ModelStreamInfer", error)
        else:
            return
        await _refuse(context, refusal)

    def _admit(self, context: ServicerContext) -> None:
        if self._token is None:
            return
        headers = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        if not admits(self._token, headers.get("authorization")):
            raise OipError(Status.UNAUTHENTICATED, DEMAND)

    async def _health(self, name: str, _: ServicerContext) -> Message:
        return _message(name, self._answers[name](calls()[name][0]()))

    async def _infer(self, context: ServicerContext) -> Message:
        # The message is held by nothing while its answer is waited for: of an inline picture there would be three copies.
        request = read_request(parse_request(await self._read(context), self._limits), context.time_remaining())
        response = await inferred(self._service, request)
        on_read = self._unwritten.hold(response)
        context.add_done_callback(lambda _: on_read())
        return response_message(response)

    async def _describe(self, name: str, context: ServicerContext) -> Message:
        request = self._parsed(name, await self._read(context))
        if name not in self._answers:
            raise OipError(Status.UNSUPPORTED, f"{name} is not supported.")
        return _message(name, self._answers[name](request))

    async def _change(self, name: str, change: str, work: Callable[[str], None], context: ServicerContext) -> Message:
        asked = self._parsed(name, await self._read(context))
        if change == "loaded" and asked.parameters:
            raise OipError(Status.UNSUPPORTED, "a model is loaded as it was declared: parameters are not supported.")
        await self._changes.make(asked.model_name, change, partial(work, asked.model_name))
        return _message(name, {})

    async def _read(self, context: ServicerContext) -> bytes:
        try:
            async with asyncio.timeout(self._limits.read_s):
                body = await context.read()
        except TimeoutError:
            raise OipError(Status.TOO_LATE, f"the call's message did not come within {self._limits.read_s:g} s.") from None
        if body is grpc.aio.EOF:
            raise OipError(Status.INVALID_ARGUMENT, "the call brought no message.")
        return bytes(body)

    def _parsed(self, name: str, body: bytes) -> Message:
        if len(body) > self._limits.control_bytes:
            raise OipError(Status.TOO_LARGE, f"a request of {name} may have {self._limits.control_bytes} bytes.")
        try:
            return calls()[name][0].FromString(body)
        except DecodeError:
            raise OipError(Status.INVALID_ARGUMENT, f"this is no request of {name}.") from None

    def _regions(self, request: Message) -> Mapping[str, Json]:
        found = self._service.shared_memory.status(request.name)
        return {"regions": {each.name: described.region(each) for each in found}}

    async def _register(self, name: str, context: ServicerContext) -> Message:
        asked = self._parsed(name, await self._read(context))
        require_this_host(context.peer())
        trusted = self._token is not None
        self._service.shared_memory.register(asked.name, asked.key, asked.byte_size, asked.offset, trusted=trusted)
        return _message(name, {})

    def _unregister(self, request: Message) -> Mapping[str, Json]:
        if request.name:
            self._service.shared_memory.unregister(request.name)
        else:
            self._service.shared_memory.unregister_all()
        return {}


def _message(name: str, answer: Mapping[str, Json]) -> Message:
    return ParseDict(answer, calls()[name][1](), ignore_unknown_fields=True)


def _defect(name: str, error: Exception) -> OipError:
    log.error("%s failed: %r", name, error)
    return OipError(Status.INTERNAL, "the server failed to answer; its log says why.")


async def _refuse(context: ServicerContext, error: OipError) -> None:
    try:
        await context.abort(_CODES[error.status], str(error)[:_LONGEST_DETAILS])
    except grpc.aio.InternalError:
        log.debug("a client was gone before it could be told: %s", error)
