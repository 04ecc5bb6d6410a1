"""What the operator knows of nodes, whatever is told first."""

from __future__ import annotations

from typing import Any

import pytest

from camslice.cluster.names import FLEET, ROLE, SHARD
from camslice.cluster.operator.seen import Seen
from camslice.cluster.operator.values import FleetView
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
    assert isinstance(view, FleetView)
    return set(view.lost_nodes)


def a_node(name: str, version: int, *, ready: bool) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {"metadata": {"name": name, "resourceVersion": str(version)}, "status": {"conditions": conditions}}


def a_pod(node: str, version: int) -> dict[str, Any]:
    labels = {FLEET: "street", ROLE: "camera", SHARD: "a-people-0-0"}
    metadata = {"name": "pod", "namespace": "default", "uid": "u", "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": {"phase": "Running"}}


def test_time_in_which_nobody_could_tell_of_nodes_does_not_count(seen: Seen) -> None:
    seen.put("pods", a_pod("old", 3), 10.0)
    seen.put("nodes", a_node("old", 4, ready=False), 20.0)
    seen.hear_of_nodes(False, 30.0)
    seen.hear_of_nodes(False, 31.0)
    assert lost(seen, 500.0) == set()
    seen.hear_of_nodes(True, 530.0)
    assert lost(seen, 559.0) == set()
    assert lost(seen, 560.0) == {"old"}
    seen.put("nodes", a_node("old", 5, ready=True), 561.0)
    seen.put("nodes", a_node("old", 6, ready=False), 600.0)
    assert lost(seen, 639.0) == set()
    assert lost(seen, 640.0) == {"old"}


def test_an_answer_that_comes_after_the_object_went_brings_it_back_no_more(seen: Seen) -> None:
    seen.put("pods", a_pod("old", 3), 10.0)
    seen.remove("pods", a_pod("old", 5))
    assert seen.put("pods", a_pod("old", 4), 11.0) == set()
    assert seen.pods_of(PLACE) == []
    another = a_pod("old", 6)
    another["metadata"]["uid"] = "another"
    assert seen.put("pods", another, 12.0) == {PLACE}
    assert seen.remove("pods", a_pod("old", 5)) == set()  # the news of the first comes once more
    assert [pod.uid for pod in seen.pods_of(PLACE)] == ["another"]


def test_what_is_not_in_a_new_list_is_gone_but_for_what_was_made_since(seen: Seen) -> None:
    for name, version in (("stays", 3), ("goes", 4), ("made-since", 9)):
        pod = a_pod("old", version)
        pod["metadata"] |= {"name": name, "uid": name}
        seen.put("pods", pod, 10.0)
    assert seen.keep_only("pods", {("default", "stays")}, 8) == {PLACE}
    assert sorted(pod.name for pod in seen.pods_of(PLACE)) == ["made-since", "stays"]
    assert seen.keep_only("nodes", set(), 8) == {PLACE}
    assert lost(seen, 11.0) == {"old"}
