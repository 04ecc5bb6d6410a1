"""How far two programs' answers to the same picture are apart."""

from __future__ import annotations

import math

import numpy as np

from camslice.models.detections import Detections
from camslice.models.nms import FloatArray

SURE = 0.35
"""Boxes at least this confident must have a counterpart; less sure ones may fall on either side of a threshold."""


def max_box_error_px(ours: Detections, theirs: Detections) -> float:
    """The largest distance in pixels between a side of a box and the same side of its counterpart.

    A counterpart is the box of the same class in the other answer whose sides are nearest. Every sure box of either answer is
    looked at. Infinite when one has no counterpart, 0 when there is nothing to compare.
    """
    return max(_furthest(ours, theirs), _furthest(theirs, ours))


def _furthest(wanted: Detections, among: Detections) -> float:
    sure = wanted.confidence >= SURE
    if not sure.any():
        return 0.0
    if not len(among):
        return math.inf
    distance = _side_distance(wanted.boxes[sure], among.boxes)
    distance[wanted.class_id[sure][:, None] != among.class_id[None, :]] = np.inf
    return float(distance.min(axis=1).max())


def _side_distance(a: FloatArray, b: FloatArray) -> FloatArray:
    """[N, M]: the largest difference among the four sides of each pair."""
    distance: FloatArray = np.abs(a[:, None, :] - b[None, :, :]).max(axis=2)
    return distance
