"""Questions, trials and rows made up for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.secrets import Source
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import ModelSpec, StreamKey, Topology
from camslice.measure.bench.load import load_for
from camslice.measure.bench.report import Price, bench_report
from camslice.measure.bench.shapes import ReportShape
from camslice.measure.bench.trial import Trial
from camslice.measure.bench.values import Question, Row
from camslice.models.detections import Detections
from camslice.models.model import InputSpec, ModelInfo
from camslice.stream.results import FrameResult

INFO = ModelInfo(
    "tiny", Path("tiny.onnx"), "ab" * 32, "Apache-2.0", "detect", ("thing",), InputSpec(64, 64, True, False), "yolov8", "a test"
)
QUESTION = Question(ModelSpec("model", "tiny.onnx"), INFO, Source("scene://people", "scene://people"))


def stream(number: int = 1) -> StreamKey:
    return StreamKey(f"camera-{number}", "model")


def times(inference_ms: float = 8.0) -> StageTimes:
    """Stages that add up: 1 ms of each other, and no gate and no network."""
    return StageTimes(1.0, 0.0, 1.0, 1.0, 0.0, inference_ms, 1.0, inference_ms + 4.0)


def result(key: StreamKey, sequence: int = 0, inference_ms: float = 8.0) -> FrameResult:
    return FrameResult(key, sequence, 0.0, None, 64, 64, INFO.sha256, 1, times(inference_ms), Detections.none(), INFO.labels)


def histograms(latencies_ms: Sequence[float]) -> dict[str, Histogram]:
    found: dict[str, Histogram] = {}
    for name in ("decode", "preprocess", "queue", "inference", "postprocess", "total"):
        found[name] = Histogram()
        found[name].add([getattr(times(ms - 4.0), name) for ms in latencies_ms])
    return found


def trial(latencies_ms: Sequence[float] = (10.0, 12.0, 14.0), seconds: float = 2.0, **changed: object) -> Trial:
    frames = FrameCounts(captured=len(latencies_ms) + 1, analysed=len(latencies_ms), in_flight=1, decoded=len(latencies_ms))
    stages = histograms(latencies_ms) if latencies_ms else {}
    made = Trial(seconds, frames, stages, 200.0, 50.0, 90.0, 1.5, 1, 0, "openvino", "CPU", "bf16")
    return replace(made, **changed)  # type: ignore[arg-type] # the caller's keywords


def row(topology: Topology = Topology.SLICED, pods: int = 1, *trials: Trial, question: Question = QUESTION) -> Row:
    return Row(load_for(topology, pods, question), max(1, len(trials)), list(trials or [trial()]))


def report(*rows: Row, price: Price | None = None, question: Question = QUESTION, stopped: bool = False) -> ReportShape:
    return bench_report(rows or (row(),), question, price, "camslice bench", stopped=stopped)
