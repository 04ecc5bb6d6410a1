"""Streaming inference: many requests of one client under way, each answered as soon as it is, errors among the answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import Message

from camslice.engine.oip.bridge import inferred
from camslice.engine.oip.descriptors import message_class
from camslice.engine.oip.messages import InferResponse, OipError, Status
from camslice.engine.oip.over_grpc.infer import parse_request, read_request, response_message, stream_error
from camslice.engine.oip.service import Service
from camslice.engine.oip.unwritten import Unwritten, size_of
from camslice.engine.oip.wire_limits import WireLimits

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

log = logging.getLogger(__name__)


class InferStreams:
    """The open streams of a server. Lives on the transports' event loop; each stream's tasks end with its call."""

    def __init__(self, service: Service, limits: WireLimits, unwritten: Unwritten) -> None:
        self._service = service
        self._limits = limits
        self._unwritten = unwritten
        self._readers: set[asyncio.Task[None]] = set()

    async def serve(self, context: ServicerContext) -> None:
        """Answer one stream until its client ends it. Raises OipError when the server ends it first."""
        stream = _Stream(self._service, self._limits, self._unwritten, context)
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(stream.read(tasks))
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
            stream.on_given_up(reader.cancel)
        if stream.client_gone:
            return
        if stream.given_up:
            raise OipError(Status.TOO_LATE, f"an answer was not read within {self._limits.read_s:g} s.")
        if reader.cancelled():
            raise OipError(Status.UNAVAILABLE, "the server is stopping.")

    def drain(self) -> None:
        """Read no further requests; the streams end when those they hold are answered."""
        for reader in list(self._readers):
            reader.cancel()


class _Stream:
    def __init__(self, service: Service, limits: WireLimits, unwritten: Unwritten, context: ServicerContext) -> None:
        self._service = service
        self._limits = limits
        self._unwritten = unwritten
        self._context = context
        self._room = asyncio.Semaphore(limits.stream_requests_at_once)
        self._writing = asyncio.Lock()
        self._unwritten_bytes = 0
        self._few_unwritten = asyncio.Event()
        self._few_unwritten.set()
        self._give_up: Callable[[], object] = bool
        self.given_up = False
        self.client_gone = False

    def on_given_up(self, give_up: Callable[[], object]) -> None:
        """Have this called when the client does not read its answers."""
        self._give_up = give_up

    async def read(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._room.acquire()
            await self._few_unwritten.wait()
            body = await self._context.read()
            if body is grpc.aio.EOF:
                return
            tasks.create_task(self._answer(body))
            del body  # once it is parsed nobody needs it

    async def _answer(self, body: bytes) -> None:
        request_id = ""
        on_read: Callable[[], object] = bool
        try:
            asked = parse_request(body, self._limits)
            request_id = asked.id
            request = read_request(asked, None)
            del body, asked
            response = await inferred(self._service, request)
            on_read = self._hold(response)
            message = message_class("ModelStreamInferResponse")(infer_response=response_message(response))
            del response
        except OipError as error:
            message = stream_error(error, request_id)
        except Exception as error:  # noqa: BLE001 - a defect of ours ends one request, not the stream
            log.error("a request of a stream failed: %r", error)
            message = stream_error(OipError(Status.INTERNAL, "the server failed to answer; its log says why."), request_id)
        try:
            await self._write(message)
        except TimeoutError:
            self._context.add_done_callback(lambda _: on_read())  # gRPC keeps it as long as the call
            log.info("a client does not read the answers of its stream; no more of it is answered")
            self.given_up = True
            self._give_up()
        except BaseException:
            on_read()
            raise
        else:
            on_read()
        self._room.release()

    async def _write(self, message: Message) -> None:
        async with self._writing:  # gRPC allows one write at a time
            if self.given_up or self.client_gone:
                return
            try:
                async with asyncio.timeout(self._limits.read_s):
                    await self._context.write(message.SerializeToString())
            except grpc.aio.InternalError:  # that is how gRPC says it, when it has not yet ended the call itself
                self.client_gone = True
                self._give_up()

    def _hold(self, response: InferResponse) -> Callable[[], None]:
        """Count an answer until what is returned is called. Raises OipError (OVERLOADED)."""
        release, size = self._unwritten.hold(response), size_of(response)
        self._count(size)

        def on_read() -> None:
            release()
            self._count(-size)

        return on_read

    def _count(self, more_bytes: int) -> None:
        self._unwritten_bytes += more_bytes
        if self._unwritten_bytes > self._limits.stream_unwritten_bytes:
            self._few_unwritten.clear()
        else:
            self._few_unwritten.set()
