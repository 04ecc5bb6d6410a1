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


def copy_paths(folder: Path, pictures: Sequence[Path]) -> list[Path]:
    """Where the annotated copies go: a JPEG under each picture's own name. Raises MachineError if one would be lost by it."""
    copies: dict[Path, Path] = {}
    for path in pictures:
        copy = folder / f"{path.stem}.jpg"
        if copy in copies:
            raise MachineError(f"--out {folder}: {copies[copy]} and {path} would both become {copy.name}; rename one.")
        if copy.exists() and any(copy.samefile(picture) for picture in pictures):
            raise MachineError(f"--out {folder}: this would overwrite {copy}; choose another folder.")
        copies[copy] = path
    return list(copies)


def write_copy(copy: Path, picture: StillPicture, detections: Detections, labels: Sequence[str]) -> None:
    """Write a JPEG of `picture` with its boxes. Raises MachineError."""
    bgr = np.ascontiguousarray(picture.rgb[:, :, ::-1])
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(draw_preview(bgr, detections, labels, quality=_QUALITY))
    except OSError as error:
        raise MachineError(f"--out {copy.parent}: cannot write {copy.name}: {error.strerror}; choose another one.") from error
