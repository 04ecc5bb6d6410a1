"""Pictures that can scale themselves into a slot: decoded video frames and still pictures.

Every plane is resized once, straight from the memory where it lies into the slot (`cv2.resize(dst=)`, which releases the GIL).
Interpolation is bilinear: averaging over the area is smoother when a picture shrinks to less than half, but costs seven
times as much, and detectors are trained on bilinear pictures.
"""

from __future__ import annotations

import threading
from pathlib import Path

import av
import cv2
import numpy as np

from camslice.fleet.errors import SourceError
from camslice.fleet.geometry import Letterbox, Region
from camslice.video.colour import STILL_COLOUR, YuvColour, rgb_matrix, yuv_colour
from camslice.video.planes import Planes, crop_i420, i420_of, readable, region_planes
from camslice.video.slot import ByteArray, I420Slot, RgbSlot, Slot, holding_planes

NEUTRAL_CHROMA = 128


class AvPicture:
    """A decoded frame. Holds the decoder's buffers until it is dropped; may be scaled from several threads at once."""

    __slots__ = ("_converted", "_frame", "_lock", "height", "width")

    def __init__(self, frame: av.VideoFrame) -> None:
        self._frame = frame
        self._converted: dict[str, av.VideoFrame] = {}
        self._lock = threading.Lock()
        self.width: int = frame.width
        self.height: int = frame.height

    @property
    def colour(self) -> YuvColour:
        """As the frame says, or as its size suggests."""
        return _colour_of(self._frame)

    def scale_into(self, slot: Slot, letterbox: Letterbox) -> None:
        """Scale `letterbox.region` into the letterbox's rectangle of `slot`."""
        if isinstance(slot, RgbSlot):
            rgb = _packed_view(self._as("rgb24"))
            _resize(_region_of(rgb, letterbox.region), _place(slot.rgb, letterbox, 1))
            return
        frame = self._frame if readable(self._frame.format.name) else self._as("yuv420p")
        planes = holding_planes(slot)
        _scale_planes(region_planes(frame, letterbox.region), planes, letterbox)
        planes.colour[:] = rgb_matrix(_colour_of(frame))

    def luma(self, width: int, height: int) -> ByteArray:
        """The luma, scaled to uint8 [height, width]: from the decoder's plane where that has 8 bits."""
        if readable(self._frame.format.name):
            return _scaled(region_planes(self._frame, Region(0, 0, self.width, self.height)).y, width, height)
        with self._lock:
            grey = self._frame.reformat(width, height, "gray", threads=1)
        return region_planes(grey, Region(0, 0, width, height)).y.copy()

    def _as(self, pixel_format: str) -> av.VideoFrame:
        """This frame in another pixel format, converted once. The lock is there because PyAV changes the frame meanwhile."""
        with self._lock:
            if pixel_format not in self._converted:
                self._converted[pixel_format] = _convert(self._frame, pixel_format)
            return self._converted[pixel_format]


