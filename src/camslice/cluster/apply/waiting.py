"""A fleet on its way to ready: what is to be said of it now, in the cluster's own words where it has some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from camslice.cluster.client import CAMERA_FLEET, EVENT, NODE, NODE_CLAIM, NODE_POOL, POD, Cluster, Manifest
from camslice.cluster.names import FLEET

_PROBLEMS = 5
_MEANINGS = (
    ("vcpulimitexceeded", "the account's quota of vCPUs for this family is used up; raise it in Service Quotas"),
    ("maxspotinstancecountexceeded", "the account's quota of spot vCPUs is used up; raise it in Service Quotas"),
    ("insufficientinstancecapacity", "no zone has a machine of the planned type just now; wait, or plan with a further type"),
    ("insufficientcapacityerror", "no zone has a machine of the planned type just now; wait, or plan with a further type"),
    ("all requested instance types were unavailable", "no zone offers the planned type; plan with another type or region"),
    ("no instance type has enough resources", "Karpenter finds no type of the pool that carries a pod; see the NodeOverlays"),
    ("exceed limits for nodepool", "the pool has bought all the nodes that the plan counts; plan again for more"),
    ("unauthorizedoperation", "Karpenter may not start machines; see its IAM role"),
)
"""What is hidden in words of Karpenter and EC2, and what to do."""
_WARNING = "Warning"
_TOLD = ("Nominated", "Launched", "Registered", "Initialized", "DisruptionBlocked", "Unconsolidatable")
"""Karpenter's events that are not warnings and that say how far a node is; the last two are not told."""

