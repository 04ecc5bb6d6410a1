"""What decoders and suppression mean, written for the reader and not for the clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    box: Box
    score: float
    class_id: int


def iou(a: Box, b: Box) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def suppressed(found: Sequence[Found], threshold: float) -> list[Found]:
    kept: list[Found] = []
    for candidate in sorted(found, key=lambda one: -one.score):
        if all(one.class_id != candidate.class_id or iou(one.box, candidate.box) <= threshold for one in kept):
            kept.append(candidate)
    return kept


def classified(box: Box, scores: Sequence[float], confidence: float, multi_label: bool) -> list[Found]:
    best = max(range(len(scores)), key=lambda index: scores[index])
    classes = range(len(scores)) if multi_label else [best]
    return [Found(box, scores[index], index) for index in classes if scores[index] > confidence]


def yolox(rows: npt.NDArray[np.float32], side: int, confidence: float, multi_label: bool) -> list[Found]:
    found, anchor = [], 0
    for stride in (8, 16, 32):
        for row in range(side // stride):
            for column in range(side // stride):
                x, y, log_width, log_height, objectness, *classes = map(float, rows[anchor])
                centre = ((x + column) * stride, (y + row) * stride)
                box = _corners(*centre, math.exp(log_width) * stride, math.exp(log_height) * stride)
                found += classified(box, [objectness * one for one in classes], confidence, multi_label)
                anchor += 1
    return found


def yolov8(rows: npt.NDArray[np.float32], confidence: float, multi_label: bool) -> list[Found]:
    found = []
    for column in rows.T:
        x, y, width, height, *classes = map(float, column)
        found += classified(_corners(x, y, width, height), classes, confidence, multi_label)
    return found


def wanted_only(found: Sequence[Found], is_wanted: Callable[[int], bool]) -> list[Found]:
    return [one for one in found if is_wanted(one.class_id)]


def _corners(x: float, y: float, width: float, height: float) -> Box:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
