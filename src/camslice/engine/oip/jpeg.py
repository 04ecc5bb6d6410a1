"""JPEG pictures from strangers: the header is read first, so that nothing large or endless is ever decoded."""

from __future__ import annotations

import cv2
import numpy as np

from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, Status
from camslice.video.slot import ByteArray

MOST_SCANS = 100
"""A progressive picture has about ten scans. Each costs a pass over the whole picture, however few bytes it has."""

_START = b"\xff\xd8"
_SCAN = b"\xff\xda"
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers that begin a frame, which says the size: SOF0 to SOF15 without tables (ITU-T T.81, table B.1)."""


def decode_jpeg(encoded: memoryview) -> ByteArray:
    """The picture as uint8 [H, W, 3], red first, upright as its EXIF says; `check_jpeg` comes first. Raises OipError."""
    try:
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        bgr = None
    if bgr is None:
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
    """Width and height in pixels as the header says. Raises OipError when there is no such header."""
    position = len(_START)
    if bytes(encoded[:position]) != _START:
        raise OipError(Status.INVALID_ARGUMENT, "an element of input 'jpeg' is no JPEG picture")
    while position + 4 <= len(encoded) and encoded[position] == 0xFF:
        marker = encoded[position + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            position += 1
            continue
        if marker in _WITHOUT_LENGTH:
            position += 2
            continue
        if marker in _FRAMES and position + 9 <= len(encoded):
            height = encoded[position + 5] << 8 | encoded[position + 6]
            width = encoded[position + 7] << 8 | encoded[position + 8]
            return width, height
        position += 2 + (encoded[position + 2] << 8 | encoded[position + 3])
    raise OipError(Status.INVALID_ARGUMENT, "a JPEG picture does not say its size")
