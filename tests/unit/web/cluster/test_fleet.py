from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from camslice.events.store.sink import StoreSink
from camslice.fleet.accounting import FrameCounts
from camslice.video.camera_state import CameraState
from camslice.web.cluster import pod_watch
from camslice.web.cluster.app import create_cluster_app
from camslice.web.cluster.fleet import OWNED, ClusterFleet
from camslice.web.cluster.pod_client import PodError, pod_asker
from camslice.web.cluster.stored import Stored
from camslice.web.observer import Observer
from camslice.web.status_json import status_json
from camslice.web.view import CameraStatus, Condition
from tests.fake_cluster import SITE, TOKEN, FakeCluster, FakePods, fleet_over
from tests.unit.events.made import GATE, found, made, wait_for


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def pods(cluster: FakeCluster) -> Iterator[FakePods]:
    made = FakePods(cluster)
    yield made
    made.close()


@pytest.fixture
def fleet(cluster: FakeCluster, pods: FakePods) -> Iterator[ClusterFleet]:
    made = fleet_over(cluster, pods)
    yield made
    made.close()


def ask(fleet: ClusterFleet) -> None:
    """Have every pod that there is asked once more, and wait for what it says."""
    before = dict(fleet.pods.answers())
    fleet.pods._asked_at_s.clear()
    fleet.pods.ask_whom_is_due()
    expected = {pod.name for pod in fleet._pods() if pod.address}
    wait_for(lambda: all(fleet.pods.answers().get(name) is not before.get(name) for name in expected), "the pods' answers")


def cameras(fleet: ClusterFleet) -> dict[str, CameraStatus]:
    return {camera.name: camera for camera in fleet.status().cameras}


def test_cameras_of_many_pods_are_one_fleet(fleet: ClusterFleet, cluster: FakeCluster, pods: FakePods) -> None:
    first, second = pods.add(["gate", "yard"]), pods.add(["dock"])
    for name in ("gate", "yard", "dock"):
        cluster.camera(name)
    ask(fleet)
    pods.fleets[first].cameras["gate"].analyse(40, seed=9)
    pods.fleets[second].cameras["dock"].analyse(60, dropped=3, seed=8)
    ask(fleet)
    seen = cameras(fleet)
    assert {name: (str(camera.state), camera.pods) for name, camera in seen.items()} == {
        "dock": ("live", (second,)),
        "gate": ("live", (first,)),
        "yard": ("live", (first,)),
    }
    status = status_json(Observer(fleet).look())
    assert status["fleet"]["frames"]["analysed"] >= 100  # type: ignore[index]
    assert status["fleet"]["frames"]["stale"] >= 3  # type: ignore[index]
    assert status["fleet"]["stages"]["total"]["n"] == status["fleet"]["frames"]["analysed"]  # type: ignore[index]
    assert status["fleet"]["memory_mb"] == pytest.approx(2 * 412.5)  # type: ignore[index]
    assert status["fleet"]["usd_per_camera_month"] == pytest.approx(55.0 / 3, abs=0.01)  # type: ignore[index]
    [engine] = status["engines"]  # type: ignore[misc]
    assert engine["occupancy"] == pytest.approx(0.61)


def test_a_camera_that_is_refused_says_why_and_is_in_trouble(fleet: ClusterFleet, cluster: FakeCluster, pods: FakePods) -> None:
    pods.add(["gate"])
    cluster.camera("gate")
    cluster.camera("attic", state="refused", reason="no slot for people at 25 frames/s is free")
    cluster.camera("cellar", state="pending", reason="waits for a node")
    ask(fleet)
    status = status_json(Observer(fleet).look())
    shown = {camera["name"]: (camera["state"], [one["sentence"] for one in camera["troubles"]]) for camera in status["cameras"]}  # type: ignore[attr-defined, index]
    assert shown["attic"] == ("refused", ["no slot for people at 25 frames/s is free"])
    assert shown["cellar"] == ("pending", ["waits for a node"])
    assert status["cluster"]["refused"] == 1  # type: ignore[index]
    assert status["fleet"]["usd_per_camera_month"] == 55.0, "what does not run costs nothing"  # type: ignore[index]


