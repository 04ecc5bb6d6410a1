"""When the engine `oip` sends its requests over one stream, when as single calls, and what becomes of it when a stream ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence

import pytest
from google.protobuf.message import Message

from camslice.engine.oip.client import request_stream
from camslice.engine.oip.client.engine import OipEngine
from camslice.fleet.errors import EngineAwayError
from tests.unit.engine.oip.client.fake_server import FakeServer
from tests.unit.engine.oip.client.test_engine_at_a_server import PATIENCE_S, Answer, acquired, asked, at, fill
from tests.unit.engine.oip.client.until import until

LOG = "camslice.engine.oip.client"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer().start()
    yield server
    server.stop()


@pytest.fixture
def engines() -> Iterator[list[OipEngine]]:
    made: list[OipEngine] = []
    yield made
    for engine in made:
        engine.close()


def bends(server: FakeServer, bend: object) -> FakeServer:
    server.bend = bend  # type: ignore[assignment]
    return server


def test_all_requests_of_a_session_go_over_one_stream(
    server: FakeServer, engines: list[OipEngine], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOG)
    streamed: list[str] = []
    bends(server, lambda answer: (streamed.append(answer.infer_response.id), (answer,))[1])
    engine = at(server, engines)
    streamed.clear()
    assert all(asked(engine, [value]).error is None for value in (10, 20, 30))
    assert len(set(streamed)) == 3
    assert len(server.streams) == 1
    assert caplog.text.count("requests go over one stream") == 1
    assert "single calls" not in engine.info.device
    engine.close()
    until(lambda: not server.streams)


def other_id(answer: Message) -> Sequence[Message]:
    answer.infer_response.id = "someone"
    return (answer,)


@pytest.mark.parametrize(
    ("bend", "level"), [(None, logging.INFO), (other_id, logging.WARNING), (lambda answer: (answer, answer), logging.WARNING)]
)
def test_a_server_without_a_stream_as_ours_gets_single_calls_and_is_asked_for_one_once(
    server: FakeServer, engines: list[OipEngine], caplog: pytest.LogCaptureFixture, bend: object, level: int
) -> None:
    caplog.set_level(logging.INFO, LOG)
    if bend is None:
        server.stop()
        server.stream = False
        server.start()
    else:
        bends(server, bend)
    engine = at(server, engines)
    opened = list(server.streams)
    assert all(asked(engine, [value]).error is None for value in (10, 20, 30))
    assert [record.levelno for record in caplog.records if "requests go as single calls" in record.message] == [level]
    assert server.streams in ([], opened)
    assert "single calls" in engine.info.device


def test_a_stream_that_answers_twice_after_all_is_not_believed(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    assert "single calls" not in engine.info.device
    bends(server, lambda answer: (answer, answer))
    first = asked(engine, [10])  # the first of its two answers is as good as any
    assert first.error is None
    assert first.outputs[0][0, 0, 4] * 255 == pytest.approx(10, abs=0.5)
    until_lost_and_back(engine)
    assert asked(engine, [20]).error is None
    assert "single calls" in engine.info.device


def held_batches(server: FakeServer, engine: OipEngine, count: int) -> list[Answer]:
    """Requests that the server has and does not answer."""
    while server.arrived.acquire(blocking=False):
        pass
    server.hold = threading.Event()
    waiting = []
    for value in range(count):
        batch = acquired(engine)
        fill(batch, 0, value)
        waiting.append(Answer())
        batch.start(1, waiting[-1], None)
    for _ in waiting:
        assert server.arrived.acquire(timeout=PATIENCE_S)
    return waiting


def test_a_stream_that_is_cut_while_its_server_lives_is_followed_by_single_calls(
    server: FakeServer, engines: list[OipEngine]
) -> None:
    engine = at(server, engines)
    waiting = held_batches(server, engine, 3)
    server.streams[0].cancel()
    assert [type(answer.wait().error) for answer in waiting] == [EngineAwayError] * 3
    assert server.hold is not None
    server.hold.set()
    assert asked(engine, [30]).error is None
    assert "single calls" in engine.info.device
    assert len(server.regions) == 1


def test_a_stream_that_has_lived_long_is_followed_by_another(
    server: FakeServer, engines: list[OipEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_stream, "SHORTEST_S", 0.0)
    engine = at(server, engines)
    server.streams[0].cancel()
    until_lost_and_back(engine)
    assert asked(engine, [30]).error is None
    assert "single calls" not in engine.info.device


def test_a_server_that_was_restarted_gets_a_stream_again(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    waiting = held_batches(server, engine, 2)
    server.stop()
    assert [type(answer.wait().error) for answer in waiting] == [EngineAwayError] * 2
    server.hold = None
    server.start()
    assert asked(engine, [30]).error is None
    assert len(server.streams) == 1
    assert "single calls" not in engine.info.device


def test_a_server_that_goes_while_nobody_asks_is_noticed_all_the_same(
    server: FakeServer, engines: list[OipEngine], caplog: pytest.LogCaptureFixture
) -> None:
    engine = at(server, engines)
    server.stop()
    until_lost(engine)
    server.start()
    assert asked(engine, [30]).error is None
    assert caplog.text.count("looking for it") == 1


def until_lost(engine: OipEngine) -> None:
    """Wait until the engine has noticed that its session is over."""
    until(lambda: engine._link.session is None)


def until_lost_and_back(engine: OipEngine) -> None:
    """Wait until it has another one, which may take it but a moment."""
    former = engine._link.latest
    until(lambda: engine._link.session not in {None, former})


def test_closing_while_requests_are_on_their_way_answers_each_once(
    server: FakeServer, engines: list[OipEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    from camslice.engine.oip.client import engine as module

    monkeypatch.setattr(module, "CLOSE_PATIENCE_S", 0.0)
    engine = at(server, engines)
    waiting = held_batches(server, engine, 4)
    engine.close()
    assert [type(answer.wait().error) for answer in waiting] == [EngineAwayError] * 4
    assert server.hold is not None
    server.hold.set()


def test_a_server_that_goes_while_its_stream_is_tried_is_not_one_without_a_stream(
    server: FakeServer, engines: list[OipEngine], caplog: pytest.LogCaptureFixture
) -> None:
    def go_away(answer: Message) -> Sequence[Message]:
        bends(server, lambda answer: (answer,))
        server.ready = False
        server.streams[0].cancel()
        return (answer,)

    back = threading.Timer(0.3, lambda: setattr(server, "ready", True))
    back.start()
    engine = at(bends(server, go_away), engines)
    assert "single calls" not in engine.info.device
    assert "single calls" not in caplog.text
    back.join()
