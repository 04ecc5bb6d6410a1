"""What camera pods say of their streams, as far as the operator knows: asked for over HTTP, so it may be unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from camslice.fleet.policy import LADDER
from camslice.stream.watching.steward import PolicyState

_POLICIES = frozenset(policy.name for policy in LADDER)


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One stream in one pod. `has_result`: since it was placed there under `epoch` a frame was analysed."""

    epoch: int | None
    has_result: bool
    fps: float
    p95_ms: float | None
    p_all_ms: float | None
    frames: int
    drop_rate: float
    detections_per_frame: float | None


@dataclass(frozen=True, slots=True)
class PodReport:
    """One pod at `at_s` (monotonic). `streams` by CAMERA/MODEL, `cameras` by name: (state, reason). `policies` by model: how
    much of the frames is looked at, none of a model whose frames are all analysed in full, whatever comes."""

    at_s: float
    revision: str | None
    streams: Mapping[str, StreamReport] = field(default_factory=dict)
    cameras: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    policies: Mapping[str, PolicyState] = field(default_factory=dict)


def report_of(status: Mapping[str, Any], at_s: float) -> PodReport:
    """From the object of `GET /api/status` (docs/reference/camera-pod.md)."""
    streams = {
        f"{each['camera']}/{each['model']}": StreamReport(
            each.get("epoch"),
            each.get("first_result_at_s") is not None,
            float(each.get("fps") or 0.0),
            each.get("p95_ms"),
            each.get("p_all_ms"),
            int(each["frames"]) if isinstance(each.get("frames"), int | float) else 0,
            float(each.get("drop_rate") or 0.0),
            each.get("detections_per_frame"),
        )
        for each in status.get("streams") or []
    }
    cameras = {
        each["name"]: (str(each.get("state", "")), str(each.get("reason") or "")) for each in status.get("cameras") or []
    }
    policies = {
        str(each["model"]): _policy(each["policy"]) for each in status.get("engines") or [] if _is_known(each.get("policy"))
    }
    return PodReport(at_s, status.get("revision"), streams, cameras, policies)


def _is_known(policy: Mapping[str, Any] | None) -> bool:
    """While an image is rolled out pods may know policies that we do not."""
    return policy is not None and policy.get("policy") in _POLICIES


def _policy(told: Mapping[str, Any]) -> PolicyState:
    return PolicyState(
        policy=str(told["policy"]),
        reason=str(told.get("reason") or ""),
        recall=None if told.get("recall") is None else float(told["recall"]),
        audited=int(told.get("audited") or 0),
        overloaded=bool(told.get("overloaded")),
        changes=int(told.get("changes") or 0),
    )
