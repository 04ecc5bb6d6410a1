"""Where a box went from one small luma picture to another: its pixels are searched for around where it is expected."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]

SURE = 0.75
"""Correlation from which a box counts as found again."""
_REACH = 0.3
"""How far around the expected place is searched, as a share of the box's sides."""
_LEAST_REACH, _LEAST_SIDE = 3, 4
_INNER = 0.1
"""The rim of a box is background: so much of its width is left out on each side."""


def followed(
    before: ByteArray, now: ByteArray, boxes: FloatArray, expected: FloatArray, which: BoolArray, size: tuple[int, int]
) -> tuple[FloatArray, BoolArray]:
    """Where `boxes` [N, 4] of the picture `before` are in `now`, near `expected` [N, 4]; only those marked in `which` are
    searched for. Both pictures uint8 [h, w] show frames of `size` (width, height), whose pixels the boxes are in.

    Returns the boxes, and which are sure; of what was not searched for both stay as expected.
    """
    placed, sure = expected.copy(), np.ones(len(boxes), np.bool_)
    if not which.any():
        return placed, sure
    height, width = now.shape
    to_luma = np.array([width / size[0], height / size[1]] * 2, np.float32)
    old, new = boxes * to_luma, expected * to_luma
    for index in np.flatnonzero(which).tolist():
        step, score = _step(before, now, old[index], new[index])
        if score < SURE:
            sure[index] = False
        else:
            placed[index] = boxes[index] + np.array([*step, *step], np.float32) / to_luma
    return placed, sure


def _step(before: ByteArray, now: ByteArray, old: FloatArray, new: FloatArray) -> tuple[tuple[float, float], float]:
    """How far what lies at `old` moved (right, down, in luma pixels), and how surely (-1 to 1)."""
    height, width = now.shape
    rim = _INNER * (old[2] - old[0])
    left, top = max(0, round(float(old[0] + rim))), max(0, round(float(old[1])))
    right, bottom = min(width, round(float(old[2] - rim))), min(height, round(float(old[3])))
    if right - left < _LEAST_SIDE or bottom - top < _LEAST_SIDE:
        return (0.0, 0.0), -1.0
    across, down = round(float(new[0] - old[0])), round(float(new[1] - old[1]))
    wide = max(_LEAST_REACH, round(_REACH * (right - left)))
    high = max(_LEAST_REACH, round(_REACH * (bottom - top) / 2))
    x, y = max(0, left + across - wide), max(0, top + down - high)
    field = now[y : min(height, bottom + down + high), x : min(width, right + across + wide)]
    if field.shape[0] < bottom - top or field.shape[1] < right - left:
        return (0.0, 0.0), -1.0
    scores = cv2.matchTemplate(field, before[top:bottom, left:right], cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(scores)
    step_x, step_y = x + column - left, y + row - top
    peaks = _peak(scores[row].tolist(), column), _peak(scores[:, column].tolist(), row)
    return (step_x + peaks[0], step_y + peaks[1]), best


def _peak(scores: Sequence[float], at: int) -> float:
    """How far from the highest of three neighbours their parabola has its peak."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    low, middle, high = scores[at - 1 : at + 2]
    bend = low - 2 * middle + high
    return 0.0 if bend >= -1e-6 else max(-0.5, min(0.5, (low - high) / (2 * bend)))
