"""`camslice web` over a real API server: real objects, the account that the chart gives it, a real `camslice run` as the pod.

No node runs here: the pod of the cluster is an object whose status the test writes, with the address of a `camslice run` on
loopback. Everything between them and the browser's side (watches, states, pictures, the page's API) is real.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from camslice.cluster.crds.definitions import definitions
from camslice.cluster.names import API_VERSION, FLEET, HTTP_PORT, ROLE, SHARD
from camslice.cluster.objects import CameraObject, FleetObject, ModelObject, NodeShape, PodShape, Slot
from camslice.cluster.wire import camera_manifest, fleet_manifest
from camslice.fleet.types import Objective, Topology
from tests.cluster.harness.programs import program
from tests.docs_stage import write_network

BIN = Path(sys.executable).parent
TOKEN = "the-token-of-the-pods"
ADDRESS = "127.0.0.77"
NAMESPACE = "web-test"
SCENE = "scene://people?seed={seed}&size=320x240&fps=10"
RULES = [
    {"apiGroups": ["camslice.dev"], "resources": ["camerafleets", "cameras"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
]
"""What the chart lets the page do (tests of the chart hold it to that)."""


@pytest.fixture(scope="module")
def cluster(plane: Any) -> Iterator[Any]:
    """The control plane with our kinds, a namespace, and a fleet of three cameras."""
    apply(plane, *definitions().values())
    plane.kubectl("wait", "--for=condition=Established", "crd/camerafleets.camslice.dev", "crd/cameras.camslice.dev")
    apply(plane, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    apply(plane, fleet(), *(camera(name) for name in ("gate", "yard", "attic")))
    uid = json.loads(kubectl(plane, "get", "camerafleet", "site", "--output", "json"))["metadata"]["uid"]
    apply(plane, pod(uid))
    status(plane, "pod", "site-a-0", {"podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}], "phase": "Running", "conditions": [READY]})
    yield plane
    plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def analysing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A real run at the pod's address."""
    folder = tmp_path_factory.mktemp("pod")
    write_network(folder / "tiny.onnx")
    cameras = [
        {"name": name, "source": SCENE.format(seed=n), "fps": 5, "model": "people"} for n, name in enumerate(("gate", "yard"))
    ]
    (folder / "fleet.yaml").write_text(yaml.safe_dump({"models": {"people": {"weights": "tiny.onnx"}}, "cameras": cameras}))
    command = [BIN / "camslice", "run", "fleet.yaml", "--listen", f"{ADDRESS}:{HTTP_PORT}", "--store", "none"]
    with started(command, folder / "log", cwd=folder, env=os.environ | {"CAMSLICE_TOKEN": TOKEN}):
        yield


@pytest.fixture
def page(cluster: Any, analysing: None, tmp_path: Path) -> Iterator[str]:
    """Where `camslice web` answers, running as an account that may only read."""
    (tmp_path / "token").write_text(TOKEN)
    command = [BIN / "camslice", "web", "--listen", "127.0.0.1:0", "--namespace", NAMESPACE]
    command += ["--kubeconfig", account(cluster, tmp_path), "--pod-token-file", tmp_path / "token"]
    with started(command, tmp_path / "log", cwd=tmp_path, env=dict(os.environ)) as process:
        until(lambda: "page: " in (tmp_path / "log").read_text(), "the page", process)
        yield (tmp_path / "log").read_text().split("page: ")[1].split()[0]


