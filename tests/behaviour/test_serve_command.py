"""`camslice serve` as a user runs it: what it says, how it ends, what it refuses."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest

from camslice.engine.oip.descriptors import SERVICE, message_class
from tests.certificates import Authority
from tests.serve_process import PATIENCE_S, ServeProcess
from tests.tiny_detector import SIDE, tiny_detector

TOKEN = "0123456789abcdef-secret"
FREE = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    tiny_detector(path)
    return str(path)


@pytest.fixture
def server(weights: str) -> Iterator[ServeProcess]:
    with ServeProcess(weights) as server:
        yield server


def infer_body(side: int = SIDE) -> bytes:
    request = message_class("ModelInferRequest")(
        model_name="tiny", raw_input_contents=[bytes(np.full(side * side * 3, 200, np.uint8))]
    )
    request.inputs.add(name="picture", datatype="UINT8", shape=[1, side, side, 3])
    return request.SerializeToString()


def infer(address: str, body: bytes) -> object:
    with grpc.insecure_channel(address) as channel:
        answer = channel.unary_unary(f"/{SERVICE}/ModelInfer")(body, timeout=PATIENCE_S)
    return message_class("ModelInferResponse").FromString(answer)


def refused(*arguments: str) -> str:
    """The one sentence with which a command that cannot work ends."""
    command = [Path(sys.executable).parent / "camslice", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def test_a_server_that_is_terminated_prints_what_it_did_and_ends_well(server: ServeProcess) -> None:
    infer(server.grpc, infer_body())
    code, report = server.end(signal.SIGTERM)
    assert code == 0
    assert report["grpc"] == server.grpc
    assert report["http"] == server.http
    assert report["duration_s"] > 0
    (model,) = report["models"]
    assert (model["name"], model["inference_count"], model["refused"]) == ("tiny", 1, {})


def test_ctrl_c_ends_it_with_130_and_the_report(server: ServeProcess) -> None:
    code, report = server.end(signal.SIGINT)
    assert code == 130
    assert report["models"][0]["inference_count"] == 0


def test_what_it_has_computed_is_answered_before_it_ends(server: ServeProcess) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        send = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        calls = [send.future(infer_body(4 * SIDE), timeout=PATIENCE_S) for _ in range(8)]
        calls[0].result()
        code, report = server.end()
        ended = [call.code() for call in calls]
    answered = sum(each is grpc.StatusCode.OK for each in ended)
    assert code == 0
    assert report["models"][0]["inference_count"] == answered
    assert set(ended) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}, "none waited in vain"


def test_an_open_stream_does_not_keep_it(server: ServeProcess) -> None:
    hold = threading.Event()
    with grpc.insecure_channel(server.grpc) as channel:
        stream = channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")(_then_wait(infer_body(), hold))
        next(stream)
        assert server.end()[0] == 0
        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            next(stream)
        hold.set()


def _then_wait(body: bytes, hold: threading.Event) -> Iterator[bytes]:
    yield body
    hold.wait(PATIENCE_S)


def test_it_listens_on_a_name_and_without_http(weights: str) -> None:
    name = "unix-abstract:camslice-test-serve"
    with ServeProcess(weights, "--grpc", name, "--http", "none") as server:
        assert server.http == ""
        infer(name, infer_body())
        _, report = server.end()
    assert (report["grpc"], report["http"]) == (name, None)


def test_the_queue_and_the_message_have_the_size_that_was_asked_for(weights: str) -> None:
    with ServeProcess(weights, "--max-message-mb", "1", "--queue", "3") as server:
        config = httpx.get(f"http://{server.http}/v2/models/tiny/config").json()
        assert config["dynamic_batching"]["default_queue_policy"]["max_queue_size"] == 3
        with pytest.raises(grpc.RpcError, match="larger than max"):
            infer(server.grpc, infer_body(600))
        assert httpx.post(f"http://{server.http}/v2/models/tiny/infer", content=bytes(1_100_000)).status_code == 413


def test_a_token_keeps_others_out_and_stays_secret(weights: str) -> None:
    with ServeProcess(weights, environment={"CAMSLICE_TOKEN": TOKEN}) as server:
        index = f"http://{server.http}/v2/repository/index"
        assert httpx.post(index).status_code == 401
        assert httpx.post(index, headers={"Authorization": f"Bearer {TOKEN}"}).json()[0]["name"] == "tiny"
        assert httpx.post(index, headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 401
        with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
            infer(server.grpc, infer_body())
        _, report = server.end()
        assert TOKEN not in server.log() + json.dumps(report)


def test_metrics_that_are_open_say_what_was_asked_and_let_nobody_ask_more(weights: str) -> None:
    with ServeProcess(weights, "--open-metrics", environment={"CAMSLICE_TOKEN": TOKEN}) as server:
        address = f"http://{server.http}"
        asked = {"inputs": [{"name": "picture", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [9, 9, 9]}]}
        assert httpx.post(f"{address}/v2/models/tiny/infer", json=asked).status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{address}/v2/models/tiny/infer", json=asked, headers=bearer).status_code == 200
        told = httpx.get(f"{address}/metrics").text
    assert 'camslice_server_requests_answered_total{model="tiny"} 1.0' in told
    assert 'camslice_server_queue_duration_seconds_bucket{le="+Inf",model="tiny"} 1.0' in told
    assert 'camslice_server_batches_total{model="tiny",size="1"} 1.0' in told


def test_encrypted_it_is_reached_by_who_trusts_it(weights: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.certificate("server")
    with ServeProcess(weights, "--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        assert httpx.get(f"https://{server.http}/v2", verify=authority.context()).json()["name"] == "camslice"
        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            infer(server.grpc, infer_body())
        credentials = grpc.ssl_channel_credentials(authority.ca.read_bytes())
        with grpc.secure_channel(server.grpc, credentials) as channel:
            channel.unary_unary(f"/{SERVICE}/ModelInfer")(infer_body(), timeout=PATIENCE_S)


@pytest.mark.parametrize("transport", ["--grpc", "--http"])
def test_a_port_in_use_is_one_sentence(transport: str, weights: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = "--http" if transport == "--grpc" else "--grpc"
        sentence = refused(weights, transport, f"127.0.0.1:{port}", other, "127.0.0.1:0")
    assert f"cannot listen on 127.0.0.1, port {port}: the port is in use" in sentence


def test_what_cannot_work_is_refused_in_one_sentence(weights: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    missing = str(tmp_path / "missing")
    assert "yolox-nanoo" in refused("yolox-nanoo", *FREE)
    assert "broken" in refused(str(broken), *FREE)
    assert "two models are called 'tiny'" in refused(weights, weights, *FREE)
    assert "two models are called 'tiny'" in refused(weights, f"tiny={weights}", *FREE)
    assert "no address to listen on" in refused(weights, "--grpc", "none", "--http", "none")
    assert "HOST:PORT" in refused(weights, "--grpc", "8001")
    assert "for HTTP" in refused(weights, "--http", "unix-abstract:a")
    assert "set a token" in refused(weights, "--http", "0.0.0.0:0", "--grpc", "none")
    assert f"--token-file {missing}" in refused(weights, "--token-file", missing)
    assert "--tls-cert needs --tls-key" in refused(weights, "--tls-cert", str(text))
    assert "no certificate and private key" in refused(weights, "--tls-cert", str(text), "--tls-key", str(text))
    assert "--engine nothing" in refused(weights, "--engine", "nothing")
    assert "--engine oip" in refused(weights, "--engine", "oip", *FREE)
