from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from camslice.cluster.names import API_VERSION, FLEET, ROLE, SHARD
from camslice.fleet.errors import CamsliceError
from camslice.web.cluster import kube
from camslice.web.cluster.kube import KubeCluster, connect
from tests.fake_api_server import FakeApiServer
from tests.unit.events.made import wait_for
from tests.unit.web.cluster.test_parse import SHAPE

SITE = {
    "metadata": {"name": "site", "uid": "u1"},
    "spec": {"models": [{"name": "people", "weights": "yolox-nano"}], "image": "camslice:1", "shapes": [SHAPE]},
}


def camera(name: str, **status: object) -> dict[str, object]:
    spec = {"fleet": "site", "source": f"rtsp://10.0.0.7/{name}", "fps": 5, "models": ["people"]}
    return {"metadata": {"name": name}, "spec": spec, "status": status}


def pod(name: str, owner: str = "u1") -> dict[str, object]:
    reference = {"apiVersion": API_VERSION, "kind": "CameraFleet", "name": "site", "uid": owner}
    labels = {FLEET: "site", SHARD: name, ROLE: "camera"}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels, "ownerReferences": [reference]},
        "status": {"podIP": "10.1.0.1"},
    }


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    running = FakeApiServer()
    running.put("camerafleets", SITE)
    running.put("cameras", camera("gate"))
    running.put("pods", pod("a-0"))
    yield running
    running.close()


@pytest.fixture
def config(server: FakeApiServer, tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": server.url}}],
                "users": [{"name": "u", "user": {"token": "hunter2"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "video"}}],
                "current-context": "x",
            }
        )
    )
    return path


@pytest.fixture
def cluster(server: FakeApiServer, config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeCluster]:
    monkeypatch.setattr(kube, "_FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(kube, "_LONGEST_PAUSE_S", 0.1)
    connected = connect(config, None)
    connected.start()
    yield connected
    connected.close()
    server.end_watches()


def names(cluster: KubeCluster) -> list[str]:
    return [camera.name for camera in cluster.look().cameras]


def test_what_is_there_at_the_start_and_what_changes_later_is_seen(cluster: KubeCluster, server: FakeApiServer) -> None:
    look = cluster.look()
    assert (look.namespace, [fleet.name for fleet in look.fleets], names(cluster)) == ("video", ["site"], ["gate"])
    assert [(one.name, one.address) for one in look.pods] == [("a-0", "10.1.0.1")]
    wait_for(lambda: sum("watch=true" in path for path in server.asked) == 3, "the watches")
    server.put("cameras", camera("yard", state="refused", reason="no room"))
    wait_for(lambda: names(cluster) == ["gate", "yard"], "a new camera")
    assert cluster.look().cameras[1].reason == "no room"
    server.delete("cameras", "gate")
    wait_for(lambda: names(cluster) == ["yard"], "the camera to go")
    server.put("pods", pod("b-0", owner="somebody-else"))
    server.put("pods", pod("c-0"))
    wait_for(lambda: [one.name for one in cluster.look().pods] == ["a-0", "c-0"], "the fleet's own pods, and no others")
    assert all("labelSelector=camslice.dev" in path for path in server.asked if "/pods" in path)


def test_a_watch_that_ends_or_is_too_old_loses_nothing(cluster: KubeCluster, server: FakeApiServer) -> None:
    wait_for(lambda: sum("watch=true" in path for path in server.asked) == 3, "the watches")
    server.expire("cameras")
    wait_for(lambda: sum("/cameras" in path and "watch" not in path for path in server.asked) >= 2, "a new list")
    server.put("cameras", camera("yard"))
    wait_for(lambda: names(cluster) == ["gate", "yard"], "what came later")
    assert cluster.look().problem is None


def test_an_api_server_that_is_away_is_told_and_what_was_known_stays(cluster: KubeCluster, server: FakeApiServer) -> None:
    wait_for(lambda: sum("watch=true" in path for path in server.asked) == 3, "the watches")
    server.stop()
    wait_for(lambda: cluster.look().problem, "the problem")
    assert str(cluster.look().problem).startswith("does not answer (")
    assert names(cluster) == ["gate"]
    server.put("cameras", camera("yard"))
    server.start()
    wait_for(lambda: names(cluster) == ["gate", "yard"], "what happened meanwhile")
    wait_for(lambda: cluster.look().problem is None, "the problem to go")


def test_an_object_that_nobody_understands_is_left_out(cluster: KubeCluster, server: FakeApiServer) -> None:
    wait_for(lambda: sum("watch=true" in path for path in server.asked) == 3, "the watches")
    server.put("cameras", {"metadata": {"name": "odd"}, "spec": {"fps": "many"}})
    server.put("cameras", camera("yard"))
    wait_for(lambda: names(cluster) == ["gate", "yard"], "the others")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (404, "the cluster knows no CameraFleet; install the chart camslice-crds."),
        (403, "the cluster refuses: no cameras for you."),
    ],
)
def test_a_cluster_that_refuses_is_one_sentence(server: FakeApiServer, config: Path, status: int, sentence: str) -> None:
    server.fails["cameras"] = status
    with pytest.raises(CamsliceError) as caught:
        connect(config, None).start()
    assert str(caught.value) == sentence


def test_no_cluster_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    for where in (None, tmp_path / "missing"):
        with pytest.raises(CamsliceError, match=r"there is no cluster to show .* name a kubeconfig file with --kubeconfig"):
            connect(where, None)
    (tmp_path / "odd").write_text("clusters: [")
    with pytest.raises(CamsliceError, match="there is no cluster to show"):
        connect(tmp_path / "odd", None)
