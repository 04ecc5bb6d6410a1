"""The planes of a picture as arrays. Those of a decoded frame lie over the decoder's own memory: nothing is copied."""

from __future__ import annotations

from typing import NamedTuple

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane

from camslice.fleet.geometry import Region
from camslice.video.slot import ByteArray


class Layout(NamedTuple):
    """How chroma lies: one sample per `across` x `down` of luma. `interleaved`: places of U and V in plane 1, or None."""

    across: int
    down: int
    interleaved: tuple[int, int] | None = None


_LAYOUTS = {
    "yuv420p": Layout(2, 2),
    "yuvj420p": Layout(2, 2),
    "yuv422p": Layout(2, 1),
    "yuvj422p": Layout(2, 1),
    "yuv444p": Layout(1, 1),
    "yuvj444p": Layout(1, 1),
    "yuv440p": Layout(1, 2),
    "yuvj440p": Layout(1, 2),
    "yuv411p": Layout(4, 1),
    "yuvj411p": Layout(4, 1),
    "nv12": Layout(2, 2, (0, 1)),
    "nv21": Layout(2, 2, (1, 0)),
}


class Planes(NamedTuple):
    """Luma uint8 [H, W] and chroma of one region. Either `u` and `v`, or `uv` [h, w, 2] and `order`, or neither (grey)."""

    y: ByteArray
    u: ByteArray | None = None
    v: ByteArray | None = None
    uv: ByteArray | None = None
    order: tuple[int, int] = (0, 1)


def readable(pixel_format: str) -> bool:
    """Whether frames of this pixel format can be read in place; others must be converted first."""
    return pixel_format in _LAYOUTS or pixel_format == "gray"


def region_planes(frame: av.VideoFrame, region: Region) -> Planes:
    """Views of `region` in a frame whose format is `readable`. Valid as long as the frame lives.

    The region's corner is rounded down to whole chroma samples, so that luma and chroma show the same part.
    """
    planes = frame.planes
    pixel_format = frame.format.name
    if pixel_format == "gray":
        return Planes(_crop(_view(planes[0]), region.x, region.y, region.width, region.height))
    across, down, interleaved = _LAYOUTS[pixel_format]
    left, top = region.x // across, region.y // down
    width, height = -(-region.width // across), -(-region.height // down)
    y = _crop(_view(planes[0]), left * across, top * down, region.width, region.height)
    if interleaved is not None:
        return Planes(y, uv=_crop(_pair_view(planes[1]), left, top, width, height), order=interleaved)
    u, v = (_crop(_view(plane), left, top, width, height) for plane in planes[1:3])
    return Planes(y, u, v)


def crop_i420(y: ByteArray, u: ByteArray, v: ByteArray, region: Region) -> Planes:
    """Views of `region` in planes of a 4:2:0 picture; the corner is rounded as in `region_planes`."""
    left, top, width, height = region.x // 2, region.y // 2, -(-region.width // 2), -(-region.height // 2)
    luma = _crop(y, left * 2, top * 2, region.width, region.height)
    return Planes(luma, _crop(u, left, top, width, height), _crop(v, left, top, width, height))


def i420_of(rgb: ByteArray) -> tuple[ByteArray, ByteArray, ByteArray]:
    """Y, U and V (BT.601 limited range, chroma halved) of `rgb` uint8 [H, W, 3] with H and W even."""
    height, width = rgb.shape[:2]
    packed = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), np.uint8).reshape(-1)
    luma, quarter, half = width * height, width * height // 4, (height // 2, width // 2)
    return packed[:luma].reshape(height, width), packed[luma : luma + quarter].reshape(half), packed[-quarter:].reshape(half)


def _view(plane: VideoPlane) -> ByteArray:
    shape = (plane.height, plane.width)
    return _upright(np.ndarray(shape, np.uint8, memoryview(plane), 0, (abs(plane.line_size), 1)), plane)


def _pair_view(plane: VideoPlane) -> ByteArray:
    shape = (plane.height, plane.width, 2)
    return _upright(np.ndarray(shape, np.uint8, memoryview(plane), 0, (abs(plane.line_size), 2, 1)), plane)


def _upright(view: ByteArray, plane: VideoPlane) -> ByteArray:
    """A negative line size means that the rows lie bottom up in memory."""
    return view if plane.line_size > 0 else view[::-1]


def _crop(view: ByteArray, x: int, y: int, width: int, height: int) -> ByteArray:
    return view[y : y + height, x : x + width]
