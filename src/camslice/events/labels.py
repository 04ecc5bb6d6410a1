"""The names of what was found."""

from __future__ import annotations

from camslice.models.detections import label_of
from camslice.stream.results import FrameResult


def labels_of(result: FrameResult) -> list[str]:
    """The label of each detection, in order."""
    return [label_of(class_id, result.labels) for class_id in result.detections.class_id.tolist()]