def test_the_page_shows_what_objects_and_pods_say(page: str, cluster: Any) -> None:
    refused = {"state": "refused", "reason": "no slot for people at 25 frames/s is free"}
    status(cluster, "camera", "attic", refused)
    no_capacity = {
        "type": "NoCapacity",
        "status": "True",
        "reason": "InsufficientCapacity",
        "message": "no g4dn.xlarge in us-east-1a",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status(cluster, "camerafleet", "site", {"conditions": [no_capacity], "usdPerCameraMonth": 27.81})
    until(lambda: states(page) == {"gate": "live", "yard": "live", "attic": "refused"}, "the states")
    until(lambda: fetched(page, "/api/status")["cluster"]["conditions"], "the condition")
    until(lambda: fetched(page, "/api/status")["fleet"]["frames"]["analysed"] > 20, "frames of the pod")
    said = fetched(page, "/api/status")
    assert said["fleet"]["usd_per_camera_month"] == 27.81
    assert said["problems"][0] == "NoCapacity: no g4dn.xlarge in us-east-1a"
    assert (said["cluster"]["pods"], said["cluster"]["pods_answering"], said["cluster"]["refused"]) == (1, 1, 1)
    gate = fetched(page, "/api/cameras/gate")
    assert gate["pods"] == ["site-a-0"]
    assert "inference" in gate["streams"][0]["stages"], "from the pod itself"
    assert "***" not in json.dumps(gate["streams"])


def test_cameras_come_and_go_with_their_objects(page: str, cluster: Any) -> None:
    apply(cluster, camera("dock"))
    until(lambda: states(page).get("dock") == "pending", "the new camera")
    kubectl(cluster, "delete", "camera", "dock")
    until(lambda: "dock" not in states(page), "the camera to go")


def test_pictures_of_the_pod_come_through_the_page(page: str) -> None:
    from websockets.sync.client import connect

    with connect(page.replace("http", "ws") + "/ws") as socket:
        socket.send(json.dumps({"watch": ["gate", "attic"]}))
        until(lambda: isinstance(message := socket.recv(20), bytes) and b'"camera": "gate"' in message[:200], "a picture")


def test_the_account_may_read_and_the_page_changes_nothing(page: str, cluster: Any) -> None:
    for method, path in (("POST", "/api/cameras"), ("DELETE", "/api/cameras/gate")):
        request = urllib.request.Request(page + path, method=method, data=b"{}", headers={"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 403
    verbs = [f"{verb} {kind}" for verb in ("create", "delete", "patch") for kind in ("cameras", "pods", "camerafleets")]
    who = f"--as=system:serviceaccount:{NAMESPACE}:page"
    for verb in verbs:
        done = subprocess.run(
            [*kubectl_of(cluster), "auth", "can-i", *verb.split(), who, f"--namespace={NAMESPACE}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == "no", verb


READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}


def fleet() -> dict[str, Any]:
    shape = PodShape("cameras", 1, 500, 300.0, 1, (Slot("people", 5.0, 2),))
    nodes = NodeShape("a", "g4dn.xlarge", "us-east-1", "on_demand", 1, Topology.SLICED, 0.526, (shape,))
    model = ModelObject("people", {"weights": "yolox-nano"})
    return fleet_manifest(FleetObject("site", NAMESPACE, "", 0, Objective(), (model,), (nodes,), "localhost/camslice:0.1.0"))


def camera(name: str) -> dict[str, Any]:
    return camera_manifest(CameraObject(name, "", "site", SCENE.format(seed=1), 5.0, ("people",), namespace=NAMESPACE))


def pod(uid: str) -> dict[str, Any]:
    owner = {"apiVersion": API_VERSION, "kind": "CameraFleet", "name": "site", "uid": uid, "controller": True}
    metadata = {
        "name": "site-a-0",
        "namespace": NAMESPACE,
        "labels": {FLEET: "site", SHARD: "a-cameras-0", ROLE: "camera"},
        "ownerReferences": [owner],
    }
    spec = {"nodeSelector": {"nobody": "has-this"}, "containers": [{"name": "camslice", "image": "localhost/camslice:0.1.0"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def account(plane: Any, folder: Path) -> Path:
    """A kubeconfig of an account with RULES and nothing else."""
    name = {"name": "page", "namespace": NAMESPACE}
    subject = [{"kind": "ServiceAccount", "name": "page", "namespace": NAMESPACE}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "page"}
    rbac = "rbac.authorization.k8s.io/v1"
    apply(
        plane,
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name},
        {"apiVersion": rbac, "kind": "Role", "metadata": name, "rules": RULES},
        {"apiVersion": rbac, "kind": "RoleBinding", "metadata": name, "roleRef": role, "subjects": subject},
    )
    config = yaml.safe_load(Path(plane.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": kubectl(plane, "create", "token", "page").strip()}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def apply(plane: Any, *objects: dict[str, Any]) -> None:
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(objects))


def kubectl(plane: Any, *arguments: str) -> str:
    said: str = plane.kubectl("--namespace", NAMESPACE, *arguments)
    return said


def kubectl_of(plane: Any) -> list[str]:
    return [str(program("kubectl")), f"--kubeconfig={plane.kubeconfig}"]


def status(plane: Any, kind: str, name: str, value: dict[str, Any]) -> None:
    patch = json.dumps({"status": value})
    kubectl(plane, "patch", kind, name, "--subresource=status", "--type=merge", "--patch", patch)


def fetched(page: str, path: str) -> Any:
    with urllib.request.urlopen(page + path, timeout=10) as answer:
        return json.loads(answer.read())


def states(page: str) -> dict[str, str]:
    return {camera["name"]: camera["state"] for camera in fetched(page, "/api/status")["cameras"]}


class started:  # noqa: N801 - a context manager used as a verb
    """A program with its output in a file, ended with SIGTERM."""

    def __init__(self, command: list[Any], log: Path, **options: Any) -> None:
        self._file = log.open("wb")
        self._process = subprocess.Popen([str(word) for word in command], stdout=self._file, stderr=self._file, **options)

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            assert self._process.wait(30) == 0
        finally:
            self._process.kill()
            self._process.wait()
            self._file.close()


def until(condition: Callable[[], object], what: str, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline_s = time.monotonic() + 60
    while not condition():
        assert process is None or process.poll() is None, f"the program ended before {what}"
        assert time.monotonic() < deadline_s, f"waited in vain: {what}"
        time.sleep(0.1)
