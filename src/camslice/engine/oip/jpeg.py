"""JPEG pictures from strangers: the header is read first, so that nothing large or endless is ever decoded."""

from __future__ import annotations

import os

# A second bound, in case a header is ever read otherwise by OpenCV than here. OpenCV looks at it once, when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "16000000")

import cv2
import numpy as np

from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, Status
from camslice.video.slot import ByteArray

MOST_SCANS = 100
"""A progressive picture has about ten scans. Each costs a pass over the whole picture, however few bytes it has."""

_START = b"\xff\xd8"
_SCAN = b"\xff\xda"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers that begin a frame, which says the size: SOF0 to SOF15 without tables (ITU-T T.81, table B.1)."""
_SEGMENTS = {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE}
"""Markers of segments that begin with their length: tables, restart interval, applications' own, comments."""
_ALONE = {0x01, *range(0xD0, 0xD8)}
"""Markers with nothing behind them."""
_SHORTEST_SEGMENT = 2


def decode_jpeg(encoded: memoryview) -> ByteArray:
    """The picture as uint8 [H, W, 3], red first, upright as its EXIF says; `check_jpeg` comes first. Raises OipError."""
    try:
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        bgr = None
    if bgr is None or sorted(bgr.shape[:2]) != sorted(jpeg_size(encoded)):  # EXIF may have turned it
        raise OipError(Status.INVALID_ARGUMENT, "a JPEG picture is damaged and cannot be decoded")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def check_jpeg(encoded: memoryview, limits: Limits) -> None:
    """Refuse what is no JPEG, or one that is too large to be decoded. Reads headers only. Raises OipError."""
    width, height = jpeg_size(encoded)
    check_size(width, height, limits)
    if bytes(encoded).count(_SCAN) > MOST_SCANS:
        raise OipError(Status.TOO_LARGE, f"a JPEG picture has more than {MOST_SCANS} scans")


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuse pictures without pixels or with too many. Raises OipError."""
    if width < 1 or height < 1:
        raise OipError(Status.INVALID_ARGUMENT, f"a picture of {width} x {height} pixels shows nothing")
    if max(width, height) > limits.picture_side or width * height > limits.picture_pixels:
        raise OipError(
            Status.TOO_LARGE,
            f"a picture of {width} x {height} pixels is too large; at most {limits.picture_side} a side and "
            f"{limits.picture_pixels} in all are allowed",
        )


def jpeg_size(encoded: memoryview) -> tuple[int, int]:
    """Width and height in pixels as the header says. Raises OipError when there is no such header.

    Knows the very markers that decoders know. One that is skipped here and not there, or the other way round, would let a
    file show one size to this and another to the decoder: decoders pass over a marker FF 00 and read on right behind it.
    """
    position = len(_START)
    if bytes(encoded[:position]) != _START:
        raise OipError(Status.INVALID_ARGUMENT, "an element of input 'jpeg' is no JPEG picture")
    while position + 4 <= len(encoded) and encoded[position] == 0xFF:
        marker = encoded[position + 1]
        length = encoded[position + 2] << 8 | encoded[position + 3]
        if marker == 0xFF:  # fill bytes may stand before a marker
            position += 1
        elif marker in _ALONE:
            position += 2
        elif marker in _FRAMES and position + 9 <= len(encoded):
            height = encoded[position + 5] << 8 | encoded[position + 6]
            width = encoded[position + 7] << 8 | encoded[position + 8]
            return width, height
        elif marker in _SEGMENTS and length >= _SHORTEST_SEGMENT:
            position += 2 + length
        else:
            break
    raise OipError(Status.INVALID_ARGUMENT, "a JPEG picture does not say its size")
