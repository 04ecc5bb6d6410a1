"""Listening, and refusing to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from websockets.sync.client import connect

from camslice.fleet.errors import MachineError
from camslice.web.app import create_app
from camslice.web.server import WebServer
from tests.fake_fleet import FakeFleet, parse_camera


@pytest.fixture
def server() -> Iterator[WebServer]:
    server = WebServer(create_app(FakeFleet(), token=None, parse_camera=parse_camera), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


def test_a_started_server_answers_at_its_url(server: WebServer) -> None:
    assert httpx.get(f"{server.url}/healthz").text == "ok\n"


def test_stopping_ends_open_connections_and_the_thread(server: WebServer) -> None:
    with connect(server.url.replace("http", "ws") + "/ws") as watching:
        watching.recv(timeout=10)
        server.stop()
    assert "camslice-web" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/healthz")


def test_the_port_can_be_taken_again_after_stopping(server: WebServer) -> None:
    server.stop()
    port = int(server.url.rsplit(":", 1)[1])
    again = WebServer(create_app(FakeFleet(), token=None, parse_camera=parse_camera), "127.0.0.1", port)
    again.start()
    again.stop()


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MachineError, match=f"port {port}: the port is in use"):
            WebServer(FastAPI(), "127.0.0.1", port).start()


def test_a_server_that_was_never_started_can_be_stopped() -> None:
    WebServer(FastAPI()).stop()
