"""What the operator knows of single objects, as small values, and how they are read from what the API server says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from camslice.cluster.manifests.credentials import SecretData
from camslice.cluster.names import FLEET, REVISION, SHARD, TEMPLATE
from camslice.cluster.objects import CameraObject, FleetObject
from camslice.fleet.errors import ClusterError

Manifest = Mapping[str, Any]
Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class SeenPod:
    """A camera pod. `problem`: why it is pending or not ready, in the words of whoever said so."""

    name: str
    namespace: str
    uid: str
    fleet: str
    shard: str
    template: str
    revision: str
    node: str | None
    ip: str | None
    ready: bool
    leaving: bool
    phase: str
    created_s: float
    problem: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it will never run again."""
        return self.phase in ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class SeenCamera:
    """A Camera and the status that it has now. `version`: of the object, so that nobody's later write is written over."""

    camera: CameraObject
    status: Mapping[str, Any]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """An object that cannot be acted upon, and why in a sentence; the status and version that it has now."""

    name: str
    namespace: str
    generation: int
    reason: str
    status: Mapping[str, Any]
    version: str


@dataclass(frozen=True, slots=True)
class FleetView:
    """All that decides what becomes of a fleet. `lost_nodes`: nodes that are gone or silent; `faults`: Camera objects that
    are not sound, by their own names."""

    fleet: FleetObject
    status: Mapping[str, Any]
    cameras: Mapping[str, SeenCamera]
    pods: Mapping[str, SeenPod]
    secrets: SecretData
    lost_nodes: frozenset[str] = frozenset()
    faults: Mapping[str, Fault] = field(default_factory=dict)
    version: str = ""
    """Of the CameraFleet."""


def fault_of(seen: SeenCamera, reason: str) -> Fault:
    """Of a camera that is sound by itself."""
    camera = seen.camera
    return Fault(camera.object_name, camera.namespace, camera.generation, reason, seen.status, seen.version)


def unsound(place: Place, manifest: Manifest, error: ClusterError) -> Fault:
    """Of an object that cannot be read."""
    metadata = manifest["metadata"]
    generation, version = int(metadata.get("generation") or 0), str(metadata.get("resourceVersion") or "")
    return Fault(place[1], place[0], generation, str(error), manifest.get("status") or {}, version)


def same(before: SeenCamera | Fault, now: SeenCamera | Fault) -> bool:
    """Whether they are alike but for the status, which is ours."""
    if isinstance(before, Fault) or isinstance(now, Fault):
        return isinstance(before, Fault) and isinstance(now, Fault) and before.generation == now.generation
    return before.camera == now.camera


def pod_of(manifest: Manifest) -> SeenPod:
    """Of a camera pod."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    conditions = {each.get("type"): each for each in status.get("conditions") or []}
    ready = conditions.get("Ready", {}).get("status") == "True"
    return SeenPod(
        metadata["name"],
        metadata.get("namespace", ""),
        metadata.get("uid", ""),
        labels[FLEET],
        labels.get(SHARD, ""),
        annotations.get(TEMPLATE, ""),
        annotations.get(REVISION, ""),
        (manifest.get("spec") or {}).get("nodeName"),
        status.get("podIP"),
        ready,
        bool(metadata.get("deletionTimestamp")),
        status.get("phase") or "Pending",
        _seconds(metadata.get("creationTimestamp")),
        _problem(conditions, status),
    )


def _problem(conditions: Mapping[Any, Any], status: Manifest) -> str | None:
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return str(scheduled.get("message") or scheduled.get("reason") or "not scheduled yet")
    for container in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            return str(waiting.get("message") or waiting.get("reason") or "its container waits")
    return None


def _seconds(timestamp: str | None) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp() if timestamp else 0.0
