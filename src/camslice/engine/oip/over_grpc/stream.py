"""Streaming inference: many requests of one client under way, each answered as soon as it is, errors among the answers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import Message

from camslice.engine.oip.bridge import inferred
from camslice.engine.oip.descriptors import message_class
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.over_grpc.infer import parse_request, read_request, response_message, stream_error
from camslice.engine.oip.service import Service
from camslice.engine.oip.wire_limits import WireLimits

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

log = logging.getLogger(__name__)


class InferStreams:
    """The open streams of a server. Lives on the transports' event loop; each stream's tasks end with its call."""

    def __init__(self, service: Service, limits: WireLimits) -> None:
        self._service = service
        self._limits = limits
        self._readers: set[asyncio.Task[None]] = set()

    async def serve(self, context: ServicerContext) -> None:
        """Answer one stream until its client ends it. Raises OipError when the server ends it first."""
        stream = _Stream(self._service, self._limits, context)
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(stream.read(tasks))
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        if reader.cancelled():
            raise OipError(Status.UNAVAILABLE, "the server is stopping.")

    def drain(self) -> None:
        """Read no further requests; the streams end when those they hold are answered."""
        for reader in list(self._readers):
            reader.cancel()


class _Stream:
    def __init__(self, service: Service, limits: WireLimits, context: ServicerContext) -> None:
        self._service = service
        self._limits = limits
        self._context = context
        self._room = asyncio.Semaphore(limits.stream_requests_at_once)
        self._writing = asyncio.Lock()

    async def read(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._room.acquire()
            body = await self._context.read()
            if body is grpc.aio.EOF:
                return
            tasks.create_task(self._answer(body))

    async def _answer(self, body: bytes) -> None:
        message = await self._answered(body)
        async with self._writing:  # gRPC allows one write at a time
            await self._context.write(message.SerializeToString())
        self._room.release()

    async def _answered(self, body: bytes) -> Message:
        request_id = ""
        try:
            asked = parse_request(body, self._limits)
            request_id = asked.id
            response = response_message(await inferred(self._service, read_request(asked, None)))
        except OipError as error:
            return stream_error(error, request_id)
        except Exception as error:  # noqa: BLE001 - a defect of ours ends one request, not the stream
            log.error("a request of a stream failed: %r", error)
            return stream_error(OipError(Status.INTERNAL, "the server failed to answer; its log says why."), request_id)
        return message_class("ModelStreamInferResponse")(infer_response=response)
