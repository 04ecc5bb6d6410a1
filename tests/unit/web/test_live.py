"""What a browser gets over its WebSocket."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient, WebSocketTestSession

from camslice.web.app import create_app
from tests.fake_fleet import FakeFleet, parse_camera


@pytest.fixture
def fleet() -> FakeFleet:
    return FakeFleet(["gate", "yard", "roof"])


@pytest.fixture
def socket(fleet: FakeFleet) -> Iterator[WebSocketTestSession]:
    app = create_app(fleet, token=None, parse_camera=parse_camera)
    with TestClient(app, base_url="http://127.0.0.1") as client, client.websocket_connect("ws://127.0.0.1/ws") as socket:
        yield socket


def picture(message: dict[str, object]) -> tuple[dict[str, object], bytes]:
    data = message["bytes"]
    assert isinstance(data, bytes)
    (length,) = struct.unpack_from(">I", data)
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def receive_until_picture(socket: WebSocketTestSession) -> dict[str, object]:
    while True:
        message = dict(socket.receive())
        if message.get("bytes") is not None:
            return message


def test_history_comes_first_then_the_status_again_and_again(socket: WebSocketTestSession) -> None:
    history = socket.receive_json()
    assert history["type"] == "history"
    statuses = [socket.receive_json() for _ in range(2)]
    assert [status["type"] for status in statuses] == ["status", "status"]
    assert statuses[1]["status"]["at_s"] > statuses[0]["status"]["at_s"]
    assert len(statuses[0]["status"]["cameras"]) == 3


def test_nobody_watches_so_nothing_is_drawn(socket: WebSocketTestSession, fleet: FakeFleet) -> None:
    for _ in range(3):
        assert dict(socket.receive()).get("bytes") is None
    assert fleet.watched == []


def test_a_watched_camera_is_asked_for_and_its_pictures_come(socket: WebSocketTestSession, fleet: FakeFleet) -> None:
    socket.send_json({"watch": ["yard"]})
    header, jpeg = picture(receive_until_picture(socket))
    assert header["camera"] == "yard"
    assert jpeg.startswith(b"\xff\xd8")
    assert jpeg.endswith(b"\xff\xd9")
    assert fleet.watched[0] == ("yard",)


def test_the_next_picture_waits_until_the_last_was_seen(socket: WebSocketTestSession) -> None:
    socket.receive_json()
    socket.receive_json()
    socket.send_json({"watch": ["gate"]})
    first, _ = picture(receive_until_picture(socket))
    # The fake draws five pictures a second: two statuses later there would be newer ones to send.
    assert socket.receive_json()["type"] == "status"
    assert socket.receive_json()["type"] == "status"
    socket.send_json({"seen": "gate"})
    second, _ = picture(receive_until_picture(socket))
    assert int(str(second["sequence"])) >= int(str(first["sequence"])) + 5


def test_a_camera_that_is_no_longer_watched_sends_nothing_more(socket: WebSocketTestSession) -> None:
    socket.send_json({"watch": ["gate"]})
    receive_until_picture(socket)
    socket.send_json({"watch": []})
    socket.send_json({"seen": "gate"})
    assert [socket.receive_json()["type"] for _ in range(2)] == ["status", "status"]


def test_a_camera_that_does_not_exist_does_not_disturb_the_others(socket: WebSocketTestSession) -> None:
    socket.send_json({"watch": ["nobody", "gate"]})
    header, _ = picture(receive_until_picture(socket))
    assert header["camera"] == "gate"


def test_two_browsers_together_watch_all_that_either_sees(fleet: FakeFleet) -> None:
    app = create_app(fleet, token=None, parse_camera=parse_camera)
    with (
        TestClient(app, base_url="http://127.0.0.1") as client,
        client.websocket_connect("ws://127.0.0.1/ws") as one,
        client.websocket_connect("ws://127.0.0.1/ws") as two,
    ):
        one.send_json({"watch": ["gate"]})
        receive_until_picture(one)
        two.send_json({"watch": ["roof"]})
        receive_until_picture(two)
        assert fleet.watched[-1] == ("gate", "roof")


@pytest.mark.parametrize("message", ["[", "[]", '"watch"', '{"watch": "gate"}', '{"watch": [1]}', '{"seen": 1}', "{}"])
def test_a_browser_that_nobody_understands_is_told_so(socket: WebSocketTestSession, message: str) -> None:
    socket.send_text(message)
    while (received := dict(socket.receive()))["type"] != "websocket.close":
        assert received["type"] == "websocket.send"
    assert received["code"] == 1008


def test_a_binary_message_is_one_that_nobody_understands(socket: WebSocketTestSession) -> None:
    socket.send_bytes(b'{"watch": ["gate"]}')
    while (received := dict(socket.receive()))["type"] != "websocket.close":
        assert received["type"] == "websocket.send"
    assert received["code"] == 1008
