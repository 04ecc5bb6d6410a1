"""The JSON object of `camslice run`: every stream and the fleet, from counts and histograms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import Fleet, Objective, StreamKey, usd_per_camera_month
from camslice.stream.model_work import ModelWork, work_of
from camslice.stream.statistics import merged


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One stream over the whole run. `age_ms`: since its newest analysed frame was captured, None if there is none."""

    key: StreamKey
    frames: FrameCounts
    stages: Mapping[str, Histogram]
    detections: Mapping[str, int]
    age_ms: float | None


def run_report(
    fleet: Fleet,
    streams: Sequence[StreamReport],
    duration_s: float,
    memory_mb: float,
    cpu_cores: float,
    pods: int = 1,
    restarts: int = 0,
    works: Mapping[str, ModelWork] | None = None,
) -> dict[str, object]:
    """`fleet` and its `pods` as they are at the end, `streams` all that ever ran, `works` what each model has
    done.

    Keys as in the command line's contract; times in ms, memory in MB (10^6 bytes), money in US dollars.
    """
    frames = total_of(stream.frames for stream in streams)
    stages = merged([stream.stages for stream in streams])
    cameras = len(fleet.cameras)
    usd = usd_per_camera_month(fleet.machine, cameras)
    used = _Used(frames.accelerator_ns, usd_per_camera_month(fleet.machine, 1))
    return {
        "duration_s": round(duration_s, 3),
        "streams": [_stream(stream, duration_s, used) for stream in streams],
        "fleet": {
            "cameras": cameras,
            "topology": str(fleet.topology),
            "pods": pods,
            "restarts": restarts,
            "analysed_fps": _rate(frames.analysed, duration_s),
            "memory_mb": round(memory_mb, 1),
            "cpu_cores": round(cpu_cores, 3),
            "stages": _stages(stages),
            "frames": frames_json(frames),
            "accelerator_ms": _ms(frames.accelerator_ns),
            "inferences": work_of((works or {}).values()).inferences,
            "objective": objective_json(
                fleet.objective, stages.get("total", Histogram()), frames, usd, recall_of((works or {}).values(), frames)
            ),
            "usd_per_camera_month": None if usd is None else round(usd, 4),
        },
    }


def frames_json(frames: FrameCounts) -> dict[str, float | int]:
    """The *frames* object: fates, what stands outside the identity (`regions` of the analysed), and the drop rate."""
    names = ("captured", "analysed", "gated", "predicted", "superseded", "stale", "failed", "in_flight")
    outside = ("regions", "decoded", "skipped", "corrupt", "missed")
    counts: dict[str, float | int] = {name: getattr(frames, name) for name in (*names, *outside)}
    return {**counts, "drop_rate": round(frames.drop_rate, 6)}


def recall_of(works: Iterable[ModelWork], frames: FrameCounts) -> float | None:
    """The share of the detections of full frames that was kept: the lowest of all models that were audited enough.

    1 where nothing but full frames was analysed; None where nothing was, or too little was audited to say.
    """
    if frames.analysed and not frames.regions + frames.gated + frames.predicted:
        return 1.0
    return min((work.recall for work in works if work.recall is not None), default=None)


def objective_json(
    objective: Objective, total: Histogram, frames: FrameCounts, usd: float | None, recall: float | None = None
) -> dict[str, float | bool | None]:
    """The *objective* object. `p_all_ms`: a dropped frame counts as infinitely late, None stands for infinite. `recall` None:
    nobody knows, and it is not held against it."""
    p_all_ms = total.percentile(objective.percentile, infinite=frames.dropped)
    met = (
        p_all_ms is not None
        and p_all_ms <= objective.latency_ms
        and frames.drop_rate <= objective.drop_rate
        and (recall is None or recall >= objective.recall)
        and (usd is None or objective.usd_per_camera_month is None or usd <= objective.usd_per_camera_month)
    )
    return {
        "latency_ms": objective.latency_ms,
        "percentile": objective.percentile,
        "p_all_ms": None if p_all_ms is None else round(p_all_ms, 3),
        "drop_rate": round(frames.drop_rate, 6),
        "recall": None if recall is None else round(recall, 4),
        "met": met,
    }


@dataclass(frozen=True, slots=True)
class _Used:
    """Device time that all streams used, and what the machine costs in a month, None where nobody said."""

    accelerator_ns: int
    usd_per_month: float | None

    def usd(self, accelerator_ns: int) -> float | None:
        """The share of the machine's price that falls to whoever used so much; None while nothing was used."""
        if self.usd_per_month is None or not self.accelerator_ns:
            return None
        return self.usd_per_month * accelerator_ns / self.accelerator_ns


def _stream(stream: StreamReport, duration_s: float, used: _Used) -> dict[str, object]:
    frames, usd = stream.frames, used.usd(stream.frames.accelerator_ns)
    return {
        "camera": stream.key.camera,
        "model": stream.key.model,
        "frames": frames_json(frames),
        "stages": _stages(stream.stages),
        "detections": dict(stream.detections),
        "fps": _rate(frames.analysed, duration_s),
        "age_ms": None if stream.age_ms is None else round(stream.age_ms, 1),
        "accelerator_ms": _ms(frames.accelerator_ns),
        "accelerator_ms_per_frame": _ms(frames.accelerator_ns / frames.analysed) if frames.analysed else None,
        "usd_per_month_by_use": None if usd is None else round(usd, 4),
    }


def _stages(stages: Mapping[str, Histogram]) -> dict[str, dict[str, float | int | None]]:
    return {name: histogram.as_latency() for name, histogram in stages.items()}


def _ms(time_ns: float) -> float:
    return round(time_ns / 1e6, 3)


def _rate(count: int, duration_s: float) -> float:
    return round(count / duration_s, 3) if duration_s > 0 else 0.0
