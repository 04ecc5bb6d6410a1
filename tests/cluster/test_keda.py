"""Engine servers of topology remote, scaled by the real KEDA by what a real Prometheus reads.

The metrics are what a camera pod's page tells, of a fleet whose frames the test makes up; the pods are kwok's. No GPU, and no
engine that would really be relieved.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from camslice.cluster.names import SHAPE
from camslice.cluster.operator.engines import HANDED_OVER
from camslice.cluster.wire import fleet_manifest
from camslice.fleet.types import Topology
from camslice.web.metrics import render
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import until
from tests.cluster.harness.prometheus import Prometheus
from tests.cluster.test_objects import fleet
from tests.cluster.test_operator import RunningOperator, a_camera, wait_for
from tests.fake_fleet import FakeFleet

ENGINE = "street-engine"
PLANNED = 2
OPERATOR = "camslice-operator"


class Load:
    """A camera pod's page, whose frames come twice a second: `analysed` of them, and `dropped` that missed their deadline."""

    def __init__(self) -> None:
        self.analysed, self.dropped = 100, 0
        self._fleet = FakeFleet(["gate"])
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        page = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, kind = render(page._fleet.status())
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Scrapes are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def calm_down(self) -> None:
        """So many frames in time, with little waiting, that what was before counts for nothing in the figures."""
        with self._fleet.lock:
            self._fleet.cameras["gate"].slowness = 0.25
            self.analysed, self.dropped = 10_000, 0

    def __enter__(self) -> Load:
        self._thread.start()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._server.shutdown()
        self._server.server_close()

    def _run(self) -> None:
        while not self._ending.wait(0.5):
            with self._fleet.lock:
                self._fleet.cameras["gate"].analyse(self.analysed, dropped=self.dropped)


@contextmanager
def keda(plane: Plane) -> Iterator[None]:
    plane.start_keda()
    try:
        yield
    finally:
        plane.stop_keda()


@contextmanager
def remote_fleet(plane: Plane, namespace: str) -> Iterator[None]:
    """Of eight cameras and two engine servers, on nodes with room for two more. Gone afterwards with all it has."""
    room = {"cpu": "8", "memory": "32Gi", "pods": "64", "nvidia.com/gpu": "2"}
    names = [f"{namespace}-n-{index}" for index in range(2)]
    plane.apply([plane.fake_node(name, {SHAPE: "street.a"}, room) for name in names])
    plane.apply([fleet_manifest(fleet(Topology.REMOTE, namespace=namespace))])
    plane.apply([a_camera(namespace, "street", number) for number in range(8)])
    try:
        yield
    finally:
        plane.kubectl("delete", "camerafleets,cameras", "--all", "--namespace", namespace)
        here = ("--namespace", namespace, "--ignore-not-found")
        left = "deployments,horizontalpodautoscalers"
        until(lambda: not plane.kubectl("get", left, *here), lambda: f"to go: {plane.kubectl('get', left, *here)}")
        plane.kubectl("delete", "nodes", *names)


def engines(plane: Plane, namespace: str) -> dict[str, Any]:
    (found,) = plane.get("deployment", ENGINE, "--namespace", namespace, "--show-managed-fields")
    return found


def are_ready(plane: Plane, namespace: str, number: int) -> bool:
    found = engines(plane, namespace)
    return found["spec"]["replicas"] == number and found.get("status", {}).get("readyReplicas") == number


def owners_of_number(plane: Plane, namespace: str) -> set[str]:
    managed = engines(plane, namespace)["metadata"]["managedFields"]
    return {each["manager"] for each in managed if "f:replicas" in each["fieldsV1"].get("f:spec", {})}


def autoscaler(plane: Plane, namespace: str) -> dict[str, Any]:
    (found,) = plane.get("horizontalpodautoscaler", f"keda-hpa-{ENGINE}", "--namespace", namespace)
    return found


def shrinks(plane: Plane, namespace: str) -> list[str]:
    events = plane.get("events", "--namespace", namespace, "--field-selector", "reason=ScalingReplicaSet")
    return [each["message"] for each in events if "Scaled down" in each["message"]]


