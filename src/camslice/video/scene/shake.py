"""A mast in the wind: for a few seconds of every gust, the picture sways to all sides."""

from __future__ import annotations

import math

import numpy as np

from camslice.video.slot import ByteArray

GUST_EVERY_S, GUST_S = 15.0, 3.0
_FIRST_GUST_S = 5.0
"""The scene begins quietly."""


def offset(time_s: float, amplitude: int) -> tuple[int, int]:
    """By how many pixels, both even, the picture is shifted to the right and down at that moment."""
    into_s = (time_s - _FIRST_GUST_S) % GUST_EVERY_S
    if time_s < _FIRST_GUST_S or into_s >= GUST_S:
        return 0, 0
    strength = amplitude * math.sin(math.pi * into_s / GUST_S)
    across = strength * math.sin(2 * math.pi * 2.3 * into_s + 1)
    down = 0.6 * strength * math.sin(2 * math.pi * 1.7 * into_s)
    return round(across / 2) * 2, round(down / 2) * 2


def shifted(plane: ByteArray, across: int, down: int) -> ByteArray:
    """The plane, shifted; at its edges the outermost pixels are repeated."""
    height, width = plane.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - across, 0, width - 1)
    return plane[rows[:, None], columns]
