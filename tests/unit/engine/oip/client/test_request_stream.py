"""Requests over one stream, to a server that does as it is told: order, refusals, silence, and every way for it to end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message

from camslice.engine.oip.client import request_stream
from camslice.engine.oip.client.connection import Connection
from camslice.engine.oip.client.refusals import UnsupportedError, refusal, refusal_in_stream
from camslice.engine.oip.client.request import Letterhead, Request
from camslice.engine.oip.client.request_stream import RequestStream, tried
from camslice.engine.oip.descriptors import message_class
from camslice.engine.oip.messages import OipError, Status, Tensor
from camslice.engine.oip.over_grpc.calls import _CODES
from camslice.engine.oip.over_grpc.infer import stream_error
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError
from camslice.fleet.types import Server
from tests.unit.engine.oip.client.fake_server import SIDE, FakeServer

PATIENCE_S = 20.0
NOW_S = 0.05
"""The patience of a request whose end is what is tested."""


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer().start()
    yield server
    server.stop()


@pytest.fixture
def connection(server: FakeServer) -> Iterator[Connection]:
    connection = Connection(Server(server.url))
    yield connection
    connection.close()


@pytest.fixture
def ends() -> SimpleQueue[EngineAwayError]:
    """What is said at the stream's end."""
    return SimpleQueue()


@pytest.fixture
def stream(connection: Connection, ends: SimpleQueue[EngineAwayError]) -> Iterator[RequestStream]:
    stream = RequestStream(connection, ends.put)
    yield stream
    stream.close()


def picture(value: int) -> Request:
    pixels = np.full((1, SIDE, SIDE, 3), value, np.uint8)
    return Letterhead("tiny", ("boxes",)).request([Tensor("picture", "UINT8", pixels.shape, pixels.data.cast("B"))])


class Heard:
    """What came for one request."""

    def __init__(
        self, stream: RequestStream, request: Request, patience_s: float = PATIENCE_S, *, hurried: bool = False
    ) -> None:
        self._came: SimpleQueue[Message | EngineError] = SimpleQueue()
        stream.infer(request, patience_s, self._came.put, hurried=hurried)

    def one(self) -> Message | EngineError:
        return self._came.get(timeout=PATIENCE_S)

    @property
    def nothing_more(self) -> bool:
        return self._came.empty()


def confidence(answer: Message | EngineError) -> float:
    assert isinstance(answer, Message), answer
    return float(np.frombuffer(answer.raw_output_contents[0], "<f4")[4]) * 255


def test_answers_come_to_those_who_asked_in_whatever_order(server: FakeServer, stream: RequestStream) -> None:
    server.hold = threading.Event()
    slow = picture(10)
    server.holds = lambda request: request.id == slow.id
    waiting, quick = Heard(stream, slow), [Heard(stream, picture(value)) for value in (20, 30)]
    assert [confidence(each.one()) for each in quick] == pytest.approx([20, 30], abs=0.5)
    assert waiting.nothing_more
    server.hold.set()
    assert confidence(waiting.one()) == pytest.approx(10, abs=0.5)


