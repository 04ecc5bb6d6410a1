"""`engine: oip` and its `server`: what is taken, what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import FleetError
from camslice.fleet.spec import parse_fleet
from camslice.fleet.types import Backend, ModelSpec, Server, Transport

ENVIRON = {"SERVER": "10.0.0.7", "TOKEN": "hunter2", "HOME": "/home/bob"}


def model(keys: str) -> ModelSpec:
    text = f"models:\n  people: {{weights: yolox-nano, {keys}}}\ncameras: []\n"
    return parse_fleet(text, Path("/site"), ENVIRON, "fleet.yaml").models["people"]


def complaint(keys: str) -> str:
    with pytest.raises(FleetError) as caught:
        model(keys)
    return str(caught.value)


def test_a_server_needs_an_address_only() -> None:
    spec = model("engine: oip, server: {url: 'grpc://10.0.0.7:8500'}")
    assert spec.backend is Backend.OIP
    assert spec.server == Server("grpc://10.0.0.7:8500", transport=Transport.AUTO)


def test_every_key_of_a_server_reaches_its_place() -> None:
    keys = "url: 'grpcs://${SERVER}:8500', model: nano, token: '${TOKEN}', ca: ca.pem, certificate: ~/me.pem, key: /k.pem"
    server = model(f"engine: oip, server: {{{keys}, transport: jpeg}}").server
    assert server == Server(
        "grpcs://10.0.0.7:8500", "nano", "hunter2", "/site/ca.pem", "/home/bob/me.pem", "/k.pem", Transport.JPEG
    )
    assert "hunter2" not in repr(server)


@pytest.mark.parametrize(
    "url", ["grpc://host:1", "grpc://[::1]:8500", "grpcs://a.b:65535", "unix:/run/oip.sock", "unix-abstract:camslice"]
)
def test_these_are_addresses(url: str) -> None:
    server = model(f"engine: oip, server: {{url: '{url}'}}").server
    assert server is not None
    assert server.url == url


@pytest.mark.parametrize(
    "url",
    ["host:1", "http://host:1", "grpc://host", "grpc://host:0", "grpc://host:65536", "grpc://:1", "grpc://h:1/x", "unix:a"],
)
def test_these_are_none(url: str) -> None:
    message = complaint(f"engine: oip, server: {{url: '{url}'}}")
    assert message.startswith("fleet.yaml:2: models.people.server.url:")
    assert "is no address of a server; write grpc://HOST:PORT" in message


@pytest.mark.parametrize(
    ("keys", "place", "pieces"),
    [
        ("engine: oip", "models.people.engine", ["no server is named", "add `server:"]),
        ("server: {url: 'grpc://h:1'}", "models.people.server", ["only `engine: oip` asks a server"]),
        ("engine: oip, server: {}", "models.people.server.url", ["is missing", "grpc://10.0.0.7:8500"]),
        ("engine: oip, server: grpc://h:1", "models.people.server", ["is not allowed", "{url: grpc://10.0.0.7:8500}"]),
        ("engine: oip, device: GPU, server: {url: 'grpc://h:1'}", "models.people.device", ["for the server to choose"]),
        ("engine: oip, precision: bf16, server: {url: 'grpc://h:1'}", "models.people.precision", ["for the server to choose"]),
        ("engine: oip, server: {url: 'grpc://h:1', ca: a}", "models.people.server.ca", ["grpcs://"]),
        ("engine: oip, server: {url: 'grpcs://h:1', key: a}", "models.people.server.key", ["add `certificate`"]),
        ("engine: oip, server: {url: 'grpcs://h:1', certificate: a}", "models.people.server.certificate", ["add `key`"]),
        ("engine: oip, server: {url: 'grpc://${NOPE}:1'}", "models.people.server.url", ["variable NOPE is not set"]),
        ("engine: oip, server: {url: 'grpc://h:1', token: '${NOPE}'}", "models.people.server.token", ["NOPE is not set"]),
        ("engine: oip, server: {url: 'grpc://h:1', transport: udp}", "models.people.server.transport", ["jpeg or tensor"]),
        ("engine: oip, server: {url: 'grpc://h:1', tokn: a}", "models.people.server.tokn", ["did you mean token?"]),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(keys: str, place: str, pieces: list[str]) -> None:
    message = complaint(keys)
    assert "\n" not in message
    assert message.startswith(f"fleet.yaml:2: {place}")
    assert all(piece in message for piece in pieces), message


def test_no_complaint_shows_a_credential() -> None:
    message = complaint("engine: oip, server: {url: 'grpc://bob:hunter2@h:1'}")
    assert "hunter2" not in message
