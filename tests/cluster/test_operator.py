"""The operator on a real API server and scheduler, with nodes that kwok plays: killed at any time, and many cameras."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from camslice.cluster.client import CAMERA, connect
from camslice.cluster.manifests.common import Manifest
from camslice.cluster.names import PLACEMENT_FILE, SHAPE
from camslice.cluster.objects import CameraObject, FleetObject, ModelObject, NodeShape, PodShape, Slot
from camslice.cluster.operator.rbac import CLUSTER, NAMESPACED
from camslice.cluster.operator.values import Fault
from camslice.cluster.operator.writing import StaleError, Writing
from camslice.cluster.wire import camera_manifest, fleet_manifest
from camslice.fleet.types import Objective, Topology
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import free_ports, until

LEASE = "operator"
BIN = Path(sys.executable).parent


class RunningOperator:
    """`camslice operator` as a process of its own, with the rights that the chart gives it and no others."""

    def __init__(self, plane: Plane, namespace: str, folder: Path, *options: str) -> None:
        self.plane, self.namespace = plane, namespace
        self._folder = folder
        self._options = options
        self._kubeconfig = limited_account(plane, namespace, folder)
        self._port = free_ports(1)[0]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = os.environ | {
            "KUBECONFIG": str(self._kubeconfig),
            "CAMSLICE_TOKEN": "a-token-of-the-tests",
            "CAMSLICE_IDENTITY": "test",
        }
        command = [BIN / "camslice", "operator", "--namespace", self.namespace, "--lease", LEASE, "--poll", "0"]
        command += ["--listen", f"127.0.0.1:{self._port}", *self._options]
        with (self._folder / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(list(map(str, command)), env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(20)

    def ended(self) -> int | None:
        """With which code, if it has."""
        assert self._process is not None
        return self._process.poll()

    @property
    def address(self) -> str:
        """Of its page."""
        return f"http://127.0.0.1:{self._port}"

    def check(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, self.log()

    def log(self) -> str:
        return (self._folder / "operator.log").read_text()

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}


def limited_account(plane: Plane, namespace: str, folder: Path) -> Path:
    """A service account with the operator's own rules."""
    name = "camslice-operator"
    rules = [
        {key: [LEASE if each == "LEASE" else each for each in value] for key, value in rule.items()} for rule in NAMESPACED
    ]
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    kind = "rbac.authorization.k8s.io"
    of_cluster = f"{namespace}-operator"
    plane.apply(
        [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
            {"apiVersion": f"{kind}/v1", "kind": "Role", "metadata": {"name": name, "namespace": namespace}, "rules": rules},
            {
                "apiVersion": f"{kind}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": name, "namespace": namespace},
                "roleRef": {"apiGroup": kind, "kind": "Role", "name": name},
                "subjects": [subject],
            },
            {"apiVersion": f"{kind}/v1", "kind": "ClusterRole", "metadata": {"name": of_cluster}, "rules": list(CLUSTER)},
            {
                "apiVersion": f"{kind}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": of_cluster},
                "roleRef": {"apiGroup": kind, "kind": "ClusterRole", "name": of_cluster},
                "subjects": [subject],
            },
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": LEASE, "namespace": namespace},
                "spec": {},
            },
        ]
    )
    token = plane.kubectl("create", "token", name, "--namespace", namespace, "--duration", "2h").strip()
    return plane.keys.write_kubeconfig(f"operator-{namespace}", plane.server, {"token": token})


def a_fleet(namespace: str, name: str, *, nodes: int, pods: int, streams: int, spares: int = 0) -> FleetObject:
    pod = PodShape("people-0", pods, 100, 100.0, 1, (Slot("people", 5.0, streams),))
    topology = Topology.POOLED if pods == 1 else Topology.SLICED
    shape = NodeShape("a", "g4dn.xlarge", "us-east-1", "on_demand", nodes, topology, 0.526, (pod,))
    model = ModelObject("people", {"weights": "yolox-nano"})
    return FleetObject(
        name, namespace, "", 0, Objective(), (model,), (shape,), "camslice:1", spare_nodes=spares, usd_per_month=300.0
    )


def a_camera(namespace: str, fleet: str, number: int) -> Manifest:
    source = f"rtsp://10.0.{number // 250}.{number % 250 + 1}:8554/1"
    return camera_manifest(CameraObject(f"cam-{number}", "", fleet, source, 5.0, ("people",), namespace))


def nodes_of(plane: Plane, fleet: str, number: int, pods: int, resource: str, prefix: str) -> list[Any]:
    room = {"cpu": "8", "memory": "32Gi", "pods": "64", resource: str(pods)}
    return [plane.fake_node(f"{prefix}-{index}", {SHAPE: f"{fleet}.a"}, room) for index in range(number)]


@pytest.fixture
def operator(plane: Plane, namespace: str, tmp_path: Path) -> Iterator[RunningOperator]:
    running = RunningOperator(plane, namespace, tmp_path, "--compact-after", "2", "--lost-after", "5")
    running.start()
    yield running
    running.kill()
    plane.kubectl("delete", "camerafleets,cameras", "--all", "--namespace", namespace)


