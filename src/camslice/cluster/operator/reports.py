"""What camera pods say of their streams, as far as the operator knows: asked for over HTTP, so it may be unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
    """One pod at `at_s` (monotonic). `streams` by CAMERA/MODEL, `cameras` by name: (state, reason)."""

    at_s: float
    revision: str | None
    streams: Mapping[str, StreamReport] = field(default_factory=dict)
    cameras: Mapping[str, tuple[str, str]] = field(default_factory=dict)


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
    return PodReport(at_s, status.get("revision"), streams, cameras)