def test_a_pod_that_falls_silent_is_told_and_so_are_its_cameras(cluster: FakeCluster, pods: FakePods) -> None:
    now_s = [1000.0]
    fleet = ClusterFleet(cluster, pod_asker(lambda: TOKEN, port=pods.port), clock=lambda: now_s[0])
    name = pods.add(["gate"])
    cluster.camera("gate")
    ask(fleet)
    assert str(cameras(fleet)["gate"].state) == "live"
    pods.stop(name)
    now_s[0] += 4.0
    ask(fleet)
    assert str(cameras(fleet)["gate"].state) == "live", "one answer that is late is no news"
    now_s[0] += 10.0
    ask(fleet)
    shown = cameras(fleet)["gate"]
    assert str(shown.state) == "unknown"
    assert shown.reason.startswith(f"pod {name} does not answer (")
    status = fleet.status()
    assert any(problem.startswith(f"pod {name} does not answer") for problem in status.problems)
    assert status.cluster is not None
    assert (status.cluster.pods, status.cluster.pods_answering) == (1, 0)
    fleet.close()


def test_a_stream_in_two_pods_is_shown_from_where_it_was_placed(
    fleet: ClusterFleet, cluster: FakeCluster, pods: FakePods
) -> None:
    old, new = pods.add(["gate"]), pods.add(["gate"])
    cluster.camera("gate", shard=new)
    ask(fleet)
    assert cameras(fleet)["gate"].pods == (new,)
    cluster.camera("gate", shard=old)
    assert cameras(fleet)["gate"].pods == (old,)


def test_sums_do_not_fall_when_a_pod_goes(fleet: ClusterFleet, cluster: FakeCluster, pods: FakePods) -> None:
    name = pods.add(["gate"])
    cluster.camera("gate")
    ask(fleet)
    before = Observer(fleet).look().frames
    pods.fleets[name].cameras["gate"].analyse(50)
    ask(fleet)
    middle = Observer(fleet).look().frames
    pods.remove(name)
    after = Observer(fleet).look().frames
    assert middle.analysed == before.analysed + 50 == after.analysed
    assert str(cameras(fleet)["gate"].state) == "pending"


def test_bad_conditions_are_problems(fleet: ClusterFleet, cluster: FakeCluster) -> None:
    cluster.conditions(
        Condition("NoCapacity", True, "InsufficientCapacity", "no g4dn.xlarge in us-east-1a", True),
        Condition("Ready", True, "AllPlaced", "", False),
    )
    assert fleet.status().problems == ["NoCapacity: no g4dn.xlarge in us-east-1a"]


def test_no_fleet_several_fleets_and_no_cluster_are_one_sentence_each(
    fleet: ClusterFleet, cluster: FakeCluster, pods: FakePods
) -> None:
    cluster.seen = replace(cluster.seen, fleets=())
    assert fleet.status().problems == ["there is no CameraFleet in namespace video yet"]
    assert fleet_over(cluster, pods, name="site").status().problems == ["there is no CameraFleet site in namespace video yet"]
    cluster.seen = replace(cluster.seen, fleets=(replace(SITE, name="zoo"), SITE))
    assert fleet.status().problems == ["this is site; namespace video also has zoo: name one with --fleet"]
    cluster.seen = replace(cluster.seen, problem="does not answer (refused)")
    assert fleet.status().problems == ["the cluster: does not answer (refused)"]


def test_pictures_are_fetched_only_while_somebody_looks(fleet: ClusterFleet, cluster: FakeCluster, pods: FakePods) -> None:
    name = pods.add(["gate", "yard"])
    cluster.camera("gate")
    cluster.camera("yard")
    ask(fleet)
    fleet.status()
    assert pods.fleets[name].watched == []
    fleet.watch(["gate"])
    fleet.pods.ask_whom_is_due()
    wait_for(lambda: fleet.preview("gate", -1), "the picture")
    preview = fleet.preview("gate", -1)
    assert preview is not None
    assert preview.jpeg.startswith(b"\xff\xd8")
    assert len(preview.detections) == 3
    assert fleet.preview("gate", preview.sequence) is None
    assert fleet.preview("yard", -1) is None
    assert set(pods.fleets[name].watched) == {("gate",)}


def test_what_nobody_watches_any_more_is_forgotten(cluster: FakeCluster, pods: FakePods) -> None:
    now_s = [0.0]
    fleet = ClusterFleet(cluster, pod_asker(lambda: TOKEN, port=pods.port), clock=lambda: now_s[0])
    name = pods.add(["gate"])
    cluster.camera("gate")
    ask(fleet)
    fleet.status()
    fleet.watch(["gate"])
    fleet.pods.ask_whom_is_due()
    wait_for(lambda: fleet.preview("gate", -1), "the picture")
    now_s[0] += pod_watch.WATCH_S + 1
    fleet.pods.ask_whom_is_due()
    assert fleet.preview("gate", -1) is None
    assert len(pods.fleets[name].watched) == 1
    fleet.watch([f"camera-{number}" for number in range(1000)])
    assert len(fleet.pods._watched_until_s) == pod_watch.MOST_WATCHED
    fleet.close()


