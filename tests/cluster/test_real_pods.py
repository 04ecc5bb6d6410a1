"""Cameras analysed by real pods: our image on a real kubelet, containerd and runc, slices of a GPU from a device plugin.

The GPU is not there, and the plugin that shares it out is ours; all else is real: scheduler, kubelet, containers, RTSP cameras,
the operator with its own rights, the camera pods and what they analyse.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camslice.cluster.names import SHAPE
from camslice.cluster.objects import CameraObject, FleetObject, ModelObject, NodeShape, PodShape, Slot, WeightsFrom
from camslice.cluster.wire import camera_manifest, fleet_manifest
from camslice.fleet.types import Objective, Topology
from tests.cluster.harness.node import GATEWAY, NAME, Node
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import KubectlError, until
from tests.cluster.test_operator import RunningOperator
from tests.rtsp import RtspServer, need_rtsp_server
from tests.tiny_detector import tiny_detector
from tests.unit.deploy.recipes import DOCKER

GPUS, SLICES = "nvidia.com/gpu.shared", 4
FLEET = "shop"


@pytest.fixture(scope="module")
def image() -> dict[str, Any]:
    done = subprocess.run([DOCKER / "build-cpu-image", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def node(plane: Plane, image: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("real") / "node"
    with Node(plane, folder, [Path(image["archive"])], {SHAPE: f"{FLEET}.a"}) as made:
        yield made
        plane.kubectl("delete", "node", NAME, "--wait=false")


@pytest.fixture
def weights(plane: Plane, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A claim with a small detector on it; returns its hash."""
    folder = tmp_path_factory.mktemp("weights")
    for path in (folder, *list(folder.parents)[:2]):
        path.chmod(0o755)
    tiny_detector(folder / "tiny.onnx")
    (folder / "tiny.onnx").chmod(0o644)
    volume = f"weights-{namespace}"
    plane.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": volume},
                "spec": {
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadOnlyMany"],
                    "storageClassName": "",
                    "hostPath": {"path": str(folder)},
                    "claimRef": {"namespace": namespace, "name": "models"},
                },
            },
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "models", "namespace": namespace},
                "spec": {
                    "accessModes": ["ReadOnlyMany"],
                    "storageClassName": "",
                    "volumeName": volume,
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            },
        ]
    )
    yield hashlib.sha256((folder / "tiny.onnx").read_bytes()).hexdigest()
    plane.kubectl("delete", "persistentvolume", volume, "--wait=false")
    shutil.rmtree(folder, ignore_errors=True)


