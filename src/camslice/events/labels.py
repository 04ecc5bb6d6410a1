"""The names of what was found."""

from __future__ import annotations

from collections.abc import Sequence

from camslice.stream.results import FrameResult


def labels_of(result: FrameResult) -> list[str]:
    """The label of each detection, in order."""
    return [label_of(class_id, result.labels) for class_id in result.detections.class_id.tolist()]


def label_of(class_id: int, labels: Sequence[str]) -> str:
    """A class's label; its number as text where a model has more classes than labels.

    >>> label_of(1, ("person", "car")), label_of(7, ("person", "car"))
    ('car', '7')
    """
    return labels[class_id] if 0 <= class_id < len(labels) else str(class_id)
