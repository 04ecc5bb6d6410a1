"""What the Y, U and V of a picture mean as red, green and blue.

Cameras differ in matrix and range, and a wrong guess shifts every colour by a few per cent, so each frame brings its own
meaning to the slot as one 3 x 4 matrix and the conversion itself runs inside the model's graph.

The coefficients follow from Kr and Kb of each standard: ITU-R BT.601-7 2.5, BT.709-6 3.2, BT.2020-2 table 4, SMPTE 240M,
FCC (47 CFR 73.682).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

HD_LINES = 720
"""From this height on, video that does not say its matrix is BT.709; below, BT.601 (what encoders and players assume)."""


class Matrix(IntEnum):
    """Standards of luma and chroma, numbered as in ITU-T H.273, which FFmpeg uses."""

    BT709 = 1
    FCC = 4
    BT601 = 5
    SMPTE240M = 7
    BT2020 = 9


_KR_KB = {
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.FCC: (0.30, 0.11),
    Matrix.BT601: (0.299, 0.114),
    Matrix.SMPTE240M: (0.212, 0.087),
    Matrix.BT2020: (0.2627, 0.0593),
}
_BY_CODE = {
    1: Matrix.BT709,
    4: Matrix.FCC,
    5: Matrix.BT601,
    6: Matrix.BT601,
    7: Matrix.SMPTE240M,
    9: Matrix.BT2020,
    10: Matrix.BT2020,
}
_RANGE_LIMITED, _RANGE_FULL = 1, 2


@dataclass(frozen=True, slots=True)
class YuvColour:
    """Matrix and range of a picture. Full range: Y, U, V in 0..255; limited: Y in 16..235, U and V in 16..240."""

    matrix: Matrix
    full_range: bool


STILL_COLOUR = YuvColour(Matrix.BT601, full_range=False)
"""What pictures without YUV of their own are converted to."""


@lru_cache(maxsize=256)
def yuv_colour(colorspace: int, color_range: int, pixel_format: str, height: int) -> YuvColour:
    """The colour of a decoded frame from FFmpeg's `colorspace`, `color_range` and pixel format; guesses what is unspecified."""
    guess = Matrix.BT709 if height >= HD_LINES else Matrix.BT601
    if color_range in (_RANGE_LIMITED, _RANGE_FULL) and not pixel_format.startswith("yuvj"):
        full = color_range == _RANGE_FULL
    else:
        full = pixel_format.startswith(("yuvj", "gray"))
    return YuvColour(_BY_CODE.get(colorspace, guess), full)


@lru_cache(maxsize=16)
def rgb_matrix(colour: YuvColour) -> npt.NDArray[np.float32]:
    """The float32 [3, 4] array m with RGB = m[:, :3] @ (Y, U, V) + m[:, 3], all values in 0..255. Not writable.

    >>> rgb_matrix(YuvColour(Matrix.BT601, full_range=True)).round(3).tolist()[0]
    [1.0, 0.0, 1.402000069618225, -179.4559999...]
    """
    kr, kb = _KR_KB[colour.matrix]
    kg = 1 - kr - kb
    luma, chroma, offset = (1.0, 1.0, 0.0) if colour.full_range else (255 / 219, 255 / 224, 16.0)
    red_v, blue_u = 2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma
    weights = np.array(
        [
            [luma, 0.0, red_v],
            [luma, -blue_u * kb / kg, -red_v * kr / kg],
            [luma, blue_u, 0.0],
        ]
    )
    shift = -weights @ np.array([offset, 128.0, 128.0])
    matrix = np.concatenate([weights, shift[:, None]], axis=1).astype(np.float32)
    matrix.setflags(write=False)
    return matrix
