"""Streaming inference."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import grpc
import pytest
from google.protobuf.message import Message

from camslice.engine.oip.descriptors import SERVICE, message_class
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.over_grpc.stream import InferStreams
from camslice.engine.oip.server import OipServer
from camslice.engine.oip.unwritten import Unwritten
from tests.unit.engine.oip.fake_service import PATIENCE_S, FakeService
from tests.unit.engine.oip.servers import LIMITS, grpc_client, infer_message, serving


class Stream:
    """One open stream."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._requests: queue.Queue[bytes | None] = queue.Queue()
        self._call = channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")(iter(self._requests.get, None), timeout=PATIENCE_S)

    def send(self, message: Message | bytes) -> None:
        self._requests.put(message if isinstance(message, bytes) else message.SerializeToString())

    def answer(self) -> Message:
        return message_class("ModelStreamInferResponse").FromString(next(self._call))

    def end(self) -> list[bytes]:
        """End it from this side; what still came."""
        self._requests.put(None)
        return list(self._call)

    def leave(self) -> None:
        self._call.cancel()
        self._requests.put(None)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def server(service: FakeService) -> Iterator[OipServer]:
    with serving(service, limits=replace(LIMITS, stream_requests_at_once=4)) as server:
        yield server


@pytest.fixture
def stream(server: OipServer) -> Iterator[Stream]:
    with grpc_client(server) as client:
        yield Stream(client.channel)


def test_each_request_is_answered_as_soon_as_it_is_done(service: FakeService, stream: Stream) -> None:
    service.hold = True
    for name in ("slow", "quick"):
        stream.send(infer_message(id=name))
    slow, quick = service.asked(), service.asked()
    quick.answer()
    assert stream.answer().infer_response.id == "quick"
    slow.answer()
    assert stream.answer().infer_response.id == "slow"
    assert stream.end() == []


def test_a_stream_that_its_client_ends_still_gets_every_answer(service: FakeService, stream: Stream) -> None:
    for i in range(20):
        stream.send(infer_message(id=str(i)))
    ids = {message_class("ModelStreamInferResponse").FromString(each).infer_response.id for each in stream.end()}
    assert ids == {str(i) for i in range(20)}


def test_an_error_is_an_answer_like_others_and_the_stream_goes_on(service: FakeService, stream: Stream) -> None:
    service.refuse = OipError(Status.TOO_LATE, "it is too late.")
    stream.send(infer_message(id="late"))
    refused = stream.answer()
    assert (refused.error_message, refused.infer_response.id) == ("it is too late.", "late")
    assert refused.infer_response.parameters["status"].string_param == "too late"
    service.refuse = ZeroDivisionError()
    stream.send(infer_message(id="broken"))
    assert "its log says why" in stream.answer().error_message
    service.refuse = None
    stream.send(b"\xff\xff\xff")
    assert "no ModelInferRequest" in stream.answer().error_message
    stream.send(infer_message(id="fine"))
    assert stream.answer().infer_response.id == "fine"


def test_a_stream_has_so_many_requests_under_way_and_no_more(service: FakeService, stream: Stream) -> None:
    service.hold = True
    for i in range(6):
        stream.send(infer_message(id=str(i)))
    waiting = [service.asked() for _ in range(4)]
    with pytest.raises(queue.Empty):
        service.waiting.get(timeout=0.2)
    waiting[0].answer()
    assert service.asked().request.id == "4"
    stream.leave()


def test_a_client_that_leaves_in_the_middle_does_no_harm(service: FakeService, server: OipServer) -> None:
    service.hold = True
    with grpc_client(server) as client:
        stream = Stream(client.channel)
        stream.send(infer_message())
        waiting = service.asked()
        stream.leave()
        waiting.answer()
        service.hold = False
        assert client.call("ModelInfer", infer_message()).outputs


class LeftContext:
    """A call whose client has left before gRPC has noticed: reading waits, writing fails."""

    def __init__(self, body: bytes) -> None:
        self._bodies = [body, body]
        self.writes = 0

    async def read(self) -> bytes:
        if not self._bodies:
            await asyncio.Event().wait()
        return self._bodies.pop()

    async def write(self, _: bytes) -> None:
        self.writes += 1
        raise grpc.aio.InternalError


def test_a_client_that_has_left_is_nothing_to_tell_of(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    context = LeftContext(infer_message().SerializeToString())
    streams = InferStreams(service, LIMITS, Unwritten(LIMITS.unwritten_bytes))
    asyncio.run(asyncio.wait_for(streams.serve(cast("grpc.aio.ServicerContext", context)), PATIENCE_S))
    assert context.writes == 1
    assert caplog.text == ""


def test_a_server_that_stops_answers_what_a_stream_has_asked_for(
    service: FakeService, server: OipServer, stream: Stream
) -> None:
    service.hold = True
    stream.send(infer_message(id="last"))
    waiting = service.asked()
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    waiting.answer()
    assert stream.answer().infer_response.id == "last"
    with pytest.raises(grpc.RpcError) as ended:
        stream.answer()
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()


def test_a_stream_whose_answers_are_not_read_is_read_no_further_and_given_up(
    service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    limits = replace(LIMITS, stream_unwritten_bytes=100_000, message_bytes=1 << 20, structure_bytes=1 << 20, read_s=0.3)
    with serving(service, limits=limits) as server, grpc_client(server) as client:
        requests = iter([infer_message(bytes(500_000)).SerializeToString()] * 100)
        call = client.channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")(requests, timeout=PATIENCE_S)
        until_s = time.monotonic() + PATIENCE_S
        while "does not read the answers" not in caplog.text:
            assert time.monotonic() < until_s
            time.sleep(0.02)
        assert len(service.requests) < 20
        with pytest.raises(grpc.RpcError, match=r"was not read within 0\.3 s"):
            list(call)
        assert client.call("ModelInfer", infer_message()).outputs
