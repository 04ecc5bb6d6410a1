"""What the operator says of cameras and fleets in their statuses: pure, and only said again when it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from camslice.cluster.objects import CameraObject
from camslice.cluster.operator.decide import Decision
from camslice.cluster.operator.kept import Kept, kept_of, lowest, not_known, too_little
from camslice.cluster.operator.records import Record, stream_status
from camslice.cluster.operator.reports import PodReport
from camslice.cluster.operator.values import Fault, FleetView, SeenPod
from camslice.fleet.types import StreamKey

Status = dict[str, Any]
_PENDING_S = 30.0
"""A pod that is pending for longer lacks a node."""
_LONGEST_MESSAGE = 1000
_CLOSE = 0.05
"""A figure that changed by less is not said again."""


def camera_status(
    camera: CameraObject, decision: Decision, reports: Mapping[str, PodReport], pods: Mapping[str, SeenPod]
) -> Status:
    """The whole status of one camera."""
    keys = [StreamKey(camera.name, model) for model in camera.models]
    refused = [decision.refused[key] for key in keys if key in decision.refused]
    records = {key: decision.records[key] for key in keys if key in decision.records}
    state, reason = _state(camera, refused, records, reports, pods)
    status: Status = {
        "observedGeneration": camera.generation,
        "state": state,
        "reason": reason[:_LONGEST_MESSAGE],
        "pod": ",".join(sorted({record.pod for record in records.values()})),
        "streams": [stream_status(key, record) for key, record in sorted(records.items())],
    }
    return status


def fault_status(fault: Fault) -> Status:
    """Of a Camera that cannot be placed at all."""
    return {
        "observedGeneration": fault.generation,
        "state": "refused",
        "reason": fault.reason[:_LONGEST_MESSAGE],
        "pod": "",
        "streams": [],
    }


def unsound_status(fault: Fault, now_s: float) -> Status:
    """Of a CameraFleet that cannot be looked after: what it says of its cameras stays as it was last."""
    ready = _condition("Ready", False, "NotSound", fault.reason)
    return {
        **fault.status,
        "observedGeneration": fault.generation,
        "conditions": _dated([ready], fault.status, fault.generation, now_s),
    }


def _state(
    camera: CameraObject,
    refused: Sequence[str],
    records: Mapping[StreamKey, Record],
    reports: Mapping[str, PodReport],
    pods: Mapping[str, SeenPod],
) -> tuple[str, str]:
    if refused:
        return "refused", refused[0]
    for record in records.values():
        runs = record.leaving or record.pod  # until the first result is there from the new pod the old one has it
        pod = pods.get(runs)
        if pod is None:
            return "pending", "its pod is being made"
        if not pod.ready and not (record.leaving and pod.leaving):
            return "pending", pod.problem or "its pod is not ready yet"
        report = reports.get(runs)
        state, why = ("", "") if report is None else report.cameras.get(camera.name, ("", ""))
        if state in ("failed", "reconnecting", "ended"):
            return "down", why or f"its pod says: {state}"
    slowed = [record.fps for record in records.values() if record.fps < camera.fps - 1e-9]
    if slowed:
        return "degraded", f"analysed at {min(slowed):g} of {camera.fps:g} frames/s: no faster place was free"
    return "live", ""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many cameras are in which state."""

    states: Mapping[str, int]

    def of(self, *names: str) -> int:
        """In any of these."""
        return sum(self.states.get(name, 0) for name in names)


def fleet_status(
    view: FleetView,
    decision: Decision,
    cameras: Mapping[str, Status],
    reports: Mapping[str, PodReport],
    now_s: float,
) -> Status:
    """The whole status of a fleet."""
    states: dict[str, int] = {}
    for each in cameras.values():
        states[each["state"]] = states.get(each["state"], 0) + 1
    counted = Counted(states)
    live = counted.of("live", "degraded")
    fleet = view.fleet
    p95 = _worst(reports, "p95_ms")
    usd = None if fleet.usd_per_month is None or not live else fleet.usd_per_month / live
    before = view.status
    kept = kept_of(reports.values(), fleet.objective.recall, before.get("policies") or ())
    status: Status = {
        "observedGeneration": fleet.generation,
        "cameras": len(cameras) + len(view.faults),
        "live": live,
        "placed": len(cameras) - counted.of("refused"),
        "refused": counted.of("refused") + len(view.faults),
        "pods": len(view.pods),
        "nodes": len({pod.node for pod in view.pods.values() if pod.node is not None}),
        "moves": int(before.get("moves") or 0) + decision.moved,
        "rollouts": [dict(each) for _, each in sorted(decision.rollouts.items())],
        "conditions": conditions(view, counted, reports, kept, now_s),
    }
    if kept:
        status["policies"] = [each.status() for each in kept]
    if (recall := lowest(kept)) is not None:
        status["recall"] = recall
    if p95 is not None:
        status["p95Ms"] = _steady(before.get("p95Ms"), round(p95, 1))
    if usd is not None:
        status["usdPerCameraMonth"] = round(usd, 2)
    return status


