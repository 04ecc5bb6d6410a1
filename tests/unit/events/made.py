"""Results made up for tests, and waiting for what a sink's own thread does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from camslice.fleet.accounting import Looked
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import StreamKey
from camslice.models.detections import Detections
from camslice.stream.results import FrameResult

NOON_S = 1_754_050_020.0
"""2025-08-01 12:07:00 UTC: the start of a minute."""
LABELS = ("person", "bicycle", "car")
GATE = StreamKey("gate", "people")
YARD = StreamKey("yard", "people")


def found(*boxes: tuple[float, float, float, float], class_id: int = 0, carried: Sequence[bool] | None = None) -> Detections:
    count = len(boxes)
    marks = None if carried is None else np.array(carried, np.bool_)
    confidence = np.linspace(0.9, 0.5, count).astype(np.float32)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), confidence, np.full(count, class_id, np.int32), marks)


def made(
    sequence: int,
    *,
    stream: StreamKey = GATE,
    captured_at_s: float | None = None,
    detections: Detections | None = None,
    inference_ms: float = 20.0,
    sha256: str = "5e" * 32,
    labels: tuple[str, ...] = LABELS,
    looked: Looked = Looked.FULL,
) -> FrameResult:
    return FrameResult(
        stream=stream,
        sequence=sequence,
        captured_at_s=NOON_S + 0.2 * sequence if captured_at_s is None else captured_at_s,
        pts_s=0.2 * sequence,
        width=768,
        height=576,
        model_sha256=sha256,
        generation=3,
        stages=StageTimes(5.0, 0.0, 1.5, 30.0, 0.0, inference_ms, 0.5, 37.0 + inference_ms),
        detections=Detections.none() if detections is None else detections,
        labels=labels,
        looked=looked,
    )


def many(count: int, *, stream: StreamKey = GATE, first: int = 0, every_s: float = 0.2) -> Sequence[FrameResult]:
    box = found((10.0, 20.0, 30.5, 40.125))
    numbers = range(first, first + count)
    return [made(n, stream=stream, captured_at_s=NOON_S + every_s * n, detections=box if n % 2 else None) for n in numbers]


def wait_for(condition: Callable[[], object], what: str, patience_s: float = 20.0) -> None:
    """Return once `condition` holds; fail the test when it does not come to hold."""
    deadline_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited in vain: {what}"
        time.sleep(0.005)
