"""Addresses to listen on."""

from __future__ import annotations

import socket

import pytest

from camslice.fleet.address import bound_socket, is_loopback, parse_listen, require_token, url_of
from camslice.fleet.errors import MachineError


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MachineError, match=f"port {port}: the port is in use"):
            bound_socket("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "words"), [("192.0.2.1", "no address of this machine"), ("no-such-host.invalid", "no such host name")]
)
def test_an_address_that_is_not_ours_is_one_sentence(host: str, words: str) -> None:
    with pytest.raises(MachineError, match=words):
        bound_socket(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    require_token(host, None, "the page")


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.0.0.5", "camera-host"])
def test_any_other_address_demands_a_token(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(MachineError, match="CAMSLICE_TOKEN"):
        require_token(host, None, "the page")
    require_token(host, "0123456789abcdef", "the page")


def test_a_token_that_is_easily_guessed_is_refused() -> None:
    with pytest.raises(MachineError, match="16 characters"):
        require_token("127.0.0.1", "secret", "the page")


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
