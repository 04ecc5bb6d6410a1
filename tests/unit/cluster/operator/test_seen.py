"""What the operator knows of nodes, whatever is told first."""

from __future__ import annotations

from typing import Any

import pytest

from camslice.cluster.names import FLEET, ROLE, SHARD
from camslice.cluster.operator.seen import Seen
from camslice.cluster.wire import fleet_manifest
from tests.unit.cluster.operator.world import a_fleet

PLACE = ("default", "street")


@pytest.fixture
def seen() -> Seen:
    seen = Seen(lost_after_s=40.0)
    manifest = fleet_manifest(a_fleet())
    manifest["metadata"] |= {"namespace": "default", "resourceVersion": "1"}
    seen.put("camerafleets", manifest, 0.0)
    seen.put("nodes", a_node("old", 2, ready=True), 0.0)
    return seen


def test_a_pod_on_a_node_that_was_not_told_of_yet_is_not_lost(seen: Seen) -> None:
    seen.put("pods", a_pod("new", 3), 10.0)
    assert lost(seen, 10.0) == set()
    seen.put("nodes", a_node("new", 4, ready=True), 11.0)
    assert lost(seen, 100.0) == set()


def test_a_node_that_nobody_tells_of_is_lost_after_a_while(seen: Seen) -> None:
    seen.put("pods", a_pod("never", 3), 10.0)
    assert lost(seen, 10.0) == set()
    assert lost(seen, 26.0) == {"never"}


def test_a_node_that_went_is_lost_at_once_and_one_that_is_silent_after_the_time_given(seen: Seen) -> None:
    seen.put("pods", a_pod("old", 3), 10.0)
    seen.put("nodes", a_node("old", 4, ready=False), 20.0)
    assert lost(seen, 59.0) == set()
    assert lost(seen, 60.0) == {"old"}
    seen.put("nodes", a_node("old", 5, ready=True), 61.0)
    assert lost(seen, 61.0) == set()
    seen.remove("nodes", a_node("old", 6, ready=True))
    assert lost(seen, 61.0) == {"old"}


def lost(seen: Seen, now_s: float) -> set[str]:
    view = seen.view(PLACE, now_s)
    assert view is not None
    return set(view.lost_nodes)


def a_node(name: str, version: int, *, ready: bool) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {"metadata": {"name": name, "resourceVersion": str(version)}, "status": {"conditions": conditions}}


def a_pod(node: str, version: int) -> dict[str, Any]:
    labels = {FLEET: "street", ROLE: "camera", SHARD: "a-people-0-0"}
    metadata = {"name": "pod", "namespace": "default", "uid": "u", "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": {"phase": "Running"}}
