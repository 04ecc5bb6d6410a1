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
from camslice.web.address import bound_socket, is_loopback, parse_listen, url_of
from camslice.web.app import create_app
from camslice.web.server import WebServer, require_token
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


@pytest.mark.parametrize(
    ("host", "words"), [("192.0.2.1", "no address of this machine"), ("no-such-host.invalid", "no such host name")]
)
def test_an_address_that_is_not_ours_is_one_sentence(host: str, words: str) -> None:
    with pytest.raises(MachineError, match=words):
        bound_socket(host, 0)


def test_a_server_that_was_never_started_can_be_stopped() -> None:
    WebServer(FastAPI()).stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    require_token(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.0.0.5", "camera-host"])
def test_any_other_address_demands_a_token(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(MachineError, match="CAMSLICE_TOKEN"):
        require_token(host, None)
    require_token(host, "0123456789abcdef")


def test_a_token_that_is_easily_guessed_is_refused() -> None:
    with pytest.raises(MachineError, match="16 characters"):
        require_token("127.0.0.1", "secret")


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:80", ("::1", 80)), (":9000", ("", 9000)), ("cam:0", ("cam", 0))],
)
def test_listen_addresses_are_read(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize("text", ["8080", "host", "host:", "host:x", "host:70000", "host:-1", ""])
def test_what_is_no_listen_address_is_refused(text: str) -> None:
    with pytest.raises(MachineError, match="HOST:PORT"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
        ("0.0.0.0", "http://localhost:1"),
        ("", "http://localhost:1"),
    ],
)
def test_the_url_is_one_that_can_be_opened(host: str, url: str) -> None:
    assert url_of(host, 1) == url
