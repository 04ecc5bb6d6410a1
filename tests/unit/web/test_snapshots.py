"""Pictures of the main stream, by HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from camslice.fleet.errors import SourceError
from camslice.fleet.types import CameraSpec
from camslice.video.snapshot import Snapshot
from camslice.web.answers import on_errors_answer_in_json
from camslice.web.snapshots import AT_ONCE, serve_snapshots
from tests.fake_fleet import FakeFleet


def client_of(take: Callable[[CameraSpec], Snapshot]) -> TestClient:
    app = FastAPI()
    on_errors_answer_in_json(app)
    serve_snapshots(app, FakeFleet(["gate"]), take)
    return TestClient(app)


def test_a_snapshot_is_a_jpeg_of_the_camera_that_was_asked_for() -> None:
    asked: list[str] = []

    def take(camera: CameraSpec) -> Snapshot:
        asked.append(camera.name)
        return Snapshot(b"\xff\xd8picture", 1920, 1080, 12.5)

    answer = client_of(take).get("/api/cameras/gate/snapshot")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/jpeg", b"\xff\xd8picture")
    assert answer.headers["x-taken-at"] == "12.500"
    assert asked == ["gate"]


def test_a_camera_that_gives_none_is_a_bad_gateway_in_one_sentence() -> None:
    def take(camera: CameraSpec) -> Snapshot:
        raise SourceError("401 Unauthorized: check user name and password")

    answer = client_of(take).get("/api/cameras/gate/snapshot")
    assert (answer.status_code, answer.json()["error"]) == (502, "401 Unauthorized: check user name and password")


def test_an_unknown_camera_is_not_found() -> None:
    assert client_of(lambda _: pytest.fail("nothing to take")).get("/api/cameras/barn/snapshot").status_code == 404


def test_more_at_a_time_are_refused_and_later_ones_taken() -> None:
    begun, released = threading.Semaphore(0), threading.Event()

    def take(camera: CameraSpec) -> Snapshot:
        begun.release()
        assert released.wait(20)
        return Snapshot(b"\xff\xd8", 2, 2, 0.0)

    client = client_of(take)
    waiting = [threading.Thread(target=client.get, args=("/api/cameras/gate/snapshot",)) for _ in range(AT_ONCE)]
    for thread in waiting:
        thread.start()
    assert all(begun.acquire(timeout=20) for _ in waiting)
    assert client.get("/api/cameras/gate/snapshot").status_code == 503
    released.set()
    for thread in waiting:
        thread.join(20)
    assert client.get("/api/cameras/gate/snapshot").status_code == 200
