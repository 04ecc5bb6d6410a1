"""The HTTP API over a fake fleet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec
from camslice.video.camera_state import CameraState
from camslice.web.app import create_app
from tests.fake_fleet import FakeFleet, parse_camera

GATE = {"name": "gate-2", "source": "rtsp://10.0.0.9/1", "fps": 5, "model": "people"}


@pytest.fixture
def fleet() -> FakeFleet:
    return FakeFleet()


@pytest.fixture
def client(fleet: FakeFleet) -> Iterator[TestClient]:
    with TestClient(create_app(fleet, token=None, parse_camera=parse_camera), base_url="http://127.0.0.1") as client:
        yield client


def test_the_status_names_every_camera(client: TestClient) -> None:
    status = client.get("/api/status").json()
    assert [camera["name"] for camera in status["cameras"]] == ["gate", "yard"]
    assert status["fleet"]["cameras"] == 2


def test_the_page_is_rendered_with_the_cameras_in_it(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert 'data-camera="gate"' in answer.text
    assert 'data-camera="yard"' in answer.text


def test_the_page_escapes_a_camera_name_that_is_markup(client: TestClient, fleet: FakeFleet) -> None:
    source = Source("scene://x", "scene://x")
    fleet.add_camera(CameraSpec("<script>alert(1)</script>", source, 1.0, ("people",)))
    assert "<script>alert" not in client.get("/").text


def test_every_file_the_page_refers_to_is_served(client: TestClient) -> None:
    page = client.get("/").text
    paths = {part.split('"')[0] for part in page.split('="/static/')[1:]}
    assert len(paths) > 5
    for path in paths:
        answer = client.get(f"/static/{path}")
        assert answer.status_code == 200, path
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_report_is_the_object_of_camslice_run(client: TestClient, fleet: FakeFleet) -> None:
    assert client.get("/api/report").json() == fleet.report()


def test_one_camera_shows_the_stages_of_its_streams(client: TestClient) -> None:
    camera = client.get("/api/cameras/gate").json()
    [stream] = camera["streams"]
    assert list(stream["stages"]) == ["decode", "preprocess", "queue", "inference", "postprocess", "total"]
    assert stream["detections"]["person"] == 1200


def test_a_camera_can_be_added(client: TestClient, fleet: FakeFleet) -> None:
    answer = client.post("/api/cameras", json=GATE)
    assert (answer.status_code, answer.json()) == (201, {"added": ["gate-2"]})
    assert "gate-2" in fleet.cameras
    assert "gate-2" in [camera["name"] for camera in client.get("/api/status").json()["cameras"]]


def test_a_camera_with_a_count_adds_all_of_them(client: TestClient, fleet: FakeFleet) -> None:
    assert client.post("/api/cameras", json={**GATE, "count": 3}).json() == {"added": ["gate-2-1", "gate-2-2", "gate-2-3"]}
    assert len(fleet.cameras) == 5


@pytest.mark.parametrize("name", [{}, {"name": "gate"}])
def test_a_camera_can_be_changed(client: TestClient, fleet: FakeFleet, name: dict[str, str]) -> None:
    answer = client.put("/api/cameras/gate", json={**name, "source": "scene://other", "fps": 2, "model": "people"})
    assert (answer.status_code, answer.json()) == (200, {"changed": "gate"})
    assert list(fleet.cameras) == ["gate", "yard"]
    spec = fleet.cameras["gate"].spec
    assert (spec.fps, spec.source.reveal()) == (2.0, "scene://other")


@pytest.mark.parametrize(
    ("name", "change", "status_code", "words"),
    [
        ("nobody", {}, 404, "nobody"),
        ("gate", {"name": "yard"}, 400, "name"),
        ("gate", {"count": 2}, 400, "count"),
        ("gate", {"fps": -1}, 400, "fps"),
        ("gate", {"model": "ghosts"}, 400, "ghosts"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(
    client: TestClient, fleet: FakeFleet, name: str, change: dict[str, object], status_code: int, words: str
) -> None:
    before = [camera.spec for camera in fleet.cameras.values()]
    answer = client.put(f"/api/cameras/{name}", json={"source": "scene://x", "fps": 3, "model": "people", **change})
    assert answer.status_code == status_code
    assert words in answer.json()["error"]
    assert [camera.spec for camera in fleet.cameras.values()] == before


def test_a_camera_can_be_removed(client: TestClient, fleet: FakeFleet) -> None:
    assert client.delete("/api/cameras/gate").json() == {"removed": "gate"}
    assert list(fleet.cameras) == ["yard"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status_code", "words"),
    [
        ("GET", "/api/cameras/nobody", None, 404, "nobody"),
        ("DELETE", "/api/cameras/nobody", None, 404, "nobody"),
        ("POST", "/api/cameras", {**GATE, "name": "gate"}, 409, "gate"),
        ("POST", "/api/cameras", {**GATE, "fps": -1}, 400, "fps"),
        ("POST", "/api/cameras", {**GATE, "speed": 1}, 400, "speed"),
        ("POST", "/api/cameras", {**GATE, "model": "ghosts"}, 400, "ghosts"),
        ("POST", "/api/cameras", [GATE], 400, "object"),
        ("GET", "/api/nothing", None, 404, "/api/nothing"),
        ("PUT", "/api/status", None, 405, "/api/status"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(
    client: TestClient, fleet: FakeFleet, method: str, path: str, body: object, status_code: int, words: str
) -> None:
    answer = client.request(method, path, json=body) if body is not None else client.request(method, path)
    assert answer.status_code == status_code
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]
    assert list(fleet.cameras) == ["gate", "yard"]


def test_several_cameras_are_added_all_or_none(client: TestClient, fleet: FakeFleet) -> None:
    refuse = fleet.add_camera

    def full_after_one(camera: CameraSpec) -> None:
        refuse(camera if camera.name.endswith("-1") else CameraSpec(camera.name, camera.source, 1.0, ("ghosts",)))

    fleet.add_camera = full_after_one  # type: ignore[method-assign]  # stands in for a fleet that takes one more only
    assert client.post("/api/cameras", json={**GATE, "count": 2}).status_code == 400
    assert list(fleet.cameras) == ["gate", "yard"]


@pytest.mark.parametrize(
    ("content", "content_type", "status_code"),
    [
        (b"name=gate", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b" " * 70_000, "application/json", 413),
    ],
)
def test_a_body_that_is_no_camera_is_refused(client: TestClient, content: bytes, content_type: str, status_code: int) -> None:
    answer = client.post("/api/cameras", content=content, headers={"Content-Type": content_type})
    assert answer.status_code == status_code
    assert answer.json()["error"]


def test_no_answer_holds_a_password(client: TestClient, fleet: FakeFleet) -> None:
    secret = "hunter2secret"
    address = f"rtsp://bob:{secret}@10.0.0.9/1?password={secret}"
    assert secret not in client.post("/api/cameras", json={**GATE, "source": address, "model": "ghosts"}).text
    assert secret not in client.post("/api/cameras", json={**GATE, "source": address}).text
    fleet.cameras["gate-2"].state = CameraState.FAILED
    fleet.cameras["gate-2"].reason = f"cannot open {address}: 401 Unauthorized"
    fleet.problems.append(f"cannot open {address}")
    for path in ("/", "/api/status", "/api/report", "/api/cameras/gate-2"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert secret not in answer.text
    assert "rtsp://***@10.0.0.9" in client.get("/api/status").text


def test_a_defect_is_answered_without_a_traceback(fleet: FakeFleet) -> None:
    def broken() -> dict[str, object]:
        raise ZeroDivisionError("at rtsp://bob:hunter2secret@10.0.0.9/1")

    fleet.report = broken  # type: ignore[method-assign]  # a defect of the fleet
    app = create_app(fleet, token=None, parse_camera=parse_camera)
    answer = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False).get("/api/report")
    assert answer.status_code == 500
    assert list(answer.json()) == ["error"]
    assert "hunter2secret" not in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_healthz_answers_ok(client: TestClient) -> None:
    assert client.get("/healthz").text == "ok\n"


def test_metrics_are_served_as_text(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'camera="gate"' in answer.text
