"""Where a region of a picture lands in a model's input, and the exact way back.

A region is scaled with its aspect ratio kept and the rest is padding. For video, sizes and offsets are even, so that 4:2:0
chroma planes line up with the luma plane; still pictures, whose slots are RGB, are placed to the pixel, just as Ultralytics
does. The way back uses the sizes really taken, so it is exact whatever was rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a frame in source pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How `region` lies in an input of `input_width` x `input_height`: `width` x `height` pixels at (`left`, `top`)."""

    region: Region
    input_width: int
    input_height: int
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def fit(cls, region: Region, input_width: int, input_height: int, *, centred: bool, even: bool = True) -> Letterbox:
        """Fit `region` into the input. `centred` pads on both sides (Ultralytics), else right and below (YOLOX).

        `even` makes sizes and offsets even, as planes with halved chroma need.
        """
        step = 2 if even else 1
        scale = min(input_width / region.width, input_height / region.height)
        width = _stepped(region.width * scale, input_width, step)
        height = _stepped(region.height * scale, input_height, step)
        left = _half(input_width - width, step) if centred else 0
        top = _half(input_height - height, step) if centred else 0
        return cls(region, input_width, input_height, left, top, width, height)

    def to_source(self, boxes: FloatArray) -> FloatArray:
        """Map boxes [N, 4] (x1, y1, x2, y2 in input pixels) to source pixels, clipped to the region."""
        x_scale = self.region.width / self.width
        y_scale = self.region.height / self.height
        scale = np.array([x_scale, y_scale, x_scale, y_scale], np.float32)
        offset = np.array([self.left, self.top, self.left, self.top], np.float32)
        limit = np.array([self.region.width, self.region.height] * 2, np.float32)
        shift = np.array([self.region.x, self.region.y] * 2, np.float32)
        mapped: FloatArray = np.clip((boxes - offset) * scale, 0, limit) + shift
        return mapped

    def to_input(self, boxes: FloatArray) -> FloatArray:
        """Map boxes [N, 4] from source pixels to input pixels: the inverse of `to_source` inside the region."""
        scale = np.array([self.width / self.region.width, self.height / self.region.height] * 2, np.float32)
        offset = np.array([self.left, self.top] * 2, np.float32)
        shift = np.array([self.region.x, self.region.y] * 2, np.float32)
        mapped: FloatArray = (boxes - shift) * scale + offset
        return mapped


def _stepped(length: float, limit: int, step: int) -> int:
    return int(min(max(step, round(length / step) * step), limit // step * step))


def _half(padding: int, step: int) -> int:
    """What goes before the picture; an odd rest goes behind it."""
    return padding // 2 // step * step
