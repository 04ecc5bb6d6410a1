from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from camslice.cluster.live_fleets import AwayError, live_fleets, main, patiently, refusal
from camslice.fleet.errors import CamsliceError


class FakeApiServer(ThreadingHTTPServer):
    """Answers every GET with `status` and `body`, and remembers the paths. No more of an API server than a list."""

    status, body, kind = 200, "{}", "application/json"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, FakeApiServer)
        server.paths.append(self.path.split("?")[0])
        self.send_response(server.status)
        self.send_header("Content-Type", server.kind)
        self.end_headers()
        self.wfile.write(server.body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApiServer]:
    server = FakeApiServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
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


def test_nothing_is_in_the_way_where_there_is_none(api: FakeApiServer) -> None:
    api.body = fleets()
    assert main(["--all-namespaces"]) == 0
    assert api.paths == ["/apis/camslice.dev/v1alpha1/camerafleets"]


def test_nothing_is_in_the_way_where_the_kind_is_unknown(api: FakeApiServer) -> None:
    api.status, api.body, api.kind = 404, "404 page not found\n", "text/plain"
    assert live_fleets("shop") == []


def test_a_cluster_that_says_no_is_not_taken_for_an_empty_one(api: FakeApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    api.status = 403
    api.body = json.dumps(
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no list for you", "code": 403}
    )
    assert main(["--namespace", "shop"]) == 2
    assert "no list for you" in capsys.readouterr().err


def test_a_cluster_that_is_away_or_unnamed_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point_at("http://127.0.0.1:9", tmp_path, monkeypatch)
    assert main(["--namespace", "shop", "--patience", "0"]) == 2
    assert "does not answer" in capsys.readouterr().err
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert main(["--namespace", "shop"]) == 2
    assert "KUBECONFIG" in capsys.readouterr().err


def test_of_many_fleets_the_first_are_named() -> None:
    said = refusal([("shop", f"f{i}") for i in range(12)])
    assert "12 CameraFleets are" in said
    assert "shop/f9 and 2 more" in said
    assert "shop/f10" not in said
    assert "1 CameraFleet is still there: shop/one; remove it" in refusal([("shop", "one")])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_cluster_that_is_busy_is_asked_again(api: FakeApiServer, status: int) -> None:
    api.status = status
    with pytest.raises(AwayError):
        live_fleets("shop")

    slept: list[float] = []

    def recovers(pause_s: float) -> None:
        slept.append(pause_s)
        if len(slept) == 3:
            api.status, api.body = 200, fleets("yard")

    assert patiently(lambda: live_fleets("shop"), 60.0, lambda: sum(slept), recovers) == [("shop", "yard")]
    assert slept == [1.0, 1.0, 1.0]


def test_patience_ends(api: FakeApiServer) -> None:
    api.status = 503
    slept: list[float] = []
    with pytest.raises(AwayError):
        patiently(lambda: live_fleets("shop"), 5.0, lambda: sum(slept), slept.append)
    assert sum(slept) == 5.0


def test_what_waiting_does_not_mend_is_told_at_once(api: FakeApiServer) -> None:
    api.status = 403
    api.body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "code": 403})
    with pytest.raises(CamsliceError, match="no"):
        patiently(lambda: live_fleets("shop"), 60.0, sleep=lambda _: pytest.fail("it was waited for"))
