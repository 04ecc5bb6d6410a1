"""Detections of a still picture as JSON, and drawn into a copy of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from camslice.fleet.errors import MachineError
from camslice.models.detections import Detections, label_of
from camslice.video.picture import StillPicture
from camslice.web.drawing import draw_preview

_QUALITY = 92


def detections_json(detections: Detections, labels: Sequence[str]) -> list[dict[str, object]]:
    """A list of {label, confidence, box: [x1, y1, x2, y2]} in source pixels, surest first."""
    return [
        {"label": label_of(class_id, labels), "confidence": round(confidence, 4), "box": [round(edge, 1) for edge in box]}
        for box, confidence, class_id in zip(
            detections.boxes.tolist(), detections.confidence.tolist(), detections.class_id.tolist(), strict=True
        )
    ]


def annotated_copy(folder: Path, path: Path, picture: StillPicture, detections: Detections, labels: Sequence[str]) -> Path:
    """Write a JPEG of `picture` with its boxes into `folder` under the picture's own name. Raises MachineError."""
    bgr = np.ascontiguousarray(picture.rgb[:, :, ::-1])
    copy = folder / f"{path.stem}.jpg"
    if copy.exists() and copy.samefile(path):
        raise MachineError(f"--out {folder}: this would overwrite {path}; choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(draw_preview(bgr, detections, labels, quality=_QUALITY))
    except OSError as error:
        raise MachineError(f"--out {folder}: cannot write {copy.name}: {error.strerror}; choose another folder.") from error
    return copy