def states(plane: Plane, namespace: str) -> Counter[str]:
    return Counter(each.get("status", {}).get("state", "new") for each in plane.get("cameras", "--namespace", namespace))


def holders(plane: Plane, namespace: str) -> dict[str, list[tuple[str, int]]]:
    """Of each stream the pods that are there and told to analyse it, with its epoch: from the ConfigMaps that they mount."""
    there = {
        each["metadata"]["name"]
        for each in plane.get("pods", "--namespace", namespace)
        if not each["metadata"].get("deletionTimestamp")
    }
    found: dict[str, list[tuple[str, int]]] = {}
    for config in plane.get("configmaps", "--namespace", namespace, "--selector", "camslice.dev/shard"):
        if config["metadata"]["name"] in there:
            for stream, epoch in json.loads(config["data"][PLACEMENT_FILE])["epochs"].items():
                found.setdefault(stream, []).append((config["metadata"]["name"], epoch))
    return found


def everybody_once(plane: Plane, namespace: str, cameras: int) -> bool:
    held = holders(plane, namespace)
    return len(held) == cameras and all(len(pods) == 1 for pods in held.values())


def wait_for(plane: Plane, operator: RunningOperator, cameras: int, seconds: float = 60.0) -> None:
    def settled() -> bool:
        return states(plane, operator.namespace) == Counter({"live": cameras}) and everybody_once(
            plane, operator.namespace, cameras
        )

    until(settled, f"{cameras} live cameras ({operator.log()[-500:]})", seconds, operator.check)


def test_cameras_come_and_go_and_nothing_else_moves(plane: Plane, operator: RunningOperator) -> None:
    space = operator.namespace
    plane.apply(nodes_of(plane, "street", 2, 4, "nvidia.com/gpu.shared", f"{space}-n"))
    plane.apply([fleet_manifest(a_fleet(space, "street", nodes=2, pods=4, streams=2))])
    plane.apply([a_camera(space, "street", number) for number in range(12)])
    wait_for(plane, operator, 12)
    before = holders(plane, space)
    writes = operator.metrics()
    plane.apply([a_camera(space, "street", 12)])
    wait_for(plane, operator, 13)
    after = holders(plane, space)
    assert {stream: pods for stream, pods in after.items() if stream != "cam-12/people"} == before
    grown = {key: value - writes.get(key, 0.0) for key, value in operator.metrics().items() if "requests_total" in key}
    assert sum(value for key, value in grown.items() if "pods" in key or "configmaps" in key) <= 4, grown
    assert sum(value for key, value in grown.items() if '"cameras"' in key) <= 4, grown
    plane.apply([a_camera(space, "street", number) for number in range(13, 20)])
    until(lambda: states(plane, space)["refused"] == 4, "four refused cameras", 30, operator.check)
    refused = [each for each in plane.get("cameras", "--namespace", space) if each["status"]["state"] == "refused"]
    assert all("every place that keeps the objective is taken" in each["status"]["reason"] for each in refused)
    plane.kubectl("delete", "cameras", "--namespace", space, *(f"cam-{number}" for number in range(20) if number % 2))
    until(lambda: everybody_once(plane, space, 10), "ten cameras", 30, operator.check)
    assert operator.stop() == 0


def test_a_status_is_not_written_over_what_another_has_written(plane: Plane, namespace: str) -> None:
    plane.apply([a_camera(namespace, "street", 0)])
    before = plane.get("camera", "cam-0", "--namespace", namespace)[0]["metadata"]["resourceVersion"]
    with connect(plane.kubeconfig, None, namespace) as cluster:
        writing = Writing(cluster, lambda _: None, lambda _: None, lambda: True)
        told = {"state": "pending", "reason": "its pod is being made", "observedGeneration": 1}
        first = writing.fault_status(CAMERA, Fault("cam-0", namespace, 1, "", {}, before), told)
        assert first is not None
        with pytest.raises(StaleError):
            writing.fault_status(CAMERA, Fault("cam-0", namespace, 1, "", {}, before), {**told, "state": "live"})
        now = first["metadata"]["resourceVersion"]
        second = writing.fault_status(CAMERA, Fault("cam-0", namespace, 1, "", told, now), {"state": "live"})
        assert second is not None
        assert second["status"] == {"state": "live"}, "what is not said any more is taken away"
        writing.close()