def conditions(
    view: FleetView, counted: Counted, reports: Mapping[str, PodReport], kept: Sequence[Kept], now_s: float
) -> list[Status]:
    """Each of the CameraFleet's conditions; a time changes only with its status."""
    total = sum(counted.states.values()) + len(view.faults)
    refused = counted.of("refused") + len(view.faults)
    placed = total - refused
    missed = _missing_objective(view, reports) or too_little(kept, view.fleet.objective.recall)
    measured = any(told.frames for report in reports.values() for told in report.streams.values())
    pending = [
        pod
        for pod in view.pods.values()
        if pod.node is None and not pod.leaving and pod.problem is not None and now_s - pod.created_s > _PENDING_S
    ]
    told = [
        _condition(
            "Ready", counted.of("live", "degraded", "down") == total, "AllPlaced", f"{counted.of('live')} of {total} live"
        ),
        _condition(
            "WithinObjective",
            missed is None if measured else None,
            "Measured" if measured else "NotMeasured",
            missed or not_known(kept),
        ),
        _condition(
            "Degraded",
            bool(counted.of("degraded")),
            "SlowerThanWanted",
            f"{counted.of('degraded')} cameras are analysed at a lower rate than they want" if counted.of("degraded") else "",
        ),
        _condition("Infeasible", refused > 0, "NoPlace", f"{refused} of {total} cameras have no place" if refused else ""),
        _condition(
            "NoCapacity",
            bool(pending),
            "Unschedulable",
            f"{len(pending)} of {placed} placed cameras' pods wait: {pending[0].problem}" if pending else "",
        ),
    ]
    return _dated(told, view.status, view.fleet.generation, now_s)


def _dated(told: list[Status], before: Mapping[str, Any], generation: int, now_s: float) -> list[Status]:
    """With the time since when each is as it is."""
    old = {each.get("type"): each for each in before.get("conditions") or ()}
    now = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    for each in told:
        same = old.get(each["type"])
        kept = same is not None and same.get("status") == each["status"]
        each["lastTransitionTime"] = same["lastTransitionTime"] if kept and same is not None else now
        each["observedGeneration"] = generation
    return told


def _missing_objective(view: FleetView, reports: Mapping[str, PodReport]) -> str | None:
    objective = view.fleet.objective
    for name, report in sorted(reports.items()):
        for stream, told in sorted(report.streams.items()):
            if not told.frames:
                continue
            if told.p_all_ms is None or told.p_all_ms > objective.latency_ms:
                took = "more than any time" if told.p_all_ms is None else f"{told.p_all_ms:.0f} ms"
                demanded = f"p{objective.percentile:g} over all frames <= {objective.latency_ms:g} ms"
                return f"{stream} in {name}: {demanded} is demanded, and it took {took}"
            if told.drop_rate > objective.drop_rate:
                return f"{stream} in {name}: {told.drop_rate:.1%} of its frames were dropped"
    return None


def _condition(kind: str, value: bool | None, reason: str, message: str) -> Status:
    status = "Unknown" if value is None else str(value)
    return {"type": kind, "status": status, "reason": reason, "message": message[:_LONGEST_MESSAGE]}


def _worst(reports: Mapping[str, PodReport], name: str) -> float | None:
    values = [value for report in reports.values() for each in report.streams.values() if (value := getattr(each, name))]
    return max(values, default=None)


def _steady(before: object, now: float) -> float:
    if isinstance(before, int | float) and before and abs(now / before - 1) < _CLOSE:
        return float(before)
    return now
