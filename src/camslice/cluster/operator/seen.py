"""What the operator has seen of the cluster, as small values, and one consistent view of a fleet.

Watches and the operator's own writes both end here. An event that is older than what is known already is left aside: the
answer to a write is newer than events still on their way. And an answer that comes when its object was already told as gone
brings it back no more: its uid is remembered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from camslice.cluster.manifests.credentials import HeldSecret
from camslice.cluster.names import CAMERA_KIND, FLEET, FLEET_KIND, MANAGED_BY, OPERATOR, ROLE
from camslice.cluster.objects import FleetObject
from camslice.cluster.operator.values import (
    Fault,
    FleetView,
    Manifest,
    Place,
    SeenCamera,
    SeenPod,
    fault_of,
    pod_of,
    same,
    unsound,
)
from camslice.cluster.wire import camera_of, fleet_of
from camslice.fleet.errors import ClusterError

_UNKNOWN_S = 15.0
_REMEMBERED = 20_000
"""So many uids of what is gone."""


@dataclass(slots=True)
class _Node:
    ready: bool
    since_s: float


class Seen:
    """Thread-safe."""

    def __init__(self, lost_after_s: float = 40.0) -> None:
        """A node that is not ready for `lost_after_s` is lost; one that went is lost at once, one that nobody told of yet after
        `_UNKNOWN_S`: of a new node its pods may be heard of first. Time in which we could not hear of nodes does not count."""
        self._lost_after_s = lost_after_s
        self._lock = threading.Lock()
        self._fleets: dict[Place, tuple[FleetObject, Manifest, str] | Fault] = {}
        self._cameras: dict[Place, tuple[SeenCamera | Fault, str]] = {}
        self._pods: dict[Place, SeenPod] = {}
        self._secrets: dict[Place, HeldSecret] = {}
        self._nodes: dict[str, _Node] = {}
        self._gone_nodes: set[str] = set()
        self._unknown_since_s: dict[str, float] = {}
        self._known: dict[str, dict[Place, tuple[int, str]]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._blind_since_s: float | None = None
        self._blind_s = 0.0
        self._puts: Mapping[str, Callable[[Place, Manifest], set[Place]]] = {
            "camerafleets": self._put_fleet,
            "cameras": self._put_camera,
            "pods": self._put_pod,
            "secrets": self._put_secret,
        }
        self._removes: Mapping[str, Callable[[Place], set[Place]]] = {
            "camerafleets": self._remove_fleet,
            "cameras": self._remove_camera,
            "pods": self._remove_pod,
            "secrets": self._remove_secret,
            "nodes": self._remove_node,
        }

    def put(self, plural: str, manifest: Manifest, now_s: float) -> set[Place]:
        """Take note of an object. Returns the fleets that it concerns, none when nothing of it is new."""
        metadata = manifest.get("metadata", {})
        place = (metadata.get("namespace") or "", metadata["name"])
        with self._lock:
            if not self._is_newer(plural, place, metadata):
                return set()
            if plural == "nodes":
                return self._put_node(place[1], manifest, self._node_clock(now_s))
            return self._puts[plural](place, manifest)

    def remove(self, plural: str, manifest: Manifest) -> set[Place]:
        """Forget an object. Returns the fleets that it concerns."""
        metadata = manifest.get("metadata", {})
        place = (metadata.get("namespace") or "", metadata["name"])
        with self._lock:
            return self._remove(plural, place, str(metadata.get("uid") or ""))

    def keep_only(self, plural: str, places: set[Place], version: int) -> set[Place]:
        """Forget what is not among these, but for what is newer than `version`: that was made after they were read."""
        concerned: set[Place] = set()
        with self._lock:
            known = self._known.get(plural, {})
            for place in [each for each, (of, _) in known.items() if each not in places and of <= version]:
                concerned |= self._remove(plural, place, known[place][1])
        return concerned

    def hear_of_nodes(self, heard: bool, now_s: float) -> None:
        """Whether we hear of nodes. While we do not, their clock stands still: who could have told us that they are well?"""
        with self._lock:
            if heard and self._blind_since_s is not None:
                self._blind_s += now_s - self._blind_since_s
                self._blind_since_s = None
            elif not heard and self._blind_since_s is None:
                self._blind_since_s = now_s

    def fleets(self) -> list[Place]:
        """All that there are."""
        with self._lock:
            return sorted(self._fleets)

    def pods_of(self, place: Place) -> list[SeenPod]:
        """A fleet's pods."""
        with self._lock:
            return [pod for pod in self._pods.values() if (pod.namespace, pod.fleet) == place]

    def view(self, place: Place, now_s: float) -> FleetView | Fault | None:
        """Of a fleet; why it cannot be looked after, where it is not sound; None where there is none."""
        with self._lock:
            known = self._fleets.get(place)
            if known is None or isinstance(known, Fault):
                return known
            fleet, status, version = known
            namespace = place[0]
            cameras, faults = self._cameras_of(place)
            pods = {pod.name: pod for pod in self._pods.values() if (pod.namespace, pod.fleet) == place}
            nodes = {pod.node for pod in pods.values() if pod.node is not None}
            lost = {node for node in nodes if self._is_lost(node, self._node_clock(now_s))}
            secrets = {at[1]: data for at, data in self._secrets.items() if at[0] == namespace}
            return FleetView(fleet, status, cameras, pods, secrets, frozenset(lost), faults, version)

    def strays(self, place: Place) -> list[Fault]:
        """Cameras of a fleet that does not exist."""
        with self._lock:
            if place in self._fleets:
                return []
            cameras, faults = self._cameras_of(place)
        reason = f"there is no CameraFleet {place[1]} in namespace {place[0]}; make it, or name another in spec.fleet"
        return [*(fault_of(seen, reason) for seen in cameras.values()), *faults.values()]

    def _cameras_of(self, place: Place) -> tuple[dict[str, SeenCamera], dict[str, Fault]]:
        """By camera; and Camera objects that cannot be placed, by object: among them those whose camera another one is."""
        mine = {at[1]: seen for at, (seen, fleet) in self._cameras.items() if (at[0], fleet) == place}
        sound: dict[str, SeenCamera] = {}
        faults: dict[str, Fault] = {}
        for name, seen in sorted(mine.items()):
            if isinstance(seen, Fault):
                faults[name] = seen
                continue
            camera = seen.camera.name
            first = sound.setdefault(camera, seen)
            if first is not seen:
                reason = (
                    f"there is a camera {camera} already, the Camera {first.camera.object_name}; give one another spec.name"
                )
                faults[name] = fault_of(seen, reason)
        return sound, faults

    def _is_newer(self, plural: str, place: Place, metadata: Manifest) -> bool:
        version, uid = int(metadata.get("resourceVersion") or 0), str(metadata.get("uid") or "")
        known = self._known.setdefault(plural, {})
        if uid in self._gone or (version and version <= known.get(place, (0, ""))[0]):
            return False
        known[place] = (version, uid)
        return True

    def _remove(self, plural: str, place: Place, uid: str) -> set[Place]:
        known = self._known.get(plural, {})
        there = known.get(place, (0, ""))[1]
        if uid or there:
            self._gone[uid or there] = None
            if len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)
        if uid and there not in ("", uid):
            return set()  # there is another of that name by now
        known.pop(place, None)
        return self._removes[plural](place)

    def _node_clock(self, now_s: float) -> float:
        return (now_s if self._blind_since_s is None else self._blind_since_s) - self._blind_s

    def _put_fleet(self, place: Place, manifest: Manifest) -> set[Place]:
        status, version = manifest.get("status") or {}, str(manifest["metadata"].get("resourceVersion") or "")
        before = self._fleets.get(place)
        try:
            fleet = fleet_of({"kind": FLEET_KIND, **manifest})
        except ClusterError as error:
            fault = unsound(place, manifest, error)
            self._fleets[place] = fault
            known = isinstance(before, Fault) and (before.generation, before.reason) == (fault.generation, fault.reason)
            return set() if known else {place}
        self._fleets[place] = (fleet, status, version)
        return set() if isinstance(before, tuple) and before[0] == fleet else {place}

    def _put_camera(self, place: Place, manifest: Manifest) -> set[Place]:
        named = str((manifest.get("spec") or {}).get("fleet", ""))
        before = self._cameras.get(place)
        try:
            camera = camera_of({"kind": CAMERA_KIND, **manifest})
            version = str(manifest["metadata"].get("resourceVersion") or "")
            seen: SeenCamera | Fault = SeenCamera(camera, manifest.get("status") or {}, version)
        except ClusterError as error:
            seen = unsound(place, manifest, error)
        self._cameras[place] = (seen, named)
        if before is not None and same(before[0], seen):
            return set()
        return {(place[0], each) for each in {named, before[1] if before else ""} if each}

    def _put_pod(self, place: Place, manifest: Manifest) -> set[Place]:
        labels = manifest["metadata"].get("labels") or {}
        if labels.get(ROLE) != "camera" or FLEET not in labels:
            return set()
        pod = pod_of(manifest)
        before = self._pods.get(place)
        self._pods[place] = pod
        return set() if before == pod else {(place[0], pod.fleet)}

    def _put_secret(self, place: Place, manifest: Manifest) -> set[Place]:
        if (manifest["metadata"].get("labels") or {}).get(MANAGED_BY) == OPERATOR:
            return set()
        held = HeldSecret(str(manifest["metadata"].get("uid") or ""), dict(manifest.get("data") or {}))
        if place in self._secrets and self._secrets[place] == held:
            return set()
        users = self._users_of(place)
        self._secrets[place] = held
        return users

    def _put_node(self, name: str, manifest: Manifest, now_s: float) -> set[Place]:
        conditions = (manifest.get("status") or {}).get("conditions") or []
        ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
        before = self._nodes.get(name)
        self._gone_nodes.discard(name)
        self._unknown_since_s.pop(name, None)
        self._nodes[name] = _Node(ready, now_s if before is None or before.ready != ready else before.since_s)
        return set() if before is not None and before.ready == ready else self._fleets_on({name})

    def _remove_fleet(self, place: Place) -> set[Place]:
        self._fleets.pop(place, None)
        return {place}

    def _remove_camera(self, place: Place) -> set[Place]:
        _, fleet = self._cameras.pop(place, (None, ""))
        return {(place[0], fleet)} if fleet else set()

    def _remove_pod(self, place: Place) -> set[Place]:
        pod = self._pods.pop(place, None)
        return set() if pod is None else {(place[0], pod.fleet)}

    def _remove_secret(self, place: Place) -> set[Place]:
        self._secrets.pop(place, None)
        return self._users_of(place)

    def _remove_node(self, place: Place) -> set[Place]:
        self._nodes.pop(place[1], None)
        with_pods = {pod.node for pod in self._pods.values()}
        self._gone_nodes = {name for name in (*self._gone_nodes, place[1]) if name in with_pods}
        return self._fleets_on({place[1]})

    def _is_lost(self, node: str, now_s: float) -> bool:
        known = self._nodes.get(node)
        if known is None:
            if node in self._gone_nodes:
                return True
            since_s = self._unknown_since_s.setdefault(node, now_s)
            return now_s - since_s >= _UNKNOWN_S
        return not known.ready and now_s - known.since_s >= self._lost_after_s

    def _fleets_on(self, nodes: set[str]) -> set[Place]:
        return {(pod.namespace, pod.fleet) for pod in self._pods.values() if pod.node in nodes}

    def _users_of(self, secret: Place) -> set[Place]:
        return {
            (at[0], of)
            for at, (seen, of) in self._cameras.items()
            if at[0] == secret[0] and isinstance(seen, SeenCamera) and seen.camera.secret == secret[1]
        }
