"""The operator at work on an API server in memory, with the real client: what it asks for, and what it leaves alone."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from camslice.cluster import client, watching
from camslice.cluster.client import RequestError
from camslice.cluster.names import PLACEMENT_FILE
from camslice.cluster.objects import CameraObject
from camslice.cluster.operator import operate
from camslice.cluster.operator.operate import Operator, OperatorSettings
from camslice.cluster.operator.writing import MayNotError, Writing
from camslice.cluster.wire import camera_manifest, fleet_manifest
from tests.unit.cluster.operator.memory_api import MemoryApi
from tests.unit.cluster.operator.world import a_fleet
from tests.unit.events.made import wait_for


class Running:
    """An operator that may act until it is told otherwise."""

    def __init__(self, api: MemoryApi) -> None:
        self.may = True
        settings = OperatorSettings("default", poll_s=0.0, compact_after_s=1e9, lost_after_s=1e9)
        self.operator = Operator(api.cluster(), settings, lambda: "t", lambda: self.may)

    def begin(self) -> None:
        assert self.operator.begin(threading.Event())


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryApi]:
    for name in ("_BREATH_S", "_FIRST_PAUSE_S", "_LONGEST_PAUSE_S"):
        monkeypatch.setattr(watching, name, 0.01)
    monkeypatch.setattr(operate, "_LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(operate, "_WAIT_S", 0.01)
    monkeypatch.setattr(operate, "_AGAIN_S", 0.5)
    monkeypatch.setattr(client, "_LONGEST_PAUSE_S", 0.0)
    api = MemoryApi()
    api.put("camerafleets", fleet_manifest(a_fleet(nodes=4, pods=2, streams=4)))
    yield api
    api.end_watches()


@pytest.fixture
def running(api: MemoryApi) -> Iterator[Running]:
    running = Running(api)
    yield running
    api.before, api.after = lambda _: None, lambda _: None
    running.operator.end()


def camera(number: int, address: str = "10.0.0.1") -> dict[str, Any]:
    made = CameraObject(f"cam-{number}", "", "street", f"rtsp://{address}:8554/{number}", 5.0, ("people",), "default")
    return camera_manifest(made)


def run_pods(api: MemoryApi) -> None:
    """As scheduler and kubelet."""
    for pod in api.of("pods").values():
        if pod.get("status", {}).get("phase") != "Running":
            ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
            api.put("pods", {"metadata": pod["metadata"], "spec": {**pod["spec"], "nodeName": "n"}, "status": ready})


def settle(api: MemoryApi, cameras: int) -> None:
    def live() -> bool:
        run_pods(api)
        return sum(each.get("status", {}).get("state") == "live" for each in api.of("cameras").values()) == cameras

    wait_for(live, f"{cameras} live cameras: {[each.get('status') for each in api.of('cameras').values()]}")


def told(api: MemoryApi) -> dict[str, list[str]]:
    """Of each stream the pods that are told to analyse it."""
    found: dict[str, list[str]] = {}
    for name in api.of("pods"):
        for stream in json.loads(api.of("configmaps")[name]["data"][PLACEMENT_FILE])["epochs"]:
            found.setdefault(stream, []).append(name)
    return found


def writes(api: MemoryApi, kind: str) -> int:
    return sum(kind in each and not each.startswith("GET") for each in api.asked)


def test_a_fleet_gets_its_pods(api: MemoryApi, running: Running) -> None:
    for number in range(6):
        api.put("cameras", camera(number))
    running.begin()
    settle(api, 6)
    assert len(told(api)) == 6
    assert all(len(pods) == 1 for pods in told(api).values())


def test_what_all_pods_share_is_written_only_where_it_changed(api: MemoryApi, running: Running) -> None:
    api.put("cameras", camera(0))
    running.begin()
    settle(api, 1)
    kinds = ("networkpolicies", "poddisruptionbudgets", "/secrets/street-token", "services", "deployments")
    before = {kind: writes(api, kind) for kind in kinds}
    assert before["networkpolicies"] == before["poddisruptionbudgets"] == 1
    api.put("cameras", camera(1))  # another stream of an address that is let through already
    settle(api, 2)
    assert {kind: writes(api, kind) for kind in kinds} == before
    api.put("cameras", camera(2, "10.0.0.2"))
    settle(api, 3)
    assert {kind: writes(api, kind) for kind in kinds} == {**before, "networkpolicies": 2}


def test_when_the_server_is_away_it_is_asked_a_few_times_and_not_once_for_each_camera(api: MemoryApi, running: Running) -> None:
    for number in range(30):
        api.put("cameras", camera(number))
    tried: list[str] = []
    failures = running.operator.failures

    def away(request: httpx.Request) -> None:
        if "/cameras/" in request.url.path:
            tried.append(request.url.path)
            raise httpx.ReadTimeout("timed out")

    api.before = away
    running.begin()
    wait_for(lambda: running.operator.failures > failures, "a failure")
    assert len(tried) <= 8 * running.operator.failures + 8  # as many as are asked at once
    assert running.operator.writing.left["the server is away or busy"] > 0
    api.before = lambda _: None
    settle(api, 30)


def test_throttled_requests_are_sent_again_and_nothing_is_done_twice(api: MemoryApi, running: Running) -> None:
    for number in range(12):
        api.put("cameras", camera(number))
    turns: Counter[tuple[str, str]] = Counter()

    def busy(request: httpx.Request) -> httpx.Response | None:
        """Every other time for each object: what is sent again then gets through, whatever else is under way."""
        turns[request.method, request.url.path] += request.method != "GET"
        if turns[request.method, request.url.path] % 2:
            return httpx.Response(429, headers={"Retry-After": "1"}, json={"message": "slow down"})
        return None

    api.before = busy
    running.begin()
    settle(api, 12)
    assert sum(running.operator.writing.repeated().values()) > 12
    assert running.operator.failures == 0
    assert all(len(pods) == 1 for pods in told(api).values())


def test_what_one_object_is_refused_for_stops_no_other(api: MemoryApi) -> None:
    writing = Writing(api.cluster(), lambda _: None, lambda _: None, lambda: True)
    done = []

    def work(number: int) -> None:
        if number == 0:
            raise RequestError(422, "nonsense")
        done.append(number)

    with pytest.raises(RequestError):
        writing.each(work, range(20))
    writing.close()
    assert sorted(done) == list(range(1, 20))


def test_nothing_is_sent_by_one_who_may_not_act_any_more(api: MemoryApi, running: Running) -> None:
    api.put("cameras", camera(0))
    running.begin()
    settle(api, 1)
    running.may = False
    api.asked.clear()
    api.put("cameras", camera(1))
    wait_for(lambda: running.operator.writing.left["we may not act"], "what it leaves")
    assert [each for each in api.asked if not each.startswith("GET")] == []
    with pytest.raises(MayNotError):
        running.operator.writing.forget("default", "street")


def test_a_status_that_another_wrote_meanwhile_is_not_written_over(api: MemoryApi, running: Running) -> None:
    api.put("cameras", camera(0))
    running.begin()
    settle(api, 1)
    name, epoch = told(api)["cam-0/people"][0], 4_000_000_000
    record = {**api.of("cameras")["cam-0"]["status"]["streams"][0], "epoch": epoch}
    done: list[str] = []

    def another(request: httpx.Request) -> None:
        """Writes a newer epoch just before our next status arrives."""
        if request.method == "PATCH" and request.url.path.endswith("/cam-0/status") and not done:
            done.append(request.url.path)
            known = api.of("cameras")["cam-0"]
            api.put("cameras", {**known, "status": {**known["status"], "streams": [record]}})

    api.before = another
    api.put("cameras", {**api.of("cameras")["cam-0"], "spec": {**camera(0)["spec"], "fps": 4.0}})
    wait_for(lambda: done and running.operator.conflicts, "the conflict")
    wait_for(
        lambda: json.loads(api.of("configmaps")[name]["data"][PLACEMENT_FILE])["epochs"] == {"cam-0/people": epoch},
        "the newer epoch in the pod",
    )
    assert api.of("cameras")["cam-0"]["status"]["streams"][0]["epoch"] == epoch


def test_a_figure_that_is_not_known_any_more_is_taken_away_and_not_said_again_and_again(
    api: MemoryApi, running: Running
) -> None:
    api.put("cameras", camera(0))
    fleet = api.of("camerafleets")["street"]
    api.put("camerafleets", {**fleet, "status": {"p95Ms": 12.0, "usdPerCameraMonth": 3.0}})
    running.begin()
    settle(api, 1)
    wait_for(lambda: "p95Ms" not in api.of("camerafleets")["street"]["status"], "the old figure to go")
    looks, before = running.operator.reconciles, writes(api, "camerafleets")
    wait_for(lambda: running.operator.reconciles > looks + 2, "more looks")
    assert writes(api, "camerafleets") <= before + 1


def test_a_pod_that_went_while_it_was_told_something_is_not_remembered(api: MemoryApi, running: Running) -> None:
    api.put("cameras", camera(0))
    running.begin()
    settle(api, 1)
    (name,) = told(api)["cam-0/people"]
    gone = threading.Event()

    def goes(request: httpx.Request) -> None:
        """The pod is deleted as soon as it is told, and the watch says so before our answer arrives."""
        if request.method == "PATCH" and request.url.path.endswith(f"/pods/{name}") and not gone.is_set():
            api.delete("pods", name)
            wait_for(lambda: not running.operator._seen.pods_of(("default", "street")), "that the watch tells")
            gone.set()

    api.after = goes
    api.put("cameras", camera(1))
    wait_for(gone.is_set, "the pod to go")
    settle(api, 2)
    assert name not in api.of("pods")
    assert all(len(pods) == 1 for pods in told(api).values())


def test_an_api_server_that_is_away_at_the_beginning_is_waited_for(api: MemoryApi, running: Running) -> None:
    api.put("cameras", camera(0))
    tries = iter(range(100))

    def away(request: httpx.Request) -> httpx.Response | None:
        if (number := next(tries)) < 4:
            raise httpx.ConnectError("Connection refused")
        return httpx.Response(429, json={}) if number < 12 else None

    api.before = away
    running.begin()
    settle(api, 1)


def test_one_who_is_told_to_stop_does_not_wait_for_the_server(api: MemoryApi, running: Running) -> None:
    stop = threading.Event()

    def away(request: httpx.Request) -> None:
        stop.set()
        raise httpx.ConnectError("Connection refused")

    api.before = away
    assert not running.operator.begin(stop)


def test_an_end_that_has_to_wait_too_long_says_so(api: MemoryApi) -> None:
    running = Running(api)
    api.put("cameras", camera(0))
    hangs, go_on = threading.Event(), threading.Event()

    def hang(request: httpx.Request) -> None:
        if request.method == "POST":
            hangs.set()
            go_on.wait(20)

    api.before = hang
    running.begin()
    assert hangs.wait(20)
    assert not running.operator.end(patience_s=0.01)
    go_on.set()
    assert running.operator.end()
    assert writes(api, "/pods") == 1


def said(api: MemoryApi, name: str) -> tuple[str, str]:
    status = api.of("cameras")[name].get("status", {})
    return status.get("state", ""), status.get("reason", "")


def test_a_camera_that_is_there_twice_is_refused_and_takes_nothing_from_the_first(api: MemoryApi, running: Running) -> None:
    api.put("cameras", camera(0))
    second = camera(1)
    second["spec"]["name"] = "cam-0"
    api.put("cameras", second)
    running.begin()
    settle(api, 1)
    wait_for(lambda: said(api, "cam-1")[0] == "refused", "the second to be refused")
    assert said(api, "cam-1")[1].startswith("there is a camera cam-0 already, the Camera cam-0;")
    assert said(api, "cam-0")[0] == "live"
    assert api.of("camerafleets")["street"]["status"]["refused"] == 1
    api.delete("cameras", "cam-0")
    wait_for(lambda: run_pods(api) or said(api, "cam-1")[0] == "live", "the second to follow")


def test_a_camera_that_is_not_sound_says_why_and_hinders_no_other(api: MemoryApi, running: Running) -> None:
    odd = camera(1)
    odd["spec"]["fps"] = "many"
    api.put("cameras", camera(0))
    api.put("cameras", odd)
    running.begin()
    settle(api, 1)
    wait_for(lambda: said(api, "cam-1")[0] == "refused", "the reason")
    assert "fps" in said(api, "cam-1")[1]


def test_a_camera_of_a_fleet_that_is_not_there_says_so_until_it_is(api: MemoryApi, running: Running) -> None:
    stray = camera(0)
    stray["spec"]["fleet"] = "beach"
    api.put("cameras", stray)
    running.begin()
    wait_for(lambda: said(api, "cam-0")[0] == "refused", "the reason")
    assert "there is no CameraFleet beach in namespace default" in said(api, "cam-0")[1]
    writes_before = writes(api, "/cameras/")
    fleet = fleet_manifest(a_fleet())
    fleet["metadata"]["name"] = "beach"
    api.put("camerafleets", fleet)
    settle(api, 1)
    assert writes(api, "/cameras/") > writes_before
    api.delete("camerafleets", "beach")
    wait_for(lambda: said(api, "cam-0")[0] == "refused", "the reason again")


def test_a_camera_of_no_fleet_is_told_so_although_the_server_was_away_first(api: MemoryApi, running: Running) -> None:
    stray = camera(0)
    stray["spec"]["fleet"] = "beach"
    api.put("cameras", stray)
    refused: list[str] = []

    def away(request: httpx.Request) -> None:
        if request.method == "PATCH" and "/cameras/" in request.url.path and len(refused) < 2:
            refused.append(request.url.path)
            raise httpx.ConnectError("Connection refused")

    api.before = away
    running.begin()
    wait_for(lambda: said(api, "cam-0")[0] == "refused", "the reason")
    assert len(refused) == 2


def test_a_fleet_that_is_not_sound_says_why_and_its_pods_stay(api: MemoryApi, running: Running) -> None:
    api.put("cameras", camera(0))
    running.begin()
    settle(api, 1)
    pods, fleet = set(api.of("pods")), api.of("camerafleets")["street"]
    api.put("camerafleets", {**fleet, "spec": {**fleet["spec"], "image": 7}})

    def ready() -> dict[str, Any]:
        conditions = api.of("camerafleets")["street"].get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "Ready"), {})

    wait_for(lambda: ready().get("reason") == "NotSound", "the reason")
    assert "image" in ready()["message"]
    assert set(api.of("pods")) == pods
    looks, asked = running.operator.reconciles, writes(api, "camerafleets")
    wait_for(lambda: running.operator.reconciles > looks + 1, "more looks")
    assert writes(api, "camerafleets") == asked
    api.put("camerafleets", {**api.of("camerafleets")["street"], "spec": fleet["spec"]})
    wait_for(lambda: ready().get("status") == "True", "a fleet that is sound again")