_GENERATED = 5
"""Characters that an API server puts behind `generateName`, of which it takes so many before:"""
_GENERATED_FROM = 63 - _GENERATED
_GONE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a fleet; `holds` is None while nobody knows."""

    type: str
    holds: bool | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class FleetLook:
    """What is seen of a fleet. `pods` by state; `pending`: what the scheduler says of pods that pend, with how many it says it
    of; `events`: sentences of the last minutes about its pods and nodes, the oldest first."""

    ready: bool
    conditions: tuple[Condition, ...]
    cameras: Mapping[str, int]
    pods: Mapping[str, int]
    nodes: Mapping[str, int]
    pending: Mapping[str, int]
    events: tuple[str, ...]
    known: int | None = None
    """How many cameras the operator counts, where that is not how many there are to be."""

    @property
    def line(self) -> str:
        """How far it is, in one line."""
        pods = sum(self.pods.values())
        nodes = ", ".join(f"{count} {name}" for name, count in sorted(self.nodes.items())) or "none"
        waiting = sum(self.pending.values())
        cameras = self.cameras.get("cameras", 0)
        return (
            f"cameras {self.cameras.get('live', 0)}/{cameras} live, pods {self.pods.get('ready', 0)}/{pods} ready"
            f"{f', {waiting} pending' if waiting else ''}, nodes {nodes}"
        )

    @property
    def why_not(self) -> str:
        """Why it is not ready, in one sentence, as far as anybody says."""
        words = [meaning for sign, meaning in _MEANINGS if any(sign in each.lower() for each in self.events)]
        words += [f"{count} pod{'s' if count > 1 else ''} pending: {said}" for said, count in self.pending.items()]
        words += [f"{each.type}: {each.message or each.reason}" for each in self.conditions if _bad(each)]
        if self.known is not None:
            deployed = self.cameras.get("cameras", 0)
            why = "somebody else added some" if self.known > deployed else "the operator has not heard of all yet"
            words.append(f"the fleet has {self.known} cameras where {deployed} are deployed: {why}")
        if self.cameras.get("refused"):
            words.append(f"{self.cameras['refused']} cameras are refused")
        if not words and not self.conditions:
            words.append("the operator has said nothing of it yet; see that it runs")
        return "; ".join(dict.fromkeys(words[:_PROBLEMS])) or f"{self.line}"


def look(cluster: Cluster, namespace: str, fleet: str, cameras: int) -> FleetLook:
    """Ask once. `cameras`: how many the fleet is to have. Raises ClusterError."""
    found = cluster.get(CAMERA_FLEET, fleet, namespace) or {}
    labels = f"{FLEET}={fleet}"
    pods = list(cluster.list(POD, namespace, labels=labels))
    nodes = list(cluster.list(NODE, labels=labels))
    pools, claims = ({_name(each) for each in cluster.list(kind, labels=labels)} for kind in (NODE_POOL, NODE_CLAIM))
    there = {_name(each) for each in (*pods, *nodes)} | claims | pools
    spaces = (namespace, "default") if namespace != "default" else (namespace,)
    events = [each for space in spaces for each in cluster.list(EVENT, space)]
    return seen(found, pods, nodes, about(events, there, pools, datetime.now(UTC)), cameras)


def about(events: Iterable[Manifest], there: Collection[str], pools: Collection[str], now: datetime) -> list[Manifest]:
    """The events of objects that are there, by name, and of claims that are not any more. Pure.

    Karpenter deletes a claim for a node that it cannot buy, and asks again with a new one: why is said of those that are gone.
    They are known by their pool's name, and count for some minutes, for what was wrong before may have been put right.
    """
    gone_since = (now - _GONE).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = {f"{pool}-"[:_GENERATED_FROM] for pool in pools}
    return [
        each for each in events if (name := _object(each)) in there or (_claimed(each, name, names) and _at(each) >= gone_since)
    ]


def _claimed(event: Manifest, name: str, pools: Collection[str]) -> bool:
    """Whether it is of a NodeClaim whose name the API server made from that of a pool."""
    kind = (event.get("involvedObject") or {}).get("kind")
    return kind == "NodeClaim" and len(name) > _GENERATED and name[:-_GENERATED] in pools


def seen(
    fleet: Manifest, pods: Sequence[Manifest], nodes: Sequence[Manifest], events: Iterable[Manifest], cameras: int
) -> FleetLook:
    """The same from what was found. Pure."""
    status = fleet.get("status") or {}
    conditions = tuple(_condition(each) for each in status.get("conditions") or ())
    current = status.get("observedGeneration") == (fleet.get("metadata") or {}).get("generation")
    counts = {key: int(status.get(key) or 0) for key in ("cameras", "live", "placed", "refused")}
    known = counts["cameras"]
    return FleetLook(
        ready=current and counts["cameras"] == cameras and any(each.type == "Ready" and each.holds for each in conditions),
        conditions=conditions,
        cameras={**counts, "cameras": cameras},
        pods=Counter(_pod_state(each) for each in pods),
        nodes=Counter(_type(each) for each in nodes),
        pending=Counter(said for each in pods if (said := _pending(each))),
        events=tuple(_sentence(each) for each in sorted(events, key=_at) if _telling(each)),
        known=known if current and known != cameras else None,
    )


def _condition(found: Mapping[str, Any]) -> Condition:
    holds = {"True": True, "False": False}.get(str(found.get("status")))
    return Condition(str(found["type"]), holds, str(found.get("reason") or ""), str(found.get("message") or ""))


def _bad(condition: Condition) -> bool:
    return condition.holds is (condition.type not in ("Ready", "WithinObjective"))


def _pod_state(pod: Manifest) -> str:
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return "ending"
    if any(each.get("type") == "Ready" and each.get("status") == "True" for each in status.get("conditions") or ()):
        return "ready"
    return str(status.get("phase") or "Pending").lower()


def _pending(pod: Manifest) -> str:
    """What the scheduler says of a pod that it finds no node for, else what its containers wait for."""
    status = pod.get("status") or {}
    for each in status.get("conditions") or ():
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return " ".join(str(each.get("message") or each.get("reason") or "not scheduled").split())
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in ("ContainerCreating", "PodInitializing"):
            return ": ".join(part for part in (str(waiting["reason"]), str(waiting.get("message") or "")) if part)
    return ""


def _type(node: Manifest) -> str:
    return str((node["metadata"].get("labels") or {}).get("node.kubernetes.io/instance-type") or "of unknown type")


def _name(found: Manifest) -> str:
    return str(found["metadata"]["name"])


def _object(event: Manifest) -> str:
    return str((event.get("involvedObject") or {}).get("name") or "")


def _at(event: Manifest) -> str:
    metadata = event.get("metadata") or {}
    return str(event.get("lastTimestamp") or event.get("eventTime") or metadata.get("creationTimestamp") or "")


def _telling(event: Manifest) -> bool:
    return event.get("type") == _WARNING or event.get("reason") in _TOLD[:4]


def _sentence(event: Manifest) -> str:
    kind = str((event.get("involvedObject") or {}).get("kind") or "object").lower()
    by = str((event.get("source") or {}).get("component") or event.get("reportingComponent") or "").strip()
    words = " ".join(str(event.get("message") or "").split())
    return f"{kind} {_object(event)}: {event.get('reason')}{f' ({by})' if by else ''}: {words}"
