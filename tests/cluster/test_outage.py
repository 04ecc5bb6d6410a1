"""A control plane that is away: stopped for a minute, hanging for longer than the Lease is good for, and for a moment.

The operator is restarted by the test as the kubelet would restart it, which needs no API server for that.
"""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from camslice.cluster.wire import fleet_manifest
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import Program, until
from tests.cluster.test_operator import RunningOperator, a_camera, a_fleet, holders, nodes_of, wait_for

CAMERAS = 40
API = "kube-apiserver"
CONTROL_PLANE = (API, "kube-controller-manager", "kube-scheduler")


class Restarted(RunningOperator):
    """One that may end, for it is started again."""

    def check(self) -> None:
        """Never in vain."""


class Kubelet:
    """Restarts an operator that ends, after a second, and remembers how each ended and what its probe said."""

    def __init__(self, operator: RunningOperator) -> None:
        self._operator = operator
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.codes: list[int] = []
        self.probes: set[tuple[int, str]] = set()

    def start(self) -> None:
        self._operator.start()
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()
        self._operator.kill()

    def _run(self) -> None:
        while not self._ending.wait(0.2):
            code = self._operator.ended()
            if code is None:
                self._probe()
                continue
            self.codes.append(code)
            self._ending.wait(1.0)
            self._operator.start()

    def _probe(self) -> None:
        with suppress(OSError, http.client.HTTPException):  # it is starting, or has ended, perhaps in the middle of an answer
            self.probes.add(answer_of(f"{self._operator.address}/healthz"))


def answer_of(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def kubelet(plane: Plane, namespace: str, tmp_path: Path) -> Iterator[tuple[Kubelet, RunningOperator]]:
    operator = Restarted(plane, namespace, tmp_path)
    plane.apply(nodes_of(plane, "street", 3, 4, "nvidia.com/gpu.shared", f"{namespace}-n"))
    plane.apply([fleet_manifest(a_fleet(namespace, "street", nodes=3, pods=4, streams=4))])
    plane.apply([a_camera(namespace, "street", number) for number in range(CAMERAS)])
    kubelet = Kubelet(operator)
    kubelet.start()
    try:
        until(lambda: operator.metrics()["camslice_operator_fleets"] == 1, "the operator", 60)
        wait_for(plane, operator, CAMERAS)
        yield kubelet, operator
    finally:
        kubelet.stop()
        plane.kubectl("delete", "camerafleets,cameras", "--all", "--namespace", namespace)
        plane.kubectl("delete", "nodes", *(f"{namespace}-n-{index}" for index in range(3)), "--wait=false")


@pytest.fixture(autouse=True, scope="module")
def fresh_nodes(plane: Plane) -> Iterator[None]:
    """For the tests that follow: kwok takes long to notice that an API server is back."""
    yield
    start_again(plane, "kwok", *ended(plane, "kwok"))


def ended(plane: Plane, *names: str) -> list[list[str]]:
    """End programs of the plane, the last first. Returns what each was started with."""
    arguments = [Path(f"/proc/{plane.programs[name].pid}/cmdline").read_text().rstrip("\0").split("\0")[1:] for name in names]
    for name in reversed(names):
        plane.programs[name].end()
    return arguments


def start_again(plane: Plane, name: str, arguments: list[str]) -> None:
    plane.programs[name] = Program(name, arguments, plane.programs[name].log)


@contextmanager
def gone(plane: Plane) -> Iterator[None]:
    """The whole control plane is gone, and starts again from what etcd holds. Nodes are still there."""
    arguments = ended(plane, *CONTROL_PLANE)
    try:
        yield
    finally:
        for name, each in zip(CONTROL_PLANE, arguments, strict=True):
            start_again(plane, name, each)
            if name == API:
                until(lambda: plane.kubectl("get", "--raw", "/readyz"), "the API server", 90, plane.programs[name].check)


@contextmanager
def paused(plane: Plane) -> Iterator[None]:
    """The API server takes connections and answers nothing."""
    pid = plane.programs[API].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        until(lambda: plane.kubectl("get", "--raw", "/readyz"), "the API server", 60)


def pods_of(plane: Plane, namespace: str) -> set[str]:
    return {each["metadata"]["uid"] for each in plane.get("pods", "--namespace", namespace)}


def test_one_that_hangs_for_a_moment_is_waited_for(plane: Plane, kubelet: tuple[Kubelet, RunningOperator]) -> None:
    restarts, operator = kubelet
    took_s = came_back(plane, operator, paused, 5.0)
    assert restarts.codes == [], operator.log()
    print(f"hung for 5 s: a new camera was live {took_s:.1f} s after the API server was ready")


def test_one_that_hangs_for_longer_than_the_lease_costs_nothing(plane: Plane, kubelet: tuple[Kubelet, RunningOperator]) -> None:
    restarts, operator = kubelet
    took_s = came_back(plane, operator, paused, 25.0)
    assert restarts.codes[0] == 1, operator.log()
    assert restarts.probes == {(200, "ok\n")}
    print(f"hung for 25 s: ended {restarts.codes}; a new camera was live {took_s:.1f} s after the API server was ready")


def test_a_control_plane_that_is_away_for_a_minute_costs_nothing(
    plane: Plane, kubelet: tuple[Kubelet, RunningOperator]
) -> None:
    restarts, operator = kubelet
    took_s = came_back(plane, operator, gone, 60.0)
    assert restarts.codes == [1], operator.log()
    assert "cannot be asked for" in operator.log()
    assert restarts.probes == {(200, "ok\n")}
    print(f"away for 60 s: ended {restarts.codes}; a new camera was live {took_s:.1f} s after the API server was ready")


def came_back(plane: Plane, operator: RunningOperator, away: Callable[[Plane], Any], seconds: float) -> float:
    """Nobody was lost, doubled or moved, no pod was made anew, and a new camera gets its place: in how many seconds."""
    space = operator.namespace
    before, pods, moves = holders(plane, space), pods_of(plane, space), moves_of(plane, space)
    with away(plane):
        time.sleep(seconds)
    ready_s = time.monotonic()
    plane.apply([a_camera(space, "street", CAMERAS)])
    until(lambda: "cam-40/people" in holders(plane, space), lambda: f"the new camera: {operator.log()[-2000:]}", 90)
    wait_for(plane, operator, CAMERAS + 1)
    took_s = time.monotonic() - ready_s
    after = holders(plane, space)
    assert {stream: held for stream, held in after.items() if stream != "cam-40/people"} == before
    assert pods <= pods_of(plane, space)
    assert moves_of(plane, space) == moves
    return took_s


def moves_of(plane: Plane, namespace: str) -> int:
    return int(plane.get("camerafleet", "street", "--namespace", namespace)[0]["status"].get("moves", 0))
