"""Starting, stopping, and who may come in."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import pytest

from camslice.engine.oip import access
from camslice.engine.oip.access import admits, is_this_host
from camslice.engine.oip.descriptors import message_class
from camslice.engine.oip.listen import AbstractAddress, TcpAddress, parse_address
from camslice.engine.oip.server import OipServer
from camslice.engine.oip.tls import Tls, read_tls
from camslice.fleet.errors import MachineError
from tests.certificates import Authority
from tests.unit.engine.oip.fake_service import PATIENCE_S, FakeService
from tests.unit.engine.oip.servers import LIMITS, grpc_client, http_client, infer_message, serving

TOKEN = "0123456789abcdef-token"
LOCAL = TcpAddress("127.0.0.1", 0)


def test_a_started_server_knows_its_real_ports() -> None:
    with serving(FakeService()) as server:
        assert isinstance(server.grpc_address, TcpAddress)
        assert isinstance(server.http_address, TcpAddress)
        assert 0 not in {server.grpc_address.port, server.http_address.port}


def test_either_transport_may_be_left_out() -> None:
    for addresses in ({"grpc_address": LOCAL}, {"http_address": LOCAL}):
        server = OipServer(FakeService(), **addresses)
        server.start()
        server.stop()
    with pytest.raises(MachineError, match="no address to listen on"):
        OipServer(FakeService())


def test_ports_can_be_taken_again_after_stopping() -> None:
    with serving(FakeService()) as server:
        pass
    again = OipServer(FakeService(), server.grpc_address, server.http_address)
    again.start()
    again.stop()


def test_stopping_ends_the_thread_and_may_be_done_twice_or_before_the_start() -> None:
    server = OipServer(FakeService(), LOCAL, LOCAL)
    server.stop()
    server.start()
    server.stop()
    server.stop()
    assert "oip-server" not in [thread.name for thread in threading.enumerate()]


def test_a_server_that_stops_answers_what_it_has_taken() -> None:
    service = FakeService(hold=True)
    with serving(service) as server, grpc_client(server) as client, http_client(server) as web:
        over_grpc = threading.Thread(target=lambda: seen.append(client.call("ModelInfer", infer_message()).model_name))
        over_http = threading.Thread(
            target=lambda: seen.append(web.post("models/echo/infer", json={"inputs": []}).json()["model_name"])
        )
        seen: list[str] = []
        for thread in (over_grpc, over_http):
            thread.start()
        waiting = [service.asked(), service.asked()]
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        for each in waiting:
            each.answer()
        for thread in (over_grpc, over_http, stopping):
            thread.join(PATIENCE_S)
    assert seen == ["echo", "echo"]


def test_an_answer_that_comes_after_the_end_does_no_harm() -> None:
    service = FakeService(hold=True)
    with serving(service) as server, grpc_client(server) as client:
        call = threading.Thread(target=client.refusal, args=("ModelInfer", infer_message()))
        call.start()
        waiting = service.asked()
        server.stop(grace_s=0)
        call.join(PATIENCE_S)
    waiting.answer()


@pytest.mark.parametrize("which", ["grpc", "http"])
def test_a_port_in_use_is_one_sentence_and_nothing_stays_open(which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = TcpAddress("127.0.0.1", taken.getsockname()[1])
        server = OipServer(FakeService(), busy if which == "grpc" else LOCAL, busy if which == "http" else LOCAL)
        with pytest.raises(MachineError, match=f"port {busy.port}: the port is in use"):
            server.start()
    assert "oip-server" not in [thread.name for thread in threading.enumerate()]


def test_two_servers_never_share_a_port() -> None:
    with serving(FakeService()) as server, pytest.raises(MachineError, match="the port is in use"):
        OipServer(FakeService(), server.grpc_address).start()


def test_a_name_without_a_file_can_be_listened_on() -> None:
    address = parse_address("unix-abstract:camslice-test-of-the-server")
    server = OipServer(FakeService(), address)
    server.start()
    try:
        with grpc_client(server) as client:
            assert client.call("ServerLive").live
        with pytest.raises(MachineError, match="the name is in use"):
            OipServer(FakeService(), address).start()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8001", TcpAddress("127.0.0.1", 8001)),
        ("[::1]:8001", TcpAddress("::1", 8001)),
        ("unix-abstract:a", AbstractAddress("a")),
    ],
)
def test_addresses_are_read_and_written(text: str, address: TcpAddress | AbstractAddress) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize("text", ["unix-abstract:", "unix-abstract:" + "x" * 108, "unix-abstract:a\0b", "8001", "unix:/tmp/a"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(MachineError, match="cannot listen on"):
        parse_address(text)


def test_an_address_that_others_reach_needs_a_token() -> None:
    everywhere = TcpAddress("0.0.0.0", 0)
    for addresses in ((everywhere, None), (None, everywhere)):
        with pytest.raises(MachineError, match="the server would be open to everyone"):
            OipServer(FakeService(), *addresses)
        OipServer(FakeService(), *addresses, token=TOKEN)
    with pytest.raises(MachineError, match="too short"):
        OipServer(FakeService(), AbstractAddress("a"), token="short")


@pytest.mark.parametrize(
    ("header", "admitted"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN} ", True),
        (f"Bearer {TOKEN}x", False),
        (f"Basic {TOKEN}", False),
        (TOKEN, False),
        ("Bearer é", False),
        ("Bearer \udcff", False),
        ("", False),
        (None, False),
    ],
)
def test_the_token_is_a_bearer_token(header: str | None, admitted: bool) -> None:
    assert admits(TOKEN, header) is admitted
    assert admits(None, header)


def test_without_the_token_only_health_is_told() -> None:
    with serving(FakeService(), token=TOKEN) as server, grpc_client(server) as client, http_client(server) as web:
        assert client.call("ServerLive").live
        assert client.call("ServerReady").ready
        assert web.get("health/live").status_code == web.get("health/ready").status_code == 200
        for name in ("ServerMetadata", "ModelInfer", "RepositoryIndex", "SystemSharedMemoryStatus", "TraceSetting"):
            code, details = client.refusal(name)
            assert code is grpc.StatusCode.UNAUTHENTICATED
            assert "needs the token" in details
        for path in ("", "models/echo", "models/stats", "no/such/address"):
            answer = web.get(path)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        stream = client.channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")(iter(()), timeout=PATIENCE_S)
        with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
            next(stream)


def test_with_the_token_everything_is_open() -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "gpu-host", "Origin": "http://anywhere"}
    with serving(FakeService(), token=TOKEN) as server, grpc_client(server, token=TOKEN) as client:
        assert client.call("ModelInfer", infer_message()).outputs
        with http_client(server, headers=headers) as web:
            assert web.get("models/echo").status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "["}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_web_site_cannot_use_a_server_without_a_token(headers: dict[str, str]) -> None:
    with serving(FakeService()) as server, http_client(server, headers=headers) as web:
        assert web.post("repository/models/echo/unload").status_code == 403


@pytest.mark.parametrize("token", [None, TOKEN])
def test_memory_is_shared_by_this_host_only(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    service, region = FakeService(), {"key": "/there", "byte_size": 8}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with (
        serving(service, token=token) as server,
        grpc_client(server, token=token) as client,
        http_client(server, headers=headers) as web,
    ):
        asked = message_class("SystemSharedMemoryRegisterRequest")(name="a", **region)
        client.call("SystemSharedMemoryRegister", asked)
        assert web.post("systemsharedmemory/region/b/register", json=region).status_code == 200
        assert service.shared_memory.trusted == ({"a", "b"} if token else set())
        service.shared_memory.unregister_all()
        from_afar = {"X-Forwarded-For": "192.0.2.1"}
        answer = web.post("systemsharedmemory/region/b/register", json=region, headers=from_afar)
        assert (answer.status_code, "own host" in answer.json()["error"]) == (400, True)
        monkeypatch.setattr(access, "is_this_host", lambda peer: not peer.startswith("ipv4:127.0.0.1:"))
        code, details = client.refusal("SystemSharedMemoryRegister", asked)
        assert (code, "own host" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)
        assert service.shared_memory.regions == {}


@pytest.mark.parametrize(
    ("peer", "here"),
    [
        ("ipv4:127.0.0.1:4711", True),
        ("ipv6:%5B::1%5D:4711", True),
        ("ipv6:%5B::ffff:127.0.0.1%5D:4711", True),
        ("unix:", True),
        ("unix-abstract:name", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("192.0.2.1", False),
        ("ipv4:192.0.2.1:4711", False),
        ("ipv6:%5B2001:db8::1%5D:4711", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_a_peer_is_on_this_host_or_not(peer: str, here: bool) -> None:
    assert is_this_host(peer) is here


def test_more_requests_than_the_server_takes_are_refused_at_once_but_health_is_always_told() -> None:
    service = FakeService(hold=True)
    limits = replace(LIMITS, requests_at_once=1)
    with serving(service, limits=limits) as server, grpc_client(server) as client, http_client(server) as web:
        held = [
            threading.Thread(target=client.call, args=("ModelInfer", infer_message())),
            threading.Thread(target=httpx.post, args=(f"{web.base_url}models/echo/infer",), kwargs={"json": {"inputs": []}}),
        ]
        for thread in held:
            thread.start()
        waiting = [service.asked(), service.asked()]
        assert client.refusal("ServerMetadata")[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        answer = web.get("models/echo")
        assert (answer.status_code, "most allowed" in answer.json()["error"]) == (429, True)
        assert client.call("ServerLive").live
        assert web.get("health/live").status_code == 200
        for each in waiting:
            each.answer()
        for thread in held:
            thread.join(PATIENCE_S)
        assert client.call("ServerMetadata").name == web.get(f"http://{server.http_address}/v2").json()["name"]


def test_whoever_has_no_token_holds_no_call_open() -> None:
    """A call is refused by its headers; gRPC alone would wait for its message first, and the server would be full of such."""
    limits = replace(LIMITS, requests_at_once=2)
    with serving(FakeService(), token=TOKEN, limits=limits) as server, grpc_client(server) as stranger:
        never = threading.Event()
        opened = stranger.channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        silent = [opened.future(iter(never.wait, True), timeout=PATIENCE_S) for _ in range(5)]
        assert {call.exception(PATIENCE_S).code() for call in silent} == {grpc.StatusCode.UNAUTHENTICATED}
        with grpc_client(server, token=TOKEN) as client:
            assert client.call("ModelInfer", infer_message()).outputs
        never.set()


def test_silent_connections_shut_nobody_out() -> None:
    with serving(FakeService(), limits=replace(LIMITS, requests_at_once=4)) as server, http_client(server) as web:
        assert server.http_address is not None
        place = (server.http_address.host, server.http_address.port)
        silent = [socket.create_connection(place, PATIENCE_S) for _ in range(12)]
        for _ in range(3):
            assert web.get("models/echo").status_code == web.get("health/live").status_code == 200
        assert silent[0].recv(1) == b"", "the one that was silent for longest made room"
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("begun", [b"", b"GET /v2 HTTP/1.1\r\nHost: lo", b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\nGET"])
def test_a_connection_that_says_nothing_whole_is_closed(begun: bytes) -> None:
    with serving(FakeService(), limits=replace(LIMITS, head_s=0.1)) as server:
        assert server.http_address is not None
        with socket.create_connection((server.http_address.host, server.http_address.port), PATIENCE_S) as connection:
            connection.sendall(begun)
            while connection.recv(1000):
                pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> tuple[Path, Path]:
    return authority.certificate("server")


def test_both_transports_are_encrypted(authority: Authority, pair: tuple[Path, Path]) -> None:
    trusting = grpc.ssl_channel_credentials(authority.ca.read_bytes())
    with serving(FakeService(), tls=read_tls(*pair, None)) as server:
        with grpc_client(server, trusting) as client:
            assert client.call("ModelInfer", infer_message()).outputs
        with http_client(server, verify=authority.context()) as web:
            assert web.get("health/live").status_code == 200
        with grpc_client(server) as plain:
            assert plain.refusal("ServerLive")[0] is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://{server.http_address}/v2/health/live")


def test_clients_show_a_certificate_where_one_is_asked_for(authority: Authority, pair: tuple[Path, Path]) -> None:
    tls = read_tls(*pair, authority.ca)
    certificate, key = authority.certificate("client")
    trusted = grpc.ssl_channel_credentials(authority.ca.read_bytes(), key.read_bytes(), certificate.read_bytes())
    nameless = grpc.ssl_channel_credentials(authority.ca.read_bytes())
    with serving(FakeService(), tls=tls) as server:
        with grpc_client(server, trusted) as client:
            assert client.call("ServerLive").live
        with grpc_client(server, nameless) as client:
            assert client.refusal("ServerLive")[0] is grpc.StatusCode.UNAVAILABLE
        with http_client(server, verify=authority.context(certificate, key)) as web:
            assert web.get("health/live").status_code == 200
        with http_client(server, verify=authority.context()) as web, pytest.raises(httpx.HTTPError):
            web.get("health/live")


def test_no_tls_is_no_tls() -> None:
    assert read_tls(None, None, None) is None


def test_what_cannot_encrypt_is_refused_by_the_name_of_its_option(
    authority: Authority, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate, key = pair
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("-----BEGIN CERTIFICATE-----\n")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "rsa", "-aes128", "-passout", "pass:secret", "-in", key, "-out", locked], check=True, capture_output=True
    )
    other, _ = authority.certificate("other")
    missing = tmp_path / "missing.pem"
    wrong: list[tuple[Path | None, Path | None, Path | None, str]] = [
        (certificate, None, None, "--tls-cert needs --tls-key"),
        (None, key, None, "--tls-key needs --tls-cert"),
        (None, None, authority.ca, "--tls-client-ca needs --tls-cert and --tls-key"),
        (missing, key, None, f"--tls-cert {missing}: No such file"),
        (tmp_path, key, None, "Is a directory"),
        (nonsense, key, None, "no certificate and private key"),
        (certificate, nonsense, None, "no certificate and private key"),
        (certificate, locked, None, "protected by a passphrase"),
        (other, key, None, "do not belong together"),
        (certificate, key, nonsense, f"--tls-client-ca {nonsense}: it holds no certificate"),
    ]
    for cert, private, ca, words in wrong:
        with pytest.raises(MachineError, match=re.escape(words)) as refused:
            read_tls(cert, private, ca)
        assert "secret" not in str(refused.value)


def test_keys_are_not_shown(pair: tuple[Path, Path]) -> None:
    tls = read_tls(*pair, None)
    assert isinstance(tls, Tls)
    assert "PRIVATE" not in repr(tls)
