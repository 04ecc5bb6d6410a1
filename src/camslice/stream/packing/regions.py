"""Which rectangles of a frame are worth a look: around what was found before and moves, and around everything else that moves.

All of it in pixels at the model's scale, so that a margin means the same for every camera.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

UNKNOWN_MARGIN = 8
"""Around motion that belongs to nothing found before."""
_WORTH = 1.25
"""Two rectangles become one when that costs no more than so much of their areas together."""


def moved_in(cells: BoolArray, boxes: FloatArray, size: tuple[int, int]) -> BoolArray:
    """Whether anything moved within each of `boxes` [N, 4] (x1, y1, x2, y2) of a frame of `size` (width, height)."""
    if not len(boxes):
        return np.zeros(0, np.bool_)
    rows, columns = cells.shape
    left, top, right, bottom = _cell_spans(boxes, size, rows, columns).T
    sums = np.zeros((rows + 1, columns + 1), np.int32)
    np.cumsum(np.cumsum(cells, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    return np.asarray(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left] > 0, np.bool_)


def without(cells: BoolArray, boxes: FloatArray, size: tuple[int, int], margin: float) -> BoolArray:
    """The cells that none of `boxes`, `margin` larger on each side, covers."""
    left = cells.copy()
    if len(boxes):
        grown = grow(boxes, margin, size)
        for x1, y1, x2, y2 in _cell_spans(grown, size, *cells.shape).tolist():
            left[y1:y2, x1:x2] = False
    return left


def paint(numbers: npt.NDArray[np.int32], boxes: FloatArray, size: tuple[int, int], number: int) -> None:
    """Write `number` into all cells that `boxes` touch."""
    if len(boxes):
        for x1, y1, x2, y2 in _cell_spans(boxes, size, *numbers.shape).tolist():
            numbers[y1:y2, x1:x2] = number


def clusters(cells: BoolArray, size: tuple[int, int]) -> FloatArray:
    """Rectangles [N, 4] around cells that touch, in pixels of a frame of `size`."""
    if not cells.any():
        return np.empty((0, 4), np.float32)
    count, _, stats, _ = cv2.connectedComponentsWithStats(cells.view(np.uint8), connectivity=8, ltype=cv2.CV_16U)
    x, y, wide, high = (stats[1:count, i] for i in range(4))
    rows, columns = cells.shape
    spans = np.stack([x, y, x + wide, y + high], axis=1)
    return np.asarray(spans * np.array([size[0] / columns, size[1] / rows] * 2), np.float32)


def grow(boxes: FloatArray, margin: float, size: tuple[int, int], smallest: float = 0.0) -> FloatArray:
    """`margin` larger on each side and at least `smallest` long, for a detector needs to see what is around a thing, within a
    frame of `size`."""
    x1, y1, x2, y2 = boxes.T
    across = np.maximum(margin, (smallest - (x2 - x1)) / 2)
    down = np.maximum(margin, (smallest - (y2 - y1)) / 2)
    grown = np.stack([x1 - across, y1 - down, x2 + across, y2 + down], axis=1)
    return np.asarray(np.clip(grown, 0, np.array([size[0], size[1]] * 2)), np.float32)


def merged(rectangles: FloatArray) -> FloatArray:
    """Rectangles that together are hardly smaller than the one around them become one. Others may overlap: what lies in both is
    found twice, and reported once."""
    rest = [tuple(each) for each in rectangles.tolist()]
    done: list[tuple[float, ...]] = []
    while rest:
        one = rest.pop()
        for index, other in enumerate(done):
            around = (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))
            if _area(around) <= _WORTH * (_area(one) + _area(other)):
                del done[index]
                rest.append(around)
                break
        else:
            done.append(one)
    return np.array(done, np.float32).reshape(-1, 4)


def _cell_spans(boxes: FloatArray, size: tuple[int, int], rows: int, columns: int) -> npt.NDArray[np.int64]:
    """First and past-the-last cells of each box: left, top, right, bottom."""
    shares = boxes / np.array([size[0], size[1]] * 2) * np.array([columns, rows] * 2)
    spans = np.concatenate([np.floor(shares[:, :2]), np.ceil(shares[:, 2:])], axis=1)
    return np.asarray(np.clip(spans, 0, np.array([columns, rows] * 2)), np.int64)


def _area(one: tuple[float, ...]) -> float:
    return (one[2] - one[0]) * (one[3] - one[1])