def test_a_node_that_is_lost_costs_no_camera_where_a_spare_stands_by(plane: Plane, operator: RunningOperator) -> None:
    space = operator.namespace
    plane.apply(nodes_of(plane, "street", 3, 2, "nvidia.com/gpu.shared", f"{space}-n"))
    plane.apply([fleet_manifest(a_fleet(space, "street", nodes=2, pods=2, streams=2, spares=1))])
    plane.apply([a_camera(space, "street", number) for number in range(8)])
    wait_for(plane, operator, 8)
    before = holders(plane, space)
    lost = plane.get("pods", "--namespace", space)[0]["spec"]["nodeName"]
    plane.kubectl("delete", "node", lost, "--wait=false")
    until(
        lambda: (
            lost
            not in {
                each["spec"].get("nodeName")
                for each in plane.get("pods", "--namespace", space)
                if not each["metadata"].get("deletionTimestamp")
            }
        ),
        "pods elsewhere",
        60,
        operator.check,
    )
    wait_for(plane, operator, 8)
    after = holders(plane, space)
    assert sum(after[stream] == pods for stream, pods in before.items()) >= 4


def test_whatever_happens_no_camera_is_lost_or_doubled(plane: Plane, namespace: str, tmp_path: Path) -> None:
    operator = RunningOperator(plane, namespace, tmp_path, "--compact-after", "5", "--lost-after", "5")
    dice = random.Random(5)
    plane.apply(nodes_of(plane, "city", 9, 6, "nvidia.com/gpu.shared", f"{namespace}-n"))
    plane.apply([fleet_manifest(a_fleet(namespace, "city", nodes=9, pods=6, streams=4))])
    plane.apply([a_camera(namespace, "city", number) for number in range(200)])
    began_s, kills, lost_pods, lost_nodes = time.monotonic(), 0, 0, 0
    operator.start()
    try:
        while kills < 20 or time.monotonic() - began_s < 100:
            time.sleep(dice.uniform(0.4, 4.0))
            operator.kill()
            kills += 1
            operator.start()
            pods = [each["metadata"]["name"] for each in plane.get("pods", "--namespace", namespace)]
            for name in dice.sample(pods, min(2, len(pods))):
                plane.kubectl("delete", "pod", name, "--namespace", namespace, "--grace-period=0", "--force")
                lost_pods += 1
            if kills % 6 == 0:
                node = f"{namespace}-n-{dice.randrange(9)}"
                plane.kubectl("delete", "node", node, "--ignore-not-found", "--wait=false")
                lost_nodes += 1
                plane.apply(nodes_of(plane, "city", 9, 6, "nvidia.com/gpu.shared", f"{namespace}-n"))
        wait_for(plane, operator, 200, 90)
        moves = plane.get("camerafleet", "city", "--namespace", namespace)[0]["status"]["moves"]
        print(f"{kills} kills, {lost_pods} pods and {lost_nodes} nodes lost: {moves} moves")
        # A pod has four cameras and a node 24: nothing moves but what has lost its node (and comes back when there is one), and
        # what is compacted. Deleted pods are replaced in place.
        assert moves <= 24 * 3 * max(1, lost_nodes)
    finally:
        operator.kill()
        plane.kubectl("delete", "camerafleets,cameras", "--all", "--namespace", namespace)


def test_five_thousand_cameras(plane: Plane, namespace: str, tmp_path: Path) -> None:
    operator = RunningOperator(plane, namespace, tmp_path)
    plane.apply(nodes_of(plane, "land", 200, 1, "nvidia.com/gpu", f"{namespace}-n"))
    plane.apply([fleet_manifest(a_fleet(namespace, "land", nodes=200, pods=1, streams=26))])
    for first in range(0, 5000, 500):
        plane.apply([a_camera(namespace, "land", number) for number in range(first, first + 500)])
    began_s = time.monotonic()
    operator.start()
    try:
        until(lambda: _live(plane, namespace) == 5000, f"5,000 live cameras ({operator.log()[-300:]})", 200, operator.check)
        took_s = time.monotonic() - began_s
        requests = {key: value for key, value in operator.metrics().items() if "requests_total" in key}
        peak_mb = operator.metrics()["camslice_operator_memory_peak_bytes"] / 1e6
        plane.apply([a_camera(namespace, "land", 5000)])
        until(lambda: _live(plane, namespace) == 5001, "one more", 60, operator.check)
        after = {key: value - requests.get(key, 0.0) for key, value in operator.metrics().items() if "requests_total" in key}
        print(
            f"5,000 cameras: {took_s:.0f} s, {sum(requests.values()):.0f} requests, {peak_mb:.0f} MB; one more: {_words(after)}"
        )
        assert peak_mb <= 300
        assert sum(value for key, value in after.items() if "configmaps" in key) == 1
        assert sum(value for key, value in after.items() if '"cameras"' in key) <= 4
    finally:
        operator.kill()
        plane.kubectl("delete", "camerafleets,cameras,pods", "--all", "--namespace", namespace, "--wait=false")
        plane.kubectl("delete", "nodes", "--selector", f"{SHAPE}=land.a", "--wait=false")


def _live(plane: Plane, namespace: str) -> int:
    found: Sequence[dict[str, Any]] = plane.get("camerafleets", "--namespace", namespace)
    return int(found[0].get("status", {}).get("live", 0)) if found else 0


def _words(requests: dict[str, float]) -> str:
    return ", ".join(f"{key.partition('{')[2].rstrip('}')} {value:.0f}" for key, value in sorted(requests.items()) if value)
