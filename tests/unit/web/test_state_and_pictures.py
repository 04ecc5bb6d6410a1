"""What the page of a cluster asks a pod for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from starlette.testclient import TestClient

from camslice.stream.model_work import ModelWork
from camslice.stream.watching.steward import PolicyState
from camslice.web.app import create_app
from camslice.web.pictures import MOST_CAMERAS, read_pictures
from camslice.web.state_json import read_state
from tests.fake_fleet import MEAN_MS, MODEL, FakeFleet, parse_camera


@pytest.fixture
def fleet() -> FakeFleet:
    return FakeFleet(["gate", "yard"])


@pytest.fixture
def client(fleet: FakeFleet) -> Iterator[TestClient]:
    with TestClient(create_app(fleet, token=None, parse_camera=parse_camera), base_url="http://127.0.0.1") as client:
        yield client


def test_a_state_comes_back_as_it_was_with_stages_summed_by_model(client: TestClient, fleet: FakeFleet) -> None:
    fleet.cameras["gate"].analyse(30, dropped=2, seed=4)
    fleet.policy, fleet.work = PolicyState("regions", "as declared", 0.98, 50, False, 1), ModelWork(900, 1, 50, 200, 196)
    state = read_state(client.get("/api/state").json())
    said = fleet.status()
    assert [(one.key, one.frames, one.fps, one.age_ms) for one in state.streams] == [
        (one.key, one.frames, one.fps, one.age_ms) for one in said.streams
    ]
    assert {name: str(camera[0]) for name, camera in state.cameras.items()} == {"gate": "live", "yard": "live"}
    assert set(state.stages[MODEL]) == {*MEAN_MS, "total"}
    total = state.stages[MODEL]["total"]
    np.testing.assert_array_equal(total.counts, sum(one.stages["total"].counts for one in said.streams))
    assert total.sum_ms == pytest.approx(sum(one.stages["total"].sum_ms for one in said.streams), rel=1e-6)
    assert (state.memory_mb, state.cpu_cores, list(state.engines)) == (412.5, 1.62, list(said.engines))


@pytest.mark.parametrize(
    "damage", [{"streams": [[1]]}, {"stages": {"m": {"total": [1, 2, "AQ=="]}}}, {"cameras": [["a", "odd", ""]]}]
)
def test_what_is_no_state_is_refused(client: TestClient, damage: dict[str, object]) -> None:
    said = client.get("/api/state").json()
    with pytest.raises(ValueError, match=r"."):
        read_state({**said, **damage})
    for key in said:
        with pytest.raises(ValueError, match="no state of a pod"):
            read_state({name: value for name, value in said.items() if name != key})


def test_a_pod_of_before_there_were_policies_is_understood(client: TestClient) -> None:
    said = client.get("/api/state").json()
    old = [{key: value for key, value in engine.items() if key not in ("work", "policy")} for engine in said["engines"]]
    (engine,) = read_state({**said, "engines": old}).engines
    assert (engine.policy, engine.work) == (None, ModelWork())
    with pytest.raises(ValueError, match="no state of a pod"):
        read_state({**said, "engines": [{**old[0], "policy": {"policy": "no such policy"}}]})


def test_pictures_of_the_cameras_that_were_asked_for(client: TestClient, fleet: FakeFleet) -> None:
    answer = client.get("/api/pictures?camera=gate&newer_than=-1&camera=yard&newer_than=999999")
    [preview] = read_pictures(answer.content)
    assert preview.camera == "gate"
    assert preview.jpeg.startswith(b"\xff\xd8")
    assert fleet.watched == [("gate", "yard")], "to ask is to watch"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "query", ["", "camera=gate", "camera=gate&newer_than=x", "newer_than=1", "&".join(["camera=a&newer_than=1"] * 65)]
)
def test_what_is_no_question_is_refused(client: TestClient, query: str) -> None:
    assert MOST_CAMERAS == 64
    answer = client.get(f"/api/pictures?{query}")
    assert answer.status_code == 400
    assert set(json.loads(answer.text)) == {"error"}


def test_a_picture_that_is_cut_off_is_refused(client: TestClient) -> None:
    body = client.get("/api/pictures?camera=gate&newer_than=-1").content
    for length in (2, 10, len(body) - 1):
        with pytest.raises(ValueError, match=r"picture"):
            list(read_pictures(body[:length]))
