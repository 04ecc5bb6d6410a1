"""When a probe is to fail: where a restart helps, and nowhere else."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from dataclasses import replace

import httpx2 as httpx
import pytest

from camslice.cluster import watching
from camslice.cluster.operator import operate
from camslice.cluster.operator.health import SILENT_S, STUCK_S, Signs, why_unwell
from camslice.cluster.operator.operate import Operator, OperatorSettings
from camslice.cluster.operator.page import serve_page
from camslice.cluster.watching import WATCH_S
from camslice.cluster.wire import fleet_manifest
from camslice.fleet.errors import ClusterError
from tests.unit.cluster.operator.memory_api import MemoryApi
from tests.unit.cluster.operator.world import a_fleet
from tests.unit.events.made import wait_for

WELL = Signs(True, 0.0, {"cameras": True, "pods": True}, {"cameras": 1.0, "pods": WATCH_S}, True)


@pytest.mark.parametrize(
    ("signs", "why"),
    [
        (WELL, None),
        (replace(WELL, stuck_s=STUCK_S), None),
        (replace(WELL, reconciling=False), "nothing looks at fleets"),
        (replace(WELL, stuck_s=STUCK_S + 1), "stuck for 181 s"),
        (replace(WELL, watching={"cameras": True, "pods": False}), "nothing watches pods"),
        (replace(WELL, silent_s={"cameras": SILENT_S + 1, "pods": 1.0}), "the watch of cameras has been silent for 481 s"),
        (replace(WELL, polling=False), "nothing asks pods"),
        (replace(WELL, watching={"cameras": False}, polling=False, reconciling=False, ending=True), None),
    ],
)
def test_why_it_is_unwell(signs: Signs, why: str | None) -> None:
    said = why_unwell(signs)
    assert said is None if why is None else said is not None and why in said


def asked(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_page_is_well_while_the_server_is_away_and_unwell_when_a_thread_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_BREATH_S", "_FIRST_PAUSE_S", "_LONGEST_PAUSE_S"):
        monkeypatch.setattr(watching, name, 0.01)
    monkeypatch.setattr(operate, "_LONGEST_PAUSE_S", 0.05)
    api = MemoryApi()
    api.put("camerafleets", fleet_manifest(a_fleet()))
    operator = Operator(api.cluster(), OperatorSettings("default", poll_s=0.0), lambda: None)
    server = serve_page("127.0.0.1", 0, operator, None)
    port = server.server_address[1]
    try:
        assert asked(port, "/healthz") == (200, "ok\n")  # it waits for the Lease
        operator.begin(threading.Event())

        def away(request: httpx.Request) -> None:
            raise httpx.ConnectError("Connection refused")

        api.before = away
        api.end_watches()
        wait_for(lambda: operator.failures > 1, "looks that fail")
        assert asked(port, "/healthz") == (200, "ok\n")

        monkeypatch.setattr(operator, "_next", lambda: None)  # its thread ends with the next turn
        operator._thread.join(20)
        assert asked(port, "/healthz") == (503, "nothing looks at fleets any more: that thread has ended\n")
        assert asked(port, "/metrics")[0] == 200
        assert asked(port, "/other")[0] == 404
        with pytest.raises(ClusterError, match="choose another port"):
            serve_page("127.0.0.1", port, operator, None)
    finally:
        operator.end()
        api.end_watches()
        server.shutdown()
        server.server_close()
