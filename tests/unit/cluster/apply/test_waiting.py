"""What is said of a fleet on its way: ready only when it is, and otherwise in the cluster's own words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from camslice.cluster.apply.waiting import about, seen

SAID = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.shared."


def fleet(ready: str = "True", observed: int = 3, cameras: int = 2, **status: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "reason": "Starting", "message": "1 pod is not ready"}]
    return {
        "metadata": {"name": "street", "generation": 3},
        "status": {"observedGeneration": observed, "cameras": cameras, "conditions": conditions, **status},
    }


def pod(name: str, *conditions: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": "Pending", "conditions": list(conditions)}}


PENDING = pod("p1", {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": SAID})


@pytest.mark.parametrize(
    ("found", "ready"),
    [
        (fleet(), True),
        (fleet(ready="False"), False),
        (fleet(observed=2), False),
        (fleet(cameras=1), False),
        ({}, False),
    ],
)
def test_a_fleet_is_ready_when_it_says_so_of_all_that_was_applied(found: dict[str, Any], ready: bool) -> None:
    assert seen(found, [], [], [], 2).ready is ready


def test_pods_that_pend_are_told_in_the_schedulers_own_words() -> None:
    look = seen(fleet(ready="False"), [PENDING, {**PENDING, "metadata": {"name": "p2"}}], [], [], 2)
    assert look.pending == {SAID: 2}
    assert f"2 pods pending: {SAID}" in look.why_not
    assert "2 pending" in look.line


def test_an_image_that_cannot_be_pulled_is_told() -> None:
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    stuck = {"metadata": {"name": "p"}, "status": {"phase": "Pending", "containerStatuses": [waiting]}}
    assert "ImagePullBackOff: no such image" in seen(fleet(ready="False"), [stuck], [], [], 2).why_not


def test_an_operator_that_said_nothing_is_the_reason() -> None:
    assert "operator" in seen({"metadata": {"generation": 1}}, [], [], [], 2).why_not


@pytest.mark.parametrize(
    ("counted", "deployed", "why"), [(3, 2, "somebody else added some"), (1, 2, "has not heard of all yet"), (2, 2, None)]
)
def test_a_fleet_of_other_cameras_than_those_deployed_says_so(counted: int, deployed: int, why: str | None) -> None:
    said = seen(fleet(cameras=counted), [], [], [], deployed).why_not
    assert (f"{counted} cameras where {deployed} are deployed" in said) == (why is not None)
    assert why is None or why in said


def test_warnings_and_karpenters_steps_are_told_in_their_order_and_chatter_is_not() -> None:
    def event(reason: str, at: str, kind: str = "Normal") -> dict[str, Any]:
        return {
            "type": kind,
            "reason": reason,
            "lastTimestamp": at,
            "message": "words",
            "involvedObject": {"kind": "NodeClaim", "name": "n"},
            "source": {"component": "karpenter"},
        }

    events = [event("Launched", "2026-01-01T00:00:02Z"), event("InsufficientCapacityError", "2026-01-01T00:00:01Z", "Warning")]
    look = seen(fleet(), [], [], [*events, event("Pulled", "2026-01-01T00:00:03Z")], 2)
    assert look.events == (
        "nodeclaim n: InsufficientCapacityError (karpenter): words",
        "nodeclaim n: Launched (karpenter): words",
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("creating instance: VcpuLimitExceeded: You have requested more vCPU capacity than your current limit of 0", "quota"),
        ("InsufficientInstanceCapacity: We currently do not have sufficient g4dn.xlarge capacity", "no zone has a machine"),
        ("no instance type has enough resources, requirements=...", "NodeOverlays"),
    ],
)
def test_why_no_node_comes_is_said_with_what_to_do(said: str, words: str) -> None:
    event = {
        "type": "Warning",
        "reason": "LaunchFailed",
        "message": said,
        "involvedObject": {"kind": "NodeClaim", "name": "n"},
    }
    look = seen(fleet(ready="False"), [PENDING], [], [event], 2)
    assert words in look.why_not
    assert SAID in look.why_not


LONG = "a-fleet-with-a-name-as-long-as-names-may-be.g4dn-xlarge-sliced-1"


@pytest.mark.parametrize(
    ("kind", "name", "minute", "told"),
    [
        ("NodeClaim", "street.g4dn-xlarge-sliced-1-x7k2p", 55, True),
        ("NodeClaim", f"{LONG[:58]}x7k2p", 55, True),
        ("NodeClaim", "street.g4dn-xlarge-sliced-1-x7k2p", 45, False),
        ("NodeClaim", "street.g4dn-xlarge-sliced-1-here1", 45, True),
        ("NodeClaim", "street.g4dn-xlarge-sliced-12-x7k2p", 55, False),
        ("NodeClaim", "x7k2p", 55, False),
        ("Pod", "street.g4dn-xlarge-sliced-1-x7k2p", 55, False),
        ("NodePool", "street.g4dn-xlarge-sliced-1", 1, True),
    ],
    ids=["gone", "cut short", "gone long ago", "there", "of another pool", "of nobody", "no claim", "the pool itself"],
)
def test_what_was_said_of_claims_that_karpenter_deleted_is_told_for_some_minutes(
    kind: str, name: str, minute: int, told: bool
) -> None:
    event = {
        "type": "Warning",
        "reason": "InsufficientCapacityError",
        "lastTimestamp": f"2026-01-01T11:{minute:02}:00Z",
        "message": "creating instance: VcpuLimitExceeded: You have requested more vCPU capacity than your current limit of 0",
        "involvedObject": {"kind": kind, "name": name},
    }
    pools = {"street.g4dn-xlarge-sliced-1", LONG}
    found = about([event], {"street.g4dn-xlarge-sliced-1-here1", *pools}, pools, datetime(2026, 1, 1, 12, tzinfo=UTC))
    look = seen(fleet(ready="False"), [PENDING], [], found, 2)
    assert ("quota of vCPUs" in look.why_not) is told
