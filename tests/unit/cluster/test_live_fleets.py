from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from camslice.cluster.client import RequestError
from camslice.cluster.live_fleets import Found, main, patiently, sentence
from camslice.fleet.errors import ClusterError


class FakeApiServer(ThreadingHTTPServer):
    """Answers lists of fleets with `status` and `body`, of anything else with `left` objects; remembers the paths."""

    status, body, kind = 200, "{}", "application/json"
    left = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, FakeApiServer)
        path, _, query = self.path.partition("?")
        server.paths.append(path)
        status, body = server.status, server.body
        if not path.endswith("/camerafleets"):
            assert "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dcamslice-operator%2Ccamslice.dev%2Ffleet" in query
            status, body = 200, json.dumps({"items": [{}] * server.left})
        self.send_response(status)
        self.send_header("Content-Type", server.kind)
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApiServer]:
    server = FakeApiServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    point_at(f"http://127.0.0.1:{server.server_port}", tmp_path, monkeypatch)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def point_at(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))


def fleets(*names: str) -> str:
    items = [
        {"apiVersion": "camslice.dev/v1alpha1", "kind": "CameraFleet", "metadata": {"namespace": "shop", "name": name}}
        for name in names
    ]
    return json.dumps(
        {"apiVersion": "camslice.dev/v1alpha1", "kind": "CameraFleetList", "metadata": {"resourceVersion": "1"}, "items": items}
    )


def test_a_namespace_with_fleets_is_refused_and_they_are_named(api: FakeApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    api.body = fleets("yard", "gates")
    assert main(["--namespace", "shop"]) == 1
    said = capsys.readouterr().err
    assert "2 CameraFleets are still there: shop/gates, shop/yard;" in said
    assert said.count("\n") == 1
    assert api.paths == ["/apis/camslice.dev/v1alpha1/namespaces/shop/camerafleets"]


def test_nothing_is_in_the_way_where_there_is_none(api: FakeApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    api.body = fleets()
    assert main(["--all-namespaces"]) == 0
    assert capsys.readouterr().err == "camslice: no CameraFleet is left.\n"
    assert api.paths == [
        "/apis/camslice.dev/v1alpha1/camerafleets",
        "/api/v1/pods",
        "/apis/networking.k8s.io/v1/networkpolicies",
        "/apis/policy/v1/poddisruptionbudgets",
    ]


def test_nothing_is_in_the_way_where_the_kind_is_unknown(api: FakeApiServer) -> None:
    api.status, api.body, api.kind = 404, "404 page not found\n", "text/plain"
    assert main(["--namespace", "shop"]) == 0


def test_what_is_left_of_fleets_is_waited_for_and_refused_if_it_stays(
    api: FakeApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    api.body, api.left = fleets(), 2
    assert main(["--namespace", "shop", "--patience", "0"]) == 1
    assert "6 objects of fleets that were removed are still there" in capsys.readouterr().err


def test_a_cluster_that_says_no_is_not_taken_for_an_empty_one(api: FakeApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    api.status = 403
    refused = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no list for you", "code": 403}
    api.body = json.dumps(refused)
    assert main(["--namespace", "shop"]) == 2
    assert "no list for you" in capsys.readouterr().err


def test_a_cluster_that_is_away_or_unnamed_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point_at("http://127.0.0.1:9", tmp_path, monkeypatch)
    assert main(["--namespace", "shop", "--patience", "0"]) == 2
    assert "cannot be reached" in capsys.readouterr().err
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert main(["--namespace", "shop"]) == 2
    assert "KUBECONFIG" in capsys.readouterr().err


def test_of_many_fleets_the_first_are_named() -> None:
    said = sentence(Found(tuple(("shop", f"f{i}") for i in range(12))))
    assert "12 CameraFleets are" in said
    assert "shop/f9 and 2 more" in said
    assert "shop/f10" not in said
    assert "1 CameraFleet is still there: shop/one; remove it" in sentence(Found((("shop", "one"),)))


class Steps:
    """What is found on each look, in turn (the last one for ever), and a clock that sleeping moves."""

    def __init__(self, *steps: Found | Exception) -> None:
        self._steps = list(steps)
        self.now_s = 0.0

    def look(self) -> Found:
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Exception):
            raise step
        return step

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def patiently(self, patience_s: float) -> Found:
        return patiently(self.look, patience_s, self.clock, self.sleep)


@pytest.mark.parametrize(
    "passing", [RequestError(429, "busy"), RequestError(500, "broken"), ClusterError("away"), Found((), 3)]
)
def test_what_passes_is_waited_for(passing: Found | Exception) -> None:
    steps = Steps(passing, passing, Found(()))
    assert steps.patiently(60.0) == Found(())
    assert steps.now_s == 2.0


def test_patience_ends() -> None:
    for lasting in (RequestError(503, "busy"), ClusterError("away")):
        steps = Steps(lasting)
        with pytest.raises(ClusterError):
            steps.patiently(5.0)
        assert steps.now_s == 5.0
    assert Steps(Found((), 1)).patiently(5.0) == Found((), 1)


@pytest.mark.parametrize("lasting", [RequestError(403, "no"), RequestError(401, "who")])
def test_what_waiting_does_not_mend_is_told_at_once(lasting: Exception) -> None:
    steps = Steps(lasting)
    with pytest.raises(RequestError):
        steps.patiently(60.0)
    assert steps.now_s == 0.0
    steps = Steps(Found((("shop", "yard"),)))
    assert steps.patiently(60.0).fleets
    assert steps.now_s == 0.0, "a fleet does not go by itself"
