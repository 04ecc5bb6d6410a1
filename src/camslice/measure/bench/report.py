"""The JSON object of `camslice bench`: the machine, what was asked, and a row for each load that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

from camslice.fleet.figures import RawHistogram
from camslice.fleet.histogram import GROWTH, LOWEST_MS, Histogram
from camslice.fleet.types import HOURS_PER_MONTH, Backend, Machine, usd_per_camera_month
from camslice.measure.bench.notes import notes_on
from camslice.measure.bench.shapes import (
    ClipShape,
    EngineShape,
    HistogramShape,
    Latency,
    ModelShape,
    ObjectiveShape,
    ReportShape,
    RoundShape,
    RowShape,
)
from camslice.measure.bench.trial import Trial
from camslice.measure.bench.values import Question, Row
from camslice.measure.judgement import drop_rate_of, judged, percentiles_of_all
from camslice.measure.machine import fingerprint
from camslice.models.cache import sha256_of
from camslice.stream.report import frames_json

_ULTRALYTICS_NEEDS = ("ultralytics", "torch")


@dataclass(frozen=True, slots=True)
class Price:
    """What a machine like this one costs."""

    usd_per_hour: float
    hours_per_month: float = HOURS_PER_MONTH


def bench_report(
    rows: Sequence[Row], question: Question, price: Price | None, command: str, *, stopped: bool = False
) -> ReportShape:
    """Keys as in the command line's contract; times in ms, memory in MB (10^6 bytes), money in US dollars.

    Rows of which nothing was measured and nothing went wrong are left out: `partial` then says that some are missing.
    """
    told = [row for row in rows if row.trials or row.problem]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "partial": stopped or len(told) < len(rows) or any(row.partial for row in told),
        "machine": _machine(question),
        "model": _model(question),
        "clip": _clip(question),
        "asked": {
            "seconds": question.seconds,
            "rounds": question.rounds,
            "seed": question.seed,
            "price_usd_per_hour": None if price is None else price.usd_per_hour,
            "hours_per_month": HOURS_PER_MONTH if price is None else price.hours_per_month,
        },
        "histogram_bins": {"lowest_ms": LOWEST_MS, "growth": GROWTH},
        "rows": [_row(row, question, price) for row in told],
    }


def _row(row: Row, question: Question, price: Price | None) -> RowShape:
    load, frames, stages = row.load, row.frames, row.stages
    usd = None
    if price is not None:
        usd = usd_per_camera_month(Machine(price.usd_per_hour * load.machines), load.cameras, price.hours_per_month)
    all_ms = percentiles_of_all(stages.get("total", Histogram()), frames)
    pods_mb = _mean([trial.pods_memory_mb for trial in row.trials])
    own_mb = _mean([trial.supervisor_memory_mb for trial in row.trials])
    measured = len(load.fleet.cameras)
    return {
        "topology": load.topology,
        "pods": load.pods,
        "machines": load.machines,
        "cameras": load.cameras,
        "cameras_measured": measured,
        "loop": "closed" if question.fps is None else "open",
        "fps_per_camera": question.fps,
        "phase": None if question.fps is None else question.phase,
        "seconds": round(row.seconds, 3),
        "stages": {name: cast("Latency", histogram.as_latency()) for name, histogram in stages.items()},
        "p50_all_ms": _rounded(all_ms[50]),
        "p95_all_ms": _rounded(all_ms[95]),
        "p99_all_ms": _rounded(all_ms[99]),
        "fps": round(row.fps, 3),
        "frames": frames_json(frames),
        "memory_mb_per_pod": round(_mean([_memory_mb_per_pod(row, trial) for trial in row.trials]), 1),
        "memory_mb_per_camera": round(pods_mb / measured, 1),
        "memory_mb": round(pods_mb + own_mb, 1),
        "supervisor_memory_mb": round(own_mb, 1),
        "cpu_cores": round(_mean([trial.cpu_cores for trial in row.trials]), 3),
        "objective": _objective(row, question, usd),
        "usd_per_camera_month": None if usd is None else round(usd, 4),
        "streams_per_pod": question.streams_per_pod,
        "threads": question.threads,
        "engine": _engine(row.trials),
        "rounds": [_round(trial) for trial in row.trials],
        "partial": row.partial,
        "problem": row.problem,
        "negative_stages": sum(trial.negative_stages for trial in row.trials),
        "notes": notes_on(row, question),
        "histograms": {name: _raw(histogram) for name, histogram in stages.items()},
    }


def _objective(row: Row, question: Question, usd: float | None) -> ObjectiveShape:
    """Frames that fell due and were never captured break an objective as dropped ones do."""
    objective = question.objective
    found = judged(objective, row.stages.get("total", Histogram()), row.frames)
    most_usd = objective.usd_per_camera_month
    return {
        "latency_ms": objective.latency_ms,
        "percentile": objective.percentile,
        "p_all_ms": _rounded(found.p_all_ms),
        "drop_rate": round(found.drop_rate, 6),
        "recall": None,
        "met": found.met and (usd is None or most_usd is None or usd <= most_usd),
    }


def _memory_mb_per_pod(row: Row, trial: Trial) -> float:
    """Of those that had a process when it was looked at."""
    return trial.pods_memory_mb / max(1, row.load.pods_here - trial.pods_down)


def _round(trial: Trial) -> RoundShape:
    """One turn of a row, for those who want to see how much the machine wavers."""
    total = trial.stages.get("total", Histogram())
    all_ms = percentiles_of_all(total, trial.frames)
    return {
        "seconds": round(trial.seconds, 3),
        "fps": round(trial.frames.analysed / trial.seconds, 3),
        "p50_ms": _rounded(total.percentile(50)),
        "p95_ms": _rounded(total.percentile(95)),
        "p50_all_ms": _rounded(all_ms[50]),
        "p95_all_ms": _rounded(all_ms[95]),
        "p99_all_ms": _rounded(all_ms[99]),
        "drop_rate": round(drop_rate_of(trial.frames), 6),
        "memory_mb": round(trial.pods_memory_mb + trial.supervisor_memory_mb, 1),
        "cpu_cores": round(trial.cpu_cores, 3),
    }


def _raw(histogram: Histogram) -> HistogramShape:
    raw = RawHistogram.of(histogram)
    return {"bins": raw.bins, "sum_ms": raw.sum_ms, "max_ms": raw.max_ms}


def _engine(trials: Sequence[Trial]) -> EngineShape | None:
    if not trials:
        return None
    return {"backend": trials[0].backend, "device": trials[0].device, "precision": trials[0].precision}


def _machine(question: Question) -> Mapping[str, object]:
    found = fingerprint()
    if question.spec.backend is not Backend.ULTRALYTICS:
        return found
    versions = found["versions"]
    more = {name: _version(name) for name in _ULTRALYTICS_NEEDS}
    return {**found, "versions": {**(versions if isinstance(versions, Mapping) else {}), **more}}


def _model(question: Question) -> ModelShape:
    info, spec = question.info, question.spec
    return {
        "name": info.name,
        "sha256": info.sha256,
        "licence": info.licence,
        "input": (info.input.width, info.input.height),
        "engine": spec.backend,
        "precision": spec.precision,
    }


def _clip(question: Question) -> ClipShape:
    path = Path(question.clip.address)
    return {
        "name": path.name if path.is_file() else question.clip.redacted,
        "sha256": sha256_of(path) if path.is_file() else None,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