def measured(plane: Plane, namespace: str) -> dict[str, float]:
    """What the autoscaler read last, by the place of its trigger: frames of a thousand that were missed, ms of waiting."""
    told = autoscaler(plane, namespace).get("status", {}).get("currentMetrics") or ()
    values = [each["external"] for each in told if each.get("type") == "External"]
    return {each["metric"]["name"].split("-")[0]: _plain(each["current"]["value"]) for each in values}


def _plain(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def test_without_keda_the_planned_engine_servers_run_and_keda_takes_over_when_it_comes(
    plane: Plane, namespace: str, tmp_path: Path
) -> None:
    plane.undefine("keda")
    operator = RunningOperator(plane, namespace, tmp_path, "--prometheus", "http://127.0.0.1:9")
    with remote_fleet(plane, namespace):
        operator.start()
        try:
            wait_for(plane, operator, 8)
            until(lambda: are_ready(plane, namespace, PLANNED), "the planned engine servers", 30, operator.check)
            assert owners_of_number(plane, namespace) == {OPERATOR}
            assert operator.log().count("has no KEDA") == 1, operator.log()
            assert operator.metrics()["camslice_operator_engines_unscaled_total"] >= 1
            assert operator.metrics()["camslice_operator_failures_total"] == 0, operator.log()
            with keda(plane):
                until(lambda: autoscaler(plane, namespace), "KEDA's autoscaler", 90, operator.check)
                assert owners_of_number(plane, namespace) == {HANDED_OVER}
                assert are_ready(plane, namespace, PLANNED)
                operator.kill()
            assert shrinks(plane, namespace) == []
        finally:
            operator.kill()


def test_engine_servers_follow_missed_deadlines_and_nobody_fights_over_their_number(
    plane: Plane, namespace: str, tmp_path: Path
) -> None:
    labels = {"namespace": namespace, "fleet": "street"}
    with (
        keda(plane),
        Load() as load,
        Prometheus(tmp_path / "prometheus", load.address, labels) as prometheus,
        remote_fleet(plane, namespace),
    ):
        scaled = ("--prometheus", prometheus.address, "--engines-down-after", "5")
        operator = RunningOperator(plane, namespace, tmp_path, *scaled)
        operator.start()
        try:
            wait_for(plane, operator, 8)
            until(lambda: are_ready(plane, namespace, PLANNED), "the planned engine servers", 30, operator.check)
            until(lambda: set(measured(plane, namespace)) == {"s0", "s1"}, "both figures", 60, operator.check)
            until(lambda: 25 < measured(plane, namespace)["s1"] < 50, "some 38 ms of waiting", 30)
            assert measured(plane, namespace)["s0"] == 0
            assert are_ready(plane, namespace, PLANNED)

            load.dropped = 10
            until(lambda: are_ready(plane, namespace, PLANNED + 1), "one more engine server", 60, operator.check)
            assert shrinks(plane, namespace) == []
            assert OPERATOR not in owners_of_number(plane, namespace)

            operator.kill()
            operator.start()
            changed = fleet_manifest(fleet(Topology.REMOTE, namespace=namespace))
            changed["spec"]["image"] = "camslice:2"
            plane.apply([changed])
            until(lambda: "camslice:2" in json.dumps(engines(plane, namespace)["spec"]), "the new image", 30, operator.check)
            until(lambda: are_ready(plane, namespace, PLANNED + 1), "three of them with the new image", 30, operator.check)
            assert OPERATOR not in owners_of_number(plane, namespace)

            load.calm_down()
            until(lambda: are_ready(plane, namespace, PLANNED), "one engine server less", 90, operator.check)

            operator.kill()
            operator = RunningOperator(plane, namespace, tmp_path)
            operator.start()
            until(lambda: OPERATOR in owners_of_number(plane, namespace), "the number to be ours again", 60, operator.check)
            assert are_ready(plane, namespace, PLANNED)
            assert plane.get("scaledobjects,horizontalpodautoscalers", "--namespace", namespace) == []
        finally:
            operator.kill()
