"""JPEG pictures, honest ones and others."""

from __future__ import annotations

import cv2
import numpy as np


def jpeg(width: int = 40, height: int = 24, *options: int, colour: tuple[int, int, int] = (200, 100, 50)) -> bytes:
    """A JPEG of one colour, red first."""
    rgb = np.full((height, width, 3), colour, np.uint8)
    return cv2.imencode(".jpg", rgb[..., ::-1], options)[1].tobytes()


def claiming(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size."""
    whole = bytearray(jpeg())
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(whole)
