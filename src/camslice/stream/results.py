"""What comes out of a stream: one result per frame that was analysed, or whose detections were carried on, in the order of
capture."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.fleet.accounting import Looked
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import StreamKey
from camslice.models.detections import Detections


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The detections of one frame, and where and when they were seen.

    `captured_at_s` is UTC, `pts_s` the source's own time or None, `width` x `height` the source picture,
    `labels[class_id]` the class names, `generation` the configuration that was in force. `looked` says whether the
    frame was analysed, and how much of it; `detections.carried` marks those that no look at this very frame found.
    """

    stream: StreamKey
    sequence: int
    captured_at_s: float
    pts_s: float | None
    width: int
    height: int
    model_sha256: str
    generation: int
    stages: StageTimes
    detections: Detections
    labels: tuple[str, ...]
    looked: Looked = Looked.FULL
