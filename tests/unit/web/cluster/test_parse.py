from __future__ import annotations

from camslice.cluster.names import API_VERSION, FLEET, ROLE, SHARD
from camslice.web.cluster.parse import camera_seen, fleet_seen, pod_seen

OWNER = {"apiVersion": API_VERSION, "kind": "CameraFleet", "name": "site", "uid": "u1", "controller": True}


SLOTS = [{"model": "people", "fps": 5, "streams": 9}]
SHAPE = {
    "name": "a",
    "instanceType": "g4dn.xlarge",
    "region": "us-east-1",
    "purchase": "on_demand",
    "nodes": 1,
    "topology": "pooled",
    "usdPerHour": 0.526,
    "pods": [
        {
            "name": "p",
            "count": 1,
            "cpuM": 1000,
            "memoryMb": 900,
            "shares": 1,
            "slots": [{"model": "people", "fps": 5, "streams": 9}],
        }
    ],
}


def pod(**changes: object) -> dict[str, object]:
    metadata = {
        "name": "site-a-0",
        "uid": "p1",
        "labels": {FLEET: "site", SHARD: "a-0", ROLE: "camera"},
        "ownerReferences": [OWNER],
    }
    status = {"podIP": "10.1.2.3", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": metadata | changes.pop("metadata", {}), "status": status | changes}  # type: ignore[operator]


def test_a_pod_belongs_to_the_fleet_that_owns_it() -> None:
    seen = pod_seen(pod())
    assert seen is not None
    assert (seen.name, seen.shard, seen.address, seen.ready, seen.reason) == ("site-a-0", "a-0", "10.1.2.3", True, "")
    assert seen.owner == "u1"


def test_a_pod_that_only_says_so_belongs_to_no_fleet() -> None:
    assert pod_seen(pod(metadata={"ownerReferences": []})) is None
    assert pod_seen(pod(metadata={"ownerReferences": [{**OWNER, "name": "zoo"}]})) is None
    assert pod_seen(pod(metadata={"ownerReferences": [{**OWNER, "kind": "ReplicaSet"}]})) is None
    assert pod_seen(pod(metadata={"ownerReferences": [{**OWNER, "apiVersion": "other/v1"}]})) is None
    assert pod_seen(pod(metadata={"labels": {FLEET: "site", SHARD: "a-0", ROLE: "engine"}})) is None


def test_a_pod_that_is_not_ready_says_why() -> None:
    unscheduled = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient shares"}]
    waiting = [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]
    for status, reason in [
        ({"conditions": unscheduled, "podIP": None}, "0/3 nodes are available: 3 Insufficient shares"),
        ({"conditions": [], "containerStatuses": waiting}, "ImagePullBackOff: no such image"),
        ({"conditions": []}, "it is starting"),
    ]:
        seen = pod_seen(pod(**status))
        assert seen is not None
        assert (seen.ready, seen.reason) == (False, reason)


def test_a_fleet_says_what_it_demands_and_what_is_bad() -> None:
    seen = fleet_seen(
        {
            "metadata": {"name": "site", "namespace": "video", "uid": "u1"},
            "spec": {
                "objective": {"latencyMs": 400, "percentile": 99, "usdPerCameraMonth": 25.5},
                "models": [{"name": "people", "weights": "yolox-nano"}],
                "image": "camslice:1",
                "shapes": [SHAPE],
            },
            "status": {
                "conditions": [
                    {"type": "Ready", "status": "True", "reason": "AllPlaced"},
                    {"type": "WithinObjective", "status": "False", "reason": "Late", "message": "p95 is 612 ms"},
                    {"type": "NoCapacity", "status": "True", "message": "no g4dn.xlarge in us-east-1a"},
                    {"type": "Degraded", "status": "Unknown"},
                ]
            },
        }
    )
    assert (seen.objective.latency_ms, seen.objective.percentile, seen.objective.usd_per_camera_month) == (400.0, 99.0, 25.5)
    assert seen.models == {"people": "yolox-nano"}
    assert {one.type: one.bad for one in seen.conditions} == {
        "Ready": False,
        "WithinObjective": True,
        "NoCapacity": True,
        "Degraded": False,
    }


def test_a_camera_never_shows_its_password() -> None:
    seen = camera_seen(
        {
            "metadata": {"name": "gate-1", "namespace": "video"},
            "spec": {
                "name": "gate",
                "fleet": "site",
                "source": "rtsp://bob:hunter2@10.0.0.7/1",
                "fps": 5,
                "models": ["people"],
            },
            "status": {
                "state": "refused",
                "reason": "no free slot",
                "streams": [{"model": "people", "shard": "a-0", "epoch": 3}],
            },
        }
    )
    assert seen.source == "rtsp://***@10.0.0.7/1"
    assert (seen.name, seen.state, seen.reason, seen.shards) == ("gate", "refused", "no free slot", {"people": "a-0"})
