"""Objects of the cluster as values. What does not fit is left out: a page must not fall for one odd object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from camslice.cluster.names import FLEET, FLEET_KIND, GROUP, ROLE, SHARD
from camslice.fleet.secrets import redact_address
from camslice.fleet.types import Objective
from camslice.web.cluster.seen import CameraSeen, FleetSeen, PodSeen
from camslice.web.view import Condition

Object = Mapping[str, Any]
"""An object as the API server gives it: metadata, spec, status."""

_GOOD_WHEN_TRUE = frozenset({"Ready", "WithinObjective"})


def fleet_seen(found: Object) -> FleetSeen:
    """A CameraFleet. KeyError, TypeError or ValueError when it is none."""
    metadata, spec, status = found["metadata"], found["spec"], found.get("status") or {}
    objective = spec.get("objective") or {}
    return FleetSeen(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        objective=Objective(
            latency_ms=float(objective["latencyMs"]),
            percentile=float(objective.get("percentile", 95.0)),
            drop_rate=float(objective.get("dropRate", 0.01)),
            usd_per_camera_month=_number(objective.get("usdPerCameraMonth")),
        ),
        models={str(model["name"]): str(model.get("weights", "")) for model in spec.get("models") or ()},
        conditions=tuple(_condition(one) for one in status.get("conditions") or ()),
        usd_per_month=_number(spec.get("usdPerMonth")),
        usd_per_camera_month=_number(status.get("usdPerCameraMonth")),
    )


def camera_seen(found: Object) -> CameraSeen:
    """A Camera. KeyError, TypeError or ValueError when it is none."""
    metadata, spec, status = found["metadata"], found["spec"], found.get("status") or {}
    return CameraSeen(
        name=metadata["name"],
        fleet=str(spec["fleet"]),
        source=redact_address(str(spec["source"])),
        fps=float(spec["fps"]),
        models=tuple(str(model) for model in spec["models"]),
        state=str(status.get("state") or "").lower(),
        reason=str(status.get("reason") or ""),
        shards=_shards(status),
    )


def pod_seen(found: Object, fleet_uids: Mapping[str, str]) -> PodSeen | None:
    """A camera pod that belongs to one of these fleets (uid to name), or None: a label alone makes no pod a fleet's."""
    metadata, status = found["metadata"], found.get("status") or {}
    labels = metadata.get("labels") or {}
    owners = [fleet_uids.get(owner.get("uid")) for owner in metadata.get("ownerReferences") or () if _is_fleet(owner)]
    if labels.get(ROLE) != "camera" or labels.get(FLEET) not in owners:
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
    )


def _is_fleet(owner: Object) -> bool:
    return owner.get("kind") == FLEET_KIND and str(owner.get("apiVersion", "")).startswith(f"{GROUP}/")


def _condition(found: Object) -> Condition:
    kind = str(found["type"])
    holds = {"True": True, "False": False}.get(str(found.get("status")))
    bad = holds is (kind not in _GOOD_WHEN_TRUE)
    return Condition(kind, holds, str(found.get("reason") or ""), str(found.get("message") or ""), bad)


def _shards(status: Object) -> Mapping[str, str]:
    """By model, as the status says where its streams are."""
    streams: Sequence[Object] = status.get("streams") or ()
    return {str(one["model"]): str(one.get("shard") or "") for one in streams if "model" in one}


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
