"""A pod's status for the page of a whole cluster: short, and with histograms that can be added up.

What a person reads is `/api/status`; this is `/api/state`. Counts and histograms run since the pod's start. Stages are summed
by model: the page of a fleet asks a pod for one camera's when somebody looks at it.
"""

from __future__ import annotations

import struct
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from camslice.events.store.packing import pack_bins, unpack_histogram
from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.policy import policy_named
from camslice.fleet.types import StreamKey
from camslice.stream.model_work import ModelWork
from camslice.stream.watching.steward import PolicyState
from camslice.video.camera_state import CameraState
from camslice.web.view import EngineStatus, FleetStatus, StreamStatus

_INSTANCE = uuid.uuid4().hex[:12]

Stages = Mapping[str, Mapping[str, Histogram]]
"""By model, then by stage."""


@dataclass(frozen=True, slots=True)
class PodState:
    """What a pod said. `instance` is another for each start of its supervisor; `cameras` maps names to state and reason;
    `streams` carry no stages, `removed` no stream any more."""

    instance: str
    uptime_s: float
    cameras: Mapping[str, tuple[CameraState, str]]
    streams: Sequence[StreamStatus]
    removed: FrameCounts
    stages: Stages
    engines: Sequence[EngineStatus]
    memory_mb: float
    cpu_cores: float
    restarts: int
    dropped_results: Mapping[str, int]
    problems: Sequence[str]


def state_json(status: FleetStatus) -> dict[str, object]:
    """A status as JSON."""
    return {
        "instance": _INSTANCE,
        "uptime_s": round(status.uptime_s, 3),
        "cameras": [[camera.name, str(camera.state), camera.reason] for camera in status.cameras],
        "streams": [
            [stream.key.camera, stream.key.model, astuple(stream.frames), stream.fps, stream.age_ms, stream.recent_p95_ms]
            for stream in status.streams
        ],
        "removed": astuple(total_of(stream.frames for stream in status.removed)),
        "stages": {
            model: {stage: _packed(histogram) for stage, histogram in stages.items()}
            for model, stages in by_model([*status.streams, *status.removed]).items()
        },
        "engines": [asdict(engine) for engine in status.engines],
        "memory_mb": status.memory_mb,
        "cpu_cores": status.cpu_cores,
        "restarts": status.restarts,
        "dropped_results": dict(status.dropped_results),
        "problems": list(status.problems),
    }


def read_state(read: Mapping[str, Any]) -> PodState:
    """A state from JSON. ValueError when it is none: a pod is believed in nothing that does not fit."""
    try:
        return PodState(
            instance=str(read["instance"]),
            uptime_s=float(read["uptime_s"]),
            cameras={str(name): (CameraState(state), str(reason)) for name, state, reason in read["cameras"]},
            streams=[_stream(*stream) for stream in read["streams"]],
            removed=FrameCounts(*map(int, read["removed"])),
            stages={
                str(model): {str(stage): _unpacked(*packed) for stage, packed in stages.items()}
                for model, stages in read["stages"].items()
            },
            engines=[_engine(**engine) for engine in read["engines"]],
            memory_mb=float(read["memory_mb"]),
            cpu_cores=float(read["cpu_cores"]),
            restarts=int(read["restarts"]),
            dropped_results={str(cause): int(count) for cause, count in read["dropped_results"].items()},
            problems=[str(problem) for problem in read["problems"]],
        )
    except (KeyError, TypeError, IndexError, AttributeError, struct.error) as error:
        raise ValueError(f"this is no state of a pod: {error!r}") from None


def by_model(streams: Sequence[StreamStatus]) -> dict[str, dict[str, Histogram]]:
    """The stages of streams, merged by model."""
    merged: dict[str, dict[str, Histogram]] = {}
    for stream in streams:
        of_model = merged.setdefault(stream.key.model, {})
        for stage, histogram in stream.stages.items():
            of_model.setdefault(stage, Histogram()).merge(histogram)
    return merged


def _packed(histogram: Histogram) -> list[object]:
    return [round(histogram.sum_ms, 3), round(histogram.max_ms, 3), b64encode(pack_bins(histogram.counts)).decode()]


def _unpacked(sum_ms: float, max_ms: float, bins: str) -> Histogram:
    return unpack_histogram(b64decode(bins), float(sum_ms), float(max_ms))


def _engine(*, work: Mapping[str, int] | None = None, policy: Mapping[str, Any] | None = None, **told: Any) -> EngineStatus:
    """A pod of an older camslice says nothing of its work."""
    of_policy = None if policy is None else PolicyState(**policy)
    if of_policy is not None:
        policy_named(of_policy.policy)
    return EngineStatus(**told, work=ModelWork(**(work or {})), policy=of_policy)


def _stream(
    camera: str, model: str, frames: Sequence[int], fps: float, age_ms: float | None, p95_ms: float | None
) -> StreamStatus:
    return StreamStatus(
        key=StreamKey(str(camera), str(model)),
        frames=FrameCounts(*map(int, frames)),
        stages={},
        detections={},
        fps=float(fps),
        age_ms=None if age_ms is None else float(age_ms),
        recent_p95_ms=None if p95_ms is None else float(p95_ms),
    )
