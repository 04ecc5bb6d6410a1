"""Why a camera needs somebody's eyes now: pure rules over what was seen of it in the last seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import Objective
from camslice.video.camera_state import CameraState
from camslice.web.view import CameraStatus, PlacementState, StreamStatus

_PATIENCE_MS = 5000.0
_DOWN = frozenset({CameraState.FAILED, CameraState.RECONNECTING, *PlacementState})


class TroubleKind(StrEnum):
    """What is wrong with a camera."""

    STATE = "state"
    STALLED = "stalled"
    LATENCY = "latency"
    DROPS = "drops"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, as a sentence for the operator."""

    kind: TroubleKind
    sentence: str


def troubles_of(
    camera: CameraStatus, streams: list[StreamStatus], minute_frames: FrameCounts, objective: Objective
) -> list[Trouble]:
    """What is wrong with `camera` now, worst first; empty when all is well.

    `streams` are the camera's own, `minute_frames` their sum over the last minute. A file that came to its end is no trouble.
    """
    if camera.state in _DOWN:
        return [Trouble(TroubleKind.STATE, camera.reason or f"the camera is {camera.state}")]
    if camera.state is not CameraState.LIVE:
        return []
    if camera.reason:
        return [Trouble(TroubleKind.STATE, camera.reason)]
    found = [
        Trouble(TroubleKind.STALLED, sentence) if (sentence := _stalled(camera, streams)) else None,
        Trouble(TroubleKind.LATENCY, sentence) if (sentence := _late(streams, objective)) else None,
        Trouble(TroubleKind.DROPS, sentence) if (sentence := _dropping(minute_frames, objective)) else None,
    ]
    return [trouble for trouble in found if trouble is not None]


def _stalled(camera: CameraStatus, streams: list[StreamStatus]) -> str:
    patience_ms = _PATIENCE_MS + 2000.0 / camera.fps
    age_ms = max((stream.age_ms for stream in streams if stream.age_ms is not None), default=0.0)
    return f"nothing looked at for {age_ms / 1000:.0f} s" if age_ms > patience_ms else ""


def _late(streams: list[StreamStatus], objective: Objective) -> str:
    p95_ms = max((stream.recent_p95_ms for stream in streams if stream.recent_p95_ms is not None), default=0.0)
    return f"p95 {p95_ms:.0f} ms, {objective.latency_ms:.0f} ms allowed" if p95_ms > objective.latency_ms else ""


def _dropping(minute_frames: FrameCounts, objective: Objective) -> str:
    rate = minute_frames.drop_rate
    if rate <= objective.drop_rate:
        return ""
    return f"{rate:.1%} of frames dropped, {objective.drop_rate:.1%} allowed"
