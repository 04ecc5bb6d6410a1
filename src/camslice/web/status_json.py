"""What a look at the fleet says in JSON: the answers of /api/status and /api/cameras/{name}, and what the page is fed with.

docs/reference/http-api.md describes every key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.stages import STAGES
from camslice.fleet.types import Objective, usd_per_camera_month
from camslice.web.observer import Look, Point
from camslice.web.placed_json import placement_json
from camslice.web.policies import engine_json, recall_now, recall_since_start
from camslice.web.trouble import troubles_of
from camslice.web.view import CameraStatus, FleetStatus, StreamStatus

_FATES = ("captured", "analysed", "gated", "predicted", "superseded", "stale", "failed", "in_flight")

Json = dict[str, object]


def status_json(look: Look) -> Json:
    """The whole fleet: objective, sums, every camera in short, engines, and what an operator should read now."""
    status = look.status
    streams = streams_by_camera(status)
    return {
        "at_s": round(look.at_s, 3),
        "uptime_s": round(status.uptime_s, 1),
        "generation": status.generation,
        "objective": _objective(look),
        "fleet": _fleet(look),
        "models": sorted(status.fleet.models),
        "cameras": [_camera(camera, streams.get(camera.name, []), look) for camera in status.cameras],
        "engines": [engine_json(engine) for engine in status.engines],
        "policy_changes": [asdict(change) for change in status.policy_changes],
        "restarts": status.restarts,
        "dropped_results": dict(status.dropped_results),
        "problems": list(status.problems),
        **placement_json(look),
        **({} if status.cluster is None else {"cluster": asdict(status.cluster)}),
    }


def camera_json(look: Look, name: str) -> Json:
    """One camera with the stages and detections of its streams. KeyError if there is none of that name."""
    for camera in look.status.cameras:
        if camera.name == name:
            streams = streams_by_camera(look.status).get(name, [])
            return {**_camera(camera, streams, look), "streams": [_stream(stream) for stream in streams]}
    raise KeyError(name)


def streams_by_camera(status: FleetStatus) -> Mapping[str, list[StreamStatus]]:
    """The streams of each camera that has any."""
    by_camera: dict[str, list[StreamStatus]] = {}
    for stream in status.streams:
        by_camera.setdefault(stream.key.camera, []).append(stream)
    return by_camera


def history_json(points: Iterable[Point]) -> list[Json]:
    """The chart's points, oldest first."""
    return [
        {
            "at_s": round(point.at_s, 1),
            "analysed_fps": round(point.analysed_fps, 2),
            "p_all_ms": _rounded(point.p_all_ms),
            "frames": point.frames,
        }
        for point in points
    ]


def _objective(look: Look) -> Json:
    objective = look.status.fleet.objective
    return {
        "latency_ms": objective.latency_ms,
        "percentile": objective.percentile,
        "drop_rate": objective.drop_rate,
        "recall": objective.recall,
        "usd_per_camera_month": objective.usd_per_camera_month,
        "since_start": _against(objective, look.latency, look.frames, recall_since_start(look.status, look.frames)),
        "recent": _against(objective, look.recent_latency, look.recent_frames, recall_now(look.status, look.recent_frames)),
    }


def _against(objective: Objective, latency: Histogram, frames: FrameCounts, recall: float | None) -> Json:
    """`p_all_ms` is over all captured frames but the gated ones; `met` is null while no frame has a fate. A `recall` that
    nobody knows yet is not held against it."""
    p_all_ms = latency.percentile(objective.percentile, frames.dropped)
    counted = latency.n + frames.dropped
    met = p_all_ms is not None and p_all_ms <= objective.latency_ms and frames.drop_rate <= objective.drop_rate
    met = met and (recall is None or recall >= objective.recall)
    return {
        "p_all_ms": _rounded(p_all_ms),
        "drop_rate": round(frames.drop_rate, 6),
        "recall": _rounded(recall, 4),
        "frames": counted,
        "met": met if counted else None,
    }


def _fleet(look: Look) -> Json:
    """Sums since the start hold the frames of removed cameras too."""
    status = look.status
    usd = usd_per_camera_month(status.fleet.machine, len(status.cameras))
    if status.cluster is not None:
        usd = status.cluster.usd_per_camera_month
    return {
        "cameras": len(status.cameras),
        "analysed_fps": round(sum(stream.fps for stream in status.streams), 2),
        "memory_mb": round(status.memory_mb, 1),
        "cpu_cores": round(status.cpu_cores, 2),
        **_frames(look.frames),
        "stages": _stages([*status.streams, *status.removed]),
        "usd_per_camera_month": _rounded(usd),
    }


def _camera(camera: CameraStatus, streams: list[StreamStatus], look: Look) -> Json:
    minute = total_of(look.minute_frames[stream.key] for stream in streams)
    troubles = troubles_of(camera, streams, minute, look.status.fleet.objective)
    return {
        "name": camera.name,
        "source": camera.source,
        "models": list(camera.models),
        "state": str(camera.state),
        "reason": camera.reason,
        "troubles": [{"kind": str(trouble.kind), "sentence": trouble.sentence} for trouble in troubles],
        "fps": camera.fps,
        "analysed_fps": round(min((stream.fps for stream in streams), default=0.0), 2),
        "p95_ms": _rounded(max((s.recent_p95_ms for s in streams if s.recent_p95_ms is not None), default=None)),
        "age_ms": _rounded(max((s.age_ms for s in streams if s.age_ms is not None), default=None)),
        "minute": {"captured": minute.captured, "dropped": minute.dropped, "drop_rate": round(minute.drop_rate, 6)},
        **_frames(total_of(stream.frames for stream in streams)),
        **({"pods": list(camera.pods)} if camera.pods else {}),
    }


def _stream(stream: StreamStatus) -> Json:
    return {
        "model": stream.key.model,
        **_frames(stream.frames),
        "stages": _stages([stream]),
        "detections": dict(stream.detections),
        "fps": round(stream.fps, 2),
        "age_ms": _rounded(stream.age_ms),
        "p95_ms": _rounded(stream.recent_p95_ms),
    }


def _frames(frames: FrameCounts) -> Json:
    return {
        "frames": {fate: getattr(frames, fate) for fate in _FATES},
        "regions": frames.regions,
        "decoded": frames.decoded,
        "skipped": frames.skipped,
        "corrupt": frames.corrupt,
        "missed": frames.missed,
        "drop_rate": round(frames.drop_rate, 6),
    }


def _stages(streams: Sequence[StreamStatus]) -> Mapping[str, object]:
    merged: dict[str, Histogram] = {}
    for stream in streams:
        for stage, histogram in stream.stages.items():
            merged.setdefault(stage, Histogram()).merge(histogram)
    return {stage: merged[stage].as_latency() for stage in (*STAGES, "total") if stage in merged and merged[stage].n}


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)