def test_a_wrong_token_is_told(cluster: FakeCluster, pods: FakePods) -> None:
    fleet = fleet_over(cluster, pods, token="another")
    name = pods.add(["gate"])
    ask(fleet)
    assert fleet.status().problems == [f"pod {name} refuses our token; --pod-token-file must hold what the pods ask for"]
    fleet.close()


@pytest.mark.parametrize("address", ["attacker.example", "0.0.0.0", "169.254.169.254", "224.0.0.1", "127.0.0.1:80/x?"])
def test_nobody_is_asked_at_an_address_that_is_no_pods(address: str) -> None:
    with pytest.raises(PodError):
        pod_asker(lambda: TOKEN)(address, "/api/state")


def test_the_page_changes_nothing_and_says_who_does(fleet: ClusterFleet, cluster: FakeCluster, pods: FakePods) -> None:
    pods.add(["gate"])
    cluster.camera("gate")
    ask(fleet)
    app = create_cluster_app(fleet, token=None, ask=pod_asker(lambda: TOKEN, port=pods.port), stored=None)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        for answer in (
            client.post("/api/cameras", json={"name": "x"}),
            client.put("/api/cameras/gate", json={}),
            client.delete("/api/cameras/gate"),
        ):
            assert (answer.status_code, answer.json()) == (403, {"error": OWNED})
        shown = client.get("/api/cameras/gate").json()
        assert shown["state"] == "live"
        assert list(shown["streams"][0]["stages"])[-1] == "total", "stages come from the pod"
        assert client.get("/api/cameras/nobody").status_code == 404
        page = client.get("/").text
        assert 'data-camera="gate"' in page
        assert 'id="add-camera"' not in page, "what cannot be done is not offered"
        assert client.get("/healthz").text == "ok\n"
        metrics = client.get("/metrics").text
        assert 'camslice_fleet_cameras{fleet="site",state="live"} 1.0' in metrics
        assert 'camslice_fleet_pods_answering{fleet="site"} 1.0' in metrics
        assert 'camslice_fleet_condition{fleet="site",type="Ready"} 1.0' in metrics
        assert 'camslice_fleet_usd_per_camera_month{fleet="site"} 55.0' in metrics
        assert 'camslice_fleet_budget_usd_per_camera_month{fleet="site"} 30.0' in metrics
        assert "camslice_frames_captured" not in metrics, "pods tell their own frames"
        report = client.get("/api/report").json()
        assert report["fleet"] == {"namespace": "video", "name": "site"}


def test_a_camera_whose_pod_says_it_is_down_is_down(fleet: ClusterFleet, cluster: FakeCluster, pods: FakePods) -> None:
    name = pods.add(["gate"])
    cluster.camera("gate")
    pods.fleets[name].cameras["gate"].state = CameraState.RECONNECTING
    pods.fleets[name].cameras["gate"].reason = "the camera does not answer"
    ask(fleet)
    shown = cameras(fleet)["gate"]
    assert (str(shown.state), shown.reason) == ("reconnecting", "the camera does not answer")


def test_a_camera_shows_its_last_hour_in_the_store_also_when_its_pod_is_gone(
    fleet: ClusterFleet, cluster: FakeCluster, tmp_path: Path
) -> None:
    cluster.camera("gate")
    place = tmp_path / "results.db"
    stored = Stored(lambda: f"sqlite:///{place}")
    app = create_cluster_app(fleet, token=None, ask=pod_asker(lambda: TOKEN), stored=stored)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        said = client.get("/api/cameras/gate").json()["stored"]
        assert said == {"problem": f"store {place}: there is no such file; check the path"}
        now_s = time.time()
        sink = StoreSink(f"sqlite:///{place}", 30.0, 4096.0, "run-1", interval_s=0.01)
        box = found((1.0, 2.0, 30.0, 40.0))
        sink.offer([made(n, captured_at_s=now_s - 60 + n, detections=box) for n in range(10)])
        sink.counts({GATE: FrameCounts(captured=12, analysed=10, stale=2)}, now_s - 50)
        sink.close()
        said = client.get("/api/cameras/gate").json()["stored"]
    assert (said["captured"], said["analysed"], said["dropped"]) == (12, 10, 2)
    assert said["detections"] == {"person": 10}
    assert said["p95_ms"] == pytest.approx(57.0, rel=0.02)
    stored.close()
