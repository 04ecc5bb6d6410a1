"""One frame's detections out of those of its regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camslice.models.detections import Detections
from camslice.stream.watching.overlaps import areas, shared

_WITHIN = 0.7
"""A box that lies so much within a better one of its class is a part of the same thing, cut by a region's edge."""


def joined(parts: Sequence[Detections]) -> Detections:
    """The detections of all regions of one frame, in source pixels, by falling confidence, each thing once."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return Detections.none()
    if len(parts) == 1:
        return parts[0]
    boxes = np.concatenate([part.boxes for part in parts])
    confidence = np.concatenate([part.confidence for part in parts])
    class_id = np.concatenate([part.class_id for part in parts])
    region = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.argsort(-confidence, kind="stable")
    boxes, confidence, class_id, region = boxes[order], confidence[order], class_id[order], region[order]
    own = np.maximum(areas(boxes), 1e-6)
    within = shared(boxes, boxes) / np.minimum(own[:, None], own[None, :]) > _WITHIN
    # Within one region the model's own suppression has had its say.
    rivals = within & (class_id[:, None] == class_id[None, :]) & (region[:, None] != region[None, :])
    kept: list[int] = []
    for index in range(len(boxes)):
        if not rivals[index, kept].any():
            kept.append(index)
    return Detections(boxes[kept], confidence[kept], class_id[kept])
