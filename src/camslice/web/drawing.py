"""Small pictures with boxes and labels drawn in, for the page.

A box is drawn twice, dark below and coloured above, and its label stands on a plate of the same colour, so that both can be
read on any background. The box of what was carried on, and not found in this very frame, is dashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from camslice.models.detections import Detections, label_of

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_QUALITY = 75
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK: Colour = (22, 16, 12)
_DASH = 5
"""Length of a dash, in its thicknesses."""
_PALETTE: tuple[Colour, ...] = (
    (120, 221, 94),
    (247, 184, 84),
    (84, 178, 255),
    (216, 140, 250),
    (96, 232, 250),
    (142, 142, 255),
    (214, 214, 96),
    (190, 205, 160),
)
"""Blue, green, red; all light enough for dark writing."""


def draw_preview(
    bgr: Picture, detections: Detections, labels: Sequence[str], *, scale: float = 1.0, quality: int = _QUALITY
) -> bytes:
    """Draw `detections` into `bgr` and return it as JPEG.

    `bgr` uint8 [H, W, 3], blue first, is drawn on: hand over a copy if it is still needed. `scale` maps source pixels (in which
    the boxes are) to the pixels of `bgr`, so 0.5 for a picture of half the source's width. `labels[class_id]` is the name
    written beside the confidence; a class without a name gets its number. Raises ValueError for another shape or type.
    """
    if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != np.uint8:
        raise ValueError(f"a picture must be uint8 [H, W, 3], not {bgr.dtype} {list(bgr.shape)}")
    size = min(max(bgr.shape[0] / 900.0, 0.42), 1.2)
    boxes = np.rint(detections.boxes * scale).astype(int)
    for index in reversed(range(len(detections))):  # the surest last, on top of the others
        class_id = int(detections.class_id[index])
        name = label_of(class_id, labels)
        colour = _PALETTE[class_id % len(_PALETTE)]
        carried = detections.carried is not None and bool(detections.carried[index])
        _draw_box(bgr, boxes[index], colour, size, dashed=carried)
        _draw_label(bgr, boxes[index], f"{name} {detections.confidence[index]:.2f}", colour, size)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(encoded)


def _draw_box(bgr: Picture, box: npt.NDArray[np.int_], colour: Colour, size: float, *, dashed: bool) -> None:
    x1, y1, x2, y2 = (int(edge) for edge in box)
    thickness = max(1, round(size * 3))
    if dashed:
        corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
        for start, end in zip(corners, (*corners[1:], corners[0]), strict=True):
            _draw_dashes(bgr, start, end, colour, thickness)
        return
    cv2.rectangle(bgr, (x1, y1), (x2, y2), _INK, thickness + 2, cv2.LINE_AA)
    cv2.rectangle(bgr, (x1, y1), (x2, y2), colour, thickness, cv2.LINE_AA)


def _draw_dashes(bgr: Picture, start: tuple[int, int], end: tuple[int, int], colour: Colour, thickness: int) -> None:
    """A straight line of dashes, each as long as the gap after it."""
    first, last = np.array(start, np.float64), np.array(end, np.float64)
    length = float(np.hypot(*(last - first)))
    parts = max(1, round(length / (_DASH * thickness)))
    ends = [tuple(int(value) for value in np.rint(first + (last - first) * part / parts)) for part in range(parts + 1)]
    for begin, stop in list(pairwise(ends))[::2]:
        cv2.line(bgr, begin, stop, _INK, thickness + 2, cv2.LINE_AA)
        cv2.line(bgr, begin, stop, colour, thickness, cv2.LINE_AA)


def _draw_label(bgr: Picture, box: npt.NDArray[np.int_], text: str, colour: Colour, size: float) -> None:
    """Above the box, or inside its top where there is no room above; never outside the picture."""
    height, width = bgr.shape[:2]
    (text_width, text_height), below = cv2.getTextSize(text, _FONT, size, 1)
    pad = max(2, round(size * 5))
    plate_width, plate_height = text_width + 2 * pad, text_height + below + pad
    left = int(np.clip(box[0], 0, max(0, width - plate_width)))
    top = int(box[1]) - plate_height if box[1] >= plate_height else int(np.clip(box[1], 0, max(0, height - plate_height)))
    cv2.rectangle(bgr, (left, top), (left + plate_width, top + plate_height), colour, cv2.FILLED)
    cv2.putText(bgr, text, (left + pad, top + text_height + pad // 2 + 1), _FONT, size, _INK, 1, cv2.LINE_AA)