def test_many_at_once_from_many_threads_each_get_their_own(server: FakeServer, stream: RequestStream) -> None:
    found: dict[int, float] = {}

    def ask(value: int) -> None:
        found[value] = confidence(Heard(stream, picture(value)).one())

    threads = [threading.Thread(target=ask, args=(value,)) for value in range(0, 200, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert found == pytest.approx({value: value for value in range(0, 200, 4)}, abs=0.5)
    assert len(server.streams) == 1


@pytest.mark.parametrize("status", Status)
def test_a_refusal_over_a_stream_is_what_it_is_for_a_single_call(status: Status) -> None:
    said = refusal_in_stream("grpc://server:1", stream_error(OipError(status, "this is why"), "1"))
    alone = refusal("grpc://server:1", _CODES[status].name, "this is why")
    assert (type(said), str(said)) == (type(alone), str(alone))


def test_an_error_without_a_status_is_one_of_the_model(server: FakeServer, stream: RequestStream) -> None:
    def foreign(answer: Message) -> list[Message]:
        answer.infer_response.parameters.clear()
        return [answer]

    server.bend, server.refuse = foreign, (grpc.StatusCode.RESOURCE_EXHAUSTED, "cannot\nbe done")
    error = Heard(stream, picture(10)).one()
    assert type(error) is EngineError
    assert str(error) == f"{server.url}: cannot be done"
    server.refuse = None
    assert confidence(Heard(stream, picture(20)).one()) == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize(("hurried", "kind"), [(True, TooLateError), (False, EngineAwayError)])
def test_a_server_that_hangs_costs_each_request_its_patience_and_no_more(
    server: FakeServer, stream: RequestStream, hurried: bool, kind: type[EngineError]
) -> None:
    server.hold = threading.Event()
    given_up = [Heard(stream, picture(10), NOW_S, hurried=hurried) for _ in range(3)]
    patient = Heard(stream, picture(20))
    assert [type(each.one()) for each in given_up] == [kind] * 3
    server.hold.set()
    assert confidence(patient.one()) == pytest.approx(20, abs=0.5)
    assert confidence(Heard(stream, picture(30)).one()) == pytest.approx(30, abs=0.5)
    assert all(each.nothing_more for each in given_up)
    assert not stream.ended


def test_a_stream_on_which_too_many_are_never_answered_ends(
    server: FakeServer, stream: RequestStream, ends: SimpleQueue[EngineAwayError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_stream, "MOST_GIVEN_UP", 2)
    server.hold = threading.Event()
    first, patient = Heard(stream, picture(10), NOW_S), Heard(stream, picture(20))
    first.one()
    assert not stream.ended
    Heard(stream, picture(10), NOW_S).one()
    assert "2 requests of a stream were never answered" in str(ends.get(timeout=PATIENCE_S))
    assert isinstance(patient.one(), EngineAwayError)


def other_id(answer: Message) -> list[Message]:
    answer.infer_response.id = "someone"
    return [answer]


def no_id(answer: Message) -> list[Message]:
    answer.infer_response.id = ""
    return [answer]


def twice(answer: Message) -> list[Message]:
    return [answer, answer]


def other_protocol(answer: Message) -> list[Message]:
    """A server whose streams have bare answers in them: its model's name is read as an error."""
    return [answer.infer_response]


@pytest.mark.parametrize("bend", [other_id, no_id, twice, other_protocol])
def test_an_answer_that_was_not_asked_for_ends_the_stream(
    server: FakeServer, stream: RequestStream, ends: SimpleQueue[EngineAwayError], bend: object
) -> None:
    server.hold = threading.Event()
    held = picture(20)
    server.holds = lambda request: request.id == held.id
    server.bend = bend  # type: ignore[assignment]
    waiting = Heard(stream, held)
    Heard(stream, picture(10))
    assert isinstance(ends.get(timeout=PATIENCE_S), EngineAwayError)
    assert isinstance(waiting.one(), EngineAwayError)
    assert ends.empty()
    assert waiting.nothing_more
    with pytest.raises(EngineAwayError):
        Heard(stream, picture(10))


def test_a_stream_that_breaks_ends_everything_on_its_way_once(
    server: FakeServer, stream: RequestStream, ends: SimpleQueue[EngineAwayError]
) -> None:
    server.hold = threading.Event()
    waiting = [Heard(stream, picture(10)) for _ in range(4)]
    for _ in waiting:
        assert server.arrived.acquire(timeout=PATIENCE_S)
    server.streams[0].cancel()
    assert isinstance(ends.get(timeout=PATIENCE_S), EngineAwayError)
    assert [type(each.one()) for each in waiting] == [EngineAwayError] * 4
    assert stream.ended
    assert stream.cut_short
    server.hold.set()
    stream.close()
    assert all(each.nothing_more for each in waiting)
    assert ends.empty()


def test_a_server_that_is_killed_is_noticed_without_a_request(
    server: FakeServer, stream: RequestStream, ends: SimpleQueue[EngineAwayError]
) -> None:
    Heard(stream, picture(10)).one()
    server.stop()
    assert server.url in str(ends.get(timeout=PATIENCE_S))
    server.start()


def test_closing_ends_what_is_on_its_way_and_both_threads(
    server: FakeServer, connection: Connection, ends: SimpleQueue[EngineAwayError]
) -> None:
    before = set(threading.enumerate())
    stream = RequestStream(connection, ends.put)
    mine = {thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("oip-")}
    server.hold = threading.Event()
    waiting = [Heard(stream, picture(10)) for _ in range(4)]
    stream.close()
    stream.close()
    assert [type(each.one()) for each in waiting] == [EngineAwayError] * 4
    assert all(each.nothing_more for each in waiting)
    assert "the connection is closed" in str(ends.get(timeout=PATIENCE_S))
    assert not stream.cut_short
    assert len(mine) == 2
    assert not any(thread.is_alive() for thread in mine)
    with pytest.raises(EngineAwayError, match="the connection is closed"):
        Heard(stream, picture(10))


def test_closing_ends_the_thread_of_grpc_that_waits_for_requests(
    server: FakeServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending: SimpleQueue[threading.Thread] = SimpleQueue()
    outgoing = RequestStream._outgoing

    def watched(stream: RequestStream) -> Iterator[bytes]:
        sending.put(threading.current_thread())
        yield from outgoing(stream)

    monkeypatch.setattr(RequestStream, "_outgoing", watched)
    stream = RequestStream(connection, lambda _: None)
    thread = sending.get(timeout=PATIENCE_S)
    assert thread.is_alive()
    stream.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_closed_connection_ends_its_stream_and_opens_no_other(
    server: FakeServer, connection: Connection, stream: RequestStream
) -> None:
    server.hold = threading.Event()
    waiting = Heard(stream, picture(10))
    connection.close()
    assert isinstance(waiting.one(), EngineAwayError)
    with pytest.raises(EngineAwayError, match="the connection is closed"):
        RequestStream(connection, lambda _: None)


def test_whoever_hears_an_answer_may_close_the_stream(server: FakeServer, stream: RequestStream) -> None:
    closed = threading.Event()

    def close(_: object) -> None:
        stream.close()
        closed.set()

    stream.infer(picture(10), PATIENCE_S, close, hurried=False)
    assert closed.wait(PATIENCE_S)


# --- the trial


def test_a_stream_that_answers_two_at_once_is_good(server: FakeServer, connection: Connection) -> None:
    seen: list[float] = []
    stream = tried(
        connection, [picture(10), picture(20)], lambda answers: seen.extend(map(confidence, answers)), lambda _: None
    )
    assert seen == pytest.approx([10, 20], abs=0.5)
    stream.close()


def test_a_server_without_streams_says_so(servers_without: Connection) -> None:
    with pytest.raises(UnsupportedError):
        tried(servers_without, [picture(10)], lambda _: None, lambda _: None)


@pytest.fixture
def servers_without() -> Iterator[Connection]:
    server = FakeServer(stream=False).start()
    connection = Connection(Server(server.url))
    yield connection
    connection.close()
    server.stop()


@pytest.mark.parametrize("bend", [other_id, no_id, other_protocol, lambda _: ()], ids=["other", "none", "protocol", "silent"])
def test_a_stream_that_keeps_to_other_rules_is_not_taken(
    server: FakeServer, connection: Connection, bend: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_stream, "TRIAL_PATIENCE_S", 0.2)
    server.bend = bend  # type: ignore[assignment]
    before = set(threading.enumerate())
    with pytest.raises(EngineError):
        tried(connection, [picture(10), picture(20)], lambda _: None, lambda _: None)
    ours = {thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("oip-")}
    assert not ours


def test_a_server_that_is_busy_has_answered(server: FakeServer, connection: Connection) -> None:
    server.refuse = (grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")
    stream = tried(connection, [picture(10)], lambda _: pytest.fail("there is no answer"), lambda _: None)
    server.refuse = None
    assert confidence(Heard(stream, picture(20)).one()) == pytest.approx(20, abs=0.5)
    stream.close()


def test_an_error_of_the_model_over_the_stream_only_speaks_against_the_stream(
    server: FakeServer, connection: Connection
) -> None:
    server.refuse = (grpc.StatusCode.INTERNAL, "no streams for this model")
    with pytest.raises(EngineError, match="no streams for this model"):
        tried(connection, [picture(10)], lambda _: None, lambda _: None)


def test_looking_for_a_status_puts_none_into_the_message() -> None:
    answer = message_class("ModelStreamInferResponse")(error_message="why")
    assert str(refusal_in_stream("grpc://server:1", answer)) == "grpc://server:1: why"
    assert "status" not in answer.infer_response.parameters
