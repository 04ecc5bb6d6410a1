"""Streams as whoever placed them here compares and awaits them: `streams` of /api/status.

docs/reference/camera-pod.md describes every key.
"""

from __future__ import annotations

from camslice.web.observer import Look
from camslice.web.view import StreamStatus


def placement_json(look: Look) -> dict[str, object]:
    """The revision that runs, and every stream: figures are of the last minute, instants UTC seconds."""
    status = look.status
    return {
        "revision": status.revisions.applied,
        "mounted_revision": status.revisions.mounted,
        "draining": status.draining,
        "refused_results": dict(status.refused_results),
        "waiting_results": status.waiting_results,
        "streams": [_stream(stream, look) for stream in status.streams],
    }


def _stream(stream: StreamStatus, look: Look) -> dict[str, object]:
    placement = look.status.placements.get(stream.key)
    frames = look.minute_frames[stream.key]
    percentile = look.status.fleet.objective.percentile
    return {
        "camera": stream.key.camera,
        "model": stream.key.model,
        "epoch": placement.epoch if placement else None,
        "placed_at_s": _rounded(placement.placed_at_s if placement else None),
        "first_result_at_s": _rounded(placement.first_result_at_s if placement else None),
        "taken_over": bool(placement and placement.taken_over),
        "fps": round(stream.fps, 2),
        "frames": stream.minute.frames,
        "p95_ms": _rounded(stream.minute.percentile_ms(95.0)),
        "p_all_ms": _rounded(stream.minute.percentile_ms(percentile, frames.dropped)),
        "drop_rate": round(frames.drop_rate, 6),
        "detections_per_frame": _rounded(stream.minute.detections_per_frame),
        "age_ms": _rounded(stream.age_ms),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
