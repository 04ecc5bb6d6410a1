"""Objects of the cluster as values. What does not fit is left out: a page must not fall for one odd object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from camslice.cluster.names import FLEET, FLEET_KIND, GROUP, ROLE, SHARD
from camslice.cluster.wire import camera_of, fleet_of
from camslice.fleet.secrets import redact_address
from camslice.web.cluster.seen import CameraSeen, FleetSeen, PodSeen
from camslice.web.view import Condition

Object = Mapping[str, Any]
"""An object as the API server gives it: metadata, spec, status."""

_GOOD_WHEN_TRUE = frozenset({"Ready", "WithinObjective"})


def fleet_seen(found: Object) -> FleetSeen:
    """A CameraFleet. ClusterError, KeyError, TypeError or ValueError when it is none."""
    fleet, status = fleet_of(found), found.get("status") or {}
    return FleetSeen(
        name=fleet.name,
        namespace=fleet.namespace,
        uid=fleet.uid,
        objective=fleet.objective,
        models={model.name: str(model.keys.get("weights", "")) for model in fleet.models},
        conditions=tuple(_condition(one) for one in status.get("conditions") or ()),
        usd_per_month=fleet.usd_per_month,
        usd_per_camera_month=_number(status.get("usdPerCameraMonth")),
    )


def camera_seen(found: Object) -> CameraSeen:
    """A Camera. ClusterError, KeyError, TypeError or ValueError when it is none."""
    camera, status = camera_of(found), found.get("status") or {}
    return CameraSeen(
        name=camera.name,
        fleet=camera.fleet,
        source=redact_address(camera.source),
        fps=camera.fps,
        models=camera.models,
        state=str(status.get("state") or ""),
        reason=str(status.get("reason") or ""),
        shards={model: shard for model, (shard, _) in camera.placement.items()},
    )


def pod_seen(found: Object) -> PodSeen | None:
    """A camera pod that a CameraFleet owns, or None: a label alone makes no pod a fleet's."""
    metadata, status = found["metadata"], found.get("status") or {}
    labels = metadata.get("labels") or {}
    owners = [owner for owner in metadata.get("ownerReferences") or () if _is_fleet(owner)]
    if labels.get(ROLE) != "camera" or not owners or owners[0].get("name") != labels.get(FLEET):
        return None
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or ())
    return PodSeen(
        name=metadata["name"],
        uid=metadata["uid"],
        fleet=labels[FLEET],
        shard=labels.get(SHARD, ""),
        address=str(status.get("podIP") or ""),
        ready=ready,
        reason="" if ready else _why_not_ready(metadata, status),
        owner=str(owners[0]["uid"]),
    )


def _is_fleet(owner: Object) -> bool:
    return owner.get("kind") == FLEET_KIND and str(owner.get("apiVersion", "")).startswith(f"{GROUP}/")


def _condition(found: Object) -> Condition:
    kind = str(found["type"])
    holds = {"True": True, "False": False}.get(str(found.get("status")))
    bad = holds is (kind not in _GOOD_WHEN_TRUE)
    return Condition(kind, holds, str(found.get("reason") or ""), str(found.get("message") or ""), bad)


def _why_not_ready(metadata: Object, status: Object) -> str:
    if metadata.get("deletionTimestamp"):
        return "it is going away"
    for container in status.get("containerStatuses") or ():
        state = container.get("state") or {}
        waiting = state.get("waiting") or state.get("terminated")
        if waiting:
            return ": ".join(part for part in (waiting.get("reason"), waiting.get("message")) if part)
    for one in status.get("conditions") or ():
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            return str(one.get("message") or one.get("reason") or "it is not scheduled")
    return str(status.get("message") or status.get("reason") or "it is starting")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | str) and value != "" else None