def secret(namespace: str, name: str, password: str) -> dict[str, Any]:
    data = {"WHO": base64.b64encode(b"bob").decode(), "WORD": base64.b64encode(password.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


def a_camera(namespace: str, number: int, server: RtspServer, secret_name: str) -> dict[str, Any]:
    source = f"rtsp://${{WHO}}:${{WORD}}@{GATEWAY}:{server.port}/cam{number}"
    return camera_manifest(CameraObject(f"cam-{number}", "", FLEET, source, 2.0, ("things",), namespace, secret=secret_name))


def test_cameras_are_analysed_by_pods_on_slices(
    plane: Plane, namespace: str, node: Node, image: dict[str, Any], weights: str, tmp_path: Path
) -> None:
    need_rtsp_server()
    plugin = node.share_gpu(GPUS, SLICES)
    pod = PodShape("things-0", SLICES, 200, 400.0, 1, (Slot("things", 2.0, 2),))
    shape = NodeShape("a", "g4dn.xlarge", "us-east-1", "on_demand", 1, Topology.SLICED, 0.526, (pod,))
    model = ModelObject("things", {"weights": "tiny.onnx", "input_size": [64, 64]}, weights)
    fleet = FleetObject(
        FLEET, namespace, "", 0, Objective(2000.0), (model,), (shape,), image["name"], weights=WeightsFrom("models"), grace_s=20
    )
    operator = RunningOperator(plane, namespace, tmp_path, "--poll", "1")
    with RtspServer(size="320x240", fps=10, streams=6, password="first", address="0.0.0.0") as many:
        single = RtspServer(size="320x240", fps=10, streams=6, password="first", address="0.0.0.0")
        try:
            plane.apply([secret(namespace, "many", "first"), secret(namespace, "single", "first"), fleet_manifest(fleet)])
            cameras = [a_camera(namespace, number, many, "many") for number in range(1, 6)]
            plane.apply([*cameras, a_camera(namespace, 6, single, "single")])
            operator.start()
            until(lambda: live(plane, namespace) == 6, lambda: how_it_is(plane, namespace, operator), 60, operator.check)
            assert len(plugin.allocated) == 3  # six cameras, two in each pod
            pods = plane.get("pods", "--namespace", namespace)
            assert all(each["status"]["phase"] == "Running" for each in pods)
            analysed = frames(plane, namespace)
            until(
                lambda: all(frames(plane, namespace).get(key, 0) > count for key, count in analysed.items()), "more frames", 30
            )

            # The password of one camera changes: nothing restarts, and the others go on.
            single.kill()
            single = RtspServer(size="320x240", fps=10, streams=6, port=single.port, password="second", address="0.0.0.0")
            plane.apply([secret(namespace, "single", "second")])
            before = frames(plane, namespace)["cam-6/things"]
            until(lambda: frames(plane, namespace).get("cam-6/things", 0) > before + 3, "the new password", 60, operator.check)
            now = plane.get("pods", "--namespace", namespace)
            assert {each["metadata"]["uid"] for each in now} == {each["metadata"]["uid"] for each in pods}
            assert all(status["restartCount"] == 0 for each in now for status in each["status"]["containerStatuses"])

            # A pod is killed: its cameras come back in another.
            victim = next(each for each in now if "cam-1/things" in held_by(plane, namespace, each))
            plane.kubectl("delete", "pod", victim["metadata"]["name"], "--namespace", namespace, "--grace-period=0", "--force")

            def back() -> bool:
                status = plane.get("camera", "cam-1", "--namespace", namespace)[0]["status"]
                return status["state"] == "live" and status["pod"] != victim["metadata"]["name"]

            until(back, "the cameras of a killed pod", 90, operator.check)
            until(lambda: live(plane, namespace) == 6, "all six again", 60, operator.check)
            assert "second" not in operator.log()
            assert "first" not in operator.log()
        finally:
            single.kill()
            operator.kill()
            plane.kubectl(
                "delete", "camerafleets,cameras,pods", "--all", "--namespace", namespace, "--grace-period=0", "--force"
            )


def live(plane: Plane, namespace: str) -> int:
    return sum(each.get("status", {}).get("state") == "live" for each in plane.get("cameras", "--namespace", namespace))


def how_it_is(plane: Plane, namespace: str, operator: RunningOperator) -> str:
    """For the one who has to find out why a test waited in vain."""
    told = [plane.kubectl("get", "cameras,pods,events", "--namespace", namespace), operator.log()[-2000:]]
    for each in plane.get("pods", "--namespace", namespace)[:2]:
        told.append(json.dumps(each["status"].get("containerStatuses"), indent=1))
        with contextlib.suppress(KubectlError):
            told.append(plane.kubectl("logs", each["metadata"]["name"], "--namespace", namespace, "--tail", "30"))
    return "\n".join(told)


def frames(plane: Plane, namespace: str) -> dict[str, int]:
    """Frames analysed of each stream, as the pods say through the API server."""
    found: dict[str, int] = {}
    for each in plane.get("pods", "--namespace", namespace):
        name = each["metadata"]["name"]
        path = f"/api/v1/namespaces/{namespace}/pods/{name}:8080/proxy/metrics"
        for line in plane.kubectl("get", "--raw", path).splitlines():
            if line.startswith("camslice_camera_frames_total") and 'fate="analysed"' in line:
                labels = dict(part.split("=", 1) for part in line[line.index("{") + 1 : line.index("}")].split(","))
                key = f"{labels['camera'].strip(chr(34))}/{labels['model'].strip(chr(34))}"
                found[key] = found.get(key, 0) + int(float(line.rpartition(" ")[2]))
    return found


def held_by(plane: Plane, namespace: str, pod: dict[str, Any]) -> set[str]:
    config = plane.get("configmap", pod["metadata"]["name"], "--namespace", namespace)[0]
    return set(json.loads(config["data"]["placement.json"])["epochs"])
