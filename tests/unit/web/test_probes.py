"""Probes and releases over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from camslice.fleet.placement import Placed
from camslice.fleet.types import StreamKey
from camslice.web.app import create_app
from camslice.web.health import Verdict
from camslice.web.placements import PlacementBook, Revisions
from tests.fake_fleet import FakeFleet, parse_camera

TOKEN = "0123456789abcdef-token"
GATE, YARD = StreamKey("gate", "people"), StreamKey("yard", "people")


@dataclass
class FakeHealth:
    """Says what it is told to say."""

    verdict: Verdict = Verdict(True)  # noqa: RUF009 (frozen)

    def started(self) -> Verdict:
        return self.verdict

    def ready(self) -> Verdict:
        return self.verdict

    def live(self) -> Verdict:
        return self.verdict


def book() -> PlacementBook:
    placements = PlacementBook()
    placements.applied(Placed("7", {GATE: 1, YARD: 1}))
    placements.run([GATE, YARD])
    return placements


def client(health: FakeHealth | None = None, *, open_metrics: bool = False) -> TestClient:
    app = create_app(
        FakeFleet(), token=TOKEN, parse_camera=parse_camera, health=health, placements=book(), open_metrics=open_metrics
    )
    return TestClient(app, base_url="http://10.1.2.3:8080", headers={"Sec-Fetch-Site": "none"})


@pytest.mark.parametrize("name", ["started", "ready", "live"])
def test_a_probe_answers_to_anybody_and_says_why_not(name: str) -> None:
    health = FakeHealth()
    answer = client(health).get(f"/healthz/{name}")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    health.verdict = Verdict(False, "cannot open rtsp://bob:hunter2@10.0.0.7/1", Revisions("6", "7"))
    answer = client(health).get(f"/healthz/{name}")
    assert answer.status_code == 503
    assert answer.json() == {
        "ok": False, "reason": "cannot open rtsp://***@10.0.0.7/1", "revision": "6", "mounted": "7",
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/healthz/", "/healthz/ready/", "/healthz/..", "/healthz/other", "//healthz/ready", "/healthz/ready/x"]
)
def test_no_other_address_is_open(path: str) -> None:
    assert client(FakeHealth()).get(f"http://10.1.2.3:8080{path}").status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_changed_at_an_open_address(method: str) -> None:
    assert client(FakeHealth()).request(method, "/healthz/live").status_code == 401


def test_metrics_are_open_only_where_that_was_said() -> None:
    assert client().get("/metrics").status_code == 401
    assert client(open_metrics=True).get("/metrics").status_code == 200
    assert client(open_metrics=True).get("/api/status").status_code == 401


def test_an_operator_releases_streams_with_the_token() -> None:
    body = {"streams": ["gate/people", "gone/people"]}
    with client() as asked:
        assert asked.post("/api/released", json=body).status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        answer = asked.post("/api/released", json=body, headers=bearer)
        assert answer.json() == {"released": ["gate/people"], "waits_for": ["yard/people"]}
        again = asked.post("/api/released", json=body, headers=bearer)
        assert again.json() == answer.json(), "saying it twice changes nothing"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, 'the body must be {"streams": ["CAMERA/MODEL"]}'),
        ({"streams": "gate/people"}, 'the body must be {"streams": ["CAMERA/MODEL"]}'),
        ({"streams": ["gate"]}, "'gate' is no stream; write CAMERA/MODEL"),
        ({"streams": [1]}, "'?' is no stream"),
        ([], "the body must be one JSON object"),
    ],
)
def test_what_names_no_streams_is_refused(body: object, sentence: str) -> None:
    answer = client().post("/api/released", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