class StillPicture:
    """A picture in memory: `rgb` uint8 [H, W, 3], red first."""

    __slots__ = ("height", "rgb", "width")

    def __init__(self, rgb: ByteArray) -> None:
        self.rgb = rgb
        self.height: int = rgb.shape[0]
        self.width: int = rgb.shape[1]

    @property
    def colour(self) -> YuvColour:
        """That of the planes it is converted to."""
        return STILL_COLOUR

    def scale_into(self, slot: Slot, letterbox: Letterbox) -> None:
        """Scale `letterbox.region` into the letterbox's rectangle of `slot`."""
        region = _region_of(self.rgb, letterbox.region)
        if isinstance(slot, RgbSlot):
            _resize(region, _place(slot.rgb, letterbox, 1))
            return
        width, height = letterbox.width, letterbox.height
        scaled = np.asarray(cv2.resize(region, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        y, u, v = i420_of(scaled)
        planes = holding_planes(slot)
        _place(planes.y, letterbox, 1)[:] = y
        _place(planes.u, letterbox, 2)[:] = u
        _place(planes.v, letterbox, 2)[:] = v
        planes.colour[:] = rgb_matrix(STILL_COLOUR)

    def luma(self, width: int, height: int) -> ByteArray:
        """The luma, scaled to uint8 [height, width]."""
        return np.asarray(cv2.cvtColor(_scaled(self.rgb, width, height), cv2.COLOR_RGB2GRAY), np.uint8)


class I420Picture:
    """A picture in memory as planes: `y` uint8 [H, W], `u` and `v` uint8 [H/2, W/2], H and W even."""

    __slots__ = ("_planes", "colour", "height", "width")

    def __init__(self, y: ByteArray, u: ByteArray, v: ByteArray, colour: YuvColour) -> None:
        self._planes = (y, u, v)
        self.colour = colour
        self.height: int = y.shape[0]
        self.width: int = y.shape[1]

    def scale_into(self, slot: Slot, letterbox: Letterbox) -> None:
        """Scale `letterbox.region` into the letterbox's rectangle of `slot`."""
        if isinstance(slot, RgbSlot):
            StillPicture(self._rgb()).scale_into(slot, letterbox)
            return
        planes = holding_planes(slot)
        _scale_planes(crop_i420(*self._planes, letterbox.region), planes, letterbox)
        planes.colour[:] = rgb_matrix(self.colour)

    def luma(self, width: int, height: int) -> ByteArray:
        """The luma, scaled to uint8 [height, width]."""
        return _scaled(self._planes[0], width, height)

    def _rgb(self) -> ByteArray:
        y, u, v = (plane.astype(np.float32) for plane in self._planes)
        wide = [cv2.resize(chroma, (self.width, self.height), interpolation=cv2.INTER_LINEAR) for chroma in (u, v)]
        matrix = rgb_matrix(self.colour)
        rgb = np.stack([y, *wide], axis=-1) @ matrix[:, :3].T + matrix[:, 3]
        return np.asarray(np.clip(np.rint(rgb), 0, 255), np.uint8)


def load_picture(path: str | Path) -> StillPicture:
    """Read a picture file (JPEG, PNG and what else OpenCV knows), upright as its EXIF says. SourceError if it is none."""
    try:
        encoded = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SourceError(f"cannot read the picture {path}: {error.strerror or error}; check the path") from None
    try:
        bgr = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    except cv2.error:  # a header that claims more pixels than OpenCV takes
        bgr = None
    if bgr is None:
        raise SourceError(f"{path} is no picture that can be read; give a JPEG, PNG, BMP, TIFF or WebP file")
    return StillPicture(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8))


def _scale_planes(planes: Planes, slot: I420Slot, letterbox: Letterbox) -> None:
    _resize(planes.y, _place(slot.y, letterbox, 1))
    u, v = _place(slot.u, letterbox, 2), _place(slot.v, letterbox, 2)
    if planes.u is not None and planes.v is not None:
        _resize(planes.u, u)
        _resize(planes.v, v)
    elif planes.uv is not None:
        pair = cv2.resize(planes.uv, (u.shape[1], u.shape[0]), interpolation=cv2.INTER_LINEAR)
        u[:], v[:] = pair[..., planes.order[0]], pair[..., planes.order[1]]
    else:
        u.fill(NEUTRAL_CHROMA)
        v.fill(NEUTRAL_CHROMA)


def _place(plane: ByteArray, letterbox: Letterbox, step: int) -> ByteArray:
    """The letterbox's rectangle of a slot's plane that has one sample per `step` x `step` pixels."""
    top, left = letterbox.top // step, letterbox.left // step
    return plane[top : top + letterbox.height // step, left : left + letterbox.width // step]


def _resize(source: ByteArray, target: ByteArray) -> None:
    cv2.resize(source, (target.shape[1], target.shape[0]), dst=target, interpolation=cv2.INTER_LINEAR)


def _scaled(source: ByteArray, width: int, height: int) -> ByteArray:
    return np.asarray(cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _region_of(rgb: ByteArray, region: Region) -> ByteArray:
    return rgb[region.y : region.y + region.height, region.x : region.x + region.width]


def _packed_view(frame: av.VideoFrame) -> ByteArray:
    plane = frame.planes[0]
    return np.ndarray((frame.height, frame.width, 3), np.uint8, memoryview(plane), 0, (plane.line_size, 3, 1))


def _colour_of(frame: av.VideoFrame) -> YuvColour:
    return yuv_colour(frame.colorspace, frame.color_range, frame.format.name, frame.height)


def _convert(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """Matrix and range are said outright: swscale takes BT.601 for whatever does not say. One thread: cameras are many."""
    if frame.format.is_rgb:
        limited = STILL_COLOUR.matrix, 1
        matrix, color_range = limited if pixel_format == "yuv420p" else (None, None)
        return frame.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range=color_range, threads=1)
    colour = _colour_of(frame)
    color_range = 2 if colour.full_range else 1
    to_yuv = pixel_format == "yuv420p"
    return frame.reformat(
        format=pixel_format,
        src_colorspace=colour.matrix,
        src_color_range=color_range,
        dst_colorspace=colour.matrix if to_yuv else None,
        dst_color_range=color_range if to_yuv else None,
        threads=1,
    )
