"""The protocol over HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from camslice.engine.oip.messages import InferRequest, InferResponse, OipError, SharedMemory, Status, Tensor
from camslice.engine.oip.over_http import calls
from camslice.engine.oip.server import OipServer
from camslice.engine.oip.service import OnAnswer
from camslice.engine.oip.wire_limits import WireLimits
from tests.unit.engine.oip.fake_service import PATIENCE_S, FakeService
from tests.unit.engine.oip.servers import LIMITS, http_client, serving

INFER = "models/echo/infer"
SIZE = "Inference-Header-Content-Length"


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def server(service: FakeService) -> Iterator[OipServer]:
    with serving(service) as server:
        yield server


@pytest.fixture
def client(server: OipServer) -> Iterator[httpx.Client]:
    with http_client(server) as client:
        yield client


def an_input(data: object = None, **more: object) -> dict[str, Any]:
    sent = {} if data is None else {"data": data}
    return {"name": "data", "datatype": "UINT8", "shape": [1, 2], **sent, **more}


def test_the_server_says_who_it_is_and_what_it_serves(server: OipServer, client: httpx.Client) -> None:
    assert client.get(f"http://{server.http_address}/v2").json() == {
        "name": "camslice",
        "version": "0",
        "extensions": ["binary_tensor_data"],
    }
    assert client.get("models/echo").json()["inputs"] == [{"name": "data", "datatype": "UINT8", "shape": [-1, 4]}]
    assert client.get("models/echo/versions/1").json()["name"] == "echo"
    assert client.get("models/echo/config").json()["max_batch_size"] == 8
    for path in ("models/stats", "models/echo/stats", "models/echo/versions/1/stats"):
        (statistics,) = client.get(path).json()["model_stats"]
        assert (statistics["inference_count"], statistics["refused"]) == (7, {"too late": 2})


def test_prometheus_reads_what_every_model_was_asked_and_why_it_refused(server: OipServer, client: httpx.Client) -> None:
    answer = client.get(f"http://{server.http_address}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]

    def told(name: str, by: str = "model") -> dict[str, float]:
        return {sample.labels[by]: sample.value for sample in samples if sample.name == f"camslice_server_{name}"}

    assert told("model_ready") == {"echo": 1, "asleep": 0}
    assert told("requests_refused_total", "cause") == {each: 2 if each is Status.TOO_LATE else 0 for each in Status}
    assert told("requests_answered_total") == {"echo": 5}
    assert told("pictures_total") == {"echo": 7}
    assert told("request_duration_seconds_sum") == {"echo": pytest.approx(1e-6)}


@pytest.mark.parametrize(("is_open", "sent", "status"), [(False, None, 401), (False, "k" * 16, 200), (True, None, 200)])
def test_metrics_ask_for_the_token_unless_they_are_open(
    service: FakeService, is_open: bool, sent: str | None, status: int
) -> None:
    with serving(service, token="k" * 16, open_metrics=is_open) as server:
        headers = {} if sent is None else {"authorization": f"Bearer {sent}"}
        assert httpx.get(f"http://{server.http_address}/metrics", headers=headers).status_code == status
        assert httpx.get(f"http://{server.http_address}/v2/models/stats").status_code == 401, "nothing else is open"


def test_metrics_that_are_open_are_still_not_for_web_pages(service: FakeService) -> None:
    with serving(service, open_metrics=True) as server:
        page = {"origin": "http://elsewhere.example"}
        assert httpx.get(f"http://{server.http_address}/metrics", headers=page).status_code == 403


def test_health_is_a_status(service: FakeService, client: httpx.Client) -> None:
    paths = ("health/live", "health/ready", "models/echo/ready", "models/echo/versions/1/ready", "models/other/ready")
    assert [client.get(path).status_code for path in paths] == [200, 200, 200, 200, 503]
    service.is_ready = False
    assert [client.get(path).status_code for path in paths] == [200, 503, 503, 503, 503]


def test_the_repository_is_listed_and_its_models_come_and_go(service: FakeService, client: httpx.Client) -> None:
    assert [each["name"] for each in client.post("repository/index").json()] == ["echo", "asleep"]
    assert [each["name"] for each in client.post("repository/index", json={"ready": True}).json()] == ["echo"]
    unload = client.post("repository/models/echo/unload", json={"parameters": {"unload_dependents": False}})
    load = client.post("repository/models/echo/load")
    assert (unload.status_code, load.status_code) == (200, 200)
    assert service.changed == ["unload echo", "load echo"]
    assert client.post("repository/models/other/load").status_code == 404
    assert client.post("repository/models/echo/load", json={"parameters": {"config": "{}"}}).status_code == 501


def test_shared_memory_is_registered_listed_and_forgotten(service: FakeService, client: httpx.Client) -> None:
    region = {"key": "/there", "offset": 8, "byte_size": 16}
    for name in ("a", "b", "c"):
        assert client.post(f"systemsharedmemory/region/{name}/register", json=region).status_code == 200
    assert client.post("systemsharedmemory/region/a/register", json=region).status_code == 409
    assert client.get("systemsharedmemory/region/a/status").json() == [{"name": "a", **region}]
    client.post("systemsharedmemory/region/a/unregister")
    assert [each["name"] for each in client.get("systemsharedmemory/status").json()] == ["b", "c"]
    client.post("systemsharedmemory/unregister")
    assert service.shared_memory.regions == {}


@pytest.mark.parametrize("path", ["cudasharedmemory/status", "cudasharedmemory/region/a/register", "trace/setting", "logging"])
def test_what_the_server_does_not_do_is_said(path: str, client: httpx.Client) -> None:
    for answer in (client.get(path), client.post(path, json={})):
        assert (answer.status_code, answer.json()) == (501, {"error": f"/v2/{path} is not supported."})


def test_tensors_may_be_json(service: FakeService, client: httpx.Client) -> None:
    request = {"id": "seven", "inputs": [an_input([[1, 2]])], "parameters": {"confidence": 0.5, "classes": "person"}}
    answer = client.post("models/echo/versions/1/infer", json=request).json()
    (asked,) = service.requests
    assert (asked.model, asked.version, asked.id) == ("echo", "1", "seven")
    assert dict(asked.parameters) == {"confidence": 0.5, "classes": "person"}
    assert asked.inputs[0].data == b"\1\2"
    assert (answer["id"], answer["parameters"]["queue_ns"]) == ("seven", 5)
    assert answer["outputs"] == [{"name": "data", "datatype": "UINT8", "shape": [1, 2], "data": [1, 2]}]


@pytest.mark.parametrize(
    ("datatype", "data", "raw"),
    [
        ("BOOL", [True, False], b"\1\0"),
        ("INT16", [[-32768], [32767]], np.array([-32768, 32767], "<i2").tobytes()),
        ("UINT64", [2**64 - 1, 0], np.array([2**64 - 1, 0], "<u8").tobytes()),
        ("FP32", [0.5, 1], np.array([0.5, 1], "<f4").tobytes()),
        ("FP16", [0.5, 1], np.array([0.5, 1], "<f2").tobytes()),
        ("BYTES", ["é", ""], b"\2\0\0\0\xc3\xa9\0\0\0\0"),
        ("UINT8", [], b""),
    ],
)
def test_elements_of_json_become_raw_bytes(
    datatype: str, data: list[object], raw: bytes, service: FakeService, client: httpx.Client
) -> None:
    answer = client.post(INFER, json={"inputs": [an_input(data, datatype=datatype)]}).json()
    assert service.requests[0].inputs[0].data == raw
    assert answer["outputs"][0]["data"] == list(np.ravel(data))


def with_binary(request: dict[str, Any], *tensors: bytes) -> dict[str, Any]:
    header = json.dumps(request).encode()
    return {"content": b"".join([header, *tensors]), "headers": {SIZE: str(len(header))}}


def test_tensors_may_follow_the_json_as_bytes(service: FakeService, client: httpx.Client) -> None:
    first = an_input(parameters={"binary_data_size": 2})
    second = {**first, "name": "more", "parameters": {"binary_data_size": 1}}
    outputs = [{"name": "data", "parameters": {"binary_data": True}}]
    answer = client.post(INFER, **with_binary({"inputs": [first, second], "outputs": outputs}, b"ab", b"c"))
    assert [bytes(each.data) for each in service.requests[0].inputs] == [b"ab", b"c"]
    size = int(answer.headers[SIZE])
    data, more = json.loads(answer.content[:size])["outputs"]
    assert (data["parameters"], answer.content[size:]) == ({"binary_data_size": 2}, b"ab")
    assert more["data"] == [ord("c")]


def test_all_answers_may_be_asked_for_as_bytes(client: httpx.Client) -> None:
    answer = client.post(INFER, json={"inputs": [an_input([1, 2])], "parameters": {"binary_data_output": True}})
    assert answer.content[int(answer.headers[SIZE]) :] == b"\1\2"
    assert answer.headers["content-type"] == "application/octet-stream"


def test_tensors_in_shared_memory_are_named_and_not_sent(service: FakeService, client: httpx.Client) -> None:
    place = {"shared_memory_region": "a", "shared_memory_offset": 8, "shared_memory_byte_size": 2}
    request = {"inputs": [an_input(parameters=place)], "outputs": [{"name": "data", "parameters": place}]}
    answer = client.post(INFER, json=request).json()
    assert service.requests[0].inputs[0].shared_memory == SharedMemory("a", 8, 2)
    assert answer["outputs"] == [{"name": "data", "datatype": "UINT8", "shape": [1, 2], "parameters": place}]


class Numbers(FakeService):
    """Answers one tensor."""

    tensor = Tensor("out", "FP32", (1,))

    def infer(self, request: InferRequest, on_done: OnAnswer) -> None:
        on_done(InferResponse(request.model, (self.tensor,)))


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (Tensor("out", "FP32", (1,), np.array([np.inf], "<f4").tobytes()), "not finite"),
        (Tensor("out", "BYTES", (1,), b"\1\0\0\0\xff"), "no text"),
        (Tensor("out", "BF16", (1,), b"\0\0"), "BF16"),
    ],
)
def test_what_json_cannot_say_must_be_asked_for_as_bytes(tensor: Tensor, words: str) -> None:
    service = Numbers()
    service.tensor = tensor
    with serving(service) as server, http_client(server) as client:
        refused = client.post(INFER, json={"inputs": []})
        assert refused.status_code == 501
        assert words in refused.json()["error"]
        answer = client.post(INFER, json={"inputs": [], "parameters": {"binary_data_output": True}})
        assert answer.content[int(answer.headers[SIZE]) :] == tensor.data


def test_an_answer_too_long_for_json_must_be_asked_for_as_bytes() -> None:
    service = Numbers()
    service.tensor = Tensor("out", "FP32", (300_000,), bytes(1_200_000))
    with serving(service) as server, http_client(server) as client:
        refused = client.post(INFER, json={"inputs": []})
        assert (refused.status_code, "ask for them as binary_data" in refused.json()["error"]) == (413, True)
        answer = client.post(INFER, json={"inputs": [], "parameters": {"binary_data_output": True}})
        assert answer.content[int(answer.headers[SIZE]) :] == service.tensor.data


def test_much_json_is_read_and_written_by_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def noted(name: str) -> None:
        really = getattr(calls, name)

        def work(*arguments: object) -> object:
            threads.append(threading.current_thread().name)
            return really(*arguments)

        monkeypatch.setattr(calls, name, work)

    noted("read_request")
    noted("response_body")
    with serving(FakeService(), limits=WireLimits()) as server, http_client(server) as client:
        for count, elsewhere in ((2, False), (200_000, True)):
            answer = client.post(INFER, json={"inputs": [{**an_input([7] * count), "shape": [1, count]}]})
            assert answer.json()["outputs"][0]["data"] == [7] * count
            assert [name != "oip-server" for name in threads] == [elsewhere] * 2
            threads.clear()


def test_answers_that_nobody_reads_are_bounded_and_do_not_stay() -> None:
    service = Numbers()
    service.tensor = Tensor("out", "FP32", (5_000_000,), bytes(20_000_000))
    limits = replace(LIMITS, unwritten_bytes=30_000_000, read_s=1)
    asked = {"inputs": [], "parameters": {"binary_data_output": True}}
    body = json.dumps(asked).encode()
    with serving(service, limits=limits) as server, http_client(server) as client:
        assert server.http_address is not None
        with socket.create_connection((server.http_address.host, server.http_address.port), PATIENCE_S) as unread:
            unread.sendall(posted(str(len(body)).encode(), body))
            assert unread.recv(15) == b"HTTP/1.1 200 OK"
            refused = client.post(INFER, json=asked)
            assert (refused.status_code, "wait for their clients" in refused.json()["error"]) == (429, True)
            until_s = time.monotonic() + PATIENCE_S
            while (answer := client.post(INFER, json=asked)).status_code == 429:
                assert time.monotonic() < until_s, "the answer that nobody reads is kept for ever"
            assert len(answer.content) > 20_000_000


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.INVALID_ARGUMENT, 400),
        (Status.NOT_FOUND, 404),
        (Status.ALREADY_EXISTS, 409),
        (Status.TOO_LARGE, 413),
        (Status.OVERLOADED, 429),
        (Status.TOO_LATE, 504),
        (Status.UNAVAILABLE, 503),
        (Status.UNSUPPORTED, 501),
        (Status.INTERNAL, 500),
    ],
)
def test_a_refusal_comes_with_its_status_and_sentence(
    status: Status, code: int, service: FakeService, client: httpx.Client
) -> None:
    service.refuse = OipError(status, "because é")
    answer = client.post(INFER, json={"inputs": []})
    assert (answer.status_code, answer.json()) == (code, {"error": "because é"})


def test_a_defect_behind_the_transport_is_told_without_its_inner_life(
    service: FakeService, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    service.refuse = ZeroDivisionError("secret of the server")
    answer = client.post(INFER, json={"inputs": []})
    assert (answer.status_code, answer.json()) == (500, {"error": "the server failed to answer; its log says why."})
    assert "secret of the server" in caplog.text


DEEP = "[" * 2000 + "]" * 2000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "json"),
        (b"\xff\xfe", "json"),
        (b"[]", "json"),
        (b"{}", "inputs"),
        (b'{"inputs": 3}', "inputs"),
        (b'{"inputs": [{"name": "data"}]}', "inputs.0.datatype"),
        (f'{{"inputs": {DEEP}}}'.encode(), "json"),
        (json.dumps({"inputs": [an_input()]}).encode(), "no data"),
        (json.dumps({"inputs": [an_input([1, [2]])]}).encode(), "not every element"),
        (json.dumps({"inputs": [an_input([[1], 2])]}).encode(), "nested unevenly"),
        (json.dumps({"inputs": [an_input([1, 256])]}).encode(), "not every element is a UINT8"),
        (json.dumps({"inputs": [an_input([1, 0.5])]}).encode(), "not every element is a UINT8"),
        (json.dumps({"inputs": [an_input([1, "2"])]}).encode(), "not every element is a UINT8"),
        (json.dumps({"inputs": [an_input([1, None])]}).encode(), "not every element is a UINT8"),
        (json.dumps({"inputs": [an_input([10**30], datatype="UINT64")]}).encode(), "not every element is a UINT64"),
        (json.dumps({"inputs": [an_input([1], datatype="TEXT")]}).encode(), "'TEXT' is unknown"),
        (json.dumps({"inputs": [an_input([1], parameters={"shared_memory_region": 3})]}).encode(), "a region's name"),
        (json.dumps({"inputs": [an_input([1], parameters={"binary_data_size": 1})]}).encode(), "0 bytes are left"),
        (json.dumps({"inputs": [], "parameters": {"binary_data_output": 1}}).encode(), "true or false"),
        (json.dumps({"inputs": [], "parameters": {"a": None}}).encode(), "parameter 'a' must be"),
        (json.dumps({"inputs": [], "parameters": [1]}).encode(), "parameters are an object"),
        (json.dumps({"inputs": [3, 4, 5]}).encode(), "inputs.0: input should be an object"),
        (b'{"inputs": [], "id": "\\ud800"}', "json"),
    ],
)
def test_a_malformed_request_is_refused_and_the_next_one_answered(body: bytes, words: str, client: httpx.Client) -> None:
    answer = client.post(INFER, content=body)
    assert answer.status_code == 400
    assert words.lower() in answer.json()["error"].lower()
    assert client.post(INFER, json={"inputs": []}).status_code == 200


@pytest.mark.parametrize("size", ["-1", "1e3", "9" * 30, "x", "", "²", "100"])
def test_a_wrong_length_of_the_json_is_refused(size: str, client: httpx.Client) -> None:
    answer = client.post(INFER, content=b"{}", headers={SIZE: size.encode()})
    assert answer.status_code == 400
    assert "bytes" in answer.json()["error"]


def test_bytes_that_belong_to_no_input_are_refused(client: httpx.Client) -> None:
    answer = client.post(INFER, **with_binary({"inputs": [an_input(parameters={"binary_data_size": 2})]}, b"abc"))
    assert (answer.status_code, answer.json()) == (400, {"error": "1 bytes behind the JSON belong to no input."})


def test_tensors_belong_behind_a_large_json(client: httpx.Client) -> None:
    answer = client.post(INFER, json={"inputs": [an_input([1] * LIMITS.structure_bytes)]})
    assert answer.status_code == 413
    assert "binary data" in answer.json()["error"]


def test_a_request_names_no_thousands_of_tensors(service: FakeService) -> None:
    with serving(service, limits=WireLimits()) as server, http_client(server) as client:
        answer = client.post(INFER, json={"inputs": [], "outputs": [{"name": "data"}] * 1025})
    assert answer.status_code == 400
    assert "outputs" in answer.json()["error"]


def test_a_body_that_is_too_long_is_not_read(server: OipServer, client: httpx.Client) -> None:
    announced = raw_answer(server, posted(b"99999999999"))
    assert announced.startswith(b"HTTP/1.1 413")
    unannounced = client.post(INFER, content=(b"x" * 1000 for _ in range(LIMITS.message_bytes // 1000 + 1)))
    assert unannounced.status_code == 413
    assert client.post("repository/index", content=b"x" * (LIMITS.control_bytes + 1)).status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "anything"])
def test_a_compressed_body_is_refused(encoding: str, client: httpx.Client) -> None:
    answer = client.post(INFER, content=b"x", headers={"Content-Encoding": encoding})
    assert answer.status_code == 501
    assert encoding in answer.json()["error"]


def test_a_body_that_never_comes_is_not_waited_for_for_ever(service: FakeService) -> None:
    with serving(service, limits=replace(LIMITS, read_s=0.1)) as server:
        answer = raw_answer(server, posted(b"10", b"x"))
    assert answer.startswith(b"HTTP/1.1 504")


@pytest.mark.parametrize("path", ["", "/", "/v3", "/v2/", "/v2/models", "/v2/models/a/b", "/v2/models/echo/infer"])
def test_an_address_that_does_not_exist_is_one_sentence(path: str, server: OipServer) -> None:
    answer = httpx.get(f"http://{server.http_address}{path}")
    assert answer.status_code in {404, 405}
    assert answer.json() == {"error": f"there is no GET {path or '/'}"}


def test_what_is_no_http_gets_an_answer_and_the_next_client_another(server: OipServer, client: httpx.Client) -> None:
    assert raw_answer(server, b"\x16\x03\x01 what?\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert client.get("health/live").status_code == 200


def test_a_client_that_leaves_does_no_harm(service: FakeService, server: OipServer, client: httpx.Client) -> None:
    service.hold = True
    with pytest.raises(httpx.ReadTimeout):
        client.post(INFER, json={"inputs": []}, timeout=0.2)
    service.asked().answer()
    with socket.create_connection((server.http_address.host, server.http_address.port)) as leaving:  # type: ignore[union-attr]
        leaving.sendall(posted(b"10", b"x"))
    service.hold = False
    assert client.post(INFER, json={"inputs": []}).status_code == 200


def posted(length: bytes, body: bytes = b"") -> bytes:
    """A request that says how long it is, and what of it is sent."""
    return b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\n" + body


def raw_answer(server: OipServer, request: bytes) -> bytes:
    """The first bytes that come back."""
    assert server.http_address is not None
    with socket.create_connection((server.http_address.host, server.http_address.port), PATIENCE_S) as connection:
        connection.sendall(request)
        return connection.recv(1000)
