"""Pods are asked how they are and told what is taken over: over HTTP, on the loopback address."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from camslice.cluster.operator import polling
from camslice.cluster.operator.polling import Polling
from camslice.cluster.operator.values import SeenPod
from tests.unit.events.made import wait_for

STATUS = {
    "revision": "r1",
    "streams": [{"camera": "gate", "model": "people", "epoch": 7, "first_result_at_s": 1.0, "fps": 5.0, "frames": 30}],
    "cameras": [{"name": "gate", "state": "live"}],
}


class Pods(ThreadingHTTPServer):
    """All pods at one port, by their address in 127.0.0.0/8."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("0.0.0.0", 0), Handler)
        self.told: list[tuple[str, list[str], str]] = []
        self.meet: threading.Barrier | None = None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(STATUS).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Pods)
        streams = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["streams"]
        if server.meet is not None:
            server.meet.wait(10)
        server.told.append((self.connection.getsockname()[0], streams, self.headers["Authorization"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pods]:
    server = Pods()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(polling, "HTTP_PORT", server.server_port)
    yield server
    server.shutdown()
    server.server_close()


def pod(number: int, address: str | None = None) -> SeenPod:
    at = address or f"127.0.0.{number}"
    return SeenPod(f"p{number}", "default", "u", "street", "s", "t", "r", "n", at, True, True, "Running", 0.0)


def test_pods_are_asked_round_after_round(pods: Pods) -> None:
    news = threading.Event()
    asking = Polling(lambda: [pod(1)], lambda: "t", 0.01, news.set)
    asking.begin()
    assert news.wait(10)
    wait_for(lambda: "p1" in asking.reports(), "a report")
    report = asking.reports()["p1"]
    assert (report.revision, report.streams["gate/people"].has_result, report.cameras["gate"]) == ("r1", True, ("live", ""))
    assert asking.alive
    asking.end()


def test_pods_are_told_side_by_side_so_that_a_silent_one_keeps_no_other_waiting(pods: Pods) -> None:
    pods.meet = threading.Barrier(8)  # none is answered before eight have asked
    telling = Polling(list, lambda: "t", 0.0, lambda: None)
    telling.release([(pod(number), [f"cam-{number}/people"]) for number in range(1, 9)])
    assert sorted(pods.told) == [(f"127.0.0.{n}", [f"cam-{n}/people"], "Bearer t") for n in range(1, 9)]
    telling.end()


def test_a_pod_that_is_not_there_is_no_error_and_neither_is_an_end(pods: Pods) -> None:
    telling = Polling(list, lambda: None, 0.0, lambda: None)
    pods.server_close()
    telling.release([(pod(1), ["gate/people"])])
    telling.end()
    telling.release([(pod(1), ["gate/people"])])
    assert pods.told == []
