"""Small pictures of the cameras that somebody watches, from the analysis process to the page.

The page asks row by row, until when it wants pictures. The analysis process scales a frame that it is about to analyse
into the row's buffer only if it is asked for, the last picture has been fetched, and enough time has passed: a camera that
nobody watches costs one comparison per frame. Drawing and JPEG belong to the supervisor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import Letterbox, Region
from camslice.video.frame import Frame
from camslice.video.slot import I420Slot

PREVIEW_SIDE = 640
PREVIEW_INTERVAL_NS = 150_000_000
_HEADER = 8
_UNTIL, _STATE, _SEQUENCE, _WIDTH, _HEIGHT, _DRAWN = range(6)
_EMPTY, _FULL = 0, 1
_PLANES = PREVIEW_SIDE * PREVIEW_SIDE * 3 // 2
_COLOUR = 12 * 4
_ROW = (_HEADER * 8 + _COLOUR + _PLANES + 4095) // 4096 * 4096


def previews_bytes(rows: int) -> int:
    """Size of the shared region for so many rows. Pages that nobody watches are never touched and take no memory."""
    return rows * _ROW


@dataclass(frozen=True, slots=True)
class PreviewPicture:
    """A frame at most 640 pixels wide or high: `i420` uint8 [H * 3 / 2, W], its `colour` float32 [3, 4], and its number."""

    sequence: int
    width: int
    height: int
    i420: npt.NDArray[np.uint8]
    colour: npt.NDArray[np.float32]


class Previews:
    """Both ends of the board. A row is written only while it is empty and read only while it is full."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._words: dict[int, memoryview] = {}

    def watch(self, row: int, until_ns: int) -> None:
        """(Supervisor) Ask for pictures of this row until that monotonic instant."""
        self._header(row)[_UNTIL] = until_ns

    def forget(self, row: int) -> None:
        """(Supervisor) The row will be another camera's: nobody asks for it, and no picture lies there."""
        words = self._header(row)
        words[_UNTIL], words[_STATE], words[_DRAWN] = 0, _EMPTY, 0

    def offer(self, row: int, frame: Frame, now_ns: int) -> None:
        """(Analysis) Put the frame there if it is asked for."""
        words = self._words.get(row) or self._header(row)
        if words[_UNTIL] < now_ns or words[_STATE] == _FULL or now_ns - words[_DRAWN] < PREVIEW_INTERVAL_NS:
            return
        picture = frame.picture
        scale = min(1.0, PREVIEW_SIDE / max(picture.width, picture.height))
        width, height = (max(2, round(side * scale / 2) * 2) for side in (picture.width, picture.height))
        start = row * _ROW + _HEADER * 8
        colour = np.frombuffer(self._buffer, np.float32, 12, start).reshape(3, 4)
        planes = np.frombuffer(self._buffer, np.uint8, width * height * 3 // 2, start + _COLOUR)
        luma, quarter = width * height, width * height // 4
        slot = I420Slot(
            planes[:luma].reshape(height, width),
            planes[luma : luma + quarter].reshape(height // 2, width // 2),
            planes[luma + quarter :].reshape(height // 2, width // 2),
            colour,
        )
        region = Region(0, 0, picture.width, picture.height)
        picture.scale_into(slot, Letterbox(region, width, height, 0, 0, width, height))
        words[_SEQUENCE], words[_WIDTH], words[_HEIGHT], words[_DRAWN] = frame.stamp.sequence, width, height, now_ns
        words[_STATE] = _FULL

    def take(self, row: int) -> PreviewPicture | None:
        """(Supervisor) The picture that lies there, if any; the row is empty afterwards."""
        words = self._header(row)
        if words[_STATE] != _FULL:
            return None
        width, height = words[_WIDTH], words[_HEIGHT]
        start = row * _ROW + _HEADER * 8
        colour = np.frombuffer(self._buffer, np.float32, 12, start).reshape(3, 4).copy()
        planes = np.frombuffer(self._buffer, np.uint8, width * height * 3 // 2, start + _COLOUR).copy()
        picture = PreviewPicture(words[_SEQUENCE], width, height, planes.reshape(height * 3 // 2, width), colour)
        words[_STATE] = _EMPTY
        return picture

    def _header(self, row: int) -> memoryview:
        if row not in self._words:
            self._words[row] = self._buffer[row * _ROW : row * _ROW + _HEADER * 8].cast("Q")
        return self._words[row]
